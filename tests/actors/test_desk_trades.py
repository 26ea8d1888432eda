"""One trade from entry to flat, through journal, writer, watcher and group."""

import pytest

from engine.messages.broker import Outcome
from engine.messages.control import EntriesCancelled, FlattenOrdered
from engine.messages.records import IntentPlanned, OrderCancelled, OrderLost, OrderTriggered
from engine.messages.signals import ExitAdvised
from engine.messages.values import Action, Leg, OrderType, Side, Target
from engine.orders.oco import decide
from engine.orders.oco_draft import Wake
from engine.orders.oco_plan import is_market_free
from engine.orders.oco_state import fold
from engine.orders.oco_view import View, observe
from engine.orders.oco_want import Situation
from engine.orders.order import Status
from engine.orders.pricing import exit_limit
from engine.units import NS_PER_S
from tests.desk import World, a_plan, a_running_world, a_tick


def live(world: World) -> dict[Leg, tuple[int, int, int]]:
    """Remaining quantity, limit and trigger of each working leg, as the group sees it."""
    return {
        order.leg: (order.remaining, order.price_limit_paise, order.price_trigger_paise)
        for order in world.oco.group.live
    }


@pytest.fixture
def entered() -> World:
    """A group that holds its 10 units, protected."""
    world = a_running_world()
    world.tick(100_000)
    world.settle()
    return world


def test_when_started_then_the_entry_is_recorded_first_and_then_sent() -> None:
    world = a_running_world()
    kinds = [type(record).__name__ for record in world.records]
    assert kinds == ["GroupOpened", "IntentPlanned", "OrderAccepted"]
    assert live(world) == {Leg.ENTRY: (10, 100_000, 0)}


def test_when_entered_then_stop_and_targets_cover_exactly_the_fill(entered: World) -> None:
    assert live(entered) == {
        Leg.STOP: (10, 98_010, 99_000),
        Leg.TARGET_1: (5, 101_000, 0),
        Leg.TARGET_2: (5, 102_000, 0),
    }


@pytest.mark.conformance("ORD-01")
def test_when_the_entry_fills_in_parts_then_exits_grow_by_modify() -> None:
    world = a_running_world()
    world.tick(100_000, bid_paise=99_995, ask_paise=100_000, ask_quantity=3, bid_quantity=3)
    world.settle()
    assert {leg: q for leg, (q, *_) in live(world).items()} == {
        Leg.ENTRY: 7,
        Leg.STOP: 3,
        Leg.TARGET_1: 2,
        Leg.TARGET_2: 1,
    }
    world.tick(100_000, bid_paise=99_995, ask_paise=100_000, ask_quantity=4, bid_quantity=3)
    world.settle()
    assert {leg: q for leg, (q, *_) in live(world).items()} == {
        Leg.ENTRY: 3,
        Leg.STOP: 7,
        Leg.TARGET_1: 4,
        Leg.TARGET_2: 3,
    }
    placed = [i for i in world.intents if i.action is Action.PLACE and i.leg is Leg.STOP]
    assert len(placed) == 1


@pytest.mark.conformance("ORD-01")
def test_when_fills_come_during_a_flight_then_they_coalesce_into_one_modify() -> None:
    world = a_running_world()
    for _ in range(3):
        world.tick(100_000, ask_paise=100_000, ask_quantity=2, bid_paise=99_995)
        world.drain("watcher")
        world.drain("journal")
        world.drain(world.oco_name)  # the writer sleeps: the first stop stays in flight
    world.settle()
    stops = [i for i in world.intents if i.leg is Leg.STOP]
    assert [(i.action, i.quantity) for i in stops] == [(Action.PLACE, 2), (Action.MODIFY, 6)]


@pytest.mark.conformance("ORD-05", "ORD-06")
def test_when_a_target_fills_then_the_stop_shrinks_by_modify(entered: World) -> None:
    entered.tick(101_000)
    entered.settle()
    assert live(entered) == {Leg.STOP: (5, 98_010, 99_000), Leg.TARGET_2: (5, 102_000, 0)}
    entered.tick(102_000)
    entered.settle()
    assert entered.is_over
    (closed,) = entered.closed()
    assert closed.reason == "target"
    assert closed.pnl_gross_paise == 5 * 1_000 + 5 * 2_000


