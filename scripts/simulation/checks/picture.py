"""What the durable records and the live broker's trades say about orders and groups.

Decides nothing: it is the common memory of the checks, folded once instead of in each of them.
Refuses to use the folds of the engine, because the checks judge those by it. It must stand before
the checks in the list of observers.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from engine.messages.base import Message
from engine.messages.broker import Outcome, TradeReport
from engine.messages.control import AuthorityChanged, GenerationFenced
from engine.messages.records import (
    GroupClosed,
    GroupOpened,
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
    OrderUnknown,
    Record,
    RequestRefused,
)
from engine.messages.supervision import ChildExited
from engine.messages.values import Action, Book, Leg
from scripts.simulation.checks.seen import GroupSeen, OrderSeen, moves
from scripts.simulation.observer import Observer, WireRequest

if TYPE_CHECKING:
    from scripts.simulation.world import World

ENDINGS: Final = (OrderCancelled, OrderRejected, OrderLost)


class Picture(Observer):
    """See the module. `moves` counts what may have changed an order or a group."""

    handles = (AuthorityChanged, GenerationFenced)
    rooms = ("writer",)

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self.seq = 0
        self.orders: dict[str, OrderSeen] = {}
        self.groups: dict[str, GroupSeen] = {}
        self.open_groups: dict[str, GroupSeen] = {}
        self.intents: dict[str, IntentPlanned] = {}
        self.view: AuthorityChanged | None = None
        self.view_generation = 0
        self.fenced: dict[str, int] = {}
        self.by_venue: dict[str, OrderSeen] = {}
        self._traded: dict[str, int] = {}
        self._left: dict[str, OrderSeen] = {}
        self.fill_seq = 0
        self.moves = 0
        self.booted_at_ns = 0
        self._table: dict[type, Callable[[Any], None]] = {
            GroupOpened: self._opened,
            GroupClosed: self._closed,
            IntentPlanned: self._intended,
            OrderFilled: self._filled,
            OrderModified: self._modified,
            RequestRefused: self._answered,
            OrderDenied: self._denied,
            OrderUnknown: self._unknown,
            OrderDoubled: self._doubled,
            **dict.fromkeys((OrderAccepted, OrderTriggered), self._known),
            **dict.fromkeys(ENDINGS, self._ended),
        }

    # -- lives and authority --------------------------------------------------------------

    def on_boot(self, epoch: int) -> None:
        self.view, self.view_generation = None, 0
        self.fenced.clear()
        self.booted_at_ns = self.world.now_ns

    def on_exit(self, exited: ChildExited) -> None:
        if exited.name == "writer":
            self.view = None

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        if room != "writer":
            return
        if isinstance(message, GenerationFenced):
            known = self.fenced.get(message.name, 0)
            self.fenced[message.name] = max(known, message.generation)
        elif isinstance(message, AuthorityChanged):
            is_new = self.view is None or generation != self.view_generation
            if is_new or (self.view is not None and message.seq > self.view.seq):
                self.view, self.view_generation = message, generation

    # -- the wire -------------------------------------------------------------------------

    def on_request(self, request: WireRequest) -> None:
        order = self.orders.get(request.intent.client_order_id)
        if order is not None and request.intent.action is Action.PLACE:
            order.is_sent = request.is_processed or request.outcome is Outcome.UNKNOWN

    def on_trade(self, trade: TradeReport) -> None:
        """Its order is the one that is bound to the venue's id: the tag may be lost. A request that
        was processed twice gives two venue orders to one of ours; what both traded is the truth."""
        venue_id = trade.venue_order_id
        self._traded[venue_id] = self._traded.get(venue_id, 0) + trade.quantity
        order = self.by_venue.get(venue_id) or self.orders.get(trade.client_order_id)
        if order is not None:
            self._bind(order, venue_id)

    def traded_by(self, venue_id: str) -> int:
        """Units that an order of the venue has truly traded, whosever it is."""
        return self._traded.get(venue_id, 0)

    def _bind(self, order: OrderSeen, venue_id: str) -> None:
        self.by_venue[venue_id] = order
        order.venues[venue_id] = None
        order.traded = sum(self._traded.get(venue, 0) for venue in order.venues)

    # -- records --------------------------------------------------------------------------

    def on_record(self, seq: int, record: Record) -> None:
        self.seq = seq
        self.moves += 1
        self._fold(record)

    def _fold(self, record: Record) -> None:
        fold = self._table.get(type(record))
        if fold is not None:
            fold(record)

    def on_gone(self, records: Sequence[Record]) -> None:
        """What was planned may be planned anew under its id, and an order that neither left nor
        filled is none: nobody knows of it. What left or traded stays, planned anew or not. A group
        whose opening went is none either, if it was on paper, as its venue went with the process,
        or if nothing of it ever left; another one of paper is what its other records say."""
        for record in records:
            if isinstance(record, GroupOpened):
                self._unopened(record.plan.group_id)
        self._again({getattr(record, "group_id", "") for record in records})
        for record in records:
            if isinstance(record, IntentPlanned):
                self.intents.pop(record.intent_id, None)
                if record.action is Action.PLACE:
                    self._unplanned(record)
                elif (order := self.orders.get(record.client_order_id)) is not None:
                    order.open.pop(record.intent_id, None)

    def _again(self, group_ids: set[str]) -> None:
        """Fold once more what is left of these groups, if they are of paper."""
        kept = self.world.kept()
        paper = {g for g in group_ids & self.groups.keys() if self.groups[g].is_paper}
        for group_id in paper:
            group = self.open_groups[group_id] = self.groups[group_id]
            for order in group.orders:
                del self.orders[order.intent.client_order_id]
            group.begin(group.plan)
        for self.seq, record in kept if paper else ():
            if getattr(record, "group_id", "") in paper:
                self._fold(record)
        self.seq = kept[-1][0] if kept else 0
        self.fill_seq = min(self.fill_seq, self.seq)

    def _unopened(self, group_id: str) -> None:
        group = self.groups[group_id]
        if not group.is_paper and any(o.is_sent or o.filled or o.traded for o in group.orders):
            return
        del self.groups[group_id]
        self.open_groups.pop(group_id, None)
        for order in group.orders:
            del self.orders[order.intent.client_order_id]

    def _unplanned(self, intent: IntentPlanned) -> None:
        order, group = self.orders.get(intent.client_order_id), self.groups.get(intent.group_id)
        if order is None:
            return
        if order.is_sent or order.filled or order.traded:
            self._left[intent.client_order_id] = order
            return
        del self.orders[intent.client_order_id]
        if group is not None:
            group.orders.remove(order)

    def _opened(self, record: GroupOpened) -> None:
        group = GroupSeen(record.plan)
        self.groups[record.plan.group_id] = self.open_groups[record.plan.group_id] = group

    def _closed(self, record: GroupClosed) -> None:
        group = self.open_groups.pop(record.group_id, None)
        if group is not None:
            group.is_closed = True
        self._touch(record.group_id)

    def _intended(self, intent: IntentPlanned) -> None:
        # An owner that heard nothing of its request asks again by the same id: the first leaves.
        self.intents.setdefault(intent.intent_id, intent)
        if intent.action is Action.PLACE:
            if (left := self._left.pop(intent.client_order_id, None)) is not None:
                left.intent = intent
            else:
                self._placed(intent)
        else:
            self.orders[intent.client_order_id].open[intent.intent_id] = intent
        self._touch(intent.group_id)

    def _placed(self, intent: IntentPlanned) -> None:
        order = self.orders[intent.client_order_id] = OrderSeen(intent)
        group = self.groups.get(intent.group_id)
        if group is not None:
            group.orders.append(order)

    def _filled(self, fill: OrderFilled) -> None:
        order = self._fact(fill)
        self.fill_seq = self.seq
        group = self.groups.get(fill.group_id)
        if order is not None:
            order.filled += fill.quantity
            order.fills[fill.venue_order_id] += fill.quantity
            order.is_known, order.is_unknown = True, False
            if fill.filled_total >= fill.order_quantity:
                order.over = order.over or "OrderFilled"
        if group is not None:
            group.position += fill.side.sign * fill.quantity
            group.entered += fill.quantity if fill.leg is Leg.ENTRY else 0
            if group.is_closed and group.position:
                self.open_groups[fill.group_id] = group

    def _modified(self, fact: OrderModified) -> None:
        if (order := self._fact(fact)) is not None:
            asked = order.open.pop(fact.intent_id, None)
            order.is_moved = order.is_moved or (asked is not None and moves(asked))
            order.quantity = fact.quantity
            order.is_known = True
            if order.filled_own >= order.quantity_max:
                order.over = order.over or "OrderFilled"

    def _answered(self, fact: RequestRefused) -> None:
        if (order := self._fact(fact)) is not None:
            order.open.pop(fact.intent_id, None)

    def _denied(self, fact: OrderDenied) -> None:
        if (order := self._fact(fact)) is not None:
            order.open.pop(fact.intent_id, None)
            if fact.action is Action.PLACE:
                order.over = "OrderDenied"

    def _unknown(self, fact: OrderUnknown) -> None:
        if (order := self._fact(fact)) is not None:
            order.is_unknown = True

    def _doubled(self, fact: OrderDoubled) -> None:
        order = self._fact(fact)
        if order is not None:
            order.seconds[fact.second_id] = fact.quantity
            self._bind(order, fact.second_id)

    def _known(self, fact: OrderFact) -> None:
        order = self._fact(fact)
        if order is not None:
            order.is_known, order.is_unknown = True, False
            order.was_triggered = order.was_triggered or isinstance(fact, OrderTriggered)
            if order.over == "OrderLost":
                order.over = ""

    def _ended(self, fact: OrderFact) -> None:
        order = self._fact(fact)
        if order is not None:
            order.over = order.over or type(fact).__name__
            order.is_unknown = False

    def _fact(self, fact: OrderFact) -> OrderSeen | None:
        order = self.orders.get(fact.client_order_id)
        is_named = order is not None and fact.venue_order_id not in ("", *order.venues)
        if order is not None and is_named and order.intent.book is Book.LIVE:
            self._bind(order, fact.venue_order_id)
        self._touch(fact.group_id)
        return order

    def _touch(self, group_id: str) -> None:
        group = self.groups.get(group_id)
        if group is not None:
            group.seq = self.seq
