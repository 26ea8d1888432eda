"""The work that Pahara and its peers are given: the same quotes, the same rule, the same bracket.

Decides quotes, averages, distances and times, as whole numbers out of a seed. Needs nothing but the
standard library, because the peer runs it in an environment of its own. Refuses to know engines.

Bids move in steps of a hundred paise around a level; the spread is one tick of five. No trigger or
target can lie between two steps, so it does not matter which side of the book an engine looks at.
"""

# ruff: noqa: TID251 (it runs without our clock, and measures)

import os
import random
import time
from array import array
from typing import NamedTuple

SEED = 20_240_102
DAY = "2024-01-02"
OPENS_AT_NS = 1_704_167_100 * 1_000_000_000
"""09:15 IST of DAY."""
SPAN_NS = 22_000 * 1_000_000_000
"""Quotes end six minutes before the session does, so no engine has to close early."""
LEVEL_PAISE, STEP_PAISE, SPREAD_PAISE, STEPS_MAX = 100_000, 100, 5, 300
DISTANCE_PAISE = 17 * STEP_PAISE
"""Of stop and target from the price that the entry meets."""
FAST_COUNT, SLOW_COUNT = 10, 20
QUANTITY = 1


LAUNCHED = "PAHARA_BENCH_LAUNCHED_NS"
_LOADED_NS = time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def launched_ns() -> int:
    """When this process was started, boot clock: told by who started it, else as good as known."""
    return int(os.environ.get(LAUNCHED, _LOADED_NS))


def cpu_s() -> float:
    """CPU time of this process, all threads: what is left of a figure when others share the
    machine. The journal's database is a process of its own and not in it."""
    return time.process_time()


class Quotes(NamedTuple):
    """Parallel columns: which instrument, bid in paise, quantities, nanoseconds."""

    numbers: "array[int]"
    bids: "array[int]"
    bid_quantities: "array[int]"
    ask_quantities: "array[int]"
    times: "array[int]"


def quotes(count: int, instruments: int) -> Quotes:
    """`count` quotes of as many instruments in turns, evenly spread over the session."""
    rng = random.Random(SEED)  # noqa: S311 a market, not secrets
    moves = rng.choices((-1, 0, 1), weights=(35, 30, 35), k=count)
    sizes = rng.choices(range(50, 500), k=2 * count)
    steps = [0] * instruments
    numbers, bids, times = array("q"), array("q"), array("q")
    every_ns = SPAN_NS // count
    for position, move in enumerate(moves):
        number = position % instruments
        step = steps[number] + move
        if not -STEPS_MAX < step < STEPS_MAX:
            step -= move
        steps[number] = step
        numbers.append(number)
        bids.append(LEVEL_PAISE + step * STEP_PAISE)
        times.append(OPENS_AT_NS + (position + 1) * every_ns)
    return Quotes(numbers, bids, array("q", sizes[:count]), array("q", sizes[count:]), times)


class Cross:
    """Two averages of one instrument and the side that the fast one has.

    The same for both engines: plain floats, one update a quote.
    """

    __slots__ = ("_count", "_fast", "_is_above", "_slow")

    def __init__(self) -> None:
        self._fast = self._slow = 0.0
        self._is_above = False
        self._count = 0

    def turned(self, mid: float) -> int:
        """+1 or -1 when the fast average has just gone above or below the slow one, else 0."""
        count = self._count
        self._count = count + 1
        if count == 0:
            self._fast = self._slow = mid
            return 0
        self._fast = fast = self._fast + (mid - self._fast) * (2 / (FAST_COUNT + 1))
        self._slow = slow = self._slow + (mid - self._slow) * (2 / (SLOW_COUNT + 1))
        is_above = fast > slow
        if is_above is self._is_above:
            return 0
        self._is_above = is_above
        if count < SLOW_COUNT:
            return 0
        return 1 if is_above else -1
