"""Bars out of ticks, one builder for each instrument and interval.

Decides where a bar starts and ends and what it contains. Refuses to know sessions, files or
sockets, and never invents a bar for a span without ticks. Stands alone so that live, paper,
backtest and replay build the same bars from the same ticks.
"""

from engine.messages.market import BarClosed, Tick
from engine.session import DAY_NS, GRID_ANCHOR_NS
from engine.units import NS_PER_S


class BarBuilder:
    """Builds the bars of one instrument and one interval.

    The grid is anchored at 09:15 IST, so 15, 30 and 60 minute bars start at the open. A bar covers
    [start, start + interval); a tick on the border belongs to the later bar.

    | state    | tick in bar | tick after bar      | tick before bar | time passes end |
    |----------|-------------|---------------------|-----------------|-----------------|
    | no bar   | open        | open                | count late      | -               |
    | open bar | update      | close, open the new | count late      | close           |

    Volume is the rise of `volume_day` inside the bar: a step back adds nothing and the highest
    total seen that day stays the base, so a feed that wobbles never counts a trade twice. The first
    tick of a day only sets the base: what was traded before we listened belongs to no bar.
    """

    def __init__(self, instrument: str, interval_s: int) -> None:
        """`interval_s` must divide a day.

        Raises:
            ValueError: it does not. A configuration fault.
        """
        if not (0 < interval_s <= 86_400 and 86_400 % interval_s == 0):
            raise ValueError(f"bar interval must divide a day: {interval_s} s")
        self.instrument = instrument
        self.interval_s = interval_s
        self.late_count = 0
        self._interval_ns = interval_s * NS_PER_S
        self._closed_until_ns = 0
        self._volume_base = 0
        self._volume_day_number = -1
        self._end_at_ns = 0  # 0: no bar is open
        self._open = self._high = self._low = self._close = 0
        self._volume = 0
        self._tick_count = 0

    def on_tick(self, tick: Tick) -> BarClosed | None:
        """Take a tick of this instrument; returns the bar that it closed, if any.

        A tick older than the open bar, or than a bar already closed, is dropped and counted in
        `late_count`.
        """
        at_ns = tick.at_ns
        if at_ns < self._start_or_closed_ns():
            self.late_count += 1
            return None
        closed = self.on_time(at_ns)
        price = tick.price_paise
        if not self._end_at_ns:
            since_grid = (at_ns - GRID_ANCHOR_NS) % self._interval_ns
            self._end_at_ns = at_ns - since_grid + self._interval_ns
            self._open = self._high = self._low = price
            self._volume = self._tick_count = 0
        elif price > self._high:
            self._high = price
        elif price < self._low:
            self._low = price
        self._close = price
        self._tick_count += 1
        self._volume += self._traded(tick)
        return closed

    def on_time(self, now_ns: int) -> BarClosed | None:
        """Close the open bar if its end has been reached; spans without ticks yield nothing."""
        if self._end_at_ns and now_ns >= self._end_at_ns:
            return self.flush()
        return None

    def flush(self) -> BarClosed | None:
        """Close the open bar as it is (end of session or of data); its end stays on the grid."""
        if not self._end_at_ns:
            return None
        bar = BarClosed(
            instrument=self.instrument,
            interval_s=self.interval_s,
            start_at_ns=self._end_at_ns - self._interval_ns,
            end_at_ns=self._end_at_ns,
            open_paise=self._open,
            high_paise=self._high,
            low_paise=self._low,
            close_paise=self._close,
            volume=self._volume,
            tick_count=self._tick_count,
        )
        self._closed_until_ns, self._end_at_ns = self._end_at_ns, 0
        return bar

    def _start_or_closed_ns(self) -> int:
        return self._end_at_ns - self._interval_ns if self._end_at_ns else self._closed_until_ns

    def _traded(self, tick: Tick) -> int:
        day_number = tick.at_ns // DAY_NS  # trading hours lie inside one UTC day
        if day_number != self._volume_day_number:
            self._volume_day_number, self._volume_base = day_number, tick.volume_day
            return 0
        traded = max(0, tick.volume_day - self._volume_base)
        self._volume_base += traded
        return traded
