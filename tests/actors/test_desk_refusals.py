"""What the group does when the broker, the gate or the journal says no, or says nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.journaled import JournalCursor
from actors.oco import OcoActor
from actors.runtime.behaviour import Opening
from engine.instruments import Instrument
from engine.messages.broker import Outcome
from engine.messages.journal import AppendRefused, Journaled, Replayed
from engine.messages.records import IntentPlanned, OrderUnknown, SignalRecorded
from engine.messages.signals import EntryProposed, ExitAdvised
from engine.messages.values import Action, Leg, OrderType, Side, Target
from engine.orders.oco import decide
from engine.orders.oco_draft import Notice
from engine.orders.oco_state import OcoSettings, first_target_units
from engine.orders.oco_view import View
from engine.orders.oco_want import Situation
from engine.orders.order import Request, Status
from engine.units import NS_PER_S
from tests.desk import INFY, FakeContext, World, a_plan, a_running_world


@pytest.fixture
def entered() -> World:
    """A group that holds its 10 units, protected."""
    world = a_running_world()
    world.tick(100_000)
    world.settle()
    return world


def sent(world: World, leg: Leg, action: Action) -> list[IntentPlanned]:
    return [i for i in world.intents if i.leg is leg and i.action is action]


def refuse(*pairs: tuple[Leg, Action], outcome: Outcome = Outcome.REFUSED, times: int = 999):  # noqa: ANN201
    left = [times]

    def gate(intent: IntentPlanned) -> Outcome | None:
        if (intent.leg, intent.action) not in pairs or not left[0]:
            return None
        left[0] -= 1
        return outcome

    return gate


@pytest.mark.conformance("ORD-03")
def test_when_the_entry_is_unknown_and_absent_then_it_is_lost_and_not_repeated() -> None:
    world = World()
    world.tick(100_100)
    world.gate = refuse((Leg.ENTRY, Action.PLACE), outcome=Outcome.UNKNOWN)
    world.start(world.oco_name)
    world.settle()
    assert [type(r) for r in world.records][-1] is OrderUnknown
    assert world.oco.group.live_of(Leg.ENTRY).status is Status.UNKNOWN
    world.advance(30 * NS_PER_S)
    assert world.closed()[0].reason == "entry_lost"
    assert len(sent(world, Leg.ENTRY, Action.PLACE)) == 1


@pytest.mark.conformance("ORD-03")
def test_when_the_entry_is_unknown_but_there_then_it_is_bound_by_its_tag() -> None:
    world = World()
    world.tick(100_000)

    def sent_but_silent(intent: IntentPlanned) -> Outcome | None:
        if intent.leg is Leg.ENTRY:
            world.broker.place(intent, world.now_ns)
            world.broker.reports()
            return Outcome.UNKNOWN
        return None

    world.gate = sent_but_silent
    world.start(world.oco_name)
    world.advance(5 * NS_PER_S)
    assert world.oco.group.position == 10
    assert world.oco.group.live_of(Leg.STOP).remaining == 10


@pytest.mark.conformance("ORD-09")
def test_when_a_cancel_is_refused_then_the_leg_stays_counted_and_is_asked_again(
    entered: World,
) -> None:
    entered.gate = refuse((Leg.TARGET_1, Action.CANCEL), times=2)
    entered.tick(98_900)
    entered.settle()
    assert len(sent(entered, Leg.TARGET_1, Action.CANCEL)) == 1
    assert not entered.is_over
    entered.advance(5 * NS_PER_S)
    assert entered.is_over
    assert len(sent(entered, Leg.TARGET_1, Action.CANCEL)) == 3


def test_when_told_to_exit_while_the_stop_grows_then_the_growth_counts_already() -> None:
    world = a_running_world()
    world.tick(100_000, ask_paise=100_000, bid_paise=99_995, ask_quantity=3)
    world.settle()
    world.tick(100_000, ask_paise=100_000, bid_paise=99_995, ask_quantity=4)
    for target in ("watcher", "journal", world.oco_name):
        world.drain(target)
    stop = world.oco.group.live_of(Leg.STOP)
    assert (stop.is_busy, stop.remaining, stop.exposure) == (True, 3, 7)
    advice = ExitAdvised(group_id="grp-1", reason="out", at_ns=world.now_ns)
    world.post(world.oco_name, advice)
    world.drain(world.oco_name)
    assert world.oco.group.live_of(Leg.EXIT) is None
    world.settle()
    assert world.is_over
    assert "both_legs_filled" not in {alert.event for alert in world.alerts}


@pytest.mark.conformance("ORD-12")
def test_when_modifies_are_refused_then_the_stop_is_cancelled_and_placed_anew(
    entered: World,
) -> None:
    entered.gate = refuse((Leg.STOP, Action.MODIFY))
    entered.tick(101_000)
    entered.advance(20 * NS_PER_S)
    stops = entered.oco.group.of_leg(Leg.STOP)
    assert [order.status for order in stops] == [Status.CANCELLED, Status.WORKING]
    assert stops[1].remaining == 5
    assert stops[0].modify_count == entered.settings.request_refusals_max


def test_when_the_gate_denies_protection_then_it_is_tried_again_and_a_person_is_told() -> None:
    world = a_running_world()
    world.gate = refuse((Leg.STOP, Action.PLACE), outcome=Outcome.DENIED, times=4)
    world.tick(100_000)
    world.advance(20 * NS_PER_S)
    stops = world.oco.group.of_leg(Leg.STOP)
    assert [order.status for order in stops] == [Status.DENIED] * 4 + [Status.WORKING]
    assert "protect_failed" in {alert.event for alert in world.alerts}


@pytest.mark.conformance("INV-17", "ORD-16")
def test_inv_17_when_unanswered_targets_hold_the_place_of_the_exit_then_the_stop_stays() -> None:
    """It was cancelled at once, and the position was bare for as long as the targets hung."""
    world = a_running_world()
    targets = ((Leg.TARGET_1, Action.PLACE), (Leg.TARGET_2, Action.PLACE))
    world.gate = refuse(*targets, outcome=Outcome.UNKNOWN)
    world.tick(100_000)
    world.settle()
    world.oco.receive(ExitAdvised(group_id="grp-1", reason="tired", at_ns=world.now_ns))
    world.settle()
    assert sent(world, Leg.STOP, Action.CANCEL) == []
    assert world.oco.group.live_of(Leg.STOP).remaining == 10
    world.advance(30 * NS_PER_S)  # the targets are found to be lost
    world.tick(100_000)
    world.settle()
    assert [closed.reason for closed in world.closed()] == ["tired"]


@pytest.mark.conformance("INV-17")
@pytest.mark.parametrize("outcome", [Outcome.DENIED, Outcome.REFUSED, None])
def test_inv_17_when_a_stop_for_a_part_does_not_grow_then_a_person_is_told(
    outcome: Outcome | None,
) -> None:
    """Its growth was denied, and the next was not recorded any more: nobody heard of it."""
    world = a_running_world()
    world.tick(100_000, ask_paise=100_000, bid_paise=99_995, ask_quantity=3)
    world.settle()
    if outcome is not None:
        world.gate = refuse((Leg.STOP, Action.MODIFY), outcome=outcome)
    world.tick(100_000, ask_paise=100_000, bid_paise=99_995, ask_quantity=7)
    if outcome is None:
        world.drain("watcher")
        world.drain("journal")
        world.drain(world.oco_name)
        world.queues["journal"].clear()
    world.advance(11 * NS_PER_S)
    texts = [alert.text for alert in world.alerts if alert.event == "protect_failed"]
    assert texts == ["its stop works for 3 of 10 units"]


@pytest.mark.parametrize(("waited_s", "told"), [(9, []), (11, ["exit_blocked"])])
def test_when_an_unanswered_order_keeps_a_group_from_leaving_then_a_person_is_told(
    entered: World, waited_s: int, told: list[str]
) -> None:
    group = entered.oco.group
    orders = tuple(
        replace(order, status=Status.PLANNED) if order.leg is Leg.TARGET_2 else order
        for order in group.orders
    )
    at = Situation(
        group=replace(group, orders=orders, exit_reason="advised"),
        view=View(owner="oco/grp-1", generation=1),
        instrument=INFY,
        settings=OcoSettings(),
        now_ns=entered.now_ns + waited_s * NS_PER_S,
    )
    assert [output.event for output in decide(at) if isinstance(output, Notice)] == told


@pytest.mark.parametrize(
    ("leg", "told"),
    [
        (Leg.STOP, "its stop works for 4 of 10 units"),
        (Leg.EXIT, "exits cover 4 units: an answer is owed"),
    ],
)
def test_inv_17_when_the_growth_of_an_exit_stays_unanswered_then_a_person_is_told(
    entered: World, leg: Leg, told: str
) -> None:
    group, asked_ns = entered.oco.group, entered.now_ns + NS_PER_S
    stop = group.live_of(Leg.STOP)
    assert stop is not None
    growth = Request(
        intent_id="m1",
        action=Action.MODIFY,
        quantity=10,
        order_type=stop.order_type,
        price_limit_paise=stop.price_limit_paise,
        price_trigger_paise=stop.price_trigger_paise,
    )
    short = replace(stop, leg=leg, quantity=4, request=growth, requested_at_ns=asked_ns)
    orders = tuple(short if order is stop else order for order in group.orders)
    at = Situation(
        group=replace(group, orders=orders, exit_reason="x" if leg is Leg.EXIT else ""),
        view=View(owner="oco/grp-1", generation=1),
        instrument=INFY,
        settings=OcoSettings(),
        now_ns=asked_ns,
    )
    late = replace(at, now_ns=asked_ns + 10 * NS_PER_S)
    early = replace(at, now_ns=asked_ns + 9 * NS_PER_S)
    assert not [output for output in decide(early) if isinstance(output, Notice)]
    assert [output.text for output in decide(late) if isinstance(output, Notice)] == [told]


@pytest.mark.conformance("ORD-19")
def test_when_the_venue_keeps_refusing_the_stop_then_the_group_goes_out() -> None:
    world = a_running_world()
    world.gate = refuse((Leg.STOP, Action.PLACE))
    world.tick(100_000)
    world.advance(20 * NS_PER_S)
    assert world.is_over
    assert world.closed()[0].reason == "stop_rejected"
    assert len(sent(world, Leg.STOP, Action.PLACE)) == 3


def test_when_exits_are_refused_then_they_are_tried_until_flat(entered: World) -> None:
    entered.gate = refuse((Leg.EXIT, Action.PLACE), times=5)
    entered.settings = OcoSettings(flat_by_at_ns=entered.now_ns + NS_PER_S)
    entered.start(entered.oco_name)
    entered.advance(60 * NS_PER_S)
    assert entered.is_over
    assert entered.position() == 0
    assert "protect_failed" in {alert.event for alert in entered.alerts}  # INV-17


def test_liv_09_when_exits_are_refused_at_our_price_then_every_other_leaves_it_to_the_broker(
    entered: World,
) -> None:
    entered.gate = refuse((Leg.STOP, Action.MODIFY), (Leg.EXIT, Action.PLACE), times=7)
    entered.post(entered.oco_name, ExitAdvised(group_id="grp-1", reason="x", at_ns=0))
    entered.advance(90 * NS_PER_S)
    kinds = [intent.order_type for intent in sent(entered, Leg.EXIT, Action.PLACE)]
    limit, market = OrderType.LIMIT, OrderType.MARKET
    assert kinds == [limit, limit, limit, market, limit, market, limit]
    assert entered.is_over


@pytest.mark.conformance("ORD-20")
def test_when_the_plan_exceeds_the_freeze_quantity_then_nothing_is_sent() -> None:
    frozen = Instrument(name=INFY.name, tick_paise=5, freeze_quantity=9)
    world = World(instrument=frozen)
    world.start(world.oco_name)
    world.settle()
    assert (world.closed()[0].reason, world.intents) == ("freeze_quantity", [])
    assert world.is_over


def test_when_started_after_the_expiry_then_it_opens_and_closes_in_one_append() -> None:
    world = World(plan=a_plan(entry_expires_at_ns=1))
    world.start(world.oco_name)
    world.settle()
    assert [type(r).__name__ for r in world.records] == ["GroupOpened", "GroupClosed"]
    assert world.is_over


def a_signal() -> EntryProposed:
    plan = a_plan()
    return EntryProposed(
        signal_id="sig-1",
        strategy="ema",
        strategy_generation=1,
        instrument=plan.instrument,
        side=Side.BUY,
        price_limit_paise=1,
        price_stop_paise=1,
        targets=(),
        at_ns=1,
        expires_at_ns=2,
    )


def test_when_there_is_a_preface_then_it_leads_the_first_append_once() -> None:
    world = World()
    preface = (SignalRecorded(signal=a_signal(), at_ns=1),)
    context = FakeContext(world, world.oco_name, 1)
    world.contexts[world.oco_name] = context
    world.actors[world.oco_name] = OcoActor(world.plan, INFY, OcoSettings(), preface)
    assert world.oco.open(context) is Opening.READY  # just approved: there is no past to ask for
    world.settle()
    kinds = [type(r).__name__ for r in world.records[:3]]
    assert kinds == ["SignalRecorded", "GroupOpened", "IntentPlanned"]


def test_when_a_group_with_a_preface_is_restarted_then_it_asks_before_it_acts() -> None:
    world = World()
    preface = (SignalRecorded(signal=a_signal(), at_ns=1),)
    for generation, opening in ((1, Opening.READY), (2, Opening.DEFERRED)):
        context = FakeContext(world, world.oco_name, generation)
        world.contexts[world.oco_name] = context
        world.actors[world.oco_name] = OcoActor(world.plan, INFY, OcoSettings(), preface)
        assert world.oco.open(context) is opening
        world.settle()
    kinds = [type(r).__name__ for r in world.records]
    assert kinds.count("SignalRecorded") == 1
    assert kinds.count("GroupOpened") == 1


def test_when_the_journal_refuses_the_group_then_the_actor_ends() -> None:
    world = World()
    world.start(world.oco_name)
    world.drain("journal")
    world.drain(world.oco_name)
    world.queues["journal"].clear()
    refused = AppendRefused(
        sender=world.oco_name, sender_generation=1, group_id="grp-1", why="journal_away"
    )
    world.post(world.oco_name, refused)
    world.advance(5 * NS_PER_S)
    assert world.is_over
    assert world.records == []


def test_when_an_append_was_never_taken_then_the_group_reads_its_past_and_repeats_the_need(
    entered: World,
) -> None:
    entered.tick(101_000)
    entered.drain("watcher")
    entered.drain("journal")
    entered.drain(entered.oco_name)
    entered.queues["journal"].clear()  # the shrinking of the stop is lost with its append
    refused = AppendRefused(
        sender=entered.oco_name, sender_generation=1, group_id="grp-1", why="journal_away"
    )
    entered.post(entered.oco_name, refused)
    entered.advance(5 * NS_PER_S)
    assert entered.oco.group.live_of(Leg.STOP).remaining == 5


def test_when_records_are_replayed_then_older_deliveries_are_dropped() -> None:
    world = World()
    context = FakeContext(world, "book", 3)
    reader = JournalCursor(context)
    assert reader.request() is Opening.DEFERRED
    record = SignalRecorded(signal=a_signal(), at_ns=1)
    foreign = Replayed(reader_generation=2, records=(record,), seq=9)
    assert reader.replayed(foreign) is None
    assert reader.replayed(Replayed(reader_generation=3, records=(record,), seq=5)) == (record,)
    assert reader.replayed(Replayed(reader_generation=3, records=(), seq=7)) is None
    assert [reader.fresh(Journaled(seq=seq, record=record)) for seq in (4, 5, 6, 6, 7)] == [
        None,
        None,
        record,
        None,
        record,
    ]
    assert reader.duplicate_count == 3


@given(
    filled=st.integers(0, 500), share=st.integers(1, 9_999), lot=st.sampled_from([1, 15, 25, 65])
)
def test_when_a_fill_is_shared_then_lots_stay_whole_and_nothing_is_lost(
    filled: int, share: int, lot: int
) -> None:
    units = filled * lot
    first = first_target_units(units, share, lot)
    assert 0 <= first <= units
    assert first % lot == 0
    assert first * 10_000 >= units * share
    assert (first - lot) * 10_000 < units * share or first == 0
    assert first <= first_target_units(units + lot, share, lot) <= first + lot


def test_when_lots_are_large_then_targets_are_lot_multiples() -> None:
    lots = Instrument(name=INFY.name, tick_paise=5, lot=65)
    targets = (
        Target(price_paise=101_000, share_bps=5_000),
        Target(price_paise=102_000, share_bps=5_000),
    )
    world = a_running_world(instrument=lots, plan=a_plan(quantity=195, lot=65, targets=targets))
    world.tick(100_000)
    world.settle()
    legs = {order.leg: order.remaining for order in world.oco.group.live}
    assert legs == {Leg.STOP: 195, Leg.TARGET_1: 130, Leg.TARGET_2: 65}
