"""Which alerts a person gets to see, and when.

Decides by a table of two rules: the same alert again within the window is counted, not repeated
(the next one says how many were held back), and beyond a rate alerts below critical wait for a
calmer minute. Refuses to know channels. Pure, so that a storm can be tested by counting.
"""

from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from engine.messages.control import AlertRaised
from engine.units import NS_PER_MINUTE, NS_PER_S

WINDOW_NS: Final = {
    "critical": 30 * NS_PER_S,
    "warning": 5 * NS_PER_MINUTE,
    "info": 15 * NS_PER_MINUTE,
}
RATE_PER_MINUTE_MAX: Final = 30
CRITICAL_PER_MINUTE_MAX: Final = 120
KEYS_MAX: Final = 1_000


@unique
class Severity(Enum):
    """`AlertRaised.severity`, in order of weight; an unknown word counts as critical."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def weight(self) -> int:
        return tuple(Severity).index(self)

    @classmethod
    def of(cls, word: str) -> "Severity":
        return cls(word) if word in {item.value for item in cls} else cls.CRITICAL


@dataclass
class _Seen:
    at_ns: int
    held_count: int = 0


class AlertFilter:
    """Decides one alert at a time; `mono_ns` is any clock that does not go back."""

    def __init__(self) -> None:
        self.held_count = 0
        self._seen: OrderedDict[tuple[str, str, str], _Seen] = OrderedDict()
        self._minute = -1
        self._minute_count = 0

    def admit(self, alert: AlertRaised, mono_ns: int) -> int | None:
        """None: hold it back. Else the number of its like held back since the last one."""
        severity = Severity.of(alert.severity)
        key = (severity.value, alert.event, alert.subject)
        seen = self._seen.get(key)
        if seen is not None and mono_ns - seen.at_ns < WINDOW_NS[severity.value]:
            seen.held_count += 1
            self.held_count += 1
            return None
        if not self._is_within_rate(severity, mono_ns):
            self.held_count += 1
            return None
        held_count = seen.held_count if seen is not None else 0
        self._seen[key] = _Seen(mono_ns)
        self._seen.move_to_end(key)
        if len(self._seen) > KEYS_MAX:
            self._seen.popitem(last=False)
        return held_count

    def _is_within_rate(self, severity: Severity, mono_ns: int) -> bool:
        minute = mono_ns // NS_PER_MINUTE
        if minute != self._minute:
            self._minute, self._minute_count = minute, 0
        self._minute_count += 1
        is_critical = severity is Severity.CRITICAL
        return self._minute_count <= (
            CRITICAL_PER_MINUTE_MAX if is_critical else RATE_PER_MINUTE_MAX
        )
