"""One instrument's feed: only sane ticks pass, bars are built, staleness is told.

Decides what of an instrument's data may be traded on. Refuses to know other instruments and who
trades. Reasons are counted per code; a refused tick neither becomes a price nor refreshes the age.

Receives Tick, FeedChecked, PhaseChanged, FeedBlocked, MarketWatch, FeedsCalled, all through market.
Sends Tick, BarClosed, FeedStateChanged to its readers, FeedAnnounced to "market".

| tick                          | watchers and tick readers | bars | strategies on ticks |
|-------------------------------|---------------------------|------|---------------------|
| outside the session           | -                         | -    | -                   |
| quarantined                   | -                         | -    | -                   |
| in a span the source blocks   | yes (exits need a price)  | -    | -                   |
| believable, for exits only    | yes                       | yes  | -                   |
| good                          | yes                       | yes  | yes                 |
"""

from collections import Counter

from actors.runtime.behaviour import Behaviour, Context, Opening
from engine.market.bars import BarBuilder
from engine.market.quality import TickGate, TickLimits, Verdict
from engine.market.staleness import Freshness, StalenessLimits
from engine.market.watching import Readers, price_range
from engine.messages.base import Message
from engine.messages.market import (
    BarClosed,
    FeedAnnounced,
    FeedBlocked,
    FeedChecked,
    FeedsCalled,
    FeedStateChanged,
    MarketWatch,
    PhaseChanged,
    Tick,
)
from engine.messages.values import FeedState, SessionPhase
from engine.units import NS_PER_S

BAR_WAIT_NS = NS_PER_S
"""How long after its end a bar waits for late ticks if no newer one comes."""
QUARANTINE, FRESH = Verdict.QUARANTINE, FeedState.FRESH


