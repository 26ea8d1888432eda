"""What a group does when an append stays without any echo, a clock was set back, or the market was
not there to hear it."""

import pytest

from actors.oco import DOUBT_NS
from engine.messages.broker import Outcome
from engine.messages.journal import Append
from engine.messages.market import FeedsCalled
from engine.messages.records import IntentPlanned, OrderFilled
from engine.messages.signals import ExitAdvised
from engine.messages.supervision import TimerFired
from engine.messages.values import Action, Leg
from engine.orders.oco_state import OcoSettings, fold
from engine.orders.order import Status
from engine.units import NS_PER_MINUTE, NS_PER_S
from tests.desk import World, a_running_world, a_tick


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


@pytest.mark.conformance("FLT-60", "INV-18")
@pytest.mark.parametrize("is_restarted", [False, True])
def test_inv_18_when_the_clock_is_set_back_then_refused_cancels_are_repeated_in_time(
    is_restarted: bool,
) -> None:
    world = a_running_world()
    world.tick(100_000)
    world.settle()
    is_limited = True

    def too_many(intent: IntentPlanned) -> Outcome | None:
        return Outcome.REFUSED if is_limited and intent.action is Action.CANCEL else None

    world.gate = too_many
    world.tick(98_900)  # the stop fills, the targets are to go
    world.advance(20 * NS_PER_S)
    assert len(world.oco.group.live) == 2
    is_limited = False
    world.step_clock(-10 * NS_PER_MINUTE)
    if is_restarted:
        world.start(world.oco_name)
    world.advance(2 * OcoSettings().backoff_ns_max)
    assert world.is_over


@pytest.mark.conformance("FLT-60", "INV-17")
@pytest.mark.parametrize("is_restarted", [False, True])
def test_inv_17_when_the_clock_is_set_back_then_a_lost_order_is_found_lost_in_time(
    is_restarted: bool,
) -> None:
    world = a_running_world()
    world.gate = lambda intent: Outcome.UNKNOWN if intent.leg is Leg.STOP else None
    world.tick(100_000)
    world.settle()  # the stop's answer is lost, and it never reached the venue
    world.gate = lambda intent: None
    world.step_clock(-10 * NS_PER_MINUTE)
    if is_restarted:
        world.start("watcher")
    world.advance(20 * NS_PER_S)
    stops = world.oco.group.of_leg(Leg.STOP)
    assert [order.status for order in stops] == [Status.LOST, Status.WORKING]


@pytest.mark.conformance("FLT-60")
def test_when_the_clock_is_set_back_then_an_exit_follows_the_market_all_the_same() -> None:
    world = a_running_world()
    world.tick(100_000)
    world.settle()
    world.tick(99_500, bid_quantity=1, bid_paise=99_500, ask_paise=99_505)
    world.post(world.oco_name, ExitAdvised(group_id="grp-1", reason="out", at_ns=world.now_ns))
    world.settle()
    (order,) = world.oco.group.live
    assert (order.leg, order.remaining) == (Leg.STOP, 9), "the stop was moved to the market"
    world.step_clock(-10 * NS_PER_MINUTE)
    world.tick(98_000, bid_paise=98_000, ask_paise=98_005)
    world.advance(OcoSettings().reprice_ns)
    world.tick(96_000, bid_paise=96_000, ask_paise=96_005)
    world.settle()
    assert world.is_over


@pytest.fixture
def blind() -> World:
    """A group that restarted on its way out, while there was no market to hear what it watches."""
    world = a_running_world()
    world.tick(100_000)
    world.settle()
    world.post(world.oco_name, ExitAdvised(group_id="grp-1", reason="out", at_ns=world.now_ns))
    world.tick(99_500, bid_quantity=1, bid_paise=99_500, ask_paise=99_505)
    world.settle()
    world.start(world.oco_name)
    world.settle()
    world.watches.clear()
    assert world.oco.group.live_of(Leg.EXIT) is not None
    return world


@pytest.mark.conformance("LIV-12")
def test_liv_12_when_a_market_begins_then_the_group_says_again_what_it_watches(
    blind: World,
) -> None:
    blind.post(blind.oco_name, FeedsCalled())
    blind.settle()
    assert [watch.is_on for watch in blind.watches] == [True]


@pytest.mark.conformance("LIV-12")
def test_liv_12_when_no_tick_was_ever_heard_then_each_fact_says_again_what_is_watched(
    blind: World,
) -> None:
    tick = a_tick(100_000, blind.now_ns, bid_quantity=1, bid_paise=100_000)
    blind.broker.on_tick(tick, blind.now_ns)
    for report in blind.broker.reports():
        blind.post("watcher", report)
    blind.settle()
    assert blind.watches


@pytest.mark.conformance("INV-18")
def test_inv_18_when_nothing_happens_any_more_then_what_lasts_is_told_again() -> None:
    world = a_running_world()
    world.tick(100_000)
    world.settle()
    world.gate = lambda intent: Outcome.UNKNOWN if intent.action is Action.CANCEL else None
    world.broker.snapshot = lambda *_: None  # type: ignore[method-assign]
    world.tick(98_900)  # the stop fills, the targets should go, and nobody knows whether they do
    world.settle()
    world.start(world.oco_name)
    world.advance(4 * NS_PER_MINUTE)
    told = [alert.at_ns for alert in world.alerts if alert.event == "cancel_hanging"]
    assert len(told) == 4


@pytest.mark.conformance("INV-35")
def test_inv_35_when_it_acts_while_its_past_is_on_the_way_then_nothing_is_asked_twice() -> None:
    world = a_running_world()
    world.tick(100_000)
    world.settle()
    world.gate = lambda intent: Outcome.ACKED if intent.action is Action.MODIFY else None
    world.broker.snapshot = lambda *_: None  # type: ignore[method-assign]
    world.tick(101_000)  # the stop is to shrink, and nobody sees that it did
    world.settle()
    world.post(world.oco_name, TimerFired(key="doubt"))
    world.post(world.oco_name, ExitAdvised(group_id="grp-1", reason="out", at_ns=world.now_ns))
    world.drain(world.oco_name)
    world.settle()
    asked = [intent.intent_id for intent in world.intents]
    assert len(asked) == len(set(asked))
    assert world.oco.group == fold(world.plan, world.records)


@pytest.mark.conformance("INV-20")
def test_inv_20_when_a_fill_is_owed_then_the_next_watcher_does_not_book_it_again() -> None:
    world = a_running_world()
    world.tick(100_000)
    world.settle()
    world.tick(101_000)
    world.drain("watcher")
    fills = [append for append in world.queues["journal"] if isinstance(append, Append)]
    world.queues["journal"].clear()
    world.owed = [record for append in fills for record in append.records]
    assert any(isinstance(record, OrderFilled) for record in world.owed)

    booked_count = len(world.records)
    world.start("watcher")
    world.advance(60 * NS_PER_S)
    assert not [r for r in world.records[booked_count:] if isinstance(r, OrderFilled)]
