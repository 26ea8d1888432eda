"""Restart history across processes."""

from pathlib import Path

import pytest

from engine.units import NS_PER_S
from supervisors.history import ENGINE, History, Line, engine_starts, needs_release, restarts_of_day
from supervisors.spec import OnIntensity
from tests.supervisors.harness import House

DAY_NS = 86_400 * NS_PER_S


def day_of(now_ns: int) -> str:
    return f"day {now_ns // DAY_NS}"


def history(path: Path, now_ns: int = 0, restarts_day_max: int = 3) -> History:
    return History(path, restarts_day_max=restarts_day_max, day_of=day_of, now_ns=now_ns)


def test_when_the_process_restarts_then_the_count_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "restarts.jsonl"
    first = history(path)
    assert [first.note("ema", "crashed", n) for n in range(3)] == [False] * 3
    second = history(path)
    assert second.restarts("ema", 3) == 3
    assert second.note("ema", "crashed", 4)
    assert not second.note("rsi", "crashed", 4)
    assert path.stat().st_mode & 0o777 == 0o600


def test_when_the_day_turns_or_an_operator_releases_then_it_begins_anew(tmp_path: Path) -> None:
    kept = history(tmp_path / "h")
    for n in range(4):
        kept.note("ema", "crashed", n)
    kept.release("ema", "console:asha", 5)
    assert kept.restarts("ema", 6) == 0
    kept.note("ema", "stuck", 7)
    assert history(tmp_path / "h").restarts("ema", 8) == 1
    assert kept.restarts("ema", DAY_NS) == 0
    assert history(tmp_path / "h", DAY_NS + 3_600 * NS_PER_S).restarts("ema", DAY_NS) == 0


def test_when_a_line_is_torn_then_it_is_skipped_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "h"
    history(path).note("ema", "crashed", 1)
    with path.open("ab") as file:
        file.write(b'{"day": "day 0", "na')
    again = history(path)
    assert (again.skipped_count, again.restarts("ema", 2)) == (1, 1)


def test_when_the_engine_starts_too_often_then_an_operator_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "h"
    minute_ns = 60 * NS_PER_S
    asked = [history(path, n * minute_ns).engine_started(n * minute_ns) for n in range(5)]
    assert asked == [False, False, False, True, True]
    kept = history(path, 5 * minute_ns)
    kept.release(ENGINE, "console:asha", 5 * minute_ns)
    assert not history(path, 6 * minute_ns).engine_started(6 * minute_ns)


def test_when_the_disk_refuses_then_counting_goes_on(tmp_path: Path) -> None:
    kept = history(tmp_path / "missing" / "h")
    assert not kept.note("ema", "crashed", 1)
    assert kept.restarts("ema", 2) == 1


def test_when_lines_are_folded_then_only_the_day_counts() -> None:
    lines = [
        Line(day="a", name="x", kind="crashed", at_ns=1),
        Line(day="b", name="x", kind="crashed", at_ns=2),
        Line(day="b", name="x", kind="stuck", at_ns=3),
        Line(day="b", name=ENGINE, kind="started", at_ns=4),
    ]
    assert restarts_of_day(lines, "b") == {"x": 2}
    assert engine_starts(lines, 5) == 1
    assert needs_release(4, 3)
    assert not needs_release(3, 3)


@pytest.mark.conformance("PK-26")
def test_when_the_days_allowance_is_spent_then_the_child_waits_for_release(
    house: House, tmp_path: Path
) -> None:
    ledger = history(tmp_path / "h", house.runtime.clock.now_ns(), restarts_day_max=2)
    house.tree(
        house.child("a", on_intensity=OnIntensity.QUARANTINE), ledger=ledger, restarts_max=100
    )
    house.kill_until("a", 2)
    house.kill_until("a", 3)
    house.tell("a", "crash", "third")
    house.wait_state("a", "quarantined")
