"""The broker's calendar second: how many requests may still leave in it.

Decides who gets a share of the second. Refuses to know what the requests are. Stands alone because
the broker counts calendar seconds (Kite answers 429 from the 11th on), not a sliding window.
"""

from engine.limits import ENTRIES_PER_SECOND_MAX, ORDERS_PER_SECOND_MAX
from engine.units import NS_PER_S


class RateBudget:
    """Counts of the present second. Entries leave a reserve that only exits may use."""

    def __init__(self) -> None:
        self._second = -1
        self.count = 0

    def take(self, *, is_entry: bool, now_ns: int) -> bool:
        """Take one request's share. False: nothing is left in this second for its lane."""
        second = now_ns // NS_PER_S
        if second > self._second:
            self._second, self.count = second, 0
        cap = ENTRIES_PER_SECOND_MAX if is_entry else ORDERS_PER_SECOND_MAX
        if not self.count < cap:
            return False
        self.count += 1
        return True

    def next_at_ns(self, now_ns: int) -> int:
        """When the next second begins."""
        return (max(self._second, now_ns // NS_PER_S) + 1) * NS_PER_S
