"""Configuration: every fault at once, absent is never unlimited, LIVE is never a boot state."""

import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import ConfigInvalid
from supervisors.config import load_config
from supervisors.kiteconfig import LiveConfig

ROOT = Path(__file__).resolve().parents[1]
GOOD = (ROOT / "configs" / "paper.yaml").read_text(encoding="utf-8")


def _faults(text: str, tmp_path: Path) -> tuple[str, ...]:
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        load_config(path)
    except ConfigInvalid as error:
        return error.faults
    return ()


def test_when_the_shipped_files_are_read_then_they_are_valid() -> None:
    names = ("paper.yaml", "backtest.yaml", "rehearsal.yaml", "kite_paper.yaml", "canary_live.yaml")
    for name in names:
        assert load_config(ROOT / "configs" / name).strategies


def test_when_the_canary_is_read_then_its_caps_are_those_of_the_runbook() -> None:
    config = load_config(ROOT / "configs" / "canary_live.yaml")
    assert config.live == LiveConfig(allowlist=config.live.allowlist)
    assert config.live.allowlist == tuple(item.name for item in config.instruments)
    assert not config.kite.practice
    assert (config.market.speed, config.market.source) == (1, "kite")


def test_when_paper_trades_on_kites_data_then_there_is_no_live_account() -> None:
    assert load_config(ROOT / "configs" / "kite_paper.yaml").kite.account == ""


def test_when_many_things_are_wrong_then_all_are_named_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("name: paper", "name: 7\nsurprise: 1", 1)
    text = text.replace("speed: 120", "speed: fast").replace("use: ema_trend", "use: no_such")
    text = text.replace("capital_inr: 2000000", "capital_inr: 0")
    faults = " | ".join(_faults(text, tmp_path))
    for wanted in ("surprise: unknown key", "name:", "market.speed:"):
        assert wanted in faults
    later = GOOD.replace("use: ema_trend", "use: no_such").replace("speed: 120", "speed: 0")
    later = later.replace("capital_inr: 2000000", "capital_inr: 0")
    faults = " | ".join(_faults(later, tmp_path))
    for wanted in ("no_such", "market.speed", "capital_paise_max"):
        assert wanted in faults


@pytest.mark.conformance("BAD-39")
@pytest.mark.parametrize(
    "value", ["", "0", "-5", "'many'", ".nan", ".inf", "1e300"], ids=lambda value: value or "absent"
)
@pytest.mark.parametrize("limit", ["capital_inr: 2000000", "loss_day_inr: 40000"])
def test_when_a_limit_is_absent_or_absurd_then_the_start_is_refused(
    limit: str, value: str, tmp_path: Path
) -> None:
    name = limit.split(":", maxsplit=1)[0]
    wrong = f"{name}: {value}" if value else "# absent"
    assert _faults(GOOD.replace(limit, wrong), tmp_path)


@pytest.mark.conformance("BAD-40")
def test_when_the_file_says_live_then_it_is_refused(tmp_path: Path) -> None:
    assert "mode: unknown key" in _faults(GOOD + "\nmode: LIVE\n", tmp_path)


@pytest.mark.conformance("BAD-40")
def test_when_the_command_line_says_live_at_boot_then_it_is_refused(tmp_path: Path) -> None:
    done = _pahara("run", "--mode", "live", "--config", str(ROOT / "configs" / "paper.yaml"),
                   "--state-dir", str(tmp_path), "--no-ui")  # fmt: skip
    assert done.returncode == 6


def test_when_a_file_is_invalid_then_the_exit_code_is_4_and_each_fault_has_a_line(
    tmp_path: Path,
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("name: x\nsurprise: 1\n", encoding="utf-8")
    done = _pahara("config", "validate", str(path))
    assert done.returncode == 4
    assert done.stderr.count("  - ") >= 4


def _pahara(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "scripts.cli", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
