"""How long the login lasts, and whether it still does.

Decides when an access token ends and what that means for the next session. Refuses to know files
and who logs in: a token is a mark here, never its text. Stands alone because a token that dies at
06:00 must not be found out by the first exit of the day.

Source: Kite Connect v3, login flow: tokens are flushed at about 06:00 IST of the next day; one of
the night may be flushed later in the morning, between 07:00 and 07:30 (forum, 2026-11).
"""

from typing import Final, NamedTuple

from engine.session import DAY_NS, ist_day, midnight_ns
from engine.units import NS_PER_MINUTE, NS_PER_S

FLUSH_NS: Final = 360 * NS_PER_MINUTE
"""06:00 IST as an offset into the day."""
WARNED_NS: Final = 90 * NS_PER_MINUTE
"""So long before a session opens a missing login is critical."""
LOGIN_LOST: Final = "the login at Kite is lost: log in again"
"""The reason of a ceiling that fell because the broker refused the token."""
LOGIN_FOREIGN: Final = "the token is of another account: nothing is sent, log in again"
"""The reason of one that fell because the token is somebody else's."""
NO_LOGIN: Final = frozenset({LOGIN_LOST, LOGIN_FOREIGN})
"""Reasons that another token ends."""


def ends_at_ns(seen_at_ns: int) -> int:
    """The latest instant until which a token that is alive now can live: the next 06:00 IST."""
    flush_ns = midnight_ns(ist_day(seen_at_ns)) + FLUSH_NS
    return flush_ns if seen_at_ns < flush_ns else flush_ns + DAY_NS


class Login(NamedTuple):
    """What there is to say of it. `left_s` is 0 unless `is_valid`; `why` "" if it is."""

    is_valid: bool
    left_s: int
    why: str


class TokenLife:
    """One account's login over the days. A token counts as alive when it is first seen, because
    boot asks the broker; what the broker then says of it wins."""

    def __init__(self) -> None:
        self.renewed_count = 0
        self._mark = ""
        self._ends_at_ns = 0
        self._fault = "no token was seen yet"
        self._is_refused = False

    def see(self, mark: str, fault: str, now_ns: int) -> bool:
        """What is in the place of the token now; True if it is another one than before.

        Args:
            mark: tells one token from another, "" if none can be read.
            fault: why none can be read.
        """
        self._fault = "" if mark else fault or "there is no token"
        if not mark or mark == self._mark:
            return False
        self.renewed_count += bool(self._mark)
        self._mark, self._ends_at_ns, self._is_refused = mark, ends_at_ns(now_ns), False
        return True

    def refuse(self, *, is_refused: bool) -> None:
        """What the broker says of the token."""
        self._is_refused = is_refused

    def state(self, now_ns: int) -> Login:
        """How the login stands."""
        if self._fault:
            return Login(is_valid=False, left_s=0, why=self._fault)
        if self._is_refused:
            return Login(is_valid=False, left_s=0, why="the token is refused or another account's")
        if not now_ns < self._ends_at_ns:
            return Login(is_valid=False, left_s=0, why="the token ended at 06:00 IST")
        return Login(is_valid=True, left_s=(self._ends_at_ns - now_ns) // NS_PER_S, why="")
