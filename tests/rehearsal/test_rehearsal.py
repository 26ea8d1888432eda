"""LIVE rehearsed as its user runs it: one command, the whole gate, and the exchange's truth."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.stores.embedded import EmbeddedPostgres
from scripts.rehearsal.stage import Times, plan_times
from supervisors.config import load_config
from tests.fixtures.postgres import remove_server
from tests.rehearsal.stages import busy_config

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "configs" / "rehearsal.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "rehearsal"
    state_dir = tmp_path / "rehearsal" / "engine"
    if (state_dir / "postgres.place").exists():
        remove_server(EmbeddedPostgres(state_dir))


@pytest.mark.parametrize(
    ("seconds", "speed"), [(45.0, 120), (120.0, 120), (600.0, 35), (1_800.0, 11), (40_000.0, 1)]
)
def test_when_a_run_is_planned_then_it_ends_just_after_all_is_flat(
    seconds: float, speed: int
) -> None:
    times: Times = plan_times(load_config(CONFIG), seconds)
    assert times.speed == speed
    if seconds < 10_000:
        assert "2024-01-01 09:13:00" <= times.start < "2024-01-01 15:05:00"


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.conformance("ORD-02", "ORD-22", "KITE-36")
def test_when_live_is_rehearsed_then_exchange_and_journal_agree(folder: Path) -> None:
    command = [sys.executable, "-m", "scripts.rehearsal.command", "--for", "60s"]
    command += ["--config", str(busy_config(folder.parent))]
    done = subprocess.run(
        [*command, "--folder", str(folder)], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-2_000:]
    assert "\nequal\n" in done.stdout
    ledger = json.loads((folder / "engine" / "live_orders_today.json").read_text())
    assert ledger["entries"]
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["round_trips"] > 0
    assert summary["positions_open"] == 0
    log = (folder / "engine" / "engine.jsonl").read_text()
    assert '"mode": "LIVE"' in log or '"mode":"LIVE"' in log
    token = (folder / "engine" / "kite_access_token").read_text()
    key = (folder / "engine" / "live_confirm_token.txt").read_text()
    for text in (log, done.stdout, (folder / "engine.out").read_text()):
        assert token not in text
        assert key not in text
