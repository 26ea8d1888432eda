"""Indicators that grow by one bar at a time, in whole numbers.

Decides the values that strategies look at. Refuses floats: all values are paise scaled by 10,000
(`_e4`), divisions round to nearest, and roots are integer roots, so every platform and Python
version computes the same signal. Refuses to guess as well: until an indicator has seen enough it
is None, never a number that only looks like one. Not known here: sessions; who starts a new
session calls `restart`.
"""

from collections import deque
from math import isqrt
from typing import Final

from engine.messages.market import BarClosed

E4: Final = 10_000
_E8: Final = E4 * E4


def div_nearest(number: int, divisor: int) -> int:
    """number / divisor rounded to nearest, halves up. `divisor` > 0."""
    return (2 * number + divisor) // (2 * divisor)


class Ema:
    """Exponential moving average with weight 2 / (period + 1), seeded by a plain average."""

    __slots__ = ("_count", "_period", "_sum", "value_e4")

    def __init__(self, period: int) -> None:
        assert period >= 1
        self._period = period
        self._count = 0
        self._sum = 0
        self.value_e4: int | None = None

    def update(self, price_paise: int) -> None:
        """Take the next price; `value_e4` is None before `period` prices."""
        if self.value_e4 is not None:
            step = div_nearest(2 * (price_paise * E4 - self.value_e4), self._period + 1)
            self.value_e4 += step
            return
        self._count += 1
        self._sum += price_paise
        if self._count == self._period:
            self.value_e4 = div_nearest(self._sum * E4, self._period)


class Atr:
    """Average true range after Wilder: a plain average first, then (n - 1 old + 1 new) / n."""

    __slots__ = ("_close", "_count", "_period", "_sum", "value_e4")

    def __init__(self, period: int) -> None:
        assert period >= 1
        self._period = period
        self._close: int | None = None
        self._count = 0
        self._sum = 0
        self.value_e4: int | None = None

    def update(self, bar: BarClosed) -> None:
        """Take the next bar; `value_e4` is None before `period` bars."""
        high, low = bar.high_paise, bar.low_paise
        if self._close is not None:
            high, low = max(high, self._close), min(low, self._close)
        self._close = bar.close_paise
        span = high - low
        if self.value_e4 is not None:
            self.value_e4 += div_nearest(span * E4 - self.value_e4, self._period)
            return
        self._count += 1
        self._sum += span
        if self._count == self._period:
            self.value_e4 = div_nearest(self._sum * E4, self._period)

    def restart(self) -> None:
        """A new session: the gap from the last close is not a range that was traded."""
        self._close = None


class Vwap:
    """The session's average of typical prices (high + low + close) / 3, weighted by volume.

    While no bar had volume (an index has none) all bars weigh the same: `is_weighted` is False and
    the value is a time average, not a VWAP.
    """

    __slots__ = ("_plain_count", "_plain_sum", "_volume", "_volume_sum")

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """A new session."""
        self._plain_count = self._plain_sum = self._volume = self._volume_sum = 0

    def update(self, bar: BarClosed) -> None:
        """Take the next bar."""
        price_x3 = bar.high_paise + bar.low_paise + bar.close_paise
        self._plain_count += 1
        self._plain_sum += price_x3
        self._volume += bar.volume
        self._volume_sum += price_x3 * bar.volume

    @property
    def is_weighted(self) -> bool:
        """Whether volume weighs; False: equal weights."""
        return self._volume > 0

    @property
    def value_e4(self) -> int | None:
        """The average; None before the first bar."""
        if self._volume:
            return div_nearest(self._volume_sum * E4, 3 * self._volume)
        if self._plain_count:
            return div_nearest(self._plain_sum * E4, 3 * self._plain_count)
        return None


class OpeningRange:
    """High and low of the first `length_ns` of a session.

    Complete once a bar ends at or after the range's end and bars covered at least four fifths of
    it; with more missing it never completes, because the range would be made up.
    """

    __slots__ = (
        "_covered_ns",
        "_ends_at_ns",
        "_length_ns",
        "_opens_at_ns",
        "_seen_ns",
        "high_paise",
        "low_paise",
    )

    def __init__(self, length_ns: int) -> None:
        assert length_ns > 0
        self._length_ns = length_ns
        self.restart(0)

    def restart(self, opens_at_ns: int) -> None:
        """A new session that opens at the instant; 0: none is known, nothing completes."""
        self._opens_at_ns = opens_at_ns
        self._ends_at_ns = opens_at_ns + self._length_ns
        self._covered_ns = self._seen_ns = self.high_paise = self.low_paise = 0

    def update(self, bar: BarClosed) -> None:
        """Take the next bar of the session; bars outside the range are only noted in time."""
        self._seen_ns = bar.end_at_ns
        if not self._opens_at_ns <= bar.start_at_ns < self._ends_at_ns:
            return
        self._covered_ns += bar.end_at_ns - bar.start_at_ns
        self.high_paise = max(self.high_paise, bar.high_paise)
        self.low_paise = min(self.low_paise or bar.low_paise, bar.low_paise)

    @property
    def is_complete(self) -> bool:
        """Whether high and low are final and well founded."""
        is_over = self._opens_at_ns > 0 and self._seen_ns >= self._ends_at_ns
        return is_over and 5 * self._covered_ns >= 4 * self._length_ns


class RollingStd:
    """Mean and population standard deviation of the last `period` numbers, exact sums inside."""

    __slots__ = ("_period", "_square_sum", "_sum", "_window")

    def __init__(self, period: int) -> None:
        assert period >= 2
        self._period = period
        self.restart()

    def restart(self) -> None:
        """Forget all."""
        self._window: deque[int] = deque()
        self._sum = self._square_sum = 0

    def update(self, number: int) -> None:
        """Take the next number, in any unit."""
        self._window.append(number)
        self._sum += number
        self._square_sum += number * number
        if len(self._window) > self._period:
            old = self._window.popleft()
            self._sum -= old
            self._square_sum -= old * old

    @property
    def mean_e4(self) -> int | None:
        """The mean in the unit of the numbers, scaled; None before `period` numbers."""
        if len(self._window) < self._period:
            return None
        return div_nearest(self._sum * E4, self._period)

    @property
    def value_e4(self) -> int | None:
        """The deviation, rounded down; None before `period` numbers."""
        if len(self._window) < self._period:
            return None
        spread = self._period * self._square_sum - self._sum * self._sum
        return isqrt(spread * _E8) // self._period
