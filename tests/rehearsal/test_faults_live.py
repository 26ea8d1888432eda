"""LIVE while the exchange misbehaves, over real sockets: at the end it agrees with the journal.

Each group of faults strikes a whole rehearsal, so that one meets what another has left behind.
"""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actors.runtime.clock import boot_ns
from scripts.rehearsal.command import journal_of
from scripts.rehearsal.stage import Stage
from scripts.rehearsal.truth import compare, show
from tests.drills.process import note
from tests.rehearsal.stages import busy_config, close

SECONDS = 60.0
NAKED_S_MAX = 15.0
"""A hung answer to a stop takes up to 7 s of it."""
ANSWERS = {
    "FLT-16": {"amount": 1, "count": 3, "ppm": 150_000},
    "FLT-17": {"amount": 1, "count": 3, "ppm": 150_000},
    "FLT-18": {"count": 1, "ppm": 100_000, "amount": 1},
    "FLT-19": {"count": 4, "ppm": 150_000},
    "FLT-22": {"count": 2, "ppm": 150_000},
    "KITE-02": {"count": 2, "ppm": 100_000},
    "KITE-25": {"count": 3, "ppm": 150_000},
}
STREAM = {
    "FLT-44": {"count": 20, "ppm": 100_000},
    "FLT-45": {"count": 20, "ppm": 100_000},
    "FLT-46": {"count": 10, "ppm": 100_000},
    "FLT-47": {"count": 10, "ppm": 100_000},
    "FLT-48": {"count": 2, "ppm": 50_000},
    "FLT-50": {"count": 10, "ppm": 100_000},
}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A busy rehearsal with keys and instruments, its engine not started."""
    made = Stage(busy_config(tmp_path), tmp_path / "rehearsal", SECONDS)
    try:
        made.prepare()
        yield made
    finally:
        close(made)


def until(stage: Stage, is_true: Callable[[], bool], seconds: float, what: str) -> None:
    """Operate until a condition holds."""
    pause, over_ns = threading.Event(), boot_ns() + int(seconds * 1e9)
    while not is_true():
        assert boot_ns() < over_ns, f"not within {seconds} s: {what}"
        stage.operate()
        pause.wait(0.2)


def ends_well(stage: Stage) -> dict[str, int]:
    """Play it to the end and hold both sides together; which faults have struck."""
    assert stage.play() == 0, (stage.folder / "engine.out").read_text()[-2_000:]
    struck = stage.floor.ask("GET", "/faults")["struck"]
    found = compare(stage.floor.ask("GET", "/truth"), journal_of(stage.state_dir))
    note(f"\n{struck}\n{show(found)}\nlongest naked {stage.guarded.naked_s_max:.1f} s")
    note("\n".join(stage.guarded.story))
    assert found.is_equal, found.differences
    assert found.by_leg.get("entry", 0) > 0
    assert stage.guarded.naked_s_max <= NAKED_S_MAX
    return dict(struck)


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(
            ANSWERS,
            id="answers",
            marks=pytest.mark.conformance(
                "FLT-16", "FLT-17", "FLT-18", "FLT-19", "FLT-22", "KITE-1", "KITE-2", "KITE-3",
                "KITE-24", "KITE-25",
            ),
        ),
        pytest.param(
            STREAM,
            id="stream",
            marks=pytest.mark.conformance(
                "FLT-44", "FLT-45", "FLT-46", "FLT-47", "FLT-48", "FLT-50", "KITE-12", "KITE-13",
                "KITE-14", "ORD-04", "ORD-22",
            ),
        ),
    ],
)  # fmt: skip
def test_when_the_exchange_misbehaves_then_it_agrees_with_the_journal_at_the_end(
    stage: Stage, faults: dict[str, dict[str, int]]
) -> None:
    for fault, arm in faults.items():
        stage.floor.ask("POST", "/faults", fault=fault, **arm)
    stage.start_engine(SECONDS)
    struck = ends_well(stage)
    assert len(struck.keys() & faults.keys()) >= len(faults) - 2


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.conformance("FLT-21", "KITE-7", "KITE-18", "CTL-36")
def test_when_the_login_dies_then_entries_stop_until_a_person_has_logged_in_again(
    stage: Stage,
) -> None:
    stage.start_engine(SECONDS)
    until(stage, lambda: stage.status().get("positions_open", 0) > 1, 40, "positions")
    stage.floor.ask("POST", "/logout")
    stage.floor.ask("POST", "/sockets/close")
    pause = threading.Event()
    for _ in range(100):
        if stage.status().get("mode") == "REDUCE":
            break
        pause.wait(0.2)
    status = stage.status()
    assert status["mode"] == "REDUCE"
    assert any("log" in reason for reason in status["reasons"]), status["reasons"]
    stage.log_in()
    until(stage, lambda: stage.status().get("mode") == "LIVE", 40, "LIVE after the new login")
    ends_well(stage)
