"""The benches of the live line in a short version: what they promise holds each time."""

import pytest

from scripts.bench_live import flatten, latency
from scripts.bench_live.stands import go_live, names
from tests.drills.process import note

POSITIONS = 4
KILL_S_MAX = 1.0
FLAT_S_MAX = 5.0


@pytest.mark.slow
@pytest.mark.timeout(150)
@pytest.mark.conformance("ORD-16", "CTL-05")
def test_when_a_person_flattens_live_positions_then_they_go_under_their_stops() -> None:
    with flatten.staged_for(POSITIONS + 1) as stage:
        go_live(stage)
        every = names(POSITIONS + 1)
        flatten.hold(stage, every[:POSITIONS])
        flat = flatten.flatten(stage)
        flatten.back_to_live(stage)
        flatten.hold(stage, every[:1], every[POSITIONS:])
        killed = flatten.kill(stage)
        stage.end_engine()
    note(f"\nflatten of {POSITIONS}: {flat}\nkill: {killed}")
    assert flat["requests"] == 2 * POSITIONS, "one lets the target go, one moves the stop"
    assert flat["naked_s"] == 0
    assert flat["quiet_s"] < FLAT_S_MAX
    assert killed["first_cancel_s"] < KILL_S_MAX


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_when_orders_are_timed_then_every_one_is_seen_at_every_place() -> None:
    count = 5
    figures = latency.measure(count, None)
    note(f"\n{figures['ours']}\n{figures['bare']}")
    for side in ("ours", "bare"):
        assert figures[side]["count"] == count
        for stage, spread in figures[f"stages_{side}"].items():
            assert spread["count"] == count, stage
