"""`pahara doctor` where Kite is the source: login, list and address are looked at, and told."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from actors.brokers.kite.egress import egress_address
from actors.feeds.kite.table import TABLE_FILE, write_table
from actors.runtime.clock import wall_ns
from engine.errors import BrokerUnreachable, ConfigInvalid
from engine.market.kite_table import InstrumentTable, TableRow
from engine.session import ist_day
from scripts import doctor as module
from scripts.cli import main
from scripts.doctor_kite import address, instrument_list, login
from supervisors.config import load_config
from tests.exchange.process import ROOT
from tests.kite.server import ScriptedKite, Step, answer, data, error, kite, says

__all__ = ["kite"]

HERE, THERE = "203.0.113.7", "198.51.100.4"
Make = Callable[..., Path]


@pytest.fixture
def config(kite: ScriptedKite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes a configuration whose API and echo are the scripted server."""
    tmp_path.chmod(0o700)
    monkeypatch.setenv("KITE_API_KEY", "apikey0123456789")
    monkeypatch.setenv("KITE_ACCESS_TOKEN", "accesstoken9876543210")
    for name in ("KITE_API_KEY_FILE", "KITE_ACCESS_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)

    def make(**changes: Any) -> Path:
        found = yaml.safe_load((ROOT / "configs" / "canary_live.yaml").read_text())
        found["kite"] |= {
            "api_url": kite.root,
            "egress_url": f"{kite.root}/ip",
            "egress_ips": [HERE],
        } | changes
        path = tmp_path / "doctor.yaml"
        path.write_text(yaml.safe_dump(found))
        return path

    return make


def text(body: str, status: int = 200) -> Step:
    return says(status, body.encode(), "text/plain")


@pytest.mark.parametrize(
    ("step", "is_good", "told"),
    [
        (text(f"{HERE}\n"), True, "registered"),
        (data({}), False, "without an address"),
        (says(200, {"ip": HERE}), True, "registered"),
        (text(THERE), False, f"would leave from {THERE}, registered are {HERE}"),
        (text("2001:db8::1"), False, "would leave from 2001:db8::1"),
        (text("<html>"), False, "without an address"),
        (text("9" * 5_000), False, "without an address"),
        (text(HERE, 503), False, "answered 503"),
        (lambda peer: peer.send(answer(302, b"", None, "Location: /x")), False, "answered 302"),
        (None, False, "did not answer"),
    ],
)
def test_when_the_address_is_asked_for_then_only_a_registered_one_is_good(
    kite: ScriptedKite, config: Make, tmp_path: Path, step: Step | None, is_good: bool, told: str
) -> None:
    kite.then(*([step] if step else []))  # one without a step is hung up on
    found, why = address(config(), tmp_path)
    assert found is is_good
    assert told in why
    assert [heard.path for heard in kite.heard] == ["/ip"]
    assert "authorization" not in kite.heard[0].headers, "an echo sees no key"


@pytest.mark.parametrize("gap", [{"egress_ips": []}, {"egress_url": ""}])
def test_when_no_address_is_configured_then_an_account_is_not_ready(
    kite: ScriptedKite, config: Make, tmp_path: Path, gap: dict[str, Any]
) -> None:
    is_good, why = address(config(**gap), tmp_path)
    assert not is_good
    assert "registered addresses only" in why
    assert address(config(account="", **gap), tmp_path)[0]
    assert address(ROOT / "configs" / "rehearsal.yaml", tmp_path)[0], "practice needs none"
    assert kite.heard == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"egress_ips": ["2001:db8::1"]},
        {"egress_ips": ["203.0.113"]},
        {"egress_ips": [HERE, THERE, "192.0.2.1"]},
        {"egress_url": "http://203.0.113.9/ip"},
    ],
)
def test_when_the_configured_addresses_are_wrong_then_the_configuration_is(
    config: Make, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ConfigInvalid, match="egress"):
        load_config(config(**wrong))


def test_when_the_echo_is_not_to_be_trusted_then_it_is_not_asked() -> None:
    with pytest.raises(ConfigInvalid):
        egress_address("http://203.0.113.9/ip")
    with pytest.raises(BrokerUnreachable):
        egress_address("http://127.0.0.1:1/ip")


@pytest.mark.parametrize(
    ("step", "is_good", "told"),
    [
        (data({"user_id": "AB1234", "exchanges": ["NSE"]}), True, "takes the token"),
        (data({"user_id": "XY9999", "exchanges": ["NSE"]}), False, "XY9999"),
        (error(403, "TokenException", "Incorrect `access_token`."), False, "run pahara login"),
        (None, False, "does not answer"),
    ],
)
def test_when_the_login_is_looked_at_then_kite_is_asked(
    kite: ScriptedKite, config: Make, tmp_path: Path, step: Step | None, is_good: bool, told: str
) -> None:
    kite.then(*([step] if step else []))  # one without a step is hung up on
    found, why = login(config(), tmp_path)
    assert found is is_good
    assert told in why


def test_when_keys_are_missing_then_the_login_is_bad(
    kite: ScriptedKite, config: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KITE_ACCESS_TOKEN")
    is_good, why = login(config(), tmp_path)
    assert not is_good
    assert "KITE_ACCESS_TOKEN" in why
    assert kite.heard == []


def test_when_the_list_is_looked_at_then_it_is_held_against_the_configuration(
    config: Make, tmp_path: Path
) -> None:
    path = config()
    is_good, why = instrument_list(path, tmp_path)
    assert not is_good
    assert "pahara instruments" in why
    names = [item.name for item in load_config(path).instruments]
    rows = tuple(TableRow(name, n, 1, 1, "EQ", "", "") for n, name in enumerate(names, 1))
    future = TableRow("NFO:SBIN26NOVFUT", 99, 750, 5, "FUT", "2099-11-24", "SBIN")
    today = ist_day(wall_ns()).isoformat()
    write_table(tmp_path / TABLE_FILE, InstrumentTable(day=today, rows=(*rows, future)))
    assert instrument_list(path, tmp_path) == (True, f"all {len(names)} names are in today's list")


def test_when_prices_are_not_kites_then_nothing_of_kite_is_looked_at(tmp_path: Path) -> None:
    for check in (login, instrument_list, address):
        is_good, why = check(ROOT / "configs" / "paper.yaml", tmp_path)
        is_kite = load_config(ROOT / "configs" / "paper.yaml").market.source == "kite"
        assert is_good is not is_kite, why
    assert not login(tmp_path / "none.yaml", tmp_path)[0]


def test_when_the_doctor_is_called_then_every_check_has_its_line(
    kite: ScriptedKite, config: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kite.then(data({"user_id": "AB1234", "exchanges": ["NSE"]}), text(THERE))
    argv = ["doctor", "--config", str(config()), "--state-dir", str(tmp_path), "--json"]
    assert main(argv) == 1
    told = {row["check"]: row for row in json.loads(capsys.readouterr().out)}
    assert list(told) == [name for name, _ in module.CHECKS]
    assert told["login"]["ok"]
    assert THERE in told["address"]["text"]
    assert not told["instruments"]["ok"]
