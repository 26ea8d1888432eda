"""Between the engine and Kite's front door: time-outs, error pages, limits and a dead token.

Decides what becomes of one request on its way and of its answer (FLT-16 to 24). Refuses to know
orders. Reads go the same way. What is certain of an order is its fate, what the engine gets to know
is the answer, and the two differ whenever the answer says UNKNOWN.
"""

from collections import deque
from enum import Enum, unique
from typing import NamedTuple

from engine.exchange.account.surroundings import KiteSettings, Surroundings
from engine.messages.broker import Outcome
from engine.units import NS_PER_MINUTE, NS_PER_S

TOKEN_TEXT = "TokenException: Incorrect `api_key` or `access_token`."  # noqa: S105 - a text
LIMIT_TEXT = "NetworkException: Too many requests"
TIME_OUT_TEXT = "read time-out"


@unique
class Fate(Enum):
    """What truly happens to a request."""

    DROPPED = "dropped"
    PROCESSED = "processed"
    LATER = "later"
    TWICE = "twice"


class Passage(NamedTuple):
    """`outcome` None: the answer is what the account says. `delay_ns` is of a LATER one."""

    fate: Fate
    outcome: Outcome | None = None
    text: str = ""
    delay_ns: int = 0


_CLEAR = Passage(Fate.PROCESSED)


class Wire:
    """See the module."""

    def __init__(self, settings: KiteSettings, around: Surroundings) -> None:
        self._settings = settings
        self._around = around
        self._second = 0
        self._second_count = 0
        self._minute: deque[int] = deque()
        self._day_count = 0
        self._limited_until_ns = 0
        self.is_logged_in = True

    def start_day(self) -> None:
        """The daily count starts anew."""
        self._day_count = 0
        self._minute.clear()

    def heal(self) -> None:
        """Limits end and the operator logs in."""
        self._limited_until_ns = 0
        self.is_logged_in = True

    def write(self) -> Passage:
        """What happens to one place, modify or cancel."""
        now_ns = self._around.now_ns()
        if passage := self._closed(now_ns):
            return passage
        if self._is_over_limit(now_ns):
            return Passage(Fate.DROPPED, Outcome.REFUSED, LIMIT_TEXT)
        faults = self._around.faults
        if faults.strikes("FLT-16"):
            if faults.amount("FLT-16", 0, 1):
                return Passage(Fate.DROPPED, Outcome.NOT_SENT, "connection refused")
            return Passage(Fate.DROPPED, Outcome.UNKNOWN, TIME_OUT_TEXT)
        if faults.strikes("FLT-17"):
            return Passage(Fate.PROCESSED, Outcome.UNKNOWN, TIME_OUT_TEXT)
        if faults.strikes("FLT-18"):
            delay_ns = self._around.seconds("FLT-18", 8, 120)
            return Passage(Fate.LATER, Outcome.UNKNOWN, TIME_OUT_TEXT, delay_ns)
        if faults.strikes("FLT-19"):
            fate = Fate.PROCESSED if faults.amount("FLT-19", 0, 1) else Fate.DROPPED
            return Passage(fate, Outcome.UNKNOWN, "DataException: 502, unreadable body")
        if faults.strikes("FLT-22"):
            return Passage(Fate.DROPPED, Outcome.UNKNOWN, "redirected")
        if faults.strikes("FLT-23"):
            return Passage(Fate.PROCESSED, Outcome.UNKNOWN, "deadline passed while reading")
        return Passage(Fate.TWICE) if faults.strikes("FLT-24") else _CLEAR

    def is_readable(self) -> bool:
        """Whether a read of the books comes back in full."""
        if self._closed(self._around.now_ns()) is not None:
            return False
        faults = self._around.faults
        return not (
            faults.strikes("FLT-19")
            or faults.strikes("FLT-16")
            or faults.strikes("FLT-22")
            or faults.strikes("FLT-23")
        )

    def _closed(self, now_ns: int) -> Passage | None:
        """The answer of a door that is shut, None if it is open."""
        faults = self._around.faults
        if faults.strikes("FLT-21"):
            self.is_logged_in = False
        if not self.is_logged_in:
            return Passage(Fate.DROPPED, Outcome.REFUSED, TOKEN_TEXT)
        if faults.strikes("FLT-20"):
            self._limited_until_ns = now_ns + self._around.seconds("FLT-20", 1, 60)
        if now_ns < self._limited_until_ns:
            return Passage(Fate.DROPPED, Outcome.REFUSED, LIMIT_TEXT)
        return None

    def _is_over_limit(self, now_ns: int) -> bool:
        """Count one write in its calendar second, minute and day; refused ones count too."""
        settings, second = self._settings, now_ns // NS_PER_S
        if second != self._second:
            self._second, self._second_count = second, 0
        self._second_count += 1
        self._day_count += 1
        self._minute.append(now_ns)
        while self._minute[0] <= now_ns - NS_PER_MINUTE:
            self._minute.popleft()
        return (
            self._second_count > settings.orders_second_max
            or len(self._minute) > settings.orders_minute_max
            or self._day_count > settings.orders_day_max
        )
