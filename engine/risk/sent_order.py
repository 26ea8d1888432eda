"""One order that the gate let out: what it has filled and may still fill.

Decides what a report or a record changes of it. Refuses to know groups and verdicts
(sent_orders.py). Stands alone because one request can have several effects: `number` is the order
that we know by the tag, as the watcher has it, `seconds` are others under the same tag (FLT-24).
Each may fill what its own row leaves, whatever becomes of the rest.
"""

import msgspec

from engine.messages.broker import (
    TERMINAL_STATUSES,
    IntentAnswered,
    OrderReport,
    Outcome,
    TradeReport,
)
from engine.messages.records import (
    IntentPlanned,
    OrderAccepted,
    OrderCancelled,
    OrderDenied,
    OrderDoubled,
    OrderFact,
    OrderFilled,
    OrderLost,
    OrderModified,
    OrderRejected,
    OrderTriggered,
    RequestRefused,
)
from engine.messages.values import Action, Leg, OrderType, Side

REPEATED = "repeated"
"""The gate's rule by which an intent is denied because it has left before."""


class Second(msgspec.Struct, kw_only=True):
    """Another order under the tag. Nothing changes its size but its own row; `is_over` is final."""

    quantity: int
    counted: int = 0
    booked: int = 0
    trades: dict[str, int] = msgspec.field(default_factory=dict)
    is_over: bool = False

    @property
    def filled(self) -> int:
        """The most that rows, trades or records tell."""
        return max(self.counted, self.booked, sum(self.trades.values()))

    @property
    def remaining(self) -> int:
        return 0 if self.is_over else max(0, self.quantity - self.filled)

    def row(self, report: OrderReport) -> None:
        """The venue's row of it."""
        self.quantity = report.quantity
        self.counted = max(self.counted, report.filled_quantity)
        self.is_over = self.is_over or report.status in TERMINAL_STATUSES


class SentOrder(msgspec.Struct, kw_only=True):
    """One order. `is_known`: a report or record says that it works (or has worked). `quantity` is
    the worst case while a modification is under way, `quantity_told` what the venue last said.
    `is_lost`: given up as absent, until it is seen to work after all (FLT-18). `is_adopted`: a part
    of a stranger's order; its number tells of all of that, so the journal alone speaks for it.
    `is_moved`: a stop that was asked to be a limit at the market."""

    client_order_id: str
    group_id: str
    leg: Leg
    side: Side
    quantity: int
    quantity_told: int
    filled: int = 0
    was_triggered: bool = False
    is_known: bool = False
    is_over: bool = False
    is_lost: bool = False
    is_adopted: bool = False
    is_moved: bool = False
    quantity_placed: int
    number: str = ""
    seconds: dict[str, Second] = msgspec.field(default_factory=dict)

    @property
    def leg_works(self) -> Leg:
        """The leg as which it counts. A stop and a target fill one instead of the other; a stop at
        the market fills beside one."""
        return Leg.EXIT if self.is_moved else self.leg

    @property
    def filled_own(self) -> int:
        """What the order itself has filled, without its seconds."""
        return max(0, self.filled - sum(one.filled for one in self.seconds.values()))

    @property
    def remaining(self) -> int:
        """What all orders under the tag may still fill together."""
        if self.is_lost:
            return 0
        own = 0 if self.is_over else max(0, self.quantity - self.filled_own)
        return own + self.remaining_seconds

    @property
    def remaining_seconds(self) -> int:
        return sum(one.remaining for one in self.seconds.values())

    def second(self, number: str) -> Second | None:
        """The other order of this number under the tag; None for the one we know by it."""
        self.number = self.number or number
        if number in ("", self.number) or self.is_adopted:
            return None
        if number not in self.seconds:
            self.seconds[number] = Second(quantity=self.quantity_placed)
        return self.seconds[number]

    def row(self, report: OrderReport) -> None:
        """A row of the venue under the tag."""
        second = self.second(report.venue_order_id)
        self.is_known = True
        if second is not None:
            second.row(report)
            self.is_lost = self.is_lost and second.is_over
            return
        self.quantity = self.quantity_told = report.quantity
        self.is_over = self.is_over or report.status in TERMINAL_STATUSES
        self.is_lost = self.is_lost and self.is_over

    def trade(self, report: TradeReport) -> None:
        """A trade of the venue under the tag."""
        second = self.second(report.venue_order_id)
        if second is not None:
            second.trades[report.trade_id] = report.quantity
        self.is_known, self.is_lost = True, False

    def double(self, record: OrderDoubled) -> None:
        """What the watcher has heard that a second is good for."""
        second = self.second(record.second_id)
        if second is not None:
            second.quantity = record.quantity

    def fill(self, record: OrderFilled) -> None:
        """A fill of the journal, which says when the order that we know by the tag is full."""
        second = self.second(record.venue_order_id)
        if second is not None:
            second.booked += record.quantity
        self.filled = max(self.filled, record.filled_total)
        self.is_over = self.is_over or record.filled_total >= record.order_quantity


def learn(order: SentOrder, record: OrderFact) -> None:
    """Take a fact of the order."""
    if isinstance(record, OrderAccepted | OrderTriggered | OrderModified | OrderFilled):
        order.is_known, order.is_lost = True, False
    if not isinstance(record, OrderFilled):  # it may be of a second, the rest never is
        order.number = order.number or record.venue_order_id
    match record:
        case OrderTriggered():
            order.was_triggered = True
        case OrderModified():
            order.quantity = order.quantity_told = record.quantity
        case OrderFilled():
            order.fill(record)
        case OrderDoubled():
            order.double(record)
        case RequestRefused() | OrderDenied():
            _refused(order, record)
        case OrderLost():
            order.is_lost = True
        case OrderCancelled() | OrderRejected():
            order.is_over = True
        case _:
            pass


def moves(intent: IntentPlanned) -> bool:
    """True if it makes a stop a limit at the market; one that has triggered is that already."""
    is_limit = intent.order_type is OrderType.LIMIT
    return intent.action is Action.MODIFY and intent.leg is Leg.STOP and is_limit


def shrinks(order: SentOrder | None, intent: IntentPlanned) -> bool:
    """What works already only gets smaller, however stale the asker's view is: always reducing."""
    is_alive = order is not None and not (order.is_over or order.is_lost)
    return order is not None and is_alive and intent.quantity <= order.quantity


def _refused(order: SentOrder, record: RequestRefused | OrderDenied) -> None:
    """A placement or a growth that did not happen. A growth that was denied because it had left
    before may still."""
    is_denied = isinstance(record, OrderDenied)
    has_left = isinstance(record, OrderDenied) and record.refusal.rule == REPEATED
    if record.action is Action.PLACE:
        order.is_over = order.is_over or is_denied
    elif record.action is Action.MODIFY and not has_left:
        order.quantity, order.is_moved = order.quantity_told, False


def answered(order: SentOrder, answer: IntentAnswered) -> None:
    """Take the answer to its placement; one that was taken tells its number."""
    if answer.action is not Action.PLACE:
        return
    match answer.outcome:
        case Outcome.ACKED:
            order.number = order.number or answer.venue_order_id
            order.is_known = True
        case Outcome.REFUSED | Outcome.NOT_SENT | Outcome.DENIED:
            order.is_over = True
        case Outcome.UNKNOWN:
            pass
