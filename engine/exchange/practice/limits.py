"""Rate limits: how many requests of each kind a calendar second, minute and day takes.

Decides which request is too many. The windows are of the exchange's real time, because that is
Zerodha's too: a time-lapse market has no say in it. Refused requests count.
Source: Kite Connect v3, rate limits; hard per calendar second since 2026-04-01.
"""

from collections import Counter, deque
from typing import Final

from engine.units import NS_PER_MINUTE, NS_PER_S

SECOND_MAX: Final = {"order": 10, "quote": 1, "historical": 3, "other": 10}
ORDERS_MINUTE_MAX: Final = 400
ORDERS_DAY_MAX: Final = 5_000


class Limits:
    """`scale` multiplies the limits of a second, for loads that no account may bring."""

    def __init__(self, scale: int = 1) -> None:
        self.scale = scale
        self.orders_day = 0
        self.refused = 0
        self._second = 0
        self._counts: Counter[str] = Counter()
        self._minute: deque[int] = deque()

    def start_day(self) -> None:
        """The daily count starts anew."""
        self.orders_day = 0

    def takes(self, kind: str, real_ns: int) -> bool:
        """Count one request of a kind at a real instant; False: it is one too many."""
        second = real_ns // NS_PER_S
        if second != self._second:
            self._second = second
            self._counts.clear()
        self._counts[kind] += 1
        is_taken = self._counts[kind] <= SECOND_MAX[kind] * self.scale
        if kind == "order":
            is_taken = self._takes_order(real_ns) and is_taken
        self.refused += not is_taken
        return is_taken

    def _takes_order(self, real_ns: int) -> bool:
        self.orders_day += 1
        self._minute.append(real_ns)
        while self._minute[0] <= real_ns - NS_PER_MINUTE:
            self._minute.popleft()
        return (
            len(self._minute) <= ORDERS_MINUTE_MAX * self.scale
            and self.orders_day <= ORDERS_DAY_MAX * self.scale
        )
