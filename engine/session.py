"""When the market trades: sessions as dated data, and the only place that knows Indian time.

Decides whether an instant belongs to a continuous session of a segment class, and when the next one
starts. Refuses to know weekday rules as constants: hours, holidays and special days come from the
calendar file, each with its dates, because they changed in 2010 and 2026 and are announced days
ahead. Fails closed: a year that the calendar does not list has no sessions at all. Stands alone so
that a wrong hour can be corrected in one data file.
"""

import datetime as dt
from collections.abc import Mapping
from enum import Enum, unique
from functools import lru_cache
from typing import Any, Final

import msgspec

from engine.errors import ConfigInvalid
from engine.units import NS_PER_MINUTE, NS_PER_S

IST_OFFSET_NS: Final = 330 * NS_PER_MINUTE
"""India has had one zone without daylight saving since 1945: +05:30."""
DAY_NS: Final = 86_400 * NS_PER_S
GRID_ANCHOR_NS: Final = (9 * 60 + 15) * NS_PER_MINUTE - IST_OFFSET_NS
"""09:15 IST as an offset into the UTC day: bars of all intervals are aligned to it."""
SEARCH_DAYS_MAX: Final = 45
_EPOCH: Final = dt.date(1970, 1, 1)
_ZONE_TEXT: Final = "+05:30"


class WrongZone(ValueError):
    """A timestamp names a zone other than +05:30. The row is dropped, never shifted."""


@unique
class SegmentClass(Enum):
    """What an instrument's hours depend on.

    CASH_FNO: shares that have derivatives (closing auction: continuous until 15:15 from
    3 Aug 2026). CASH_OTHER: all other shares. INDEX: index values; kept at 15:30 after 3 Aug 2026
    since their close was not announced to move. FNO: derivatives (until 15:40 from 3 Aug 2026).
    Source: NSE/CMTR/74466, NSE/FAOP/74467 (2026).
    """

    CASH_FNO = "cash_fno"
    CASH_OTHER = "cash_other"
    INDEX = "index"
    FNO = "fno"


class Session(msgspec.Struct, frozen=True, gc=False):
    """One continuous session [opens_at_ns, closes_at_ns), UTC ns; `trading_day` is 'YYYY-MM-DD'."""

    trading_day: str
    opens_at_ns: int
    closes_at_ns: int


class _Hours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    valid_from: dt.date
    cash_fno: str
    cash_other: str
    index: str
    fno: str


