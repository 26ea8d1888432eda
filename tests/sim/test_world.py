"""What a world promises to its checks."""

from typing import ClassVar

import pytest

from engine.messages.base import Message
from engine.messages.market import Tick
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


def test_when_a_check_raises_inside_a_room_then_the_run_ends_there() -> None:
    world = World(QUIET, Decisions(1), (NoTicks,))
    with pytest.raises(Violated, match="TEST"):
        world.run()
    assert world.boots == 1
    world.close()
