"""What a reconciliation needs of the journal: orders, trades and groups, folded.

Decides how a record changes that picture. Refuses to compare (engine/reconcile.py).
"""

from collections.abc import Iterable

import msgspec

from engine.messages.records import (
    DayClosed,
    GroupClosed,
    GroupOpened,
    IntentPlanned,
    OrderAccepted,
    OrderCancelled,
    OrderDenied,
    OrderFact,
    OrderFilled,
    OrderLost,
    OrderModified,
    OrderRejected,
    OrderTriggered,
    OrderUnknown,
    Record,
)
from engine.messages.values import Action
from engine.risk.reduce_only import WorkingExit


class JournalOrder(msgspec.Struct, kw_only=True):
    """An order as the journal has it."""

    intent: IntentPlanned
    quantity: int
    venue_order_id: str = ""
    filled: int = 0
    is_seen: bool = False
    is_unknown: bool = False
    is_over: bool = False

    @property
    def remaining(self) -> int:
        return 0 if self.is_over else max(0, self.quantity - self.filled)


class JournalView:
    """The fold that a comparison needs. `closed_at_ns`: the journal has let the orders of finished
    groups up to then go, and a broker may still list them."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.orders: dict[str, JournalOrder] = {}
        self.trades: dict[tuple[str, str], OrderFilled] = {}
        self.groups_open: set[str] = set()
        self.closed_at_ns = 0
        for record in records:
            self.fold(record)

    def fold(self, record: Record) -> None:
        match record:
            case IntentPlanned() if record.action is Action.PLACE:
                order = JournalOrder(intent=record, quantity=record.quantity)
                self.orders.setdefault(record.client_order_id, order)
            case GroupOpened():
                self.groups_open.add(record.plan.group_id)
            case GroupClosed():
                self.groups_open.discard(record.group_id)
            case DayClosed():
                self.closed_at_ns = max(self.closed_at_ns, record.at_ns)
            case OrderFact():
                self._fact(record)
            case _:
                pass

    def _fact(self, fact: OrderFact) -> None:
        order = self.orders.get(fact.client_order_id)
        if isinstance(fact, OrderFilled):
            self.trades[(fact.trade_id, fact.client_order_id)] = fact
        if order is None:
            return
        if not order.intent.is_adopted:
            order.venue_order_id = order.venue_order_id or fact.venue_order_id
        match fact:
            case OrderFilled():
                order.filled = max(order.filled, fact.filled_total)
            case OrderModified():
                order.quantity = fact.quantity
            case OrderAccepted() | OrderTriggered():
                order.is_over = False  # it was lost, and works after all
            case OrderCancelled() | OrderRejected() | OrderLost():
                order.is_over = True
            case OrderDenied():
                order.is_over = order.is_over or fact.action is Action.PLACE
            case _:
                pass
        order.is_unknown = isinstance(fact, OrderUnknown)
        order.is_seen = order.is_seen or not isinstance(fact, OrderUnknown | OrderDenied)

    def positions(self) -> dict[str, int]:
        """Signed position by group, of the journal's fills; closed groups included, because a late
        fill may have reopened one."""
        found: dict[str, int] = {}
        for fill in self.trades.values():
            signed = fill.side.sign * fill.quantity
            found[fill.group_id] = found.get(fill.group_id, 0) + signed
        return found

    def working(self) -> dict[str, list[WorkingExit]]:
        """Exits that may still fill, by group."""
        found: dict[str, list[WorkingExit]] = {}
        for order in self.orders.values():
            intent = order.intent
            if intent.leg.is_exit and order.remaining:
                leg = WorkingExit(intent.group_id, intent.leg, intent.side, order.remaining)
                found.setdefault(intent.group_id, []).append(leg)
        return found
