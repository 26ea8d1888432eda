"""`pahara login`: a request token becomes the token that a running writer goes on with."""

import hashlib
import io
import json
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from actors.brokers.kite.broker import Trouble
from actors.brokers.kite.keys import Keys
from actors.brokers.kite.login import hand_in, handing, request_token_of
from actors.brokers.kite.place import KitePlace, make_broker
from actors.stores.secrets import Secret, read_secret, write_secret
from engine.errors import BrokerRefused, BrokerUnreachable, ConfigInvalid, StateUnsafe
from scripts import exits
from scripts.cli import main
from tests.contract import practice
from tests.exchange.process import ROOT, Practice
from tests.kite.server import ScriptedKite, Step, data, error, kite, says
from tests.kite.test_session import is_silent

__all__ = ["kite"]

KEY, SECRET, REQUEST = "apikey0123456789", "apisecret0123456789", "requesttoken0123456789"
FRESH = "freshtoken0123456789"
ADDRESS = f"https://127.0.0.1/?action=login&status=success&request_token={REQUEST}"


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """A folder of our own, with yesterday's token in it."""
    tmp_path.chmod(0o700)
    path = tmp_path / "token"
    write_secret(path, Secret("oldtoken"))
    return path


@pytest.fixture
def ready(
    kite: ScriptedKite, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ScriptedKite]:
    """A server for the answers, and the operator's shell."""
    for name, value in (("KITE_API_KEY", KEY), ("KITE_API_SECRET", SECRET)):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("KITE_ACCESS_TOKEN_FILE", str(token_file))
    return kite


def config(folder: Path, root: str, account: str = "AB1234", exchange: str = "") -> Path:
    found = yaml.safe_load((ROOT / "configs" / "rehearsal.yaml").read_text())
    found["market"] |= {"speed": 1, "session_date": "auto"}
    found["kite"] = {"account": account, "api_url": root, "practice": exchange}
    path = folder / "login.yaml"
    path.write_text(yaml.safe_dump(found))
    return path


def log_in(pasted: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(pasted + "\n"))
    return main(["login", "--config", str(path)])


def session(user: str = "AB1234", token: object = FRESH) -> Step:
    return data({"user_id": user, "access_token": token, "login_time": "2026-11-20 08:01:02"})


@pytest.mark.parametrize("pasted", [REQUEST, f" {ADDRESS} "])
def test_when_a_request_token_is_handed_in_then_the_access_token_is_kept(
    ready: ScriptedKite,
    token_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    pasted: str,
) -> None:
    ready.then(session())
    assert log_in(pasted, config(token_file.parent, ready.root), monkeypatch) == exits.OK
    (heard,) = ready.heard
    checksum = hashlib.sha256(f"{KEY}{REQUEST}{SECRET}".encode()).hexdigest()
    assert (heard.method, heard.path) == ("POST", "/session/token")
    assert heard.form == {"api_key": KEY, "request_token": REQUEST, "checksum": checksum}
    assert "authorization" not in heard.headers
    assert read_secret(token_file).reveal() == FRESH
    assert [path.name for path in token_file.parent.iterdir() if "new" in path.name] == []
    told = "".join(capsys.readouterr())
    assert "AB1234 is logged in until" in told
    assert not [word for word in (SECRET, REQUEST, FRESH, checksum) if word in told]


@pytest.mark.parametrize(
    ("step", "code", "text"),
    [
        (error(403, "TokenException", "Token is invalid or has expired."), exits.REFUSED, "has ex"),
        (error(400, "InputException", "Invalid `checksum`."), exits.REFUSED, "checksum"),
        (session(user="XY9999"), exits.REFUSED, "XY9999 has logged in"),
        (session(token=""), exits.ERROR, "no token"),
        (data([]), exits.ERROR, "no user"),
        (says(502, b"<html>", "text/html"), exits.ERROR, "no clear answer"),
        (None, exits.ERROR, "no clear answer"),
    ],
)
def test_when_the_login_comes_to_nothing_then_the_old_token_is_kept(
    ready: ScriptedKite,
    token_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    step: Step | None,
    code: int,
    text: str,
) -> None:
    ready.then(*([step] if step else []))  # one without a step is hung up on
    assert log_in(REQUEST, config(token_file.parent, ready.root), monkeypatch) == code
    told = capsys.readouterr().err
    assert text in told
    assert REQUEST not in told
    assert read_secret(token_file).reveal() == "oldtoken"


