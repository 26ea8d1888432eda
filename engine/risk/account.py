"""The guard's picture of the account: a fold of journal, market and control.

Decides what each rule gets to see. Refuses to decide on proposals (rules.py) and to send anything.
Stands alone so that a recovered guard and one that never died are equal by construction.

A trading day is the UTC day of a record: Indian sessions (09:00-23:55 IST) never cross 05:30 IST.
"""

from collections import deque
from collections.abc import Mapping

from engine.authority import Scope, effective
from engine.instruments import Instrument
from engine.messages.control import AuthorityChanged
from engine.messages.market import FeedStateChanged, PhaseChanged, Tick
from engine.messages.records import (
    DecisionRecorded,
    GroupClosed,
    GroupOpened,
    LatchChanged,
    OrderDenied,
    OrderFact,
    OrderFilled,
    OrderUnknown,
    Record,
)
from engine.messages.signals import EntryProposed, TradePlan
from engine.messages.values import Authority, Book, FeedState, Mode
from engine.portfolio.pnl import Pnl, ledger_pnl
from engine.portfolio.positions import Ledger
from engine.risk.reservations import Reservations
from engine.risk.settings import RiskSettings
from engine.risk.view import RiskView
from engine.units import NS_PER_MINUTE, NS_PER_S

DAY_NS = 86_400 * NS_PER_S
LOSS_LATCH = "loss_day"
ENTRY_REJECTED = "entry_rejected"
"""Why a group closes whose entry the broker has refused."""


