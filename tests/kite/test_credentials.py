"""Keys go nowhere: not into logs, representations, answers or errors."""

import base64
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from actors.brokers.kite.credentials import Credentials, Redacting, load_credentials
from actors.brokers.kite.session import KiteSession
from actors.runtime.log import JsonLines, log_event
from actors.stores.secrets import Secret
from engine.errors import ConfigInvalid, StateUnsafe
from engine.messages.broker import Outcome
from tests.kite.server import ScriptedKite, error, kite, says
from tests.kite.test_session import FIELDS, QUICK, is_silent

__all__ = ["kite"]

KEY, TOKEN = "apikey0123456789", "accesstoken9876543210"
FORMS = (
    KEY,
    TOKEN,
    f"{KEY}:{TOKEN}",
    quote(f"{KEY}:{TOKEN}", safe=""),
    base64.b64encode(f"{KEY}:{TOKEN}".encode()).decode(),
    base64.b64encode(TOKEN.encode()).decode(),
)


def made() -> Credentials:
    return Credentials(Secret(KEY), Secret(TOKEN))


def leaks(text: str) -> list[str]:
    return [form for form in FORMS if form.rstrip("=") in text]


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that anybody logs, at the lowest level, through the filter."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    handler.addFilter(Redacting(made()))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(before)


@pytest.mark.parametrize("form", FORMS)
def test_when_a_text_holds_a_key_in_any_form_then_it_is_masked(form: str) -> None:
    assert leaks(made().redacted(f"before {form} after {form}")) == []
    assert made().redacted("before after") == "before after"


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: token otherkey:othertoken",
        "wss://ws.kite.trade?api_key=x&access_token=othertoken&v=3",
        '{"access_token": "othertoken", "x": 1}',
        "checksum=othertoken",
    ],
)
def test_when_a_text_looks_like_a_key_of_others_then_it_is_masked(text: str) -> None:
    assert "othertoken" not in made().redacted(text)


@pytest.mark.conformance("INV-37")
def test_when_anything_is_logged_then_no_key_is_in_it(log: io.StringIO) -> None:
    log_event("called", "WARNING", header=f"token {KEY}:{TOKEN}", parts=("a", TOKEN))
    logging.getLogger("kiteconnect.connect").debug("Request: %s", {"Authorization": TOKEN})
    try:
        raise ValueError(TOKEN)
    except ValueError:
        logging.getLogger("x").exception("failed with %s", KEY)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [line["event"].split(" ")[0] for line in lines] == ["called", "Request:", "failed"]
    assert leaks(log.getvalue()) == []


@pytest.mark.conformance("INV-37")
def test_when_the_server_echoes_keys_then_no_verdict_log_or_representation_has_them(
    kite: ScriptedKite, log: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    session = KiteSession(made(), kite.root, QUICK)
    echo = f"token {KEY}:{TOKEN}"
    kite.then(
        error(400, "InputException", echo),
        error(403, "TokenException", TOKEN),
        says(502, f"<html>{echo}</html>".encode(), "text/html"),
        is_silent,
    )
    verdicts = [session.place(FIELDS) for _ in range(4)]
    session.close()
    told = [repr(verdicts), repr(session), str(vars(session)), log.getvalue(), *capfd.readouterr()]
    assert verdicts[0].outcome is Outcome.REFUSED
    assert "***" in verdicts[0].text
    assert leaks("\n".join(told)) == []


@pytest.mark.parametrize("form", [repr, str, lambda c: f"{c}", lambda c: f"{c.access_token}"])
def test_when_credentials_are_shown_then_they_are_not(form: object) -> None:
    assert leaks(form(made())) == []  # type: ignore[operator]


def test_when_keys_are_in_the_environment_then_they_are_taken() -> None:
    found = load_credentials({"KITE_API_KEY": KEY, "KITE_ACCESS_TOKEN": f" {TOKEN}\n"})
    assert (found.api_key.reveal(), found.access_token.reveal()) == (KEY, TOKEN)


def test_when_keys_are_in_closed_files_then_they_are_taken_before_the_environment(
    tmp_path: Path,
) -> None:
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    path.chmod(0o600)
    environ = {
        "KITE_API_KEY": KEY,
        "KITE_ACCESS_TOKEN": "older",
        "KITE_ACCESS_TOKEN_FILE": str(path),
    }
    assert load_credentials(environ).access_token.reveal() == TOKEN
    path.chmod(0o644)
    with pytest.raises(StateUnsafe) as raised:
        load_credentials(environ)
    assert leaks(str(raised.value)) == []


def test_when_keys_are_missing_then_all_are_named() -> None:
    with pytest.raises(ConfigInvalid) as raised:
        load_credentials({})
    assert len(raised.value.faults) == 2


@pytest.mark.parametrize("token", ["a b c d e", "abcd\r\nX-Admin: 1", "äöüß", "abc"])
def test_when_a_key_could_break_a_header_then_it_is_refused_without_being_shown(
    token: str,
) -> None:
    with pytest.raises(ConfigInvalid) as raised:
        Credentials(Secret(KEY), Secret(token))
    assert token not in str(raised.value)
