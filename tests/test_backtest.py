"""The backtest as its user runs it: real days, two runs, every trade traceable."""

import csv
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from actors.stores.database import open_database
from actors.stores.report_queries import untraced_trades

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "marketdata" / "index_1m"
DAYS = ("2024-01-19", "2024-01-20", "2024-03-01", "2024-03-02", "2024-06-03", "2024-06-04")
DAYS_TRADED = 6
LOSS_DAY_PAISE = 20_000_00
ONE_GAP_PAISE = 10_000_00

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def _slice(name: str, folder: Path) -> Path:
    source = DATA / f"{name}_1m_2024-01-01_2024-06-14.csv.gz"
    target = folder / f"{name}.csv"
    with gzip.open(source, "rt") as rows, target.open("w") as out:
        reader = csv.reader(rows)
        writer = csv.writer(out)
        writer.writerow(next(reader))
        writer.writerows(row for row in reader if row[0][:10] in DAYS)
    return target


def _run(files: list[Path], state_dir: Path, hash_seed: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "scripts.cli", "backtest", "--config"]
    command += [str(ROOT / "configs" / "backtest.yaml"), "--data", *map(str, files)]
    command += ["--state-dir", str(state_dir), "--json"]
    environ = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Any], ...]]:
    folder = tmp_path_factory.mktemp("backtest")
    files = [_slice("NIFTY50", folder), _slice("BANKNIFTY", folder)]
    first, second = (_run(files, folder / "state", seed) for seed in ("1", "4242"))
    database = open_database(folder / "state", None)
    database.start()
    with psycopg.connect(database.dsn) as conn:
        yield first, second, {"conn": conn, "realm": first["realm"]}
    database.stop()


def _all(runs: tuple[dict[str, Any], ...], query: str) -> list[tuple[Any, ...]]:
    at = runs[2]
    rows: list[tuple[Any, ...]] = at["conn"].execute(query, {"realm": at["realm"]}).fetchall()
    return rows


def test_when_run_twice_with_other_hash_seeds_then_the_digest_is_equal(runs: Any) -> None:
    assert runs[0]["journal_digest"] == runs[1]["journal_digest"]
    assert runs[0]["round_trips"] > 0


def test_when_days_end_then_nothing_is_open(runs: Any) -> None:
    assert runs[0]["positions_open"] == 0
    assert runs[0]["trading_days"] == DAYS_TRADED
    held = _all(
        runs,
        "SELECT count(*) FROM groups WHERE realm = %(realm)s AND (closed_at_ns IS NULL OR"
        " (opened_at AT TIME ZONE 'Asia/Kolkata')::date <>"
        " (closed_at AT TIME ZONE 'Asia/Kolkata')::date)",
    )
    assert held == [(0,)]


def test_when_a_trade_is_asked_about_then_sql_leads_to_its_signal(runs: Any) -> None:
    assert untraced_trades(runs[2]["conn"], runs[2]["realm"]) == 0


def test_when_entries_are_planned_then_each_lies_in_its_session(runs: Any) -> None:
    times = _all(
        runs,
        "SELECT (planned_at AT TIME ZONE 'Asia/Kolkata') FROM orders"
        " WHERE realm = %(realm)s AND leg = 'entry'",
    )
    assert times
    for (at,) in times:
        clock = at.strftime("%H:%M:%S")
        if at.strftime("%Y-%m-%d") == "2024-03-02":
            assert "09:15:00" <= clock < "10:00:00" or "11:30:00" <= clock < "12:30:00"
        else:
            assert "09:15:00" <= clock < "14:45:01"


def test_when_the_source_repeats_stale_bars_then_they_are_counted_not_traded(runs: Any) -> None:
    assert runs[0]["rows_rejected"]["stale_flat"] > 300


def test_when_days_are_violent_then_the_loss_stays_within_the_limit_and_a_gap(runs: Any) -> None:
    days = _all(
        runs,
        "SELECT (at AT TIME ZONE 'Asia/Kolkata')::date, sum(CASE side WHEN 'SELL' THEN 1 ELSE -1"
        " END * quantity * price_paise) - sum(charges_paise) FROM trades"
        " WHERE realm = %(realm)s GROUP BY 1",
    )
    assert min(net for _, net in days) >= -(LOSS_DAY_PAISE + ONE_GAP_PAISE)


def test_when_the_summary_is_compared_with_the_trades_then_the_money_agrees(runs: Any) -> None:
    money = _all(
        runs,
        "SELECT sum(CASE side WHEN 'SELL' THEN 1 ELSE -1 END * quantity * price_paise),"
        " sum(charges_paise) FROM trades WHERE realm = %(realm)s",
    )
    closed = _all(
        runs,
        "SELECT sum(pnl_gross_paise), sum(charges_paise) FROM groups WHERE realm = %(realm)s",
    )
    assert money == closed
    assert round(runs[0]["pnl_gross_inr"] * 100) == money[0][0]
    assert round(runs[0]["charges_inr"] * 100) == money[0][1]