class Account:
    """See the module. `strategies`: the instruments each strategy is configured for."""

    def __init__(
        self,
        *,
        settings: RiskSettings,
        instruments: tuple[Instrument, ...],
        strategies: Mapping[str, frozenset[str]],
    ) -> None:
        self.settings = settings
        self.instruments = {spec.name: spec for spec in instruments}
        self.ledger = Ledger({spec.name: spec.multiplier for spec in instruments})
        self.reservations = Reservations()
        self.ticks: dict[str, Tick] = {}
        self.session: PhaseChanged | None = None
        self.authority: AuthorityChanged | None = None
        self.is_loss_latched = False
        self.heat_paise_max = 0
        self.now_day = 0
        self._strategies = strategies
        self._feeds: dict[str, FeedState] = {}
        self._fenced: dict[str, int] = {}
        self._decided: set[str] = set()
        self._orders: set[str] = set()
        self._unknown: dict[str, str] = {}
        self._entered: set[tuple[str, str, str]] = set()
        self._losses_row: dict[str, int] = {}
        self._rejected: dict[tuple[Book, str], tuple[int, int]] = {}
        self._proposed: dict[str, deque[int]] = {}
        self._base_paise: dict[Book, int] = {}

    def start(self, now_ns: int) -> None:
        """Name today, before the past is folded: older records count for positions only."""
        self.now_day = now_ns // DAY_NS

    # -- control and market ---------------------------------------------------------------

    def take_authority(self, changed: AuthorityChanged) -> None:
        if self.authority is None or changed.seq > self.authority.seq:
            self.authority = changed

    def take_fence(self, name: str, generation: int) -> None:
        self._fenced[name] = max(self._fenced.get(name, 0), generation)

    def take_feed(self, changed: FeedStateChanged) -> None:
        self._feeds[changed.instrument] = changed.state

    def take_session(self, changed: PhaseChanged) -> bool:
        """True if a new trading day has begun: the day's counters start anew."""
        before, self.session = self.session, changed
        is_new = before is not None and before.trading_day != changed.trading_day
        if is_new:
            self._start_day(changed.at_ns)
        return is_new

    def _start_day(self, now_ns: int) -> None:
        self.now_day = now_ns // DAY_NS
        self.is_loss_latched = False
        for counters in (self._orders, self._entered, self._losses_row, self._decided):
            counters.clear()
        self._rejected.clear()
        self.ledger.start_day()
        for book in Book:
            self._base_paise[book] = ledger_pnl(self.ledger, book, self.ticks).total_paise

    # -- the journal ----------------------------------------------------------------------

    def fold(self, record: Record) -> None:
        is_today = record.at_ns // DAY_NS >= self.now_day
        match record:
            case OrderFilled():
                if not self.ledger.apply(record):
                    return
            case DecisionRecorded():
                self._decided.add(record.signal_id)
            case GroupOpened():
                self._decided.add(record.plan.signal_id)
            case GroupClosed() if is_today:
                self._closed(record)
            case LatchChanged() if is_today and record.latch == LOSS_LATCH:
                self.is_loss_latched = record.is_set
            case _:
                pass
        if isinstance(record, OrderFact):
            self._order(record, is_today)
        self.reservations.fold(record)

    def _order(self, fact: OrderFact, is_today: bool) -> None:
        if isinstance(fact, OrderUnknown):
            self._unknown[fact.client_order_id] = fact.instrument
        else:
            self._unknown.pop(fact.client_order_id, None)
        if is_today and not isinstance(fact, OrderDenied):
            self._orders.add(fact.client_order_id)
        if is_today and isinstance(fact, OrderFilled) and not fact.leg.is_exit:
            self._entered.add((fact.book.value, fact.instrument, fact.side.value))

    def _closed(self, closed: GroupClosed) -> None:
        key = (closed.book, closed.strategy)
        if closed.reason == ENTRY_REJECTED:
            count, _ = self._rejected.get(key, (0, 0))
            self._rejected[key] = (count + 1, closed.at_ns)
        if not closed.quantity_entered:
            return
        self._rejected.pop(key, None)
        has_lost = closed.pnl_gross_paise < closed.charges_paise
        before = self._losses_row.get(closed.strategy, 0)
        self._losses_row[closed.strategy] = before + 1 if has_lost else 0

    def reserve(self, plan: TradePlan) -> None:
        """Take an approved plan's exposure at once."""
        self.reservations.reserve(plan)
        self.heat_paise_max = max(self.heat_paise_max, self.reservations.risk_paise(plan.book))

    # -- what is asked --------------------------------------------------------------------

    def count_proposal(self, strategy: str, now_ns: int) -> int:
        """Count one proposal; returns how many this strategy made in the last minute, bounded by
        one more than the limit."""
        times = self._proposed.get(strategy)
        if times is None:
            times = deque(maxlen=self.settings.proposals_minute_max + 1)
            self._proposed[strategy] = times
        times.append(now_ns)
        while times[0] <= now_ns - NS_PER_MINUTE:
            times.popleft()
        return len(times)

    def decided(self, signal_id: str) -> None:
        self._decided.add(signal_id)

    def book_for(self, strategy: str, instrument: str) -> Book:
        """LIVE only if everything allows new live entries; else the idea is tried on paper."""
        live = self.authority_on(Book.LIVE, strategy, instrument)
        return Book.LIVE if live is Authority.FULL else Book.PAPER

    def authority_on(self, book: Book, strategy: str, instrument: str) -> Authority:
        """The authority of an entry of this strategy now; NONE before the first word of it."""
        if self.authority is None:
            return Authority.NONE
        scope = Scope(
            book=book, instrument=instrument, strategy=strategy, owner="guard", generation=1
        )
        return effective(
            self.authority.mode,
            self.authority.ceilings,
            scope,
            fenced={},
            is_protecting=self.authority.is_protecting,
        )

    def guarded_book(self) -> Book:
        """The book whose losses count: live money as soon as there is any."""
        is_live = self.authority is not None and self.authority.mode is Mode.LIVE
        return Book.LIVE if is_live or any(self.ledger.items(Book.LIVE)) else Book.PAPER

    def pnl_day(self, book: Book) -> Pnl:
        """Since the day began, at worst marks."""
        pnl = ledger_pnl(self.ledger, book, self.ticks)
        return pnl + Pnl(realised_paise=-self._base_paise.get(book, 0))

    @property
    def orders_day(self) -> int:
        """Orders of the day, with those that approved plans are about to place."""
        unopened = sum(
            1 for book in Book for h in self.reservations.holdings(book) if not h.is_opened
        )
        return len(self._orders) + unopened

    def view(self, proposal: EntryProposed, proposals_minute: int, now_ns: int) -> RiskView:
        """The picture for one proposal. Its fields may be of any type still."""
        texts = (proposal.instrument, proposal.strategy, proposal.signal_id)
        name, strategy, signal = (text if isinstance(text, str) else "" for text in texts)
        book = self.book_for(strategy, name)
        held = [h.plan for h in self.reservations.holdings(book) if h.plan.instrument == name]
        side = proposal.side
        rejects_row, rejected_at_ns = self._rejected.get((book, strategy), (0, 0))
        return RiskView(
            now_ns=now_ns,
            book=book,
            authority=self.authority_on(book, strategy, name),
            instrument=self.instruments.get(name),
            allowed=self._strategies.get(strategy),
            generation_void=self._fenced.get(f"strategy/{strategy}", 0),
            tick=self.ticks.get(name),
            feed=self._feeds.get(name),
            session=self.session,
            proposals_minute=proposals_minute,
            is_decided=signal in self._decided,
            is_group_open=any(plan.strategy == strategy for plan in held),
            is_opposite_open=any(plan.side is not side for plan in held),
            is_order_unknown=name in self._unknown.values(),
            is_entered_today=(book.value, name, getattr(side, "value", "")) in self._entered,
            positions_count=self.reservations.count(book),
            notional_paise=self.reservations.notional_paise(book),
            notional_symbol_paise=self.reservations.notional_paise(book, name) if name else 0,
            risk_open_paise=self.reservations.risk_paise(book),
            orders_day=self.orders_day,
            losses_row=self._losses_row.get(strategy, 0),
            rejects_row=rejects_row,
            rejected_at_ns=rejected_at_ns,
            pnl_day=self.pnl_day(book),
            is_loss_latched=self.is_loss_latched,
        )