class _Special(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    windows: tuple[str, ...] | None = None
    segments: tuple[SegmentClass, ...] = tuple(SegmentClass)


class _Calendar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    years: frozenset[int]
    hours: tuple[_Hours, ...]
    holidays: dict[dt.date, str]
    special: dict[dt.date, _Special]


class SessionTable:
    """The calendar of one exchange, immutable after construction."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Build from parsed calendar data (the shape of configs/calendars/nse.yaml).

        Raises:
            ConfigInvalid: unknown keys, bad dates or windows, hours out of order. Boot refuses.
        """
        try:
            self._calendar = msgspec.convert(dict(data), type=_Calendar)
        except msgspec.ValidationError as error:
            raise ConfigInvalid((f"calendar: {error}",)) from error
        faults = _faults(self._calendar)
        if faults:
            raise ConfigInvalid(faults)
        self._known: dict[tuple[dt.date, SegmentClass], tuple[Session, ...]] = {}

    def covers(self, day: dt.date) -> bool:
        """Whether the calendar lists the year; if not, every day in it counts as closed."""
        return day.year in self._calendar.years and day >= self._calendar.hours[0].valid_from

    def why_closed(self, day: dt.date, segment: SegmentClass) -> str:
        """The reason for an empty `sessions()`: a code or a holiday's name; '' on a session day."""
        if self.sessions(day, segment):
            return ""
        if not self.covers(day):
            return "year_not_covered"
        if day in self._calendar.special:
            return f"no_hours: {self._calendar.special[day].name}"
        return self._calendar.holidays.get(day, "weekend")

    def sessions(self, day: dt.date, segment: SegmentClass) -> tuple[Session, ...]:
        """The continuous sessions of an IST day in time order: none, one or two."""
        key = (day, segment)
        if key not in self._known:
            if len(self._known) > 20_000:  # about 20 years of all classes; keeps the memo bounded
                self._known.clear()
            self._known[key] = self._build(day, segment)
        return self._known[key]

    def session_at(self, now_ns: int, segment: SegmentClass) -> Session | None:
        """The session that contains the instant, or None."""
        for session in self.sessions(ist_day(now_ns), segment):
            if session.opens_at_ns <= now_ns < session.closes_at_ns:
                return session
        return None

    def next_session(self, after_ns: int, segment: SegmentClass) -> Session | None:
        """The first session that opens after the instant, within 45 days; None: nothing known."""
        day = ist_day(after_ns)
        for offset in range(SEARCH_DAYS_MAX + 1):
            for session in self.sessions(day + dt.timedelta(days=offset), segment):
                if session.opens_at_ns > after_ns:
                    return session
        return None

    def _build(self, day: dt.date, segment: SegmentClass) -> tuple[Session, ...]:
        if not self.covers(day):
            return ()
        midnight = midnight_ns(day)
        return tuple(
            Session(day.isoformat(), midnight + start, midnight + end)
            for start, end in map(_window_ns, self._windows(day, segment))
        )

    def _windows(self, day: dt.date, segment: SegmentClass) -> tuple[str, ...]:
        special = self._calendar.special.get(day)
        if special is None:
            is_closed = day.weekday() >= 5 or day in self._calendar.holidays
            return () if is_closed else (self._hours(day, segment),)
        if segment not in special.segments:
            return ()
        return (self._hours(day, segment),) if special.windows is None else special.windows

    def _hours(self, day: dt.date, segment: SegmentClass) -> str:
        valid = [hours for hours in self._calendar.hours if hours.valid_from <= day]
        return str(getattr(valid[-1], segment.value))


def _window_ns(text: str) -> tuple[int, int]:
    start, _, end = text.partition("-")
    return _clock_ns(start + ":00"), _clock_ns(end + ":00")


def _faults(calendar: _Calendar) -> tuple[str, ...]:
    faults = []
    starts = [hours.valid_from for hours in calendar.hours]
    if not starts or starts != sorted(set(starts)):
        faults.append("calendar.hours: empty or not in rising order of valid_from")
    groups: dict[str, tuple[str, ...]] = {
        f"hours {hours.valid_from} {segment.value}": (str(getattr(hours, segment.value)),)
        for hours in calendar.hours
        for segment in SegmentClass
    }
    groups |= {f"special {day}": row.windows or () for day, row in calendar.special.items()}
    for name, windows in groups.items():
        try:
            edges = [edge for window in windows for edge in _window_ns(window)]
        except ValueError:
            faults.append(f"calendar.{name}: not 'HH:MM-HH:MM': {windows}")
        else:
            if edges != sorted(set(edges)):
                faults.append(f"calendar.{name}: windows overlap or run backward: {windows}")
    for day in (*calendar.holidays, *calendar.special):
        if day.year not in calendar.years:
            faults.append(f"calendar: {day} is listed but its year is not in `years`")
    return tuple(faults)


def midnight_ns(day: dt.date) -> int:
    """UTC ns of 00:00 IST of the day."""
    return (day - _EPOCH).days * DAY_NS - IST_OFFSET_NS


def ist_day(ns: int) -> dt.date:
    """The IST calendar day of an instant."""
    return _EPOCH + dt.timedelta(days=(ns + IST_OFFSET_NS) // DAY_NS)


def ist_text(ns: int) -> str:
    """Operator text 'YYYY-MM-DD HH:MM:SS' of an instant in IST, fractions of a second cut."""
    second = (ns + IST_OFFSET_NS) % DAY_NS // NS_PER_S
    hour, minute = divmod(second // 60, 60)
    return f"{ist_day(ns).isoformat()} {hour:02d}:{minute:02d}:{second % 60:02d}"


def ns_from_ist(text: str) -> int:
    """UTC ns of 'YYYY-MM-DD HH:MM:SS[.fraction]' in IST; 'T' and a trailing +05:30 are accepted.

    Raises:
        WrongZone: any other zone is written.
        ValueError: not such a text. The caller drops and counts the row.
    """
    if len(text) == 19 and text[10] in " T":  # the fast path: nearly every row
        return _day_ns(text[:10]) + _clock_ns(text[11:])
    clock = text[11:]
    if len(text) < 19 or text[10] not in " T":
        raise ValueError(f"not a timestamp: {text!r}")
    zone_at = next((i for i, sign in enumerate(clock) if sign in "+-Zz"), len(clock))
    if clock[zone_at:] not in ("", _ZONE_TEXT):
        raise WrongZone(text)
    return _day_ns(text[:10]) + _clock_ns(clock[:8]) + _fraction_ns(clock[8:zone_at])


def _fraction_ns(text: str) -> int:
    if not text:
        return 0
    digits = text[1:]
    if text[0] != "." or not (digits.isascii() and digits.isdigit() and len(digits) <= 9):
        raise ValueError(f"not a fraction of a second: {text!r}")
    return int(digits.ljust(9, "0"))


@lru_cache(maxsize=8192)
def _day_ns(text: str) -> int:
    if text[4] != "-" or text[7] != "-":
        raise ValueError(f"not a date: {text!r}")
    return midnight_ns(dt.date.fromisoformat(text))


@lru_cache(maxsize=90_000)
def _clock_ns(text: str) -> int:
    parts = text.split(":")
    if len(text) != 8 or len(parts) != 3 or not all(p.isascii() and p.isdigit() for p in parts):
        raise ValueError(f"not a time of day: {text!r}")
    hour, minute, second = map(int, parts)
    if not (hour < 24 and minute < 60 and second < 60):
        raise ValueError(f"not a time of day: {text!r}")
    return (hour * 3600 + minute * 60 + second) * NS_PER_S