class FeedBehaviour(Behaviour):
    """Behaviour `feed/<instrument>`.

    Args:
        tick_readers: get every believable tick; `MarketWatch` adds and removes more, and says of
            each which ticks need not wake it.
        bar_readers: (interval in s, names) pairs; get each closed bar of that interval.
        state_readers: get `FeedStateChanged`.
        idea_readers: strategies that want ticks; get only what may be entered on.
    """

    def __init__(
        self,
        instrument: str,
        *,
        tick_readers: tuple[str, ...],
        bar_readers: tuple[tuple[int, tuple[str, ...]], ...],
        state_readers: tuple[str, ...],
        tick_limits: TickLimits,
        staleness: StalenessLimits,
        idea_readers: tuple[str, ...] = (),
    ) -> None:
        self._instrument = instrument
        self._readers = Readers(tick_readers)
        self._idea_readers = idea_readers
        self._opens_at_ns = self._closes_at_ns = 0
        self._bars = [(BarBuilder(instrument, s), names) for s, names in bar_readers]
        self._state_readers = state_readers
        self._gate = TickGate(tick_limits)
        self._staleness = staleness
        self._state: tuple[FeedState, str] = (FeedState.STALE, "no_tick_yet")
        self._blocked_by = ""
        self._doubt = ""
        self.refused: Counter[str] = Counter()

    def open(self, ctx: Context) -> Opening:
        super().open(ctx)
        self._freshness = Freshness(self._staleness, ctx.now_ns())
        ctx.send("market", FeedAnnounced(instrument=self._instrument))
        return Opening.READY

    def receive(self, message: Message) -> None:
        if type(message) is Tick:
            self._on_tick(message)
        else:
            self._receive_rare(message)

    def _on_tick(self, tick: Tick) -> None:
        now_ns = tick.at_ns
        if not self._opens_at_ns <= now_ns < self._closes_at_ns:
            self.refused["out_of_session"] += 1
            return
        verdict, reason = self._gate.admit(tick)
        if verdict is QUARANTINE:
            self._refuse(tick, reason)
            return
        self._freshness.on_tick(now_ns)
        if reason != self._doubt or self._state[0] is not FRESH:
            self._doubt = reason
            self._judge(now_ns)
        readers, low, high = self._readers, tick.bid_paise, tick.ask_paise
        if not 0 < low <= tick.price_paise <= high:
            low, high = price_range(tick)
        is_quiet = readers.low_paise < low and high < readers.high_paise
        if is_quiet and now_ns < readers.due_ns:
            self.ctx.leave(readers.names, tick)
        else:
            self._wake(tick, None if is_quiet else (low, high))
        if self._blocked_by:
            return
        if self._bars:
            self._build_bars(tick)
        if not reason:
            for name in self._idea_readers:
                self.ctx.hand(name, tick)

    def _receive_rare(self, message: Message) -> None:
        match message:
            case FeedChecked():
                self._on_check(message)
            case PhaseChanged():
                self._on_phase(message)
            case FeedBlocked():
                self._blocked_by = message.reason if message.is_blocked else ""
                self._judge(message.at_ns)
            case MarketWatch():
                self._watch(message)
            case FeedsCalled():
                watchers = self._readers.watchers
                announced = FeedAnnounced(instrument=self._instrument, watchers=watchers)
                self.ctx.send("market", announced)
            case _:
                super().receive(message)

    def _build_bars(self, tick: Tick) -> None:
        for builder, names in self._bars:
            self._send_bar(builder.on_tick(tick), names)

    def _wake(self, tick: Tick, prices: tuple[int, int] | None) -> None:
        """Send to those to whom the tick matters or is due, leave it with the others. Without
        prices it touches nobody: it is handed to those who only look from time to time."""
        if prices is None:
            due = self._readers.due(tick.at_ns)
            self.ctx.leave(tuple([name for name in self._readers.names if name not in due]), tick)
            for name in due:
                self.ctx.hand(name, tick)
            return
        for name in self._readers.names:
            if self._readers.is_woken(name, prices, tick.at_ns):
                self.ctx.send(name, tick)
            else:
                self.ctx.leave((name,), tick)

    def _refuse(self, tick: Tick, reason: str) -> None:
        """Nobody beats a feed whose ticks come but do not pass, so it judges itself."""
        self.refused[reason] += 1
        self._freshness.on_source(tick.received_at_ns)
        self._judge(tick.received_at_ns)

    def _on_check(self, check: FeedChecked) -> None:
        self._freshness.on_source(check.source_at_ns, check.link)
        end_ns = check.at_ns - BAR_WAIT_NS
        for builder, names in self._bars:
            self._send_bar(builder.on_time(end_ns), names)
        self._judge(check.at_ns)

    def _on_phase(self, phase: PhaseChanged) -> None:
        self._freshness.on_phase(phase.phase, phase.at_ns)
        if phase.opens_at_ns and phase.opens_at_ns != self._opens_at_ns:
            self._opens_at_ns, self._closes_at_ns = phase.opens_at_ns, phase.closes_at_ns
            self._gate = TickGate(self._gate.limits)  # the gap over night is no jump
        last = self._gate.last
        if last is not None and phase.phase is SessionPhase.CONTINUOUS:
            self._freshness.on_tick(last.at_ns)  # came at the very instant of the opening
        if phase.phase is SessionPhase.CLOSED:
            for builder, names in self._bars:
                self._send_bar(builder.flush(), names)
        self._judge(phase.at_ns)

    def _watch(self, watch: MarketWatch) -> None:
        has_changed = self._readers.take(watch, self.ctx.now_ns())
        last, name = self._gate.last, watch.reader
        if not has_changed or last is None:
            return
        if self._readers.is_woken(name, price_range(last), last.at_ns):
            self.ctx.send(name, last)  # it came before the wish

    def _send_bar(self, bar: BarClosed | None, names: tuple[str, ...]) -> None:
        if bar is not None:
            for name in names:
                self.ctx.send(name, bar)

    def _judge(self, now_ns: int) -> None:
        state, reason = self._freshness.judge(now_ns)
        if self._blocked_by:
            state, reason = FeedState.BLOCKED, self._blocked_by
        elif self._doubt and state is FeedState.FRESH:
            state, reason = FeedState.STALE, self._doubt
        if (state, reason) == self._state:
            return
        self._state = (state, reason)
        changed = FeedStateChanged(
            instrument=self._instrument,
            state=state,
            reasons=(reason,) if reason else (),
            at_ns=now_ns,
            tick_at_ns=self._gate.last.at_ns if self._gate.last is not None else 0,
        )
        for name in self._state_readers:
            self.ctx.send(name, changed)
