"""The guard's account of the day, recomputed from records.

Source: reliability 6.4, INV-23, INV-26, INV-27, INV-40, INV-41.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from engine.messages.base import Message
from engine.messages.control import OperatorCommand
from engine.messages.market import FeedStateChanged, PhaseChanged, Tick
from engine.messages.records import (
    DecisionRecorded,
    GroupOpened,
    LatchChanged,
    OrderDenied,
    OrderFact,
    OrderFilled,
    Record,
    SignalRecorded,
)
from engine.messages.signals import EntryProposed
from engine.messages.supervision import ChildExited
from engine.messages.values import Book, FeedState, Leg, Mode, SessionPhase
from engine.units import NS_PER_S
from scripts.simulation.checks.check import Check
from scripts.simulation.checks.deadlines import T_MONITOR_NS
from supervisors.config import instruments, risk_settings

if TYPE_CHECKING:
    from scripts.simulation.world import World

DAY_NS: Final = 86_400 * NS_PER_S


class ReservationsAreWorstCases(Check):
    """The guard holds, for each open plan, the largest position that it can still come to, and
    nothing for a closed one once it was told: the journal may stand still after its commit."""

    id = "INV-23"

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._seq = -1

    def on_boot(self, epoch: int) -> None:
        self._seq = -1

    def at_rest(self) -> None:
        picture = self.picture
        if picture.seq == self._seq:
            return
        guard = self.room("guard")
        if guard is None:
            return
        self._seq = picture.seq
        held = guard._account.reservations._holdings
        for group_id, group in picture.open_groups.items():
            if group.is_closed or guard.seq < group.seq:
                continue
            holding = held.get(group_id)
            if holding is None:
                self.violated(f"nothing is reserved for {group_id}")
            entries = [o for o in group.orders if o.intent.leg is Leg.ENTRY]
            rest = max(0, group.plan.quantity - group.entered)
            if entries and all(o.over for o in entries):
                rest = 0
            now = group.plan.side.sign * group.position
            worst = max(abs(now), abs(now + rest))
            risk = -(-group.plan.risk_paise * worst // group.plan.quantity)
            if (holding.worst_units, holding.risk_paise) != (worst, risk):
                text = f"{holding.worst_units} reserved, {worst} can come"
                self.violated(f"{group_id}: {text}")
        for group_id in held:
            closed = picture.groups.get(group_id)
            is_told = closed is None or guard.seq >= closed.seq
            if is_told and held[group_id].is_opened and group_id not in picture.open_groups:
                units = held[group_id].worst_units
                self.violated(f"{group_id} is closed, {units} are still reserved")


class CountersOnlyRise(Check):
    """Orders of the day are those that the records name, once the guard was told of them (a record
    that is durable may still be on its way); the loss latch does not fall within a day, over
    restarts too."""

    id = "INV-26"

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._day = 0
        self._orders: set[str] = set()
        self._is_latched = self._is_due = False
        self._seq = 0

    def on_boot(self, epoch: int) -> None:
        self._is_due = True

    def on_record(self, seq: int, record: Record) -> None:
        day = record.at_ns // DAY_NS
        if day > self._day:
            self._day, self._is_latched = day, False
            self._orders.clear()
        if isinstance(record, OrderFact) and not isinstance(record, OrderDenied):
            if day == self._day:
                self._orders.add(record.client_order_id)
                self._is_due, self._seq = True, seq
        elif isinstance(record, LatchChanged) and record.latch == "loss_day":
            self._is_due, self._seq = True, seq
            if record.is_set:
                self._is_latched = True
            elif self._is_latched and record.reason != "a new trading day":
                self.violated(f"the loss latch fell: {record.reason}")
            else:
                self._is_latched = False

    def on_gone(self, records: Sequence[Record]) -> None:
        self._day = self._seq = 0
        for seq, record in self.world.records:
            self.on_record(seq, record)

    def at_rest(self) -> None:
        guard = self.room("guard") if self._is_due else None
        if guard is None or guard._account.now_day != self._day or guard.seq < self._seq:
            return
        self._is_due = False
        counted = len(guard._account._orders)
        if counted < len(self._orders):
            self.violated(f"{counted} orders of the day counted, {len(self._orders)} recorded")
        if self._is_latched and not guard._account.is_loss_latched:
            self.violated("the loss latch is recorded and the guard does not know of it")


class LossIsLatched(Check):
    """The latch is set soon after the day's loss at the worst marks has reached the limit. Limits
    count live money alone (reliability 2.5) once any was traded, flat again or not: a paper loss
    beside it latches nothing."""

    id = "INV-27"
    handles = (Tick, PhaseChanged)
    rooms = ("guard",)

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._limit = risk_settings(world.config).loss_day_paise_max
        self._units = {spec.name: spec.multiplier for spec in instruments(world.config)}
        self._held: dict[tuple[Book, str], int] = {}
        self._cash = dict.fromkeys(Book, 0)
        self._ticks: dict[str, Tick] = {}
        self._day = ""
        self._since_ns = -1
        self._is_due = False

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        if room != "guard":
            return
        if isinstance(message, Tick):
            self._ticks[message.instrument] = message
            self._is_due = True
        elif isinstance(message, PhaseChanged) and message.trading_day != self._day:
            self._day = message.trading_day
            for book in Book:
                self._cash[book] -= self._worth(book)

    def on_exit(self, exited: ChildExited) -> None:
        self._since_ns = -1

    def on_boot(self, epoch: int) -> None:
        self._since_ns = -1

    def on_record(self, seq: int, record: Record) -> None:
        if isinstance(record, OrderFilled):
            key, sign = (record.book, record.instrument), record.side.sign
            self._held[key] = self._held.get(key, 0) + sign * record.quantity
            value = record.quantity * record.price_paise * self._units[record.instrument]
            self._cash[record.book] -= sign * value + record.charges_paise
            self._is_due = True

    def _worth(self, book: Book) -> int:
        """What the day has brought so far if all were sold at the worst marks."""
        total = self._cash[book]
        for (owner, name), units in self._held.items():
            tick = self._ticks.get(name)
            if owner is book and units and tick is not None:
                mark = tick.price_paise
                if units > 0 and tick.bid_paise > 0:
                    mark = min(mark, tick.bid_paise)
                elif units < 0:
                    mark = max(mark, tick.ask_paise)
                total += units * mark * self._units[name]
        return total

    def at_rest(self) -> None:
        if not self._is_due:
            return
        self._is_due = False
        view = self.picture.view
        is_live = view is not None and view.mode is Mode.LIVE
        has_live = any(book is Book.LIVE for book, _ in self._held)
        book = Book.LIVE if is_live or has_live else Book.PAPER
        guard = self.room("guard")
        if guard is None or guard._account.is_loss_latched or -self._worth(book) < self._limit:
            self._since_ns = -1
        elif self._since_ns < 0:
            self._since_ns = self.world.now_ns
        elif self.world.now_ns - self._since_ns > T_MONITOR_NS:
            self.violated(f"a loss of {-self._worth(book)} of {self._limit} is not latched")


class NoBlindEntry(Check):
    """No entry is approved on a feed that is not fresh, beside an order of unknown fate or outside
    the session, as the guard was told when it was asked."""

    id = "INV-40"
    handles = (FeedStateChanged, PhaseChanged, EntryProposed)
    rooms = ("guard",)

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._feeds: dict[str, FeedState] = {}
        self._phase: PhaseChanged | None = None
        self._faults: dict[str, str] = {}

    def on_exit(self, exited: ChildExited) -> None:
        if exited.name == "guard":
            self._feeds.clear()
            self._phase = None

    def on_boot(self, epoch: int) -> None:
        self._feeds.clear()
        self._phase = None

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        if room != "guard":
            return
        if isinstance(message, FeedStateChanged):
            self._feeds[message.instrument] = message.state
        elif isinstance(message, PhaseChanged):
            self._phase = message
        elif isinstance(message, EntryProposed):
            self._faults.setdefault(message.signal_id, self._fault(message))

    def _fault(self, proposal: EntryProposed) -> str:
        state, phase = self._feeds.get(proposal.instrument), self._phase
        if state is not FeedState.FRESH:
            return f"its feed is {state}"
        if phase is None or phase.phase is not SessionPhase.CONTINUOUS:
            return "the session is closed"
        if not phase.opens_at_ns <= self.world.now_ns < phase.closes_at_ns:
            return "the clock is outside the session"
        guard = self.room("guard")
        known = guard.seq if guard is not None else -1  # what it had heard of
        for group in self.picture.open_groups.values():
            if group.plan.instrument == proposal.instrument and group.seq <= known:
                for order in group.orders:
                    if order.is_unknown and not order.is_over:
                        return f"{order.intent.client_order_id} is of unknown fate"
        return ""

    def on_record(self, seq: int, record: Record) -> None:
        if isinstance(record, DecisionRecorded) and record.is_approved:
            fault = self._faults.get(record.signal_id, "")
            if fault:
                self.violated(f"{record.signal_id} on {record.instrument} approved: {fault}")


class PaperUntilReleased(Check):
    """A live plan comes of a strategy whose present life a person has released."""

    id = "INV-41"
    handles = (OperatorCommand,)

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._released: dict[str, int] = {}
        self._signals: dict[str, tuple[str, int]] = {}

    def on_boot(self, epoch: int) -> None:
        self._released.clear()
        self._signals.clear()

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        if room != "authority" or not isinstance(message, OperatorCommand):
            return
        words = message.argument.split()
        if message.command == "mode" and words[:1] == ["live"]:
            for name in words[2:] or [item.name for item in self.world.config.strategies]:
                generation = self.world.runtime.directory.generation(f"strategy/{name}")
                self._released[name] = generation

    def on_record(self, seq: int, record: Record) -> None:
        if isinstance(record, SignalRecorded):
            signal = record.signal
            self._signals[signal.signal_id] = (signal.strategy, signal.strategy_generation)
        elif isinstance(record, GroupOpened) and record.plan.book is Book.LIVE:
            name, generation = self._signals.get(record.plan.signal_id, ("", 0))
            released = self._released.get(name, 0)
            if not name or generation > released:
                text = f"generation {generation} of {name or 'nobody'}, released {released}"
                self.violated(f"{record.plan.group_id} is live: {text}")
