"""The broker's second: how many requests may still leave now.

Decides who gets a share of a second. Refuses to know what the requests are and to trust the wall
clock: the broker counts calendar seconds of its own (Kite answers 429 from the 11th on), whose
edges we do not know once our clock is stepped or drifts. What holds in every window of a second
holds in each of its calendar seconds, whatever clock measures the window.
"""

from collections import deque

from engine.limits import ENTRIES_PER_SECOND_MAX, ORDERS_PER_SECOND_MAX
from engine.units import NS_PER_S


class RateBudget:
    """Counts of the last second. Entries leave a reserve that only exits may use."""

    def __init__(self) -> None:
        self._taken: deque[int] = deque()

    @property
    def count(self) -> int:
        """Requests of the second that ended when the budget was last asked."""
        return len(self._taken)

    def take(self, *, is_entry: bool, now_ns: int) -> bool:
        """Take one request's share. False: nothing is left in this second for its lane."""
        self._forget(now_ns)
        cap = ENTRIES_PER_SECOND_MAX if is_entry else ORDERS_PER_SECOND_MAX
        if not self.count < cap:
            return False
        self._taken.append(now_ns)
        return True

    def take_all(self, now_ns: int) -> None:
        """Leave nothing for a second: who sent before is not known."""
        self._taken = deque([now_ns] * ORDERS_PER_SECOND_MAX)

    def next_at_ns(self, now_ns: int) -> int:
        """When an exit may leave; `now_ns` if it may now."""
        self._forget(now_ns)
        return now_ns if self.count < ORDERS_PER_SECOND_MAX else self._taken[0] + NS_PER_S

    def _forget(self, now_ns: int) -> None:
        """Drop what is older than a second, and what was taken before the clock was set back."""
        while self._taken and not now_ns - NS_PER_S < self._taken[0] <= now_ns:
            self._taken.popleft()