def test_when_the_stop_fills_then_targets_are_cancelled(entered: World) -> None:
    entered.tick(98_900)
    entered.settle()
    assert entered.is_over
    (closed,) = entered.closed()
    assert (closed.reason, closed.pnl_gross_paise) == ("stop", -10 * 1_100)
    cancelled = [r.leg for r in entered.records if isinstance(r, OrderCancelled)]
    assert cancelled == [Leg.TARGET_1, Leg.TARGET_2]


@pytest.mark.conformance("ORD-11")
def test_when_the_price_runs_through_the_stop_then_it_is_repriced_until_flat(
    entered: World,
) -> None:
    entered.tick(97_000)
    entered.settle()
    assert entered.oco.group.live_of(Leg.STOP).status is Status.TRIGGERED
    entered.advance(3 * NS_PER_S)
    assert entered.is_over
    repriced = [i for i in entered.intents if i.leg is Leg.STOP and i.action is Action.MODIFY]
    assert repriced[0].order_type is OrderType.LIMIT
    assert entered.position() == 0


def test_when_the_entry_expires_then_it_is_cancelled_and_closed() -> None:
    world = a_running_world()
    world.advance(301 * NS_PER_S)
    (closed,) = world.closed()
    assert (closed.reason, closed.quantity_entered) == ("entry_expired", 0)


def test_when_entries_are_withdrawn_then_the_position_keeps_its_protection() -> None:
    world = a_running_world()
    world.tick(100_000, ask_paise=100_000, ask_quantity=4)
    world.settle()
    world.post(world.oco_name, EntriesCancelled(scope="", reason="kill", at_ns=world.now_ns))
    world.settle()
    assert {leg: q for leg, (q, *_) in live(world).items()} == {
        Leg.STOP: 4,
        Leg.TARGET_1: 2,
        Leg.TARGET_2: 2,
    }


def test_when_an_exit_is_advised_then_children_go_and_the_rest_leaves(entered: World) -> None:
    entered.post(
        entered.oco_name,
        ExitAdvised(group_id="grp-1", reason="signal_gone", at_ns=entered.now_ns),
    )
    entered.settle()
    assert entered.is_over
    assert entered.position() == 0
    assert entered.closed()[0].reason == "signal_gone"


def after(world: World, sent_before: int) -> list[tuple[Leg, Action, OrderType]]:
    return [(i.leg, i.action, i.order_type) for i in world.intents[sent_before:]]


@pytest.mark.conformance("ORD-16")
def test_when_an_exit_is_advised_then_the_stop_is_moved_to_the_market(entered: World) -> None:
    """Two requests instead of three, and no instant without an order that protects."""
    count = len(entered.intents)
    advice = ExitAdvised(group_id="grp-1", reason="out", at_ns=entered.now_ns)
    entered.post(entered.oco_name, advice)
    entered.drain(entered.oco_name)
    targets = [order.leg for order in entered.oco.group.live if order.leg is not Leg.STOP]
    stop = entered.oco.group.live_of(Leg.STOP)
    assert (stop.status, stop.request) == (Status.WORKING, None), "it protects until they are gone"
    entered.settle()
    asked = after(entered, count)
    assert asked[:-1] == [(leg, Action.CANCEL, OrderType.LIMIT) for leg in targets]
    assert asked[-1] == (Leg.STOP, Action.MODIFY, OrderType.LIMIT)
    assert entered.intents[-1].price_trigger_paise == 0
    assert entered.is_over
    assert entered.position() == 0
    assert not any(isinstance(record, OrderTriggered) for record in entered.records)


