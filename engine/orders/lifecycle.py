"""The life of one order, as a fold of its facts.

Decides what an order is after each fact and which facts are anomalies. Refuses to know who learned
a fact. Stands alone because watcher, group and reconciler must read one past to the same present.

The table is `TRANSITIONS`; a pair that it lacks changes nothing and is an anomaly. A fill is taken
in any state: a venue has executed orders that it had called cancelled (Source: Kite forum 8676,
2020-10). `FLAGGED` pairs are applied and reported.

            ACCEPTED  TRIGGER   MODIFIED  PART      ALL     CANCEL    REJECT    DENY   UNKNOWN LOST
  PLANNED   WORKING   TRIGGERED -         WORKING   FILLED  CANCELLED REJECTED  DENIED UNKNOWN LOST
  UNKNOWN   WORKING   TRIGGERED -         WORKING   FILLED  CANCELLED REJECTED  -      -       LOST
  WORKING   -         TRIGGERED WORKING   WORKING   FILLED  CANCELLED REJECTED  -      -       -
  TRIGGERED -         -         TRIGGERED TRIGGERED FILLED  CANCELLED REJECTED  -      -       -
  LOST      WORKING   TRIGGERED -         WORKING   FILLED  CANCELLED REJECTED  -      -       -
  FILLED, CANCELLED, REJECTED, DENIED: a fill counts, the state stays

A second order under the tag (FLT-24) leaves the state as it is: it counts beside the order.
"""

from collections.abc import Mapping
from enum import unique
from typing import Final

from msgspec.structs import replace

from engine.messages.base import Word
from engine.messages.records import (
    AnyOrderFact,
    IntentPlanned,
    OrderAccepted,
    OrderCancelled,
    OrderDenied,
    OrderDoubled,
    OrderFilled,
    OrderLost,
    OrderModified,
    OrderRejected,
    OrderTriggered,
    OrderUnknown,
    RequestRefused,
)
from engine.messages.values import Action, OrderType
from engine.orders.order import TERMINAL, OrderState, Request, Status


@unique
class Event(Word):
    ACCEPTED = "accepted"
    TRIGGERED = "triggered"
    MODIFIED = "modified"
    FILLED_PART = "filled_part"
    FILLED_ALL = "filled_all"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    DENIED = "denied"
    UNKNOWN = "unknown"
    LOST = "lost"


_AT_VENUE: Final[Mapping[Event, Status]] = {
    Event.FILLED_ALL: Status.FILLED,
    Event.CANCELLED: Status.CANCELLED,
    Event.REJECTED: Status.REJECTED,
}
_ALIVE: Final[Mapping[Event, Status]] = {
    Event.ACCEPTED: Status.WORKING,
    Event.TRIGGERED: Status.TRIGGERED,
    Event.FILLED_PART: Status.WORKING,
    **_AT_VENUE,
}
_BY_STATUS: Final[Mapping[Status, Mapping[Event, Status]]] = {
    Status.PLANNED: {
        **_ALIVE,
        Event.DENIED: Status.DENIED,
        Event.UNKNOWN: Status.UNKNOWN,
        Event.LOST: Status.LOST,
    },
    Status.UNKNOWN: {**_ALIVE, Event.LOST: Status.LOST},
    Status.WORKING: {
        **_AT_VENUE,
        Event.TRIGGERED: Status.TRIGGERED,
        Event.MODIFIED: Status.WORKING,
        Event.FILLED_PART: Status.WORKING,
    },
    Status.TRIGGERED: {
        **_AT_VENUE,
        Event.MODIFIED: Status.TRIGGERED,
        Event.FILLED_PART: Status.TRIGGERED,
    },
    Status.LOST: _ALIVE,
    **{
        status: {Event.FILLED_PART: status, Event.FILLED_ALL: status}
        for status in (Status.FILLED, Status.CANCELLED, Status.REJECTED, Status.DENIED)
    },
}
TRANSITIONS: Final[Mapping[tuple[Status, Event], Status]] = {
    (status, event): after for status, row in _BY_STATUS.items() for event, after in row.items()
}
FLAGGED: Final = frozenset(pair for pair in TRANSITIONS if pair[0] in TERMINAL)
_EVENTS: Final[Mapping[type, Event]] = {
    OrderAccepted: Event.ACCEPTED,
    OrderTriggered: Event.TRIGGERED,
    OrderModified: Event.MODIFIED,
    OrderCancelled: Event.CANCELLED,
    OrderRejected: Event.REJECTED,
    OrderUnknown: Event.UNKNOWN,
    OrderLost: Event.LOST,
}


