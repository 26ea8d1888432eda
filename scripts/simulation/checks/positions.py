"""Positions: what is booked is what happened, everywhere the same.

Source: reliability 6.4, INV-01, INV-02, INV-22.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from engine.messages.base import Message
from engine.messages.broker import BrokerSnapshot, OrderReport, TradeReport
from engine.messages.control import AlertRaised
from engine.messages.records import OrderFilled, Record
from engine.messages.supervision import ChildExited
from engine.messages.values import Book
from scripts.simulation.checks.check import Check
from scripts.simulation.checks.deadlines import T_OBSERVE_NS
from scripts.simulation.checks.seen import GroupSeen, OrderSeen

if TYPE_CHECKING:
    from scripts.simulation.world import World

Key = tuple[Book, str, str]
NEVER_SEQ: Final = 2**62


def paper_fills(records: Sequence[Record]) -> list[OrderFilled]:
    """The fills of the paper venue among some records."""
    fills = [record for record in records if isinstance(record, OrderFilled)]
    return [fill for fill in fills if fill.book is Book.PAPER]


class FillsAreThePosition(Check):
    """The sum of signed fills is the position of the book, per book, strategy and instrument. Once
    records are gone, it is the sum of those that are there: a paper fill that is gone has not been,
    as its venue is rebuilt from what is left, and a live one has to be found again (INV-02)."""

    id = "INV-01"
    ledgers: ClassVar[tuple[tuple[str, str], ...]] = (("book", "ledger"),)

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._sums: dict[Key, int] = {}
        self._groups: dict[str, tuple[int, int]] = {}
        self._seq, self._seq_max = 0, NEVER_SEQ
        self._is_due = self._is_gone = False

    def on_record(self, seq: int, record: Record) -> None:
        if isinstance(record, OrderFilled):
            self._count(seq, record)
            self._is_due = True

    def on_gone(self, records: Sequence[Record]) -> None:
        self._is_due = self._is_gone = True

    def _count(self, seq: int, fill: OrderFilled) -> None:
        key = (fill.book, fill.strategy, fill.instrument)
        signed, (held, _) = fill.side.sign * fill.quantity, self._groups.get(fill.group_id, (0, 0))
        self._sums[key] = self._sums.get(key, 0) + signed
        self._groups[fill.group_id], self._seq = (held + signed, seq), seq

    def _recount(self) -> None:
        """What a failover forgot counts until it is gone: it is being given back. Who has read on
        beyond all that is there is of a life that is void."""
        kept = self.world.kept()
        self._seq, self._seq_max = 0, kept[-1][0] if kept else 0
        self._sums.clear()
        self._groups.clear()
        for seq, record in kept:
            if isinstance(record, OrderFilled):
                self._count(seq, record)

    def on_boot(self, epoch: int) -> None:
        self._is_due = True

    def at_rest(self) -> None:
        if self._is_due:
            self._is_due = False
            if self._is_gone:
                self._recount()
            for name, path in self.ledgers:
                room = self.room(name)
                if room is None or not self._seq <= room.seq <= self._seq_max:
                    self._is_due = True  # it is down or recovering: when it is back
                else:
                    self._compare(name, _at(room, path))

    def _compare(self, name: str, ledger: Any) -> None:  # noqa: ANN401 - a room's inside
        shown = {tuple(key): position.quantity for key, position in ledger.items()}
        for key in (*self._sums, *shown):
            fills, held = self._sums.get(key, 0), shown.get(key, 0)
            if fills != held:
                self.violated(f"{name} holds {held} of {key}, the fills sum up to {fills}")


class OwnersSumUp(FillsAreThePosition):
    """Every owner has the same sum: the guard's account and the groups' own positions."""

    id = "INV-22"
    ledgers = (("guard", "_account.ledger"),)

    def at_rest(self) -> None:
        is_due = self._is_due
        super().at_rest()
        if is_due:
            self._ask_owners()

    def _ask_owners(self) -> None:
        custodian = self.room("custodian")
        for group_id, group in self.picture.open_groups.items():
            fills, seq = self._groups.get(group_id, (0, 0))
            seq = seq if self._is_gone else group.seq
            owner = self.room(f"oco/{group_id}")
            has_read = owner is not None and seq <= owner._reader.seq <= self._seq_max
            if has_read and owner._is_recovered:
                held = owner.group.position * group.plan.side.sign
                if held != fills:
                    self.violated(f"{group_id} believes {held}, its fills are {fills}")
            is_orphan = owner is None and fills and not group.is_closed
            if is_orphan and custodian is not None and group_id not in custodian._plans:
                self.violated(f"{group_id} holds {fills} and nobody knows of it")


class TruthIsInTheInterval(Check):
    """The engine may be unsure of a position, never wrong: what the live broker traded lies between
    the fills known and what unfinished orders may still fill. A fill of an order that records call
    over is made good or alarmed in time once the watcher has been told; one that it was shown the
    trade of is booked, alarm or not, unless journal or watcher went down meanwhile.

    What a stranger traded may be booked by several adoptions, one for each trade and group that it
    closed a part of: they count together. What is left over is wrong only as far as it is more
    than what he had opened himself, and only while a group still holds what it held then. A second
    order with one tag may fill too while the first works, once its alarm was raised."""

    id = "INV-02"
    handles = (OrderReport, TradeReport, BrokerSnapshot)
    rooms = ("watcher",)

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._suspects: dict[str, None] = {}
        self._booked: dict[str, int] = {}
        self._told_at_ns: dict[str, int] = {}
        self._shown_at_ns: dict[str, int] = {}
        self._units_shown: dict[str, dict[str, int]] = {}
        self._alarmed_at_ns = -1
        self._doubles: set[str] = set()
        self._first: dict[str, TradeReport] = {}
        self._strangers: dict[str, TradeReport] = {}
        self._own: dict[str, int] = {}
        self._held: dict[str, tuple[GroupSeen, ...]] = {}

    def on_trade(self, trade: TradeReport) -> None:
        self._suspects[trade.venue_order_id] = None
        self._first.setdefault(trade.venue_order_id, trade)
        if not trade.client_order_id:
            self._strangers[trade.venue_order_id] = trade

    def on_record(self, seq: int, record: Record) -> None:
        if isinstance(record, OrderFilled) and record.book is Book.LIVE:
            venue_id = record.venue_order_id
            booked = self._booked[venue_id] = self._booked.get(venue_id, 0) + record.quantity
            traded = self.picture.traded_by(venue_id)
            if booked > traded:
                text = f"{booked} booked, {traded} traded"
                self.violated(f"{record.client_order_id}: {text}")

    def on_alert(self, alert: AlertRaised) -> None:
        if alert.severity == "critical":
            self._alarmed_at_ns = self.world.now_ns
        if alert.event == "duplicate_effect":
            self._doubles.add(alert.subject)
        if alert.event.startswith("journal_"):
            self._shown_at_ns.clear()

    def on_boot(self, epoch: int) -> None:
        self._told_at_ns.clear()
        self._shown_at_ns.clear()

    def on_exit(self, exited: ChildExited) -> None:
        if exited.name in ("watcher", "journal"):
            self._shown_at_ns.clear()

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        if room != "watcher" or not self._suspects:
            return
        if isinstance(message, BrokerSnapshot):
            for row in message.orders:
                self._told(row)
            for trade in message.trades:
                self._shown(trade)
        elif isinstance(message, OrderReport | TradeReport):
            self._told(message)
            if isinstance(message, TradeReport):
                self._shown(message)

    def _shown(self, trade: TradeReport) -> None:
        """A trade of an order that is over may be told long after it: from now on it is owed, once
        more units are shown than booked. Books that stand still show those of before again."""
        tag = trade.venue_order_id
        order = self.picture.by_venue.get(tag) if tag in self._suspects else None
        if order is None or order.intent.is_adopted or len(order.venues) != 1:
            return
        shown = self._units_shown.setdefault(tag, {})
        shown[trade.trade_id] = trade.quantity
        is_over = order.over in ("OrderCancelled", "OrderRejected")
        if is_over and sum(shown.values()) > order.filled:
            self._shown_at_ns.setdefault(tag, self.world.now_ns)

    def _told(self, report: OrderReport | TradeReport) -> None:
        tag = report.venue_order_id
        order = self.picture.by_venue.get(tag) if tag in self._suspects else None
        if order is None or tag in self._told_at_ns:
            return
        traded, filled = self._counts(tag, order)
        is_news = isinstance(report, TradeReport) or report.filled_quantity > filled
        if traded > filled and is_news:
            self._told_at_ns[tag] = self.world.now_ns
            if order.intent.is_adopted:
                self._own[tag] = self._stranger_held(tag)
                self._held[tag] = self._closable(order)

    def _counts(self, tag: str, order: OrderSeen) -> tuple[int, int]:
        """Units traded and booked, of our order or of a stranger's."""
        if order.intent.is_adopted:
            return self.picture.traded_by(tag), self._booked.get(tag, 0)
        return order.traded, order.filled

    def _stranger_held(self, tag: str) -> int:
        """Units of his own that a stranger's order may close: what is left of his others. The order
        may bear a tag, not one of ours (FLT-42)."""
        this, held = self._first[tag], 0
        for other, trade in self._strangers.items():
            order = self.picture.by_venue.get(other)
            is_his = order is None or order.intent.is_adopted
            if other != tag and is_his and trade.instrument == this.instrument:
                rest = self.picture.traded_by(other) - self._booked.get(other, 0)
                held -= this.side.sign * trade.side.sign * rest
        return max(0, held)

    def _closable(self, order: OrderSeen) -> tuple[GroupSeen, ...]:
        """Live groups that hold what a stranger's order closes."""
        intent = order.intent
        groups = self.picture.open_groups.values()
        same = (g for g in groups if g.plan.book is Book.LIVE)
        same = (g for g in same if g.plan.instrument == intent.instrument)
        return tuple(g for g in same if g.position * intent.side.sign < 0)

    def _is_inside(self, tag: str, order: OrderSeen) -> bool:
        traded, filled = self._counts(tag, order)
        if order.intent.is_adopted:
            is_his = traded - filled <= self._own.get(tag, 0)
            return is_his or not set(self._held.get(tag, ())) & set(self._closable(order))
        told = sum(venue in self._doubles for venue in order.venues)
        most = max(filled + order.remaining, (1 + told) * order.size_max)
        return not order.over and traded <= most

    def at_rest(self) -> None:
        if not self._suspects:
            return
        now_ns = self.world.now_ns
        for tag in tuple(self._suspects):
            order = self.picture.by_venue.get(tag)
            if order is None:
                continue  # a second order with one tag, or one whose tag is lost
            traded, filled = self._counts(tag, order)
            if traded == filled:
                del self._suspects[tag]
                self._told_at_ns.pop(tag, None)
                self._shown_at_ns.pop(tag, None)
                continue
            if now_ns - self._shown_at_ns.get(tag, now_ns) > T_OBSERVE_NS:
                self.violated(f"{tag}: {traded} traded and shown, {filled} booked, {order.over}")
            told_ns = self._told_at_ns.get(tag, now_ns)
            is_late = now_ns - told_ns > T_OBSERVE_NS and self._alarmed_at_ns < told_ns
            if is_late and not self._is_inside(tag, order):
                text = f"{traded} traded, {filled} booked, {order.over or 'working'}"
                self.violated(f"{tag}: {text}, and no alarm")

    def at_end(self) -> None:
        self.at_rest()


def _at(room: Any, path: str) -> Any:  # noqa: ANN401 - a room's inside
    for part in path.split("."):
        room = getattr(room, part)
    return room
