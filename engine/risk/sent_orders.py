"""What the gate knows of the orders it let out, from its own reports and the journal.

Decides how much of each group is held, working and unknown. Refuses to judge. Stands alone because
reduce-only needs an account of orders that no earlier room can get wrong.

An order is PENDING from the moment it is sent: of unknown fate, so its unfilled part widens the
position. A report that shows it working makes it KNOWN; a terminal one ends it. `filled` only ever
rises, and a fill after the end still counts. Two orders with one tag are two effects of one request
(FLT-24): what both have filled is held, and each counts with what it may still fill.
"""

from collections.abc import Iterable
from typing import Final

from engine.ids import is_own_tag
from engine.messages.broker import (
    BrokerSnapshot,
    IntentAnswered,
    OrderReport,
    TradeReport,
)
from engine.messages.records import (
    IntentPlanned,
    OrderFact,
    Record,
)
from engine.messages.values import Action, Book, Leg, Side
from engine.risk.reduce_only import Interval, WorkingExit, is_leg_reducing, widened
from engine.risk.sent_order import SentOrder, answered, learn, moves, shrinks

_NOTHING: Final[dict[str, int]] = {}


class SentOrders:
    """Orders by id and by group. A closed group is kept: a late fill reopens its position, and the
    exit it then needs must be judged by it."""

    def __init__(self) -> None:
        self._intents: set[str] = set()
        self._orders: dict[str, SentOrder] = {}
        self._groups: dict[str, list[SentOrder]] = {}
        self._trades: dict[str, dict[str, int]] = {}
        self._rows: dict[str, dict[str, int]] = {}
        self._by_venue_id: dict[str, SentOrder] = {}
        self._unplanned: dict[str, OrderReport] = {}
        self.books_read: set[Book] = set()

    # -- what happened --------------------------------------------------------------------

    def plan(self, intent: IntentPlanned) -> None:
        """An intent leaves (or has left, on replay)."""
        self._intents.add(intent.intent_id)
        order = self._orders.get(intent.client_order_id)
        if intent.action is Action.PLACE and order is None:
            order = SentOrder(
                client_order_id=intent.client_order_id,
                group_id=intent.group_id,
                leg=intent.leg,
                side=intent.side,
                quantity=intent.quantity,
                quantity_told=intent.quantity,
                quantity_placed=intent.quantity,
                is_adopted=intent.is_adopted,
            )
            self._orders[intent.client_order_id] = order
            self._groups.setdefault(intent.group_id, []).append(order)
        elif intent.action is Action.MODIFY and order is not None:
            order.quantity = max(order.quantity, intent.quantity)
            order.is_moved = order.is_moved or (moves(intent) and not order.was_triggered)

    def report(self, report: IntentAnswered | OrderReport | TradeReport) -> None:
        """The broker's word, by its id of the order where the tag is missing (FLT-42)."""
        order = self._orders.get(report.client_order_id)
        if order is None:
            order = self._by_venue_id.get(report.venue_order_id)
            if order is None:
                return
        elif report.venue_order_id:
            self._by_venue_id[report.venue_order_id] = order
        match report:
            case IntentAnswered():
                answered(order, report)
            case OrderReport():
                rows = self._rows.setdefault(order.client_order_id, {})
                number, filled = report.venue_order_id, report.filled_quantity
                rows[number] = max(filled, rows.get(number, 0))
                order.filled = max(order.filled, sum(rows.values()))
                order.row(report)
            case TradeReport():
                trades = self._trades.setdefault(order.client_order_id, {})
                trades[report.trade_id] = report.quantity
                order.filled = max(order.filled, sum(trades.values()))
                order.trade(report)

    def read(self, snapshot: BrokerSnapshot) -> None:
        """The broker's books: its word on every order and trade of the day. Most of them are over
        and known."""
        orders, numbers, booked = self._orders, self._by_venue_id, self._trades
        told = self._rows
        self.books_read.add(snapshot.book)
        for row in snapshot.orders:
            order = orders.get(row.client_order_id)
            if order is None and is_own_tag(row.client_order_id):
                self._unplanned[row.client_order_id] = row
            if (
                order is None
                or not order.is_over
                or not order.is_known
                or order.seconds
                or told.get(order.client_order_id, _NOTHING).get(row.venue_order_id, 0)
                < row.filled_quantity
                or not order.quantity == order.quantity_told == row.quantity
                or numbers.get(row.venue_order_id) is not order
            ):
                self.report(row)
        for trade in snapshot.trades:
            order = orders.get(trade.client_order_id)
            if (
                order is None
                or numbers.get(trade.venue_order_id) is not order
                or booked.get(trade.client_order_id, _NOTHING).get(trade.trade_id) != trade.quantity
            ):
                self.report(trade)

    def fold(self, record: Record) -> None:
        """The journal's word, on recovery and for verdicts that the broker does not send."""
        if isinstance(record, IntentPlanned):
            self.plan(record)
        else:
            self._fact(record)

    def _fact(self, record: Record) -> None:
        if not isinstance(record, OrderFact):
            return
        order = self._orders.get(record.client_order_id)
        if order is None:
            return
        if record.venue_order_id and not order.is_adopted:
            self._by_venue_id[record.venue_order_id] = order
        learn(order, record)

    # -- what is asked --------------------------------------------------------------------

    def unplanned(self, client_order_id: str) -> OrderReport | None:
        """The broker's row of an order that carries a tag of ours and that nobody here knows."""
        return None if client_order_id in self._orders else self._unplanned.get(client_order_id)

    def is_known(self, intent_id: str) -> bool:
        return intent_id in self._intents

    def get(self, client_order_id: str) -> SentOrder | None:
        return self._orders.get(client_order_id)

    def has_entered(self, group_id: str) -> bool:
        """True if the group's entry may still fill or has filled."""
        orders = self._groups.get(group_id, ())
        return any(o.leg is Leg.ENTRY and (o.remaining or o.filled) for o in orders)

    def is_flip_exit(self, intent: IntentPlanned) -> bool:
        """True for an exit on the side of the group's entry: only a position that flipped (ORD-07)
        can shrink by it."""
        orders = self._groups.get(intent.group_id, ())
        is_back = any(o.leg is Leg.ENTRY and o.side is intent.side for o in orders)
        return intent.leg is Leg.EXIT and is_back

    def is_stop_hit(self, group_id: str) -> bool:
        """True once any stop of the group has triggered or filled."""
        orders = self._groups.get(group_id, ())
        return any(o.leg is Leg.STOP and (o.was_triggered or o.filled) for o in orders)

    def position(self, group_id: str) -> Interval:
        """The group's position as far as it is known."""
        orders = self._groups.get(group_id, ())
        certain = sum(order.side.sign * order.filled for order in orders)
        return widened(certain, ((o.side, o.remaining) for o in orders if not o.is_known))

    def is_reducing(self, intent: IntentPlanned) -> bool:
        """The `is_reducing` that `engine.authority.needed` asks for."""
        position = self.position(intent.group_id)
        if intent.action is Action.CANCEL:
            return position.hi <= 0 if intent.side is Side.SELL else position.lo >= 0
        current = self._orders.get(intent.client_order_id)
        is_at_market = current is not None and (current.is_moved or current.was_triggered)
        is_moving = moves(intent) and not is_at_market
        if intent.action is Action.MODIFY and shrinks(current, intent) and not is_moving:
            return True
        units = intent.quantity
        if current is not None:  # beside it work its seconds, which no change of it makes smaller
            units += current.remaining_seconds - current.filled_own
        is_moved = current is not None and current.is_moved
        leg = Leg.EXIT if is_moving or is_moved else intent.leg
        asked = WorkingExit(intent.group_id, leg, intent.side, units)
        return is_leg_reducing(asked, position, self._working(intent))

    def _working(self, intent: IntentPlanned) -> Iterable[WorkingExit]:
        for order in self._groups.get(intent.group_id, ()):
            if order.client_order_id != intent.client_order_id and order.is_known:
                yield WorkingExit(order.group_id, order.leg_works, order.side, order.remaining)