@pytest.mark.parametrize(
    ("pasted", "code"),
    [
        ("", exits.REFUSED),
        ("https://127.0.0.1/?status=failed&action=login", exits.REFUSED),
        ("https://127.0.0.1/?status=success&action=login", exits.REFUSED),
        ("no token at all", exits.CONFIG),
    ],
)
def test_when_what_is_pasted_is_no_token_then_nothing_is_sent(
    ready: ScriptedKite, token_file: Path, monkeypatch: pytest.MonkeyPatch, pasted: str, code: int
) -> None:
    assert log_in(pasted, config(token_file.parent, ready.root), monkeypatch) == code
    assert ready.heard == []


def test_when_keys_are_missing_then_all_are_named_and_nothing_is_asked(
    kite: ScriptedKite,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in [name for name in os.environ if name.startswith("KITE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KITE_ACCESS_TOKEN", "plain")
    assert log_in(REQUEST, config(tmp_path, kite.root), monkeypatch) == exits.CONFIG
    told = capsys.readouterr()
    for name in ("KITE_API_KEY", "KITE_API_SECRET", "KITE_ACCESS_TOKEN_FILE"):
        assert name in told.err
    assert "Log in here" not in told.out
    assert kite.heard == []


def test_when_the_place_is_open_to_others_then_no_token_is_written(tmp_path: Path) -> None:
    open_folder = tmp_path / "open"
    open_folder.mkdir()
    open_folder.chmod(0o777)
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("open/token", "repo/token", "folder", "link", "missing/token"):
        with pytest.raises(StateUnsafe):
            write_secret(tmp_path / name, Secret(FRESH))
    assert not (tmp_path / "elsewhere").exists()
    assert list(open_folder.iterdir()) == []


def test_when_an_open_file_is_there_then_the_new_one_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("old")
    path.chmod(0o644)
    write_secret(path, Secret(FRESH))
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_secret(path).reveal() == FRESH


def test_when_an_address_names_a_failed_login_then_it_says_so() -> None:
    with pytest.raises(BrokerRefused, match="cancelled"):
        request_token_of(f"https://x/?status=cancelled&request_token={REQUEST}")


# -- who takes it -----------------------------------------------------------------------------


def test_when_the_file_is_another_then_the_keys_say_so_once(token_file: Path) -> None:
    keys = Keys({"KITE_API_KEY": KEY, "KITE_ACCESS_TOKEN_FILE": str(token_file)})
    assert keys.is_renewed()
    assert keys().access_token.reveal() == "oldtoken"
    assert not keys.is_renewed()
    write_secret(token_file, Secret(FRESH))
    assert keys.is_renewed()
    assert keys().access_token.reveal() == FRESH
    token_file.unlink()
    assert keys.is_renewed()
    with pytest.raises((ConfigInvalid, StateUnsafe)):
        keys()


@pytest.fixture(scope="module")
def exchange() -> Iterator[Practice]:
    yield practice.exchange()
    practice.stop_exchange()


def test_when_a_person_logs_in_then_a_running_writer_goes_on_with_it(
    exchange: Practice, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange.calm()
    key, secret = exchange.state["api_key"], exchange.state["api_secret"]
    write_secret(token_file, Secret(exchange.control("POST", "/token")["access_token"]))
    environ = {"KITE_API_KEY": key, "KITE_ACCESS_TOKEN_FILE": str(token_file)}
    broker = make_broker(KitePlace(root=exchange.root), environ)
    assert broker.snapshot(1, 1) is not None
    for name, value in (environ | {"KITE_API_SECRET": secret}).items():
        monkeypatch.setenv(name, value)
    path = config(token_file.parent, exchange.root, "PX0001")
    request = _request_token(exchange)
    assert log_in(request, path, monkeypatch) == exits.OK
    assert broker.snapshot(2, 1) is not None, "the old token is dead, the new one is in the file"
    assert broker.trouble is Trouble.NONE
    assert log_in(request, path, monkeypatch) == exits.REFUSED, "a request token is good once"
    assert broker.snapshot(3, 1) is not None
    write_secret(token_file, Secret("nonsense"))
    assert broker.snapshot(4, 1) is None
    assert broker.trouble is Trouble.LOGGED_OUT
    assert log_in(_request_token(exchange), path, monkeypatch) == exits.OK
    assert broker.snapshot(5, 1) is not None
    broker._session.close()


def _request_token(exchange: Practice) -> str:
    """What the browser is given when a person logs in."""
    address = f"{exchange.root}/connect/login?api_key={exchange.state['api_key']}&v=3"
    with urllib.request.urlopen(address, timeout=10) as page:
        token: str = json.load(page)["data"]["request_token"]
    return token


def test_when_kite_does_not_answer_then_the_bound_of_a_call_ends_it(ready: ScriptedKite) -> None:
    ready.then(is_silent)
    place = KitePlace(root=ready.root, write_ms=300, connect_ms=300)
    with pytest.raises(BrokerUnreachable, match="no clear"):
        hand_in(place, handing(os.environ), Secret(REQUEST), "AB1234")
