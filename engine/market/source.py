"""Where market data comes from: the port, and how rows become frames in time.

Decides the order of everything a source yields. Refuses to know files and clocks: whoever drives
a source looks at `at_ns` and decides when an item is due.

**A bar becomes four ticks.** open at its start, then low and high (an up bar, close >= open) or
high and low (a down bar) at one and two thirds, close 1 ms before its end. An adverse swing before
the move is the usual path of a bar whose inside is not known, and it works against whoever is
positioned with the bar's direction, so that stops are tried before targets there. Against the bar's
direction it is the kinder order: a test that hangs on the inside of a bar needs ticks. The open
carries no volume, so that a listener who starts at any bar loses none of it; the other
three carry thirds. `volume_day` accumulates over the trading day.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import attrgetter
from typing import Protocol

from engine.market.rows import Bar
from engine.messages.market import FeedBlocked, MarketFrame, Tick
from engine.units import NS_PER_MS

SourceItem = MarketFrame | FeedBlocked


class FrameSource(Protocol):
    """A stream of frames, monotone by time. The port of files, generators and recordings."""

    @property
    def instruments(self) -> tuple[str, ...]:
        """All names the source will ever speak of."""

    @property
    def rows_rejected(self) -> Mapping[str, int]:
        """Rows dropped so far, by reason code; codes of kept rows (`ohlc_rounded`) included."""

    @property
    def bars_read(self) -> int:
        """Accepted bar rows so far (0 for sources of ticks)."""

    def items(self, from_ns: int) -> Iterator[SourceItem]:
        """All items due at or after the instant, in time order.

        All ticks of a frame have the frame's due time (`ticks[0].at_ns`). A block that is in
        force at `from_ns` is repeated first.
        """


def due_ns(item: SourceItem) -> int:
    """When an item is due."""
    return item.ticks[0].at_ns if isinstance(item, MarketFrame) else item.at_ns


def bar_ticks(bar: Bar) -> tuple[Tick, Tick, Tick, Tick]:
    """The four ticks of a bar, see the module's docstring."""
    start, third = bar.start_at_ns, (bar.end_at_ns - bar.start_at_ns) // 3
    is_up = bar.close_paise >= bar.open_paise
    second, later = (bar.low_paise, bar.high_paise) if is_up else (bar.high_paise, bar.low_paise)
    before, share = bar.volume_before, bar.volume // 3
    return (
        _tick(bar, bar.open_paise, start, before),
        _tick(bar, second, start + third, before + share),
        _tick(bar, later, start + 2 * third, before + 2 * share),
        _tick(bar, bar.close_paise, bar.end_at_ns - NS_PER_MS, before + bar.volume),
    )


def _tick(bar: Bar, price: int, at_ns: int, volume_day: int) -> Tick:
    return Tick(
        instrument=bar.instrument,
        price_paise=price,
        at_ns=at_ns,
        received_at_ns=at_ns,
        volume_day=volume_day,
        oi=bar.oi,
    )


def bar_frames(bars: Iterable[Bar], from_ns: int) -> Iterator[MarketFrame]:
    """Frames of bars of one interval, sorted by start: one frame for each of the four times."""
    for _, group in groupby(bars, attrgetter("start_at_ns")):
        for ticks in zip(*map(bar_ticks, group), strict=True):
            if ticks[0].at_ns >= from_ns:
                yield MarketFrame(ticks=ticks)


def tick_frames(ticks: Iterable[Tick]) -> Iterator[MarketFrame]:
    """Frames of ticks sorted by time: one for each instant, or more if a name repeats in it."""
    pending: dict[str, Tick] = {}
    at_ns = 0
    for tick in ticks:
        if pending and (tick.at_ns != at_ns or tick.instrument in pending):
            yield MarketFrame(ticks=tuple(pending.values()))
            pending = {}
        at_ns = tick.at_ns
        pending[tick.instrument] = tick
    if pending:
        yield MarketFrame(ticks=tuple(pending.values()))


def joined(items: Iterable[SourceItem]) -> Iterator[SourceItem]:
    """Join frames of equal time that several streams yielded next to each other."""
    pending: list[MarketFrame] = []

    def flushed() -> Iterator[SourceItem]:
        if len(pending) == 1:
            yield pending[0]
        elif pending:
            yield from tick_frames([tick for frame in pending for tick in frame.ticks])
        pending.clear()

    for item in items:
        if isinstance(item, FeedBlocked):
            yield from flushed()
            yield item
            continue
        if pending and pending[0].ticks[0].at_ns != item.ticks[0].at_ns:
            yield from flushed()
        pending.append(item)
    yield from flushed()


def blocks_from(blocks: Iterable[FeedBlocked], from_ns: int) -> list[FeedBlocked]:
    """The blocks due from an instant, sorted, after those still in force at it (moved to it)."""
    in_force: dict[str, FeedBlocked] = {}
    later = []
    for block in sorted(blocks, key=attrgetter("at_ns")):
        if block.at_ns >= from_ns:
            later.append(block)
        elif block.is_blocked:
            in_force[block.instrument] = block
        else:
            in_force.pop(block.instrument, None)
    repeated = [
        FeedBlocked(instrument=b.instrument, is_blocked=True, reason=b.reason, at_ns=from_ns)
        for b in in_force.values()
    ]
    return repeated + later
