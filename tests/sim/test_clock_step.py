"""A clock that steps in the middle of a session, seen by the whole engine in its world."""

from collections import Counter

import pytest

from engine.messages.records import DayClosed, Record
from engine.units import NS_PER_MINUTE, NS_PER_S
from scripts.simulation.decisions import Decisions
from scripts.simulation.observer import Observer
from scripts.simulation.profile import draw_profile
from scripts.simulation.sealed import sealed
from scripts.simulation.world import World


class Days(Observer):
    """When each day was closed, true time."""

    closed_ns: tuple[int, ...] = ()

    def on_record(self, seq: int, record: Record) -> None:
        if isinstance(record, DayClosed):
            self.closed_ns = (*self.closed_ns, self.world.clock.true_ns())


@pytest.mark.conformance("FLT-60", "FLT-63", "INV-39")
@pytest.mark.parametrize("step_s", [3, -3, 3_600, -3_600])
def test_when_the_wall_clock_steps_in_a_session_then_the_day_is_not_closed(step_s: int) -> None:
    with sealed():
        world = World(draw_profile(3, 1, ()), Decisions(3), (Days,))
        stepped_ns = world.opens_ns[0] + 12 * NS_PER_MINUTE
        world.pool.call_at(stepped_ns, lambda: world.clock.step(step_s * NS_PER_S))
        world.run()
    days = world.observers[0]
    assert isinstance(days, Days)
    assert Counter(alert.event for alert in world.alerts)["clock_stepped"] == 1
    assert all(ns >= world.opens_ns[0] + world.session_ns for ns in days.closed_ns)
