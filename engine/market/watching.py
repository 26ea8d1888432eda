"""Who of an instrument's readers is woken by a tick.

Decides that from the bounds which each reader gave for prices that cannot matter to it. Refuses to
know what the readers do. Stands alone because it is all that stands between a quiet market and
four rooms that would look at each of its ticks in vain.
"""

from typing import Final

import msgspec

from engine.messages.market import MarketWatch, Tick

NEVER_NS: Final = 2**62
ANY_PRICE: Final = (0, 2**62)
"""Bounds of a reader that no price wakes."""
NO_PRICE: Final = (0, 0)
"""Bounds of a reader that every tick wakes."""


class _Bounds(msgspec.Struct, gc=False):
    low_paise: int
    high_paise: int
    every_ns: int
    due_ns: int


def price_range(tick: Tick) -> tuple[int, int]:
    """The lowest and the highest of last price, bid and ask, as far as they are known."""
    price, bid, ask = tick.price_paise, tick.bid_paise, tick.ask_paise
    if 0 < bid <= price <= ask:
        return bid, ask
    known = [p for p in (price, bid, ask) if p > 0]
    return (min(known), max(known)) if known else (0, 0)


class Readers:
    """The readers of one instrument, in the order in which they are told.

    `low_paise`, `high_paise`, `due_ns`: while all prices lie strictly between and the time is
    before, nobody is woken. A reader without a word of its own is woken by every tick.
    """

    __slots__ = ("_bounds", "_own", "due_ns", "high_paise", "low_paise", "names")

    def __init__(self, own: tuple[str, ...]) -> None:
        """`own`: readers by configuration; they can neither come nor go."""
        self._own = own
        self._bounds = {name: _Bounds(*NO_PRICE, 0, NEVER_NS) for name in own}
        self.names = own
        self._sum_up()

    @property
    def watchers(self) -> tuple[str, ...]:
        """Those who came by their own wish."""
        return tuple(name for name in self.names if name not in self._own)

    def take(self, watch: MarketWatch, now_ns: int) -> bool:
        """Add or drop a reader or change its bounds; True if it is new or has others now."""
        name, before = watch.reader, self._bounds.get(watch.reader)
        if not watch.is_on:
            if name not in self._own:
                self._bounds.pop(name, None)
                self.names = tuple(self._bounds)
                self._sum_up()
            return False
        low, high, every_ns = watch.quiet_low_paise, watch.quiet_high_paise, watch.quiet_ns
        wanted = _Bounds(low, high, every_ns, now_ns + every_ns if every_ns else NEVER_NS)
        self._bounds[name] = wanted
        if before is None:
            self.names = tuple(self._bounds)
        self._sum_up()
        return before is None or (before.low_paise, before.high_paise) != (low, high)

    def is_woken(self, name: str, prices: tuple[int, int], at_ns: int) -> bool:
        """Whether a reader gets a tick, because it matters or is due; notes that it was woken."""
        bounds = self._bounds[name]
        is_quiet = bounds.low_paise < prices[0] and prices[1] < bounds.high_paise
        if is_quiet and at_ns < bounds.due_ns:
            return False
        if bounds.every_ns:
            bounds.due_ns = at_ns + bounds.every_ns
            self._find_due()
        return True

    def due(self, at_ns: int) -> tuple[str, ...]:
        """Who looks from time to time and is to look again by now; notes that they do."""
        names = tuple([name for name, each in self._bounds.items() if at_ns >= each.due_ns])
        for name in names:
            self._bounds[name].due_ns = at_ns + self._bounds[name].every_ns
        self._find_due()
        return names

    def _find_due(self) -> None:
        self.due_ns = min([each.due_ns for each in self._bounds.values()], default=NEVER_NS)

    def _sum_up(self) -> None:
        low, high, due_ns = 0, NEVER_NS, NEVER_NS
        for bounds in self._bounds.values():
            low = max(low, bounds.low_paise)
            high = min(high, bounds.high_paise)
            due_ns = min(due_ns, bounds.due_ns)
        self.low_paise, self.high_paise, self.due_ns = low, high, due_ns
