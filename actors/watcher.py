"""The order watcher: the only writer of order truth.

Decides when to ask the broker for a snapshot. What reports mean is decided in
engine/orders/merge.py and resolve.py; what is certain goes to the journal, from which everybody
else learns it. Refuses to place, change or cancel anything.

A snapshot is asked for at once after recovery, on a gap, a contradiction or a hint of the broker's
stream (whose body is not believed, so it is not read), and at growing real-time
intervals while anything is unresolved. The writer answers it after all intents that it got before.
While the placement of an exit owes an answer a position may stand without its stop (ORD-03): those
intervals stop growing then, but no more is asked for as long as the last answer is owed.
Its past are also the facts of the generation before it that the journal still owes.
"""

from collections.abc import Mapping
from enum import Enum, unique

import msgspec

from actors.journaled import JournalCursor, with_facts_owed
from actors.runtime.behaviour import Behaviour, Context, Opening
from actors.telling import append
from engine.errors import JournalUnavailable
from engine.instruments import Instrument
from engine.limits import VIEW_EVERY_NS
from engine.messages.base import Message
from engine.messages.broker import (
    BrokerSnapshot,
    IntentAnswered,
    OrderReport,
    SnapshotRequested,
    StreamHinted,
    TradeReport,
)
from engine.messages.control import RecoveryDone, ViewPublished
from engine.messages.journal import AppendRefused, Journaled, Replayed
from engine.messages.market import PhaseChanged
from engine.messages.records import IntentPlanned
from engine.messages.supervision import TimerFired
from engine.messages.values import Book, SessionPhase
from engine.orders.belief import BelievingTruth
from engine.orders.merge import AWAITED
from engine.orders.merge_book import Charge, no_charge
from engine.orders.resolve import ResolveSettings, merge_snapshot
from engine.orders.tracked import Merged, Tracked
from engine.units import NS_PER_MS, NS_PER_S, rupees


class WatcherSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`unanswered_ns`: how long an intent may stay open before the first snapshot; from then the
    pause doubles from `poll_ns` to `poll_ns_max`, to `exit_ns` while an exit's placement owes an
    answer; a request that is not answered counts as lost after `owed_ns`. `steady_ns`: pause while
    orders work and nothing is owed, because a stream may lose the one report that matters;
    `live_ns` the same while live orders work, whose lost fill leaves real money without a stop.
    `believe_ns`: how long the fill of an entry that the stream alone tells waits for the books.
    `gap_ns`: least real time between requests. `parked_ns_max`: how long hearsay may wait for its
    intent. `clock_speed`: of the market clock beside the boot clock."""

    resolve: ResolveSettings = ResolveSettings()
    unanswered_ns: int = 2 * NS_PER_S
    poll_ns: int = 500 * NS_PER_MS
    poll_ns_max: int = 15 * NS_PER_S
    exit_ns: int = NS_PER_S
    owed_ns: int = 5 * NS_PER_S
    believe_ns: int = 2 * NS_PER_S
    steady_ns: int = 30 * NS_PER_S
    live_ns: int = 5 * NS_PER_S
    gap_ns: int = 200 * NS_PER_MS
    parked_ns_max: int = 10 * NS_PER_S
    clock_speed: int = 1


@unique
class _Pacing(Enum):
    NONE = "none"
    STEADY = "steady"
    FAST = "unresolved"


class WatcherActor(Behaviour):
    """Behaviour `watcher`.

    Args:
        instruments: by name, for charges.
        charge: the increment of an order's charges, pure.
        trading_day: until PhaseChanged tells it.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        settings: WatcherSettings,
        charge: Charge = no_charge,
        trading_day: str = "",
    ) -> None:
        self.truth = BelievingTruth(instruments, charge, trading_day)
        self.truth.clock.speed = settings.clock_speed
        self._is_view_due = False
        self._settings = settings
        self._request_id = 0
        self._answered_id = 0
        self._requested_mono_ns = -settings.gap_ns
        self._poll_ns = settings.poll_ns
        self._pacing = _Pacing.NONE
        self._ahead_since: dict[str, int] = {}

    def open(self, ctx: Context) -> Opening:
        self.ctx = ctx
        self._reader = JournalCursor(ctx)
        return self._reader.request()

    def receive(self, message: Message) -> None:
        now_ns = self.ctx.now_ns()
        self.truth.clock.look(now_ns, self.ctx.mono_ns())
        match message:
            case Replayed():
                self._recover(message)
            case Journaled():
                record = self._reader.fresh(message)
                if isinstance(record, IntentPlanned):
                    self.truth.evolve(record)
                    self._publish(self.truth.release_parked(record, now_ns))
            case IntentAnswered() | OrderReport() | TradeReport():
                self._publish(self.truth.merge(message, now_ns))
                self._mind_ahead()
            case BrokerSnapshot():
                self._answered_id = max(self._answered_id, message.request_id)
                resolve = self._settings.resolve
                self._publish(merge_snapshot(self.truth, message, resolve, now_ns))
            case StreamHinted():
                self._ask("stream", Book.LIVE)
            case AppendRefused():
                # Our view is ahead of the journal: forget it, replay and read the books again.
                raise JournalUnavailable(f"facts refused: {message.why}")
            case TimerFired(key=key):
                self._timer(key, now_ns)
            case PhaseChanged():
                self._phase(message)
            case _:
                super().receive(message)

    def _recover(self, message: Replayed) -> None:
        if self._reader.replayed(message) is None:
            return
        for record in with_facts_owed(message):
            self.truth.evolve(record)
        self.ctx.ready()
        ctx = self.ctx
        done = RecoveryDone(part=ctx.name, at_ns=ctx.now_ns(), generation=ctx.generation)
        self.ctx.send("authority", done)
        if self.truth.open_orders():
            self._ask("recovered")
        self._pace()

    def _publish(self, out: Merged) -> None:
        if out.facts:
            self._changed()
            append(self.ctx, *out.facts)
        for alert in out.alerts:
            self.ctx.send("alerts", alert)
        if out.is_snapshot_wanted:
            self._ask("gap")
        self._pace()

    def _phase(self, changed: PhaseChanged) -> None:
        self.truth.trading_day = changed.trading_day
        if changed.phase is SessionPhase.CLOSED:
            self.truth.end_day(changed.at_ns)

    def _timer(self, key: str, now_ns: int) -> None:
        if key == "view":
            self._show()
        elif key == "believe":
            self._believe(now_ns)
        else:
            self._poll(now_ns)

    def _changed(self) -> None:
        if not self._is_view_due:
            self._is_view_due = True
            self.ctx.timer_after("view", VIEW_EVERY_NS, TimerFired(key="view"))

    def _show(self) -> None:
        """Publish the working orders."""
        self._is_view_due = False
        body = msgspec.json.encode([order_row(t) for t in self.truth.open_orders()]).decode()
        now_ns = self.ctx.now_ns()
        self.ctx.send("console", ViewPublished(topic="orders", body=body, at_ns=now_ns))

    def _pace(self) -> None:
        """Keep one poll timer running while anything is unresolved, a slow one while any order
        works."""
        if self.truth.is_unresolved:
            if self._pacing is not _Pacing.FAST:
                self._pacing = _Pacing.FAST
                self._poll_ns = self._settings.poll_ns
                self._set_timer(self._settings.unanswered_ns)
        elif not self.truth.open_orders():
            if self._pacing is not _Pacing.NONE:
                self._pacing = _Pacing.NONE
                self.ctx.timer_cancel("poll")
        elif self._pacing is not _Pacing.STEADY:
            self._pacing = _Pacing.STEADY
            self._set_timer(self._steady_ns())

    def _poll(self, now_ns: int) -> None:
        expired = self.truth.expire_parked(now_ns - self._settings.parked_ns_max, now_ns)
        for alert in expired.alerts:
            self.ctx.send("alerts", alert)
        self._pace()
        if self._pacing is _Pacing.NONE:
            return
        if self._pacing is _Pacing.FAST:
            is_exit = self._owes_exit()
            self._set_timer(
                min(self._poll_ns, self._settings.exit_ns) if is_exit else self._poll_ns
            )
            self._poll_ns = min(2 * self._poll_ns, self._settings.poll_ns_max)
            if not (is_exit and self._is_asked()):
                self._ask(self._pacing.value)
        else:
            self._set_timer(self._steady_ns())
            self._ask(self._pacing.value, Book.LIVE if self._is_live() else None)

    def _mind_ahead(self) -> None:
        """Look again soon at an entry that the stream counts as filled further than it is booked:
        the books were asked, and may not answer."""
        mono_ns = self.ctx.mono_ns()
        ahead = [tracked.intent.client_order_id for tracked in self.truth.entries_ahead()]
        if any(key not in self._ahead_since for key in ahead):
            wait_ns = self._settings.believe_ns
            self.ctx.timer_after("believe", wait_ns, TimerFired(key="believe"))
        self._ahead_since = {key: self._ahead_since.get(key, mono_ns) for key in ahead}

    def _believe(self, now_ns: int) -> None:
        """Book what has waited for the books long enough: its position has no stop."""
        self._mind_ahead()
        latest_ns = self.ctx.mono_ns() - self._settings.believe_ns
        for tracked in self.truth.entries_ahead():
            if self._ahead_since[tracked.intent.client_order_id] <= latest_ns:
                self._publish(self.truth.believe(tracked, now_ns))
        if self.truth.entries_ahead():
            wait_ns = self._settings.believe_ns
            self.ctx.timer_after("believe", wait_ns, TimerFired(key="believe"))

    def _steady_ns(self) -> int:
        return self._settings.live_ns if self._is_live() else self._settings.steady_ns

    def _is_live(self) -> bool:
        return any(t.intent.book is Book.LIVE for t in self.truth.open_orders())

    def _ask(self, reason: str, book: Book | None = None) -> None:
        mono_ns = self.ctx.mono_ns()
        if mono_ns - self._requested_mono_ns < self._settings.gap_ns:
            self._pacing = _Pacing.FAST
            self._poll_ns = self._settings.poll_ns
            self._set_timer(self._settings.gap_ns)
            return
        self._requested_mono_ns = mono_ns
        self._request_id += 1
        request = SnapshotRequested(request_id=self._request_id, reason=reason, book=book)
        self.ctx.send("writer", request)

    def _owes_exit(self) -> bool:
        """True while it is not known whether the placement of an exit has happened."""
        return any(
            t.intent.leg.is_exit and t.order.status in AWAITED for t in self.truth.open_orders()
        )

    def _is_asked(self) -> bool:
        """True while the last request may still be answered: a writer that hangs answers them all
        in a row, in front of the exits that wait."""
        is_owed = self._answered_id < self._request_id
        return is_owed and self.ctx.mono_ns() - self._requested_mono_ns < self._settings.owed_ns

    def _set_timer(self, delay_ns: int) -> None:
        self.ctx.timer_after("poll", delay_ns, TimerFired(key="poll"))


def order_row(tracked: Tracked) -> dict[str, object]:
    """One order for the operator's eyes; the price in rupees."""
    intent, order = tracked.intent, tracked.order
    return {
        "client_order_id": intent.client_order_id,
        "venue_order_id": tracked.venue_order_id,
        "group": intent.group_id,
        "leg": intent.leg.value,
        "instrument": intent.instrument,
        "side": intent.side.value,
        "quantity": order.quantity,
        "filled": order.filled,
        "status": order.status.value,
        "price": rupees(order.price_limit_paise or order.price_trigger_paise),
    }
