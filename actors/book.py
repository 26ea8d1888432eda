"""The book: positions and P&L as the sum of fills.

Decides what is shown of positions, money and the day, and writes the day's close. Refuses to judge
and to keep anything that the journal does not. Stands alone so that no screen computes P&L of its
own.

Receives Journaled (OrderFilled, GroupClosed), Replayed, Tick, PhaseChanged, TimerFired. Sends
ViewPublished (topics positions, pnl) to "console", Append (DayClosed) to "journal", RecoveryDone to
"authority".
"""

import msgspec

from actors.book_view import pnl_body, positions_body
from actors.journaled import JournalReader
from actors.runtime.behaviour import Context, Opening
from actors.telling import Watching, append
from engine.instruments import Instrument
from engine.limits import VIEW_EVERY_NS
from engine.market.watching import ANY_PRICE
from engine.messages.base import Message
from engine.messages.control import RecoveryDone, ViewPublished
from engine.messages.market import PhaseChanged, PhaseWanted, Tick
from engine.messages.records import DayClosed, GroupClosed, OrderFilled, Record
from engine.messages.supervision import TimerFired
from engine.messages.values import Book, SessionPhase
from engine.portfolio.drawdown import Drawdown, moved, started
from engine.portfolio.pnl import Pnl, ledger_pnl
from engine.portfolio.positions import Ledger
from engine.units import NS_PER_S

_VIEW_TIMER = "view"
TRACK_EVERY_NS = NS_PER_S
"""Market time between two looks at the equity while prices move."""


class BookBehaviour(JournalReader):
    """See the module.

    Args:
        instruments: for their multipliers.
        capital_paise: what drawdown is measured against.
        book: whose day is closed and whose drawdown is tracked.
        view_every_ns: real time between views; 0: only when the session moves.
    """

    def __init__(
        self,
        *,
        instruments: tuple[Instrument, ...],
        capital_paise: int,
        book: Book = Book.PAPER,
        view_every_ns: int = VIEW_EVERY_NS,
    ) -> None:
        self.ledger = Ledger({spec.name: spec.multiplier for spec in instruments})
        self.ticks: dict[str, Tick] = {}
        self.round_trips: dict[Book, int] = dict.fromkeys(Book, 0)
        self.drawdown: Drawdown = started(capital_paise)
        self.book = book
        self._session: PhaseChanged | None = None
        self._view_every_ns = view_every_ns
        self._past_paise = 0
        self._tracked_at_ns = 0
        self._has_traded = False
        self._traded_at_ns = 0
        self._has_ticked = False
        self._is_view_due = False
        self._is_live = False

    def open(self, ctx: Context) -> Opening:
        self._watching = Watching(ctx)
        return super().open(ctx)

    def receive(self, message: Message) -> None:
        match message:
            case Tick():
                self.ticks[message.instrument] = message
                self._has_ticked = True
                if self.ledger.is_held(message.instrument):
                    self._track(TRACK_EVERY_NS, message.at_ns)
                    self._changed()
                self._rest(message.instrument)
            case PhaseChanged():
                self._phase(message)
            case TimerFired():
                self._publish()
            case _:
                super().receive(message)

    # -- the journal ----------------------------------------------------------------------

    def fold(self, record: Record) -> None:
        match record:
            case OrderFilled():
                if self.ledger.apply(record):
                    self._has_traded = True
                    self._traded_at_ns = max(self._traded_at_ns, record.at_ns)
                    self._rest(record.instrument)
            case GroupClosed() if record.quantity_entered:
                self.round_trips[record.book] += 1
            case DayClosed():
                self._start_day()
            case _:
                return
        if self._is_live:
            self._track(0, self.ctx.now_ns())
            self._changed()

    def _rest(self, instrument: str) -> None:
        """Without a screen to keep fresh, prices matter only while they move the equity."""
        if self._is_live and not self._view_every_ns:
            is_held, count = self.ledger.is_held(instrument), self.ledger.held_count
            self._watching.rest(instrument, ANY_PRICE, TRACK_EVERY_NS * count if is_held else 0)

    def recovered(self) -> None:
        self.ctx.send("calendar", PhaseWanted(reader=self.ctx.name))
        self._is_live = True
        self._changed()
        now_ns = self.ctx.now_ns()
        done = RecoveryDone(part=self.ctx.name, at_ns=now_ns, generation=self.ctx.generation)
        self.ctx.send("authority", done)

    # -- the day --------------------------------------------------------------------------

    def _phase(self, changed: PhaseChanged) -> None:
        before, self._session = self._session, changed
        if not self._view_every_ns:
            self._publish()
        was_open = before is not None and before.phase is not SessionPhase.CLOSED
        # trades of the future: the clock was set back before the open, the day is still to come
        has_ended = self._has_traded and self._traded_at_ns <= changed.at_ns
        is_used = (was_open and (self._has_ticked or self._has_traded)) or has_ended
        if changed.phase is SessionPhase.CLOSED and is_used:
            self._close_day(before.trading_day if before else changed.trading_day)

    def _close_day(self, trading_day: str) -> None:
        """Write the day's totals, once a book that was used, then start afresh."""
        closed = [self._day_closed(book, trading_day) for book in self._books()]
        append(self.ctx, *closed)
        self._publish()
        self._start_day()

    def _books(self) -> tuple[Book, ...]:
        return tuple(b for b in Book if b is self.book or any(self.ledger.items(b)))

    def _day_closed(self, book: Book, trading_day: str) -> DayClosed:
        pnl = self.pnl(book)
        return DayClosed(
            at_ns=self.ctx.now_ns(),
            trading_day=trading_day,
            book=book,
            round_trips=self.round_trips[book],
            pnl_gross_paise=pnl.realised_paise + pnl.open_paise,
            charges_paise=pnl.charges_paise,
            positions_open=self.ledger.open_count(book),
        )

    def _start_day(self) -> None:
        """Forget the day's figures; the equity that drawdown follows goes on."""
        before = self.pnl(self.book).total_paise
        self.ledger.start_day()
        self._past_paise += before - self.pnl(self.book).total_paise
        self.round_trips = dict.fromkeys(Book, 0)
        self._has_traded = self._has_ticked = False

    def _track(self, every_ns: int, now_ns: int) -> None:
        """Follow the equity for its peak and drawdown, not more often than `every_ns`."""
        if now_ns - self._tracked_at_ns < every_ns:
            return
        self._tracked_at_ns = now_ns
        pnl = self.pnl(self.book)
        if not pnl.unmarked:
            self.drawdown = moved(self.drawdown, self._past_paise + pnl.total_paise)

    def pnl(self, book: Book) -> Pnl:
        """The day's P&L at worst marks."""
        return ledger_pnl(self.ledger, book, self.ticks)

    # -- telling --------------------------------------------------------------------------

    def _changed(self) -> None:
        if not self._is_view_due and self._view_every_ns:
            self._is_view_due = True
            timer = TimerFired(key=_VIEW_TIMER)
            self.ctx.timer_after(_VIEW_TIMER, self._view_every_ns, timer)

    def _publish(self) -> None:
        self._is_view_due = False
        now_ns = self.ctx.now_ns()
        views = (
            ("positions", positions_body(self.ledger, self.ticks)),
            (
                "pnl",
                pnl_body(self.ledger, self.ticks, self.book, self.round_trips, self.drawdown),
            ),
        )
        for topic, shown in views:
            body = msgspec.json.encode(shown).decode()
            self.ctx.send("console", ViewPublished(topic=topic, body=body, at_ns=now_ns))