def test_when_a_stop_that_was_resized_is_moved_then_it_follows_the_market_from_the_first_step(
    entered: World,
) -> None:
    """What it was changed before is no re-pricing: it widens, and is told of, as an EXIT is."""
    entered.tick(101_000, bid_quantity=4)
    entered.settle()
    resized = entered.oco.group.live_of(Leg.STOP).modify_count
    assert resized > 0
    entered.tick(99_500, bid_quantity=1, bid_paise=99_500, ask_paise=99_505)
    advice = ExitAdvised(group_id="grp-1", reason="out", at_ns=entered.now_ns)
    entered.post(entered.oco_name, advice)
    entered.settle()
    stop = entered.oco.group.live_of(Leg.STOP)
    assert (stop.order_type, stop.modify_count_moved) == (OrderType.LIMIT, resized + 1)
    entered.tick(98_000, bid_quantity=0, bid_paise=98_000, ask_paise=98_005)
    entered.advance(type(entered.settings)().reprice_ns)
    settings = entered.settings
    first = exit_limit(entered.oco._instrument, Side.SELL, 98_000, 2 * settings.protection_bps)
    assert entered.intents[-1].price_limit_paise == first


@pytest.mark.conformance("ORD-08", "ORD-16")
def test_when_the_stop_may_not_be_moved_then_it_is_cancelled_and_an_exit_leaves(
    entered: World,
) -> None:
    count = len(entered.intents)
    entered.gate = lambda i: Outcome.REFUSED if i.action is Action.MODIFY else None
    advice = ExitAdvised(group_id="grp-1", reason="out", at_ns=entered.now_ns)
    entered.post(entered.oco_name, advice)
    entered.advance(5 * NS_PER_S)
    assert after(entered, count)[-3:] == [
        (Leg.STOP, Action.MODIFY, OrderType.LIMIT),
        (Leg.STOP, Action.CANCEL, OrderType.SL),
        (Leg.EXIT, Action.PLACE, OrderType.LIMIT),
    ]
    assert entered.is_over


def test_when_the_group_restarts_on_its_way_out_then_the_moved_stop_goes_on(entered: World) -> None:
    entered.tick(99_500, bid_quantity=1, bid_paise=99_500, ask_paise=99_505)
    advice = ExitAdvised(group_id="grp-1", reason="out", at_ns=entered.now_ns)
    entered.post(entered.oco_name, advice)
    entered.settle()
    assert entered.oco.group.live_of(Leg.STOP).remaining == 9
    entered.start(entered.oco_name)
    entered.tick(98_000, bid_paise=98_000, ask_paise=98_005)
    entered.advance(3 * NS_PER_S)
    assert entered.is_over
    assert entered.closed()[0].reason == "out"


@pytest.mark.conformance("ORD-16", "ORD-17")
def test_when_flattened_during_child_placement_then_the_flight_is_awaited() -> None:
    world = a_running_world()
    world.tick(100_000)
    for target in ("watcher", "journal", world.oco_name):
        world.drain(target)
    assert world.oco.group.live_of(Leg.STOP).status is Status.PLANNED
    flatten = FlattenOrdered(scope="strategy:ema", reason="operator", at_ns=world.now_ns)
    world.post(world.oco_name, flatten)
    world.drain(world.oco_name)
    assert world.oco.group.live_of(Leg.EXIT) is None
    world.settle()
    assert world.is_over
    assert world.position() == 0


def test_when_the_session_ends_then_the_group_is_flat_by_then() -> None:
    world = World()
    world.settings = type(world.settings)(flat_by_at_ns=world.now_ns + 60 * NS_PER_S)
    world.tick(100_000)
    world.start(world.oco_name)
    world.settle()
    assert world.position() == 10
    world.advance(61 * NS_PER_S)
    assert world.is_over
    assert world.closed()[0].reason == "flat_by"


def test_when_an_exit_finds_no_depth_then_it_is_widened_until_flat(entered: World) -> None:
    entered.tick(99_500, bid_paise=99_400, ask_paise=99_600, bid_quantity=4, ask_quantity=4)
    advice = ExitAdvised(group_id="grp-1", reason="out", at_ns=entered.now_ns)
    entered.post(entered.oco_name, advice)
    entered.settle()
    assert entered.position() == 6
    for price in (99_300, 99_000, 98_500):
        entered.tick(price, bid_paise=price - 50, bid_quantity=3, ask_paise=price + 50)
        entered.advance(3 * NS_PER_S)
    assert entered.is_over
    assert entered.position() == 0


