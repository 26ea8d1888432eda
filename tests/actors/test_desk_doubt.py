"""What a group does about an append without any echo, and about a market that knows nothing."""

import pytest

from actors.oco import DOUBT_NS
from engine.market.watching import ANY_PRICE
from engine.messages.market import FeedsCalled, MarketWatch
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


@pytest.mark.conformance("LIV-02")
def test_liv_02_when_a_market_comes_up_then_the_group_says_again_which_prices_it_wants() -> None:
    """A group on its way out that started before the market never heard a price again."""
    world = a_running_world()
    world.tick(100_000)
    world.settle()
    world.oco.receive(FeedsCalled())
    (resting,) = world.queues["market"]
    assert isinstance(resting, MarketWatch)
    assert (resting.is_on, resting.quiet_low_paise, resting.quiet_high_paise) == (True, *ANY_PRICE)
    world.start(world.oco_name)
    world.settle()
    world.oco.receive(FeedsCalled())
    (again,) = world.queues["market"]
    assert again == resting
