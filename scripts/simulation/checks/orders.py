"""Orders and the groups that own them: one flight each, no more than is wanted, never backwards.

Source: reliability 6.4, INV-05, INV-16, INV-19, INV-20.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from engine.messages.base import Message
from engine.messages.broker import BrokerSnapshot, IntentAnswered, OrderReport, OrderStatus, Outcome
from engine.messages.journal import Journaled, Replayed
from engine.messages.records import (
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
from engine.messages.values import Action, Book, Leg
from scripts.simulation.checks.asking import News, SecondNews
from scripts.simulation.checks.check import Check
from scripts.simulation.checks.positions import paper_fills
from scripts.simulation.checks.rules import grows, leg_asked, taken, takes_more
from scripts.simulation.checks.seen import GroupSeen, OrderSeen
from scripts.simulation.checks.sending import SendCheck
from scripts.simulation.observer import WireRequest

if TYPE_CHECKING:
    from scripts.simulation.world import World

_RANK: Final = {
    OrderUnknown: 1,
    OrderAccepted: 2,
    OrderTriggered: 3,
    OrderModified: 3,
    OrderCancelled: 5,
    OrderRejected: 5,
    OrderLost: 5,
    OrderDenied: 5,
}
"""How far an order has come by a fact; fills stand apart and are taken at any time."""
_ENDS: Final[dict[OrderStatus, type]] = {
    OrderStatus.CANCELLED: OrderCancelled,
    OrderStatus.REJECTED: OrderRejected,
}


class AttemptsWithinIntent(SendCheck):
    """Attempts that may still fill, and what has filled, stay within what was wanted: a group's
    entries within its plan, the attempts of each leg within what was entered."""

    id = "INV-05"

    def fault(self, intent: IntentPlanned, at_ns: int) -> str:
        group = self.picture.groups.get(intent.group_id)
        if group is None or intent.action is Action.CANCEL:
            return ""
        wanted = group.plan.quantity if intent.leg is Leg.ENTRY else self._entered(intent)
        total = intent.quantity
        for order in group.orders:
            is_same = order.intent.leg is intent.leg and order.intent.side is intent.side
            if is_same and order.intent.client_order_id != intent.client_order_id:
                total += order.filled + order.remaining
        is_own = grows(self.picture.orders.get(intent.client_order_id), intent)
        return (
            f"{total} units of {intent.leg.value}, {wanted} wanted"
            if total > wanted and is_own
            else ""
        )

    def _entered(self, intent: IntentPlanned) -> int:
        """Units that orders of the other side have brought or were brought back by exits."""
        group = self.picture.groups[intent.group_id]
        return sum(o.filled for o in group.orders if o.intent.side is not intent.side)


class ExitsWithinPosition(SendCheck):
    """With a new or growing exit, the exits that work (stop and targets counted once) are not more
    than the position that is proven: when it leaves, and by records when its group asks for it,
    unless what works is too much already and the new one only takes its place in it. A group that
    asks for too much relies on the gate, and has no exit until it asks for less."""

    id = "INV-16"
    handles = (*SendCheck.handles, Replayed)
    rooms = ()

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._news = News()

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        super().on_handled(room, generation, message)
        if isinstance(message, Journaled | Replayed):
            self._news.handled(room, message, self.world.now_ns)

    def on_record(self, seq: int, record: Record) -> None:
        self._news.recorded(record)
        if not isinstance(record, IntentPlanned) or record.is_adopted:
            return
        if not self._news.may_cross(record.group_id, self.world.now_ns):
            over = self._over(record, lambda order: order.remaining, is_asked=True)
            if over:
                self.violated(f"{record.intent_id} asks for {over}")

    def fault(self, intent: IntentPlanned, at_ns: int) -> str:
        return self._over(intent, self.may_take)

    def _over(
        self,
        intent: IntentPlanned,
        may_take: Callable[[OrderSeen], int],
        *,
        is_asked: bool = False,
    ) -> str:
        group = self.picture.groups.get(intent.group_id)
        own = self.picture.orders.get(intent.client_order_id)
        if group is None or not intent.leg.is_exit or not takes_more(own, intent):
            return ""
        working = [
            (o.leg_works, may_take(o))
            for o in group.orders
            if o.intent.leg.is_exit and o.intent.side is intent.side and o is not own
        ]
        beside = own.remaining_seconds - own.filled_own if own is not None else 0
        total = taken([*working, (leg_asked(own, intent), intent.quantity + beside)])
        held = max(0, -intent.side.sign * group.position)
        bound = max(held, taken(working)) if is_asked else held
        return f"exits of {total} for a position of {held}" if total > bound else ""


class OneFlight(Check):
    """At most one live order of each leg, at most one entry ever, and nothing more is asked of an
    order that owes an answer. A live order that was lost and works after all is news to its group
    once the record is there: the one attempt in its place that it may have planned meanwhile, as
    when both facts were owed and are told together, must not leave beside it. Beside a stop of
    unknown fate a smaller one may protect what the first cannot cover (ORD-03). Of two orders that
    one request made, the second may be called back though the first was rejected (FLT-24), and one
    attempt may cross the first news of it (SecondNews)."""

    id = "INV-19"

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._lost: set[str] = set()
        self._back: set[str] = set()
        self._seconds = SecondNews()
        self._beside: dict[str, OrderSeen] = {}

    def on_request(self, request: WireRequest) -> None:
        other = self._beside.get(request.intent.intent_id)
        if other is not None and not other.is_over:
            before = other.intent.client_order_id
            self.violated(f"{request.intent.intent_id} left beside the live {before}")

    def on_record(self, seq: int, record: Record) -> None:
        if isinstance(record, OrderLost):
            self._lost.add(record.client_order_id)
        elif isinstance(record, OrderAccepted) and record.client_order_id in self._lost:
            self._lost.discard(record.client_order_id)
            self._back.add(record.client_order_id)
        self._seconds.recorded(record, self.picture.orders)
        if not isinstance(record, IntentPlanned) or record.is_adopted:
            return
        group = self.picture.groups.get(record.group_id)
        if group is None:
            self.violated(f"{record.intent_id} has no group")
        elif record.action is Action.PLACE:
            self._place(record)
        else:
            order = self.picture.orders[record.client_order_id]
            open_before = [name for name in order.open if name != record.intent_id]
            if open_before:
                self.violated(f"{record.intent_id} while {open_before[0]} is unanswered")
            is_answered = order.is_known or (order.over and order.seconds)
            if not is_answered and order.filled == 0:
                self.violated(f"{record.intent_id} while the placement is unanswered")

    def _place(self, record: IntentPlanned) -> None:
        group = self.picture.groups[record.group_id]
        others = [o for o in group.orders if o.intent is not record and o.intent.leg is record.leg]
        if record.leg is Leg.ENTRY and others:
            self.violated(f"{record.intent_id} is a second entry of {record.group_id}")
        for order in others:
            if order.is_over or order.intent.side is not record.side:
                continue
            before = order.intent.client_order_id
            if self._seconds.crossed(before) or self._is_rest(group, record):
                continue
            if before not in self._back or record.book is not Book.LIVE:
                self.violated(f"{record.intent_id} beside the live {before}")
            self._back.discard(before)
            self._beside[record.intent_id] = order

    def _is_rest(self, group: GroupSeen, stop: IntentPlanned) -> bool:
        """Whether it is a stop for the units that stops of unknown fate leave without any."""
        stops = [o for o in group.working(Leg.STOP) if o.intent is not stop]
        is_unknown = all(order.is_unknown and not order.is_known for order in stops)
        covered = stop.quantity + sum(order.remaining for order in stops)
        held = -stop.side.sign * group.position
        return stop.leg is Leg.STOP and is_unknown and covered <= held


class NeverBackwards(Check):
    """An order's facts only go forward, but for one that was given up as lost and came back; what
    is filled only rises, and a cancelled order has booked all that its row counted (ORD-24): who
    hears of an end sooner than of its fills takes the order for less than it was. Rejected or
    cancelled it is once the venue has said so, by an answer or a row: silence is no answer, and an
    accepted request to cancel is not yet its effect. A fact that went with the spool nobody knows
    of: its order is as far as the facts that are left, and may come to the same end again."""

    id = "INV-20"
    handles = (OrderReport, BrokerSnapshot, IntentAnswered)

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._rank: dict[str, int] = {}
        self._lost: set[str] = set()
        self._total: dict[str, int] = {}
        self._counted: dict[tuple[str, str], int] = {}
        self._ended: set[tuple[type, str]] = set()

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        if room != "watcher":
            return
        if isinstance(message, IntentAnswered):
            if message.outcome is Outcome.REFUSED and message.action is Action.PLACE:
                self._ended.add((OrderRejected, message.client_order_id))
            return
        for row in message.orders if isinstance(message, BrokerSnapshot) else (message,):
            assert isinstance(row, OrderReport)
            if (kind := _ENDS.get(row.status)) is not None:
                self._ended |= {(kind, row.client_order_id), (kind, row.venue_order_id)}
            if row.status is OrderStatus.CANCELLED and row.filled_quantity:
                key = (row.client_order_id, row.venue_order_id)
                counted = self._counted.get(key, row.filled_quantity)
                self._counted[key] = min(counted, row.filled_quantity)

    def on_record(self, seq: int, record: Record) -> None:
        if isinstance(record, OrderFilled):
            self._fill(record)
        elif isinstance(record, OrderDenied) and record.action is not Action.PLACE:
            return
        elif isinstance(record, OrderFact) and type(record) in _RANK:
            self._fact(record)
        if isinstance(record, OrderCancelled):
            tag, booked = record.client_order_id, self._total.get(record.client_order_id, 0)
            counted = self._counted.get((tag, record.venue_order_id), 0)
            if booked < counted:
                self.violated(f"{tag}: cancelled with {booked} booked of {counted}")
        if isinstance(record, OrderCancelled | OrderRejected):
            kind, names = type(record), (record.client_order_id, record.venue_order_id)
            if not any((kind, name) in self._ended for name in names):
                self.violated(f"{names[0]}: {kind.__name__}, which the venue has not said")

    def on_gone(self, records: Sequence[Record]) -> None:
        gone = {record.client_order_id for record in records if isinstance(record, OrderFact)}
        for tag in gone:
            self._rank.pop(tag, None)
        self._lost -= gone
        for fill in paper_fills(records):
            self._total[fill.client_order_id] -= fill.quantity
        for _, record in self.world.records:
            if isinstance(record, OrderFact) and record.client_order_id in gone:
                self._ranked(record)

    def _fill(self, fill: OrderFilled) -> None:
        tag = fill.client_order_id
        before = self._total.get(tag, 0)
        if fill.filled_total != before + fill.quantity or fill.quantity <= 0:
            text = f"{before} + {fill.quantity} filled gives {fill.filled_total}"
            self.violated(f"{tag}: {text}")
        self._total[tag] = fill.filled_total

    def _fact(self, fact: OrderFact) -> None:
        tag, rank = fact.client_order_id, _RANK[type(fact)]
        before = 0 if tag in self._lost else self._rank.get(tag, 0)
        if rank < before or rank == before == 5:
            self.violated(f"{tag}: {type(fact).__name__} after rank {before}")
        self._ranked(fact)

    def _ranked(self, fact: OrderFact) -> None:
        tag, rank = fact.client_order_id, _RANK.get(type(fact), 0)
        if not rank or (isinstance(fact, OrderDenied) and fact.action is not Action.PLACE):
            return
        self._rank[tag] = rank
        if isinstance(fact, OrderLost):
            self._lost.add(tag)
        else:
            self._lost.discard(tag)
