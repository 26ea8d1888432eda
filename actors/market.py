"""The market: takes frames apart and hands each tick to its instrument's feed.

Decides which feed a tick belongs to and beats the coarse clock of quiet feeds while the session
runs: a feed that ticks judges itself. Refuses to judge data. A tick of an instrument that nobody
configured is counted, never an error. Remembers phase, watches, blocks and links for feeds that
restart, and asks its feeds for the watches and its sources for their links when it restarts itself.

Receives MarketFrame (without ticks: a sign of life), FeedBlocked, FeedEnded and LinkChanged from
its sources, PhaseChanged, MarketWatch, FeedStateChanged, FeedAnnounced, TimerFired. Sends Tick,
PhaseChanged, FeedChecked, FeedBlocked, MarketWatch to the feeds, FeedsCalled to feeds, sources and
the custodian, PhaseWanted to "calendar", ViewPublished to "console", FeedEnded to one reader.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from actors.runtime.behaviour import Behaviour, Context, Opening
from engine.messages.base import Message
from engine.messages.control import ViewPublished
from engine.messages.market import (
    FeedAnnounced,
    FeedBlocked,
    FeedChecked,
    FeedEnded,
    FeedsCalled,
    FeedStateChanged,
    LinkChanged,
    LinkState,
    MarketFrame,
    MarketWatch,
    PhaseChanged,
    PhaseWanted,
    Tick,
)
from engine.messages.supervision import TimerFired
from engine.messages.values import SessionPhase
from engine.units import NS_PER_S, rupees

VIEW_ROWS_MAX = 200
CHECK_FEEDS_MAX = 32
"""Feeds beaten in one turn: thousands at once would hold up the ticks behind them."""
AGE_BUCKETS_S = (1, 5, 15, 60, 300)
_CHECK = TimerFired(key="check")
_VIEW = TimerFired(key="view")


class MarketBehaviour(Behaviour):
    """Behaviour `market`.

    Args:
        feeds: instrument -> name of its feed.
        check_every_ns: the beat of `FeedChecked`, market time.
        view_every_ns: how often the view "feeds" is published, real time; 0 is never.
        ended_reader: told of `FeedEnded`; "" is nobody.
        sources: instrument -> actor that takes its data in, where there are several.
    """

    def __init__(
        self,
        feeds: Mapping[str, str],
        *,
        check_every_ns: int,
        view_every_ns: int = NS_PER_S,
        ended_reader: str = "",
        sources: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._feeds = dict(feeds)
        self._check_every_ns = check_every_ns
        self._view_every_ns = view_every_ns
        self._ended_reader = ended_reader
        self._last: dict[str, Tick] = {}
        self._states: dict[str, FeedStateChanged] = {}
        self._phase: PhaseChanged | None = None
        self._blocks: dict[str, FeedBlocked] = {}
        self._watches: dict[str, dict[str, MarketWatch]] = {}
        self._sources = dict(sources)
        self._sources_at_ns: dict[str, int] = {}
        self._links: dict[str, LinkChanged] = {}
        self._is_open = False
        self._slices = _sliced(tuple(self._feeds.items()))
        self._slice_number = 0
        self._tick_count = 0
        self._stranger_count = 0

    def open(self, ctx: Context) -> Opening:
        super().open(ctx)
        self._sources_at_ns = dict.fromkeys(("", *self._sources.values()), ctx.now_ns())
        ctx.send("calendar", PhaseWanted(reader=ctx.name))
        for name in (*self._feeds.values(), *dict.fromkeys(self._sources.values()), "custodian"):
            ctx.send(name, FeedsCalled())
        if self._view_every_ns:
            ctx.timer_after("view", self._view_every_ns, _VIEW)
        return Opening.READY

    def receive(self, message: Message) -> None:
        if type(message) is not MarketFrame:
            self._receive_rare(message)
            return
        hand, feeds, last = self.ctx.hand, self._feeds, self._last
        self._sources_at_ns[message.source] = self.ctx.now_ns()
        for tick in message.ticks:
            instrument = tick.instrument
            name = feeds.get(instrument)
            if name is None:
                self._stranger_count += 1
                continue
            last[instrument] = tick
            hand(name, tick)
        self._tick_count += len(message.ticks)

    def _receive_rare(self, message: Message) -> None:
        match message:
            case TimerFired():
                self._timer(message.key)
            case PhaseChanged():
                self._on_phase(message)
            case MarketWatch():
                self._watch(message)
            case FeedAnnounced():
                self._welcome(message)
            case FeedBlocked():
                self._blocks[message.instrument] = message
                self._forward(message.instrument, message)
            case FeedStateChanged():
                self._states[message.instrument] = message
            case LinkChanged():
                self._links[message.source] = message
            case FeedEnded():
                self._end(message)
            case _:
                super().receive(message)

    def _on_phase(self, phase: PhaseChanged) -> None:
        self._phase = phase
        self._is_open = phase.phase is SessionPhase.CONTINUOUS
        for name in self._feeds.values():
            self.ctx.send(name, phase)
        if self._is_open:
            self._arrange_check()

    def _timer(self, key: str) -> None:
        if key == "check":
            self._check()
        else:
            self._publish()
            self.ctx.timer_after("view", self._view_every_ns, _VIEW)

    def _end(self, ended: FeedEnded) -> None:
        self._publish()
        if self._ended_reader:
            self.ctx.send(self._ended_reader, ended)

    def _forward(self, instrument: str, message: Message) -> None:
        name = self._feeds.get(instrument)
        if name is not None:
            self.ctx.send(name, message)

    def _watch(self, watch: MarketWatch) -> None:
        watches = self._watches.setdefault(watch.instrument, {})
        if watch.is_on:
            watches[watch.reader] = watch
        else:
            watches.pop(watch.reader, None)
        self._forward(watch.instrument, watch)

    def _welcome(self, feed: FeedAnnounced) -> None:
        """Give a feed what it cannot know after its start; learn what we forgot by ours."""
        watches = self._watches.setdefault(feed.instrument, {})
        missing = [watch for reader, watch in watches.items() if reader not in feed.watchers]
        for reader in feed.watchers:
            watches[reader] = MarketWatch(instrument=feed.instrument, reader=reader, is_on=True)
        block = self._blocks.get(feed.instrument)
        for message in (self._phase, block, *missing):
            if message is not None:
                self._forward(feed.instrument, message)

    def _check(self) -> None:
        if not self._is_open:
            return
        now_ns, last, send = self.ctx.now_ns(), self._last, self.ctx.send
        quiet_since_ns = now_ns - self._check_every_ns
        sources, beats = (
            self._sources,
            {name: self._beat(name, now_ns) for name in self._sources_at_ns},
        )
        for instrument, name in self._slices[self._slice_number]:
            tick = last.get(instrument)
            if tick is None or tick.at_ns <= quiet_since_ns:
                send(name, beats[sources.get(instrument, "")])
        self._slice_number = (self._slice_number + 1) % len(self._slices)
        self._arrange_check()

    def _beat(self, source: str, now_ns: int) -> FeedChecked:
        link = self._links.get(source)
        return FeedChecked(
            at_ns=now_ns,
            source_at_ns=self._sources_at_ns[source],
            link=link.state if link is not None else LinkState.UNKNOWN,
        )

    def _arrange_check(self) -> None:
        """On the grid of the beat, which many feeds share out in slices."""
        now_ns, every_ns = self.ctx.now_ns(), max(1, self._check_every_ns // len(self._slices))
        self.ctx.timer_at("check", now_ns - now_ns % every_ns + every_ns, _CHECK)

    def _publish(self) -> None:
        now_ns, ages = self.ctx.now_ns(), self._ages_ns()
        states = Counter(state.state.value for state in self._states.values())
        body = {
            "ticks": self._tick_count,
            "strangers": self._stranger_count,
            "source_age_s": round((now_ns - self._heard_at_ns()) / NS_PER_S, 1),
            "links": {name: _link_row(link) for name, link in sorted(self._links.items())},
            "feeds_count": len(self._feeds),
            "never_ticked": len(self._feeds) - len(ages),
            "states": dict(sorted(states.items())),
            "ages": _buckets(ages.values()),
            "feeds": [self._row(instrument, ages) for instrument in self._shown(ages)],
        }
        text = msgspec.json.encode(body).decode()
        self.ctx.send("console", ViewPublished(topic="feeds", body=text, at_ns=now_ns))

    def _heard_at_ns(self) -> int:
        """The last sign of life of the source that has been silent longest."""
        names = set(self._sources.values()) or {""}
        return min(self._sources_at_ns[name] for name in names)

    def _ages_ns(self) -> dict[str, int]:
        now_ns = self.ctx.now_ns()
        return {instrument: now_ns - tick.at_ns for instrument, tick in self._last.items()}

    def _shown(self, ages: Mapping[str, int]) -> list[str]:
        """All feeds if there are few, else the oldest ones: a view is read by a person."""
        if len(self._feeds) <= VIEW_ROWS_MAX:
            return list(self._feeds)
        if len(ages) > VIEW_ROWS_MAX:  # thousands are not sorted by name for two hundred rows
            bound_ns = sorted(ages.values())[-VIEW_ROWS_MAX]
            ages = {name: age_ns for name, age_ns in ages.items() if age_ns >= bound_ns}
        return sorted(ages, key=lambda name: (-ages[name], name))[:VIEW_ROWS_MAX]

    def _row(self, instrument: str, ages: Mapping[str, int]) -> dict[str, Any]:
        tick, state = self._last.get(instrument), self._states.get(instrument)
        return {
            "instrument": instrument,
            "state": state.state.value if state else "stale",
            "reasons": state.reasons if state else ("no_tick_yet",),
            "age_s": round(ages[instrument] / NS_PER_S, 1) if tick else None,
            "price": rupees(tick.price_paise) if tick else None,
        }


def _sliced(feeds: tuple[tuple[str, str], ...]) -> tuple[tuple[tuple[str, str], ...], ...]:
    """The feeds in slices of one turn each; one slice, maybe empty, at least."""
    starts = range(0, max(1, len(feeds)), CHECK_FEEDS_MAX)
    return tuple(feeds[start : start + CHECK_FEEDS_MAX] for start in starts)


def _link_row(link: LinkChanged) -> dict[str, Any]:
    return {"state": link.state.value, "reason": link.reason, "connects": link.connect_count}


def _buckets(ages_ns: Iterable[int]) -> dict[str, int]:
    """How many instruments have a tick of at most so many seconds; 'inf' counts all."""
    ordered = sorted(ages_ns)
    counts = {str(bound): bisect_right(ordered, bound * NS_PER_S) for bound in AGE_BUCKETS_S}
    return {**counts, "inf": len(ordered)}
