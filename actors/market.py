"""The market: takes frames apart and hands each tick to its instrument's feed.

Decides which feed a tick belongs to and beats the feeds' coarse clock while the session runs.
Refuses to judge data. A tick of an instrument that nobody configured is counted, never an error.
"""

from collections.abc import Mapping

import msgspec

from actors.runtime.behaviour import Behaviour, Context, Opening
from engine.messages.base import Message
from engine.messages.control import ViewPublished
from engine.messages.market import (
    FeedBlocked,
    FeedChecked,
    FeedEnded,
    FeedStateChanged,
    MarketFrame,
    MarketWatch,
    PhaseChanged,
    Tick,
)
from engine.messages.supervision import TimerFired
from engine.messages.values import SessionPhase
from engine.units import NS_PER_S, rupees

_CHECK = TimerFired(key="check")
_VIEW = TimerFired(key="view")


class MarketBehaviour(Behaviour):
    """Behaviour `market`.

    Args:
        feeds: instrument -> name of its feed.
        check_every_ns: the beat of `FeedChecked`, market time.
        view_every_ns: how often the view "feeds" is published, real time; 0 is never.
        ended_reader: told of `FeedEnded`; "" is nobody.
    """

    def __init__(
        self,
        feeds: Mapping[str, str],
        *,
        check_every_ns: int,
        view_every_ns: int = NS_PER_S,
        ended_reader: str = "",
    ) -> None:
        self._feeds = dict(feeds)
        self._check_every_ns = check_every_ns
        self._view_every_ns = view_every_ns
        self._ended_reader = ended_reader
        self._last: dict[str, Tick] = {}
        self._states: dict[str, FeedStateChanged] = {}
        self._is_open = False
        self._tick_count = 0
        self._source_at_ns = 0
        self._stranger_count = 0

    def open(self, ctx: Context) -> Opening:
        super().open(ctx)
        if self._view_every_ns:
            ctx.timer_after("view", self._view_every_ns, _VIEW)
        return Opening.READY

    def receive(self, message: Message) -> None:
        if type(message) is MarketFrame:
            self._on_frame(message)
            return
        match message:
            case TimerFired(key="check"):
                self._check()
            case TimerFired(key="view"):
                self._publish()
                self.ctx.timer_after("view", self._view_every_ns, _VIEW)
            case PhaseChanged():
                self._on_phase(message)
            case FeedBlocked() | MarketWatch():
                name = self._feeds.get(message.instrument)
                if name is not None:
                    self.ctx.send(name, message)
            case FeedStateChanged():
                self._states[message.instrument] = message
            case FeedEnded():
                self._publish()
                if self._ended_reader:
                    self.ctx.send(self._ended_reader, message)
            case _:
                super().receive(message)

    def _on_frame(self, frame: MarketFrame) -> None:
        send, feeds, last = self.ctx.send, self._feeds, self._last
        for tick in frame.ticks:
            name = feeds.get(tick.instrument)
            if name is None:
                self._stranger_count += 1
                continue
            last[tick.instrument] = tick
            send(name, tick)
        self._tick_count += len(frame.ticks)
        self._source_at_ns = frame.ticks[0].at_ns

    def _on_phase(self, phase: PhaseChanged) -> None:
        self._is_open = phase.phase is SessionPhase.CONTINUOUS
        for name in self._feeds.values():
            self.ctx.send(name, phase)
        if self._is_open:
            self._arrange_check()

    def _check(self) -> None:
        if self._is_open:
            beat = FeedChecked(at_ns=self.ctx.now_ns(), source_at_ns=self._source_at_ns)
            for name in self._feeds.values():
                self.ctx.send(name, beat)
            self._arrange_check()

    def _arrange_check(self) -> None:
        now_ns, every_ns = self.ctx.now_ns(), self._check_every_ns
        self.ctx.timer_at("check", now_ns - now_ns % every_ns + every_ns, _CHECK)

    def _publish(self) -> None:
        now_ns = self.ctx.now_ns()
        rows = []
        for instrument in self._feeds:
            tick, state = self._last.get(instrument), self._states.get(instrument)
            rows.append(
                {
                    "instrument": instrument,
                    "state": state.state.value if state else "stale",
                    "reasons": state.reasons if state else ("no_tick_yet",),
                    "age_s": round((now_ns - tick.at_ns) / NS_PER_S, 1) if tick else None,
                    "price": rupees(tick.price_paise) if tick else None,
                }
            )
        body = {"ticks": self._tick_count, "strangers": self._stranger_count, "feeds": rows}
        text = msgspec.json.encode(body).decode()
        self.ctx.send("console", ViewPublished(topic="feeds", body=text, at_ns=now_ns))
