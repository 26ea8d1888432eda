"""One instrument's feed: only sane ticks pass, bars are built, staleness is told.

Decides what of an instrument's data may be traded on. Refuses to know other instruments and who
trades. Reasons are counted per code; a refused tick neither becomes a price nor refreshes the age.
"""

from collections import Counter

from actors.runtime.behaviour import Behaviour, Context, Opening
from engine.market.bars import BarBuilder
from engine.market.quality import TickGate, TickLimits, Verdict
from engine.market.staleness import Freshness, StalenessLimits
from engine.messages.base import Message
from engine.messages.market import (
    BarClosed,
    FeedBlocked,
    FeedChecked,
    FeedStateChanged,
    MarketWatch,
    PhaseChanged,
    Tick,
)
from engine.messages.values import FeedState, SessionPhase

ACCEPT, QUARANTINE = Verdict.ACCEPT, Verdict.QUARANTINE


class FeedBehaviour(Behaviour):
    """Behaviour `feed/<instrument>`.

    Args:
        tick_readers: get every accepted tick; `MarketWatch` adds and removes more.
        bar_readers: (interval in s, names) pairs; get each closed bar of that interval.
        state_readers: get `FeedStateChanged`.
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
    ) -> None:
        self._instrument = instrument
        self._readers = list(tick_readers)
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
        return Opening.READY

    def receive(self, message: Message) -> None:
        if type(message) is Tick:
            self._on_tick(message)
            return
        match message:
            case FeedChecked():
                self._freshness.on_source(message.source_at_ns)
                for builder, names in self._bars:
                    self._send_bar(builder.on_time(message.at_ns), names)
                self._judge(message.at_ns)
            case PhaseChanged():
                self._on_phase(message)
            case FeedBlocked():
                self._blocked_by = message.reason if message.is_blocked else ""
                self._judge(message.at_ns)
            case MarketWatch():
                self._watch(message)
            case _:
                super().receive(message)

    def _on_tick(self, tick: Tick) -> None:
        verdict, reason = self._gate.admit(tick)
        if verdict is QUARANTINE:
            self.refused[reason] += 1
            return
        now_ns = tick.at_ns
        self._freshness.on_tick(now_ns)
        if reason != self._doubt or self._state[0] is not FeedState.FRESH:
            self._doubt = reason
            self._judge(now_ns)
        send = self.ctx.send
        for builder, names in self._bars:
            bar = builder.on_tick(tick)
            if bar is not None:
                self._send_bar(bar, names)
        for name in self._readers:
            send(name, tick)

    def _on_phase(self, phase: PhaseChanged) -> None:
        self._freshness.on_phase(phase.phase, phase.at_ns)
        if phase.phase is SessionPhase.CLOSED:
            for builder, names in self._bars:
                self._send_bar(builder.flush(), names)
        self._judge(phase.at_ns)

    def _watch(self, watch: MarketWatch) -> None:
        if watch.is_on and watch.reader not in self._readers:
            self._readers.append(watch.reader)
            if self._gate.last is not None:
                self.ctx.send(watch.reader, self._gate.last)
        elif not watch.is_on and watch.reader in self._readers:
            self._readers.remove(watch.reader)

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
