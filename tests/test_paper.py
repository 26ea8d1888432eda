"""Paper trading as its user runs it: one command, round trips, a summary that adds up."""

import json
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest

from actors.stores.database import open_database

ROOT = Path(__file__).resolve().parents[1]
KEYS = {
    *("trading_days", "bars", "ticks", "rows_rejected", "events", "signals", "decisions"),
    *("orders", "fills", "round_trips", "pnl_gross_inr", "charges_inr", "pnl_net_inr"),
    *("drawdown_max_inr", "heat_max_pct", "positions_open", "restarts", "wall_s"),
    *("events_per_s", "journal_digest"),
}


def _processes_of(state_dir: Path) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if str(state_dir) in line:
            found.append(line)
    return found


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "verb",
    [("scripts.cli", "run"), ("scripts.rehearsal.paper",)],
    ids=["its own market", "make paper"],
)
def test_when_the_engine_runs_for_a_while_then_it_trades_and_the_summary_adds_up(
    tmp_path: Path, verb: tuple[str, ...]
) -> None:
    state_dir, summary = tmp_path / "state", tmp_path / "summary.json"
    command = [sys.executable, "-m", *verb, "--for", "30s", "--no-ui"]
    command += ["--config", str(ROOT / "configs" / "paper.yaml")]
    command += ["--state-dir", str(state_dir), "--summary", str(summary)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    result = json.loads(summary.read_text())
    assert set(result) >= KEYS
    assert result["round_trips"] > 0
    assert result["positions_open"] == 0
    assert _processes_of(state_dir) == []

    database = open_database(state_dir, None)
    database.start()
    try:
        with psycopg.connect(database.dsn) as conn:
            row = conn.execute(
                "SELECT sum(CASE side WHEN 'SELL' THEN 1 ELSE -1 END * quantity * price_paise),"
                " sum(charges_paise), count(*) FROM trades WHERE realm = 'paper'"
            ).fetchone()
            reasons = {r[0] for r in conn.execute("SELECT close_reason FROM groups")}
    finally:
        database.stop()
    assert row is not None
    assert round(result["pnl_gross_inr"] * 100) == row[0]
    assert round(result["charges_inr"] * 100) == row[1]
    assert result["fills"] == row[2]
    assert reasons & {"stop", "target"}
