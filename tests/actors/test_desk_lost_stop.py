"""A stop whose placement is lost: how long the position stands without it, and what may stand in
for it meanwhile. Two filled exits are never risked for it (ORD-03)."""

import pytest

from actors.watcher import WatcherSettings
from engine.messages.broker import TERMINAL_STATUSES, Outcome
from engine.messages.records import IntentPlanned, OrderAccepted
from engine.messages.values import Action, Leg, OrderType
from engine.orders.order import Status
from engine.orders.resolve import ResolveSettings
from engine.units import NS_PER_S
from tests.desk import World

SETTLE_S = ResolveSettings().settle_ns / NS_PER_S
NAKED_S_MAX = SETTLE_S + 4.0
"""Three looks at a distance of a second after the settle time, and the pause before the next."""


class LostStop:
    """A gate that loses the first placement of a stop; `is_there`: the venue has it all the same,
    and only the answer is lost."""

    def __init__(self, world: World, *, is_there: bool = False) -> None:
        self.world, self.is_there = world, is_there
        self.lost: list[IntentPlanned] = []
        self.held: list[IntentPlanned] = []
        world.gate = self.judge

    def judge(self, intent: IntentPlanned) -> Outcome | None:
        is_stop = intent.leg is Leg.STOP and intent.action is Action.PLACE
        if not is_stop or self.lost:
            return None
        self.lost.append(intent)
        if self.is_there:
            self.arrive()
        return Outcome.UNKNOWN

    def arrive(self) -> None:
        """The venue takes it now, and tells nobody."""
        self.world.broker.place(self.lost[0], self.world.now_ns)
        self.world.broker.reports()


@pytest.fixture
def world() -> World:
    """With the patience that a real broker needs; its group has asked for 10 units."""
    world = World()
    world.watcher_settings = WatcherSettings()
    world.start("watcher")
    world.settle()
    world.tick(100_100)
    world.settle()
    world.start(world.oco_name)
    world.settle()
    return world


def stops(world: World) -> list[tuple[Status, int]]:
    return [(order.status, order.quantity) for order in world.oco.group.of_leg(Leg.STOP)]


def fill(world: World, units: int) -> None:
    """The entry fills by so much."""
    world.tick(100_000, ask_paise=100_000, bid_paise=99_995, ask_quantity=units)
    world.settle()


def accepted_s(world: World, tag: str) -> list[float]:
    return [
        (record.at_ns - world.fills()[0].at_ns) / NS_PER_S
        for record in world.records
        if isinstance(record, OrderAccepted) and record.client_order_id == tag
    ]


def works_at_venue(world: World) -> int:
    """Units of working stops in the venue's book."""
    book = world.broker.snapshot(0, world.now_ns)
    assert book is not None
    return sum(
        row.quantity - row.filled_quantity
        for row in book.orders
        if row.order_type is OrderType.SL and row.status not in TERMINAL_STATUSES
    )


@pytest.mark.conformance("ORD-03", "INV-17")
def test_when_the_request_of_a_stop_is_lost_then_the_next_one_works_right_after_the_settle_time(
    world: World,
) -> None:
    LostStop(world)
    fill(world, 10)
    world.advance(int(NAKED_S_MAX * NS_PER_S))
    assert stops(world) == [(Status.LOST, 10), (Status.WORKING, 10)]
    (naked_s,) = accepted_s(world, world.oco.group.of_leg(Leg.STOP)[1].client_order_id)
    assert SETTLE_S <= naked_s <= NAKED_S_MAX


@pytest.mark.conformance("ORD-03")
def test_when_only_the_answer_of_a_stop_is_lost_then_it_is_found_within_a_second(
    world: World,
) -> None:
    lost = LostStop(world, is_there=True)
    fill(world, 10)
    world.advance(NS_PER_S)
    assert stops(world) == [(Status.WORKING, 10)]
    assert accepted_s(world, lost.lost[0].client_order_id)[0] <= 1.0


@pytest.mark.conformance("ORD-03", "ORD-01")
def test_when_the_entry_fills_on_while_a_stop_is_unknown_then_a_second_one_covers_the_rest(
    world: World,
) -> None:
    LostStop(world)
    fill(world, 4)
    assert stops(world) == [(Status.UNKNOWN, 4)]
    fill(world, 6)
    world.advance(2 * NS_PER_S)
    assert stops(world) == [(Status.UNKNOWN, 4)]
    world.advance(2 * NS_PER_S)
    assert stops(world) == [(Status.UNKNOWN, 4), (Status.WORKING, 6)]
    world.advance(int(NAKED_S_MAX * NS_PER_S))
    assert stops(world) == [(Status.LOST, 4), (Status.WORKING, 10)]


@pytest.mark.conformance("ORD-03", "INV-17")
def test_ord_03_when_the_second_stop_works_then_a_person_is_told_of_the_first(
    world: World,
) -> None:
    LostStop(world)
    fill(world, 4)
    fill(world, 6)
    world.advance(8 * NS_PER_S)
    assert stops(world) == [(Status.UNKNOWN, 4), (Status.WORKING, 6)]
    world.alerts.clear()
    world.advance(6 * NS_PER_S)
    texts = [alert.text for alert in world.alerts if alert.event == "protect_failed"]
    assert texts == ["its stop works for 6 of 10 units"]


@pytest.mark.conformance("ORD-03")
def test_when_the_unknown_stop_covers_all_then_nothing_stands_in_for_it(world: World) -> None:
    LostStop(world)
    fill(world, 10)
    world.tick(98_000, bid_paise=98_000, ask_paise=98_005)  # the market runs through the stop
    world.advance(int((SETTLE_S - 1) * NS_PER_S))
    exits = [i for i in world.intents if i.leg in (Leg.STOP, Leg.EXIT)]
    assert len(exits) == 1
    world.advance(10 * NS_PER_S)
    assert world.is_over
    assert world.position() == 0


@pytest.mark.conformance("ORD-03", "FLT-18")
def test_when_the_unknown_stop_turns_up_beside_the_second_then_both_work_on(world: World) -> None:
    lost = LostStop(world)
    fill(world, 4)
    fill(world, 6)
    world.advance(4 * NS_PER_S)
    lost.arrive()
    world.advance(5 * NS_PER_S)
    assert stops(world) == [(Status.WORKING, 4), (Status.WORKING, 6)]
    world.tick(98_900, bid_paise=98_900, ask_paise=98_905)
    world.advance(5 * NS_PER_S)
    assert world.is_over
    assert world.position() == 0


@pytest.mark.conformance("ORD-03", "FLT-18")
def test_when_a_lost_stop_works_after_all_then_the_newer_one_goes_and_none_is_naked(
    world: World,
) -> None:
    lost = LostStop(world)
    fill(world, 10)
    world.advance(int(NAKED_S_MAX * NS_PER_S))
    assert stops(world) == [(Status.LOST, 10), (Status.WORKING, 10)]
    lost.arrive()
    least = 10
    for _ in range(100):
        world.advance(NS_PER_S)
        least = min(least, works_at_venue(world))
    assert least == 10
    assert stops(world) == [(Status.WORKING, 10), (Status.CANCELLED, 10)]