def planned(intent: IntentPlanned) -> OrderState:
    """The order that a PLACE intent creates."""
    assert intent.action is Action.PLACE, intent
    return OrderState(
        client_order_id=intent.client_order_id,
        leg=intent.leg,
        side=intent.side,
        quantity=intent.quantity,
        order_type=intent.order_type,
        price_limit_paise=intent.price_limit_paise,
        price_trigger_paise=intent.price_trigger_paise,
        planned_at_ns=intent.at_ns,
        status_at_ns=intent.at_ns,
    )


def requested(order: OrderState, intent: IntentPlanned) -> OrderState:
    """The order after a MODIFY or CANCEL intent was recorded (before any answer)."""
    assert intent.action is not Action.PLACE, intent
    is_cancel = intent.action is Action.CANCEL
    return replace(
        order,
        request=Request(
            intent_id=intent.intent_id,
            action=intent.action,
            quantity=intent.quantity,
            order_type=intent.order_type,
            price_limit_paise=intent.price_limit_paise,
            price_trigger_paise=intent.price_trigger_paise,
        ),
        requested_at_ns=intent.at_ns,
        modify_count=order.modify_count + (not is_cancel),
        cancel_count=order.cancel_count + is_cancel,
        is_cancel_asked=order.is_cancel_asked or is_cancel,
    )


def event_of(fact: AnyOrderFact) -> Event | None:
    """The event a fact stands for; None if it concerns a request only."""
    if isinstance(fact, OrderFilled):
        is_all = fact.filled_total >= fact.order_quantity
        return Event.FILLED_ALL if is_all else Event.FILLED_PART
    if isinstance(fact, OrderDenied):
        return Event.DENIED if fact.action is Action.PLACE else None
    return _EVENTS.get(type(fact))


def evolve(order: OrderState, fact: AnyOrderFact) -> tuple[OrderState, str]:
    """The order after a fact, and the anomaly it is ("" if none)."""
    if isinstance(fact, OrderDoubled):
        return _doubled(order, fact), ""
    event = event_of(fact)
    if event is None:
        assert isinstance(fact, RequestRefused | OrderDenied)
        return _refused(order, fact), ""
    if fact.venue_order_id and not order.venue_order_id:
        order = replace(order, venue_order_id=fact.venue_order_id)
    pair = (order.status, event)
    after = TRANSITIONS.get(pair)
    if after is None:
        return order, f"{event.value} while {order.status.value}"
    if isinstance(fact, OrderFilled):
        if fact.filled_total <= order.filled:
            return order, f"filled fell from {order.filled} to {fact.filled_total}"
        is_second = fact.venue_order_id not in ("", order.venue_order_id)
        order = replace(
            order,
            filled=order.filled + fact.quantity,
            filled_seconds=order.filled_seconds + (fact.quantity if is_second else 0),
            value_paise=order.value_paise + fact.quantity * fact.price_paise,
            charges_paise=order.charges_paise + fact.charges_paise,
        )
    if isinstance(fact, OrderModified):
        order = _modified(order, fact)
        after = Status.FILLED if order.filled_own >= order.quantity else after
    order = replace(
        order,
        status=after,
        status_at_ns=fact.at_ns if after is not order.status else order.status_at_ns,
        was_triggered=order.was_triggered or event is Event.TRIGGERED,
        was_lost=order.was_lost or event is Event.LOST,
    )
    return order, f"{event.value} after {pair[0].value}" if pair in FLAGGED else ""


def _doubled(order: OrderState, fact: OrderDoubled) -> OrderState:
    others = [pair for pair in order.seconds if pair[0] != fact.second_id]
    own_id = order.venue_order_id or fact.venue_order_id
    seconds = (*others, (fact.second_id, fact.quantity))
    return replace(order, venue_order_id=own_id, seconds=seconds)


def _modified(order: OrderState, fact: OrderModified) -> OrderState:
    asked, kind = order.request, order.order_type
    if asked is not None and asked.intent_id == fact.intent_id:
        kind = asked.order_type
    is_moved = order.order_type is OrderType.SL and kind is OrderType.LIMIT
    order = _answered(order, fact.intent_id, is_refused=False)
    return replace(
        order,
        quantity=fact.quantity,
        order_type=kind,
        modify_count_moved=order.modify_count if is_moved else order.modify_count_moved,
        price_limit_paise=fact.price_limit_paise,
        price_trigger_paise=fact.price_trigger_paise,
    )


def _refused(order: OrderState, fact: RequestRefused | OrderDenied) -> OrderState:
    """A refused growth leaves an order that is filled already if all it had is filled."""
    order = _answered(order, fact.intent_id, is_refused=True)
    is_full = order.request is None and order.filled_own >= order.quantity and not order.is_over
    return replace(order, status=Status.FILLED, status_at_ns=fact.at_ns) if is_full else order


def _answered(order: OrderState, intent_id: str, *, is_refused: bool) -> OrderState:
    if order.request is None or order.request.intent_id != intent_id:
        return order
    return replace(order, request=None, refused_count=order.refused_count + 1 if is_refused else 0)
