"""What a group does about an append that stays without any echo."""

import pytest

from actors.oco import DOUBT_NS
from engine.messages.values import Leg
from engine.units import NS_PER_S
from tests.desk import a_running_world


@pytest.mark.conformance("INV-17")
def test_when_a_resize_is_lost_without_a_word_then_the_group_doubts_and_repeats_it() -> None:
    world = a_running_world()
    world.tick(100_000)
    world.settle()
    world.tick(101_000)
    world.drain("watcher")
    world.drain("journal")
    world.drain(world.oco_name)
    world.queues["journal"].clear()  # the shrinking of the stop is lost with its append
    world.advance(DOUBT_NS + 5 * NS_PER_S)
    stop = world.oco.group.live_of(Leg.STOP)
    assert stop is not None
    assert (stop.remaining, stop.is_busy) == (5, False)