def test_when_one_target_trails_then_the_stop_follows_and_never_backs_away() -> None:
    world = a_running_world(
        plan=a_plan(targets=(Target(price_paise=110_000, share_bps=10_000),), trail_paise=500)
    )
    world.tick(100_000)
    world.settle()
    triggers = []
    for price in (100_500, 101_000, 100_800, 102_000):
        world.now_ns += 5 * NS_PER_S
        world.tick(price)
        world.settle()
        triggers.append(world.oco.group.live_of(Leg.STOP).price_trigger_paise)
    assert triggers == [100_000, 100_500, 100_500, 101_500]


def test_when_two_targets_trail_then_only_after_the_first_has_filled() -> None:
    world = a_running_world(plan=a_plan(trail_paise=500))
    world.tick(100_000)
    world.settle()
    world.now_ns += 5 * NS_PER_S
    world.tick(100_900)
    world.settle()
    assert world.oco.group.live_of(Leg.STOP).price_trigger_paise == 99_000
    world.tick(101_000)
    world.settle()
    world.now_ns += 5 * NS_PER_S
    world.tick(101_500)
    world.settle()
    assert world.oco.group.live_of(Leg.STOP).price_trigger_paise == 101_000


def test_when_trailing_for_long_then_modifications_stay_below_the_venues_limit() -> None:
    world = a_running_world(
        plan=a_plan(targets=(Target(price_paise=900_000, share_bps=10_000),), trail_paise=500)
    )
    world.tick(100_000)
    world.settle()
    for step in range(60):
        world.now_ns += 5 * NS_PER_S
        world.tick(100_000 + 500 * step)
        world.settle()
    modifies = [i for i in world.intents if i.leg is Leg.STOP and i.action is Action.MODIFY]
    assert len(modifies) == world.settings.trail_modifies_max


@pytest.mark.conformance("ORD-19")
def test_when_the_price_is_through_the_stop_at_once_then_the_group_exits_now() -> None:
    world = a_running_world()
    world.tick(98_000)
    world.settle()
    assert world.is_over
    assert world.closed()[0].reason == "stop_through"
    assert not [i for i in world.intents if i.leg is Leg.STOP]


@pytest.mark.conformance("ORD-07", "ORD-08")
def test_when_both_legs_fill_then_the_flip_is_flattened_on_the_other_side(entered: World) -> None:
    entered.tick(101_000)
    entered.tick(98_900)
    entered.settle()
    assert entered.is_over
    assert entered.position() == 0
    repairs = [i for i in entered.intents if i.leg is Leg.EXIT]
    assert [(i.side, i.quantity) for i in repairs] == [(Side.BUY, 5)]
    assert "both_legs_filled" in {alert.event for alert in entered.alerts}
    fills = entered.fills()
    gross = -sum(f.side.sign * f.quantity * f.price_paise for f in fills)
    assert entered.closed()[0].pnl_gross_paise == gross


@pytest.mark.conformance("ORD-13")
def test_when_the_venue_cancels_the_stop_then_it_is_placed_again(entered: World) -> None:
    stop = entered.oco.group.live_of(Leg.STOP)
    venue = entered.broker._venue
    venue.withdraw(stop.venue_order_id, "RMS")
    snapshot = entered.broker.snapshot(99, entered.now_ns)
    entered.post("watcher", snapshot)
    entered.advance(2 * NS_PER_S)
    again = entered.oco.group.live_of(Leg.STOP)
    assert again.client_order_id != stop.client_order_id
    assert again.remaining == 10


