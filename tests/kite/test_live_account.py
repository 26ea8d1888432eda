"""A live account at boot: whose it is, whether its token lives, and who gets to see the keys."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.runtime.environment import without_secrets
from engine.errors import ConfigInvalid
from engine.kite.outcome import Verdict
from engine.messages.broker import Outcome
from supervisors.config import EngineConfig, load_config
from supervisors.liveaccount import live_place, profile_faults
from tests.exchange.process import START, Practice

ROOT = Path(__file__).resolve().parents[2]
PAPER = (ROOT / "configs" / "paper.yaml").read_text(encoding="utf-8")


def _config(folder: Path, account: str, practice: str = "") -> Path:
    path = folder / "live.yaml"
    text = PAPER.replace("source: synthetic", "source: kite").replace("speed: 120", "speed: 1")
    kite = f"kite:\n  account: {account}\n"
    if practice:
        kite += f"  practice: {practice}\n"
    path.write_text(text + kite, encoding="utf-8")
    return path


def _live(tmp_path: Path) -> EngineConfig:
    return load_config(_config(tmp_path, "AB1234", str(tmp_path / "exchange.json")))


@pytest.mark.parametrize(
    ("verdict", "fault"),
    [
        (Verdict(Outcome.REFUSED, "TokenException", is_session_lost=True), "log in again"),
        (Verdict(Outcome.ACKED, data={"user_id": "ZZ9999", "exchanges": ["NSE"]}), "ZZ9999"),
        (Verdict(Outcome.ACKED, data={}), "None"),
        (Verdict(Outcome.ACKED, data="odd"), "None"),
        (Verdict(Outcome.ACKED, data={"user_id": "AB1234", "exchanges": ["BSE"]}), "NSE"),
        (Verdict(Outcome.ACKED, data={"user_id": "AB1234"}), "NSE"),
    ],
)
def test_when_the_account_is_not_the_configured_one_then_the_start_is_refused(
    verdict: Verdict, fault: str, tmp_path: Path
) -> None:
    faults = profile_faults(_live(tmp_path), verdict)
    assert len(faults) == 1
    assert fault in faults[0]


def test_when_the_account_is_as_configured_then_nothing_is_wrong(tmp_path: Path) -> None:
    data = {"user_id": "AB1234", "exchanges": ["NSE", "BSE"]}
    assert profile_faults(_live(tmp_path), Verdict(Outcome.ACKED, data=data)) == ()


def test_when_no_practice_exchange_runs_then_its_account_has_no_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid):
        live_place(_live(tmp_path))


def test_when_the_market_is_not_the_accounts_own_then_the_configuration_is_refused(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(PAPER + "kite: {account: lower}\n", encoding="utf-8")
    with pytest.raises(ConfigInvalid) as refused:
        load_config(path)
    text = " ".join(refused.value.faults)
    assert "not a user id" in text
    assert "source kite" in text


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Practice, Path]]:
    folder = tmp_path_factory.mktemp("exchange")
    practice = Practice(folder, "--instant", "--start", START, "--speed", "1")
    yield practice, folder / "exchange.json"
    practice.stop()


def _boot(
    config: Path, state_dir: Path, keys: dict[str, str]
) -> "subprocess.CompletedProcess[str]":
    base = [sys.executable, "-m", "scripts.cli"]
    where = ["--state-dir", str(state_dir), "--config", str(config)]
    environ = {**without_secrets(os.environ), **keys, "PYTHONPATH": str(ROOT)}
    command = [*base, "run", *where, "--no-ui", "--for", "5s"]
    return subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.conformance("REC-R4")
def test_when_the_token_is_of_another_account_then_boot_ends_before_anything_trades(
    exchange: tuple[Practice, Path], tmp_path: Path
) -> None:
    practice, place = exchange
    keys = {
        "KITE_API_KEY": practice.state["api_key"],
        "KITE_ACCESS_TOKEN": practice.control("POST", "/token")["access_token"],
    }
    config, state = _config(tmp_path, "AB1234", str(place)), tmp_path / "state"
    listing = [sys.executable, "-m", "scripts.cli", "instruments", "--config", str(config)]
    environ = {**os.environ, **keys}
    subprocess.run(
        [*listing, "--state-dir", str(state)], cwd=ROOT, env=environ, check=True, timeout=60
    )
    other = _boot(config, state, keys)
    assert other.returncode == 4, other.stderr
    assert "AB1234 is configured, the token is that of PX0001" in other.stderr

    practice.control("POST", "/logout")
    dead = _boot(config, state, keys)
    assert dead.returncode == 4, dead.stderr
    assert "log in again" in dead.stderr

    missing = _boot(config, state, {"KITE_API_KEY": keys["KITE_API_KEY"]})
    assert missing.returncode == 4
    assert "KITE_ACCESS_TOKEN" in missing.stderr
    for text in (other.stderr, dead.stderr, (state / "engine.jsonl").read_text()):
        assert keys["KITE_ACCESS_TOKEN"] not in text
    assert not (state / "kite.place").exists()
