"""What a world promises to its checks."""

from typing import ClassVar

import pytest

from engine.messages.base import Message
from engine.messages.control import Reconciled
from engine.messages.market import Tick
from engine.units import NS_PER_MINUTE
from scripts.simulation.decisions import Decisions
from scripts.simulation.observer import Observer, Violated
from scripts.simulation.profile import Profile
from scripts.simulation.world import World

QUIET = Profile(
    seed=1,
    days=1,
    policy="fifo",
    instruments_count=1,
    strategies_count=1,
    live_count=0,
    heal_min=15,
    armed={},
)


class NoTicks(Observer):
    """A property that a room breaks while it handles a message."""

    id: ClassVar[str] = "TEST"
    handles: ClassVar[tuple[type, ...]] = (Tick,)

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        self.violated(f"{room} has seen a tick")


class Reconciliations(Observer):
    """Counts what only a timer of the running life brings about."""

    handles: ClassVar[tuple[type, ...]] = (Reconciled,)
    lives: ClassVar[list[int]] = []

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        self.lives.append(self.world.boots)


class Healing(Observer):
    """How far ahead of the market clock the healing is, until it comes."""

    ahead_ns: ClassVar[list[int]] = []

    def at_rest(self) -> None:
        if not self.world.faults.is_healed:
            self.ahead_ns.append(self.world.heals_at_ns - self.world.now_ns)


def test_when_the_engine_was_killed_then_the_timers_of_its_next_life_fire() -> None:
    Reconciliations.lives.clear()
    world = World(QUIET, Decisions(1), (Reconciliations,))
    world.pool.call_at(world.opens_ns[0], lambda: world.kill9("a test"))
    world.run()
    assert world.boots == 2
    assert Reconciliations.lives.count(2) > 3


def test_when_a_check_raises_inside_a_room_then_the_run_ends_there() -> None:
    world = World(QUIET, Decisions(1), (NoTicks,))
    with pytest.raises(Violated, match="TEST"):
        world.run()
    assert world.boots == 1
    world.close()


def test_liv_11_when_a_clock_runs_ahead_then_its_world_is_not_healed_yet() -> None:
    Healing.ahead_ns.clear()
    world = World(QUIET, Decisions(1), (Healing,))
    before_ns = world.opens_ns[0] + NS_PER_MINUTE
    world.pool.call_at(before_ns, lambda: world.clock.step(60 * NS_PER_MINUTE))
    world.pool.call_at(before_ns + NS_PER_MINUTE, world.clock.set_right)
    planned_ns = world.heals_at_ns
    world.run()
    assert min(Healing.ahead_ns) > 0
    assert world.heals_at_ns == planned_ns