@pytest.mark.conformance("ORD-04", "ORD-15")
def test_when_the_group_dies_in_the_middle_then_its_second_life_places_nothing_twice() -> None:
    world = a_running_world()
    world.tick(100_000)
    for target in ("watcher", "journal", world.oco_name):
        world.drain(target)
    world.start(world.oco_name)
    world.settle()
    placed = [i.client_order_id for i in world.intents if i.action is Action.PLACE]
    assert len(placed) == len(set(placed)) == 4
    assert world.oco.group == fold(world.plan, world.records)


@pytest.mark.conformance("ORD-03")
def test_when_the_writer_loses_the_entry_then_it_is_lost_and_never_placed_again() -> None:
    world = World()
    world.start(world.oco_name)
    for target in ("journal", world.oco_name, "journal", "watcher"):
        world.drain(target)
    world.restart_writer()
    world.advance(20 * NS_PER_S)
    assert [type(r) for r in world.records if isinstance(r, OrderLost)] == [OrderLost]
    assert len([r for r in world.records if isinstance(r, IntentPlanned)]) == 1
    assert world.closed()[0].reason == "entry_lost"


@pytest.mark.conformance("ORD-03")
def test_when_the_writer_loses_the_protection_then_the_next_attempt_covers() -> None:
    world = a_running_world()
    world.tick(100_000)
    for target in ("watcher", "journal", world.oco_name, "journal", "watcher"):
        world.drain(target)
    world.restart_writer()
    world.advance(20 * NS_PER_S)
    stops = world.oco.group.of_leg(Leg.STOP)
    assert [order.status for order in stops] == [Status.LOST, Status.WORKING]
    assert world.oco.group.live_of(Leg.STOP).remaining == 10


def test_when_the_plan_is_for_a_short_then_everything_is_mirrored() -> None:
    targets = (
        Target(price_paise=99_000, share_bps=6_000),
        Target(price_paise=98_000, share_bps=4_000),
    )
    plan = a_plan(side=Side.SELL, price_stop_paise=101_000, targets=targets, trail_paise=300)
    world = World(plan=plan)
    world.tick(99_900)
    world.settle()
    world.start(world.oco_name)
    world.settle()
    world.tick(100_000)
    world.settle()
    assert live(world) == {
        Leg.STOP: (10, 102_010, 101_000),
        Leg.TARGET_1: (6, 99_000, 0),
        Leg.TARGET_2: (4, 98_000, 0),
    }
    world.tick(99_000)
    world.settle()
    world.now_ns += 5 * NS_PER_S
    world.tick(98_500)
    world.settle()
    assert world.oco.group.live_of(Leg.STOP).price_trigger_paise == 98_800
    world.tick(98_900)
    world.settle()
    assert world.is_over
    assert world.position() == 0
    assert world.closed()[0].pnl_gross_paise == 6 * 1_000 + 4 * 1_100


@pytest.mark.parametrize("is_entered", [False, True])
def test_when_the_market_is_of_no_matter_then_no_price_brings_an_intent(is_entered: bool) -> None:
    world = a_running_world()
    if is_entered:
        world.tick(100_000)
        world.settle()
    group, seen = world.oco.group, View(owner=world.oco_name, generation=1)
    for price in (1, 98_000, 99_000, 100_000, 102_000, 200_000):
        view = observe(group, seen, a_tick(price))
        at = Situation(
            group=group,
            view=view,
            instrument=world.instrument,
            settings=world.settings,
            now_ns=world.now_ns,
        )
        assert is_market_free(at)
        assert not [output for output in decide(at) if not isinstance(output, Wake)]


def test_when_the_stop_is_gone_or_trails_then_prices_matter() -> None:
    trailing = a_running_world(plan=a_plan(trail_paise=500))
    trailing.tick(100_000)
    trailing.settle()
    bare = a_running_world()
    bare.gate = lambda i: Outcome.REFUSED if i.leg is Leg.STOP else None
    bare.tick(100_000)
    bare.settle()
    for world in (trailing, bare):
        at = Situation(
            group=world.oco.group,
            view=View(owner=world.oco_name, generation=1),
            instrument=world.instrument,
            settings=world.settings,
            now_ns=world.now_ns,
        )
        assert not is_market_free(at)
