"""The bench runs, in a tiny version, and its report has the keys that the README quotes."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from scripts.bench import SECTIONS
from scripts.bench_figures import aim, percentile, spread_ms
from scripts.bench_peers import compared

pytestmark = pytest.mark.slow
KEYS = {
    "actors": {"pooled", "threading", "ratio_threading_to_pooled"},
    "order_path": {"orders", "orders_wanted", "tick_to_order", "stages"},
    "journal": {"records_1", "records_10"},
    "restart": {"alone", "among_9000"},
    "capture": {"plain_message_ns", "captured_message_ns", "hot_path_ns", "packing_ns"},
    "feed": {"parsers", "stream"},
    "backtest": {"ticks_per_s", "events_per_s", "bars", "wall_s"},
}


def run(name: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "scripts.bench", "--only", name]
    tiny = ["--seconds", "0.5", "--instruments", "300"]
    done = subprocess.run([*command, *tiny], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.mark.parametrize("name", list(SECTIONS))
def test_when_a_section_runs_then_its_figures_and_aims_are_there(name: str) -> None:
    report = run(name)
    assert set(report) == {"machine", name}
    section = report[name]
    assert set(section) >= KEYS[name]
    for goal in section["aims"]:
        assert set(goal) == {"what", "measured", "limit", "met"}
        assert goal["measured"] is not None
    if name == "feed":
        assert section["stream"]["lost_count"] == 0
        assert section["parsers"]["ratio"] > 10
    if name == "order_path":
        assert section["orders"] == section["orders_wanted"]


def test_when_figures_are_summed_up_then_percentiles_are_values_that_were_measured() -> None:
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile(list(range(1, 101)), 0.99) == 99
    assert spread_ms([]) == {}
    assert spread_ms([1_000_000])["p99_ms"] == 1.0
    assert aim(None, 1.0, "x")["met"] is False
    assert aim(0.5, 1.0, "x")["met"] is True


def test_when_the_peers_work_is_played_twice_then_every_bracket_is_there_and_equal() -> None:
    command = [sys.executable, "-m", "scripts.bench_peers_pahara", "--ticks", "6000"]
    runs = []
    for seed in ("1", "2"):
        environ = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
        assert done.returncode == 0, done.stdout + done.stderr
        runs.append(json.loads(done.stdout))
    first, second = runs
    assert first["journal_digest"] == second["journal_digest"]
    assert first["entries"] > 5
    assert first["fills"] == 2 * first["entries"]
    assert first["restarts"] == 0


def test_when_peers_are_compared_then_other_counts_are_other_work() -> None:
    run = {"ticks_per_s": 300, "cpu_us_a_tick": 3.0, "entries": 100, "orders": 300, "fills": 200}
    slower = {**run, "ticks_per_s": 100, "cpu_us_a_tick": 6.0}
    verdict = compared({"pahara": run, "equal": slower, "other": {**run, "fills": 190}})
    assert verdict["equal"] == {
        "speed_ratio": 3.0,
        "cpu_ratio": 2.0,
        "counts_apart": 0.0,
        "same_work": True,
    }
    assert not verdict["other"]["same_work"]
