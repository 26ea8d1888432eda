"""The life of one order: the table, enumerated, and what a fill may do."""

import itertools

import pytest

from engine.messages.records import (
    AnyOrderFact,
    IntentPlanned,
    OrderAccepted,
    OrderCancelled,
    OrderDenied,
    OrderFilled,
    OrderLost,
    OrderModified,
    OrderRejected,
    OrderTriggered,
    OrderUnknown,
    RequestRefused,
)
from engine.messages.values import Action, Book, Leg, OrderType, Product, Refusal, Side
from engine.orders.lifecycle import (
    FLAGGED,
    TRANSITIONS,
    Event,
    event_of,
    evolve,
    planned,
    requested,
)
from engine.orders.order import TERMINAL, OrderState, Status

BASE = {
    "at_ns": 5,
    "client_order_id": "A",
    "venue_order_id": "1",
    "group_id": "grp-1",
    "leg": Leg.ENTRY,
    "instrument": "NSE:INFY",
}


def an_intent(action: Action = Action.PLACE, quantity: int = 10, number: int = 1) -> IntentPlanned:
    return IntentPlanned(
        intent_id="A" if action is Action.PLACE else f"A-{number}",
        client_order_id="A",
        group_id="grp-1",
        leg=Leg.ENTRY,
        action=action,
        book=Book.PAPER,
        strategy="ema",
        instrument="NSE:INFY",
        side=Side.BUY,
        quantity=quantity,
        order_type=OrderType.LIMIT,
        price_limit_paise=100,
        price_trigger_paise=0,
        product=Product.MIS,
        reason="",
        owner="oco/grp-1",
        owner_generation=1,
        mode_seq=1,
        at_ns=1,
    )


def a_fill(quantity: int, total: int, of: int = 10) -> OrderFilled:
    return OrderFilled(
        **BASE,
        trade_id=f"T{total}",
        strategy="ema",
        book=Book.PAPER,
        side=Side.BUY,
        quantity=quantity,
        price_paise=100,
        filled_total=total,
        order_quantity=of,
        charges_paise=2,
    )


FACTS: dict[Event, AnyOrderFact] = {
    Event.ACCEPTED: OrderAccepted(**BASE),
    Event.TRIGGERED: OrderTriggered(**BASE),
    Event.MODIFIED: OrderModified(
        **BASE, intent_id="A-1", quantity=20, price_limit_paise=90, price_trigger_paise=0
    ),
    Event.FILLED_PART: a_fill(4, 4),
    Event.FILLED_ALL: a_fill(10, 10),
    Event.CANCELLED: OrderCancelled(**BASE, filled_total=0, is_asked=True, reason=""),
    Event.REJECTED: OrderRejected(**BASE, reason=""),
    Event.DENIED: OrderDenied(
        **BASE,
        intent_id="A",
        action=Action.PLACE,
        refusal=Refusal(rule="mode", measured=0, limit=0, why=""),
    ),
    Event.UNKNOWN: OrderUnknown(**BASE, reason=""),
    Event.LOST: OrderLost(**BASE, reason=""),
}


def an_order(status: Status) -> OrderState:
    order = planned(an_intent())
    path = {
        Status.PLANNED: (),
        Status.TRIGGERED: (Event.TRIGGERED,),
        Status.WORKING: (Event.ACCEPTED,),
        Status.FILLED: (Event.FILLED_ALL,),
    }
    for event in path.get(status, (Event(status.value),) if status.value in EVENTS else ()):
        order, anomaly = evolve(order, FACTS[event])
        assert not anomaly
    assert order.status is status
    return order


EVENTS = {event.value for event in Event}


@pytest.mark.parametrize(("status", "event"), list(itertools.product(Status, Event)))
def test_when_a_fact_comes_then_the_table_decides(status: Status, event: Event) -> None:
    order = an_order(status)
    after, anomaly = evolve(order, FACTS[event])
    assert event_of(FACTS[event]) is event
    if (status, event) in TRANSITIONS:
        assert after.status is TRANSITIONS[status, event]
        assert bool(anomaly) == ((status, event) in FLAGGED)
    else:
        assert after.status is status
        assert after.filled == order.filled
        assert anomaly


def test_when_the_table_is_read_then_fills_are_taken_everywhere_and_late_ones_flagged() -> None:
    for status in Status:
        assert (status, Event.FILLED_PART) in TRANSITIONS
    assert {pair[0] for pair in FLAGGED} == TERMINAL
    assert {TRANSITIONS[pair] for pair in TRANSITIONS if pair[0] is Status.FILLED} == {
        Status.FILLED
    }


@pytest.mark.conformance("ORD-10")
def test_when_filled_after_cancelled_then_it_counts_and_is_flagged() -> None:
    order, anomaly = evolve(an_order(Status.CANCELLED), a_fill(4, 4))
    assert (order.status, order.filled, order.remaining) == (Status.CANCELLED, 4, 0)
    assert "after cancelled" in anomaly


@pytest.mark.conformance("BAD-50")
def test_when_the_filled_total_falls_then_nothing_changes() -> None:
    order, _ = evolve(an_order(Status.WORKING), a_fill(6, 6))
    again, anomaly = evolve(order, a_fill(4, 4))
    assert again == order
    assert "fell" in anomaly


def test_when_a_modify_is_under_way_then_the_worst_case_counts_until_it_is_answered() -> None:
    order = requested(an_order(Status.WORKING), an_intent(Action.MODIFY, quantity=20))
    assert (order.is_busy, order.remaining, order.exposure) == (True, 10, 20)
    refused, _ = evolve(
        order, RequestRefused(**BASE, intent_id="A-1", action=Action.MODIFY, reason="")
    )
    assert (refused.is_busy, refused.exposure, refused.refused_count) == (False, 10, 1)
    done, _ = evolve(order, FACTS[Event.MODIFIED])
    assert (done.is_busy, done.exposure, done.price_limit_paise) == (False, 20, 90)


def test_when_an_old_request_is_answered_then_the_newer_one_stays_open() -> None:
    order = requested(an_order(Status.WORKING), an_intent(Action.MODIFY, number=2))
    after, _ = evolve(
        order, RequestRefused(**BASE, intent_id="A-1", action=Action.MODIFY, reason="")
    )
    assert after.is_busy


def test_when_shrunk_to_the_filled_part_then_the_order_is_filled() -> None:
    order, _ = evolve(an_order(Status.WORKING), a_fill(4, 4))
    shrunk = OrderModified(
        **BASE, intent_id="", quantity=4, price_limit_paise=100, price_trigger_paise=0
    )
    assert evolve(order, shrunk)[0].status is Status.FILLED


@pytest.mark.parametrize("event", [Event.FILLED_ALL, Event.CANCELLED, Event.FILLED_PART])
def test_when_an_intent_and_a_fact_cross_then_their_order_does_not_matter(event: Event) -> None:
    order, intent = an_order(Status.WORKING), an_intent(Action.CANCEL)
    one = evolve(requested(order, intent), FACTS[event])[0]
    other = requested(evolve(order, FACTS[event])[0], intent)
    assert one == other
