"""Historical candles of what this exchange has shown since it started.

Decides which candles an interval has; only the days it has lived through are known.
"""

from collections.abc import Callable

from engine.exchange.practice.errors import invalid
from engine.exchange.practice.venue import PracticeExchange
from engine.session import ist_text, ns_from_ist
from engine.units import NS_PER_S, rupees

MINUTES = {"minute": 1, "3minute": 3, "5minute": 5, "10minute": 10, "15minute": 15, "30minute": 30,
           "60minute": 60, "day": 1_440}  # fmt: skip
DAYS_MAX = {"minute": 60, "3minute": 100, "5minute": 100, "10minute": 100, "15minute": 200,
            "30minute": 200, "60minute": 400, "day": 2_000}  # fmt: skip
"""Longest span of a call. Source: Kite forum 3105."""
_OPEN_MINUTE = 9 * 60 + 15
_IST_MINUTES = 330


def candles(
    exchange: PracticeExchange, parts: list[str], field: Callable[[str], str]
) -> dict[str, object]:
    """GET /instruments/historical/{token}/{interval}. Raises KiteError for a bad question."""
    if len(parts) != 2 or not parts[0].isdigit() or parts[1] not in MINUTES:
        raise invalid("Invalid `interval` or instrument token.")
    listed = exchange.listing.by_token.get(int(parts[0]))
    if listed is None:
        raise invalid("Invalid instrument token.")
    try:
        start_ns, end_ns = (_instant(field(name)) for name in ("from", "to"))
    except (ValueError, IndexError):
        raise invalid("Invalid `from` or `to` date.") from None
    if end_ns - start_ns > DAYS_MAX[parts[1]] * 86_400 * NS_PER_S:
        raise invalid(f"interval exceeds max limit: {DAYS_MAX[parts[1]]} days")
    size, has_oi = MINUTES[parts[1]], field("oi") == "1"
    rows: dict[int, list[int]] = {}
    for minute, bar in exchange.quotes[listed.instrument.name].candles.items():
        if start_ns <= minute * 60 * NS_PER_S <= end_ns:
            _merge(rows, _start(minute, size), bar)
    return {"candles": [_shown(minute, bar, has_oi=has_oi) for minute, bar in rows.items()]}


def _instant(text: str) -> int:
    """A date is its midnight."""
    return ns_from_ist(f"{text} 00:00:00" if len(text) == 10 else text)


def _start(minute: int, size: int) -> int:
    """The first minute of the candle: intervals are counted from 09:15, days from midnight."""
    of_day = (minute + _IST_MINUTES) % 1_440
    return minute - (of_day if size == 1_440 else (of_day - _OPEN_MINUTE) % size)


def _merge(rows: dict[int, list[int]], start: int, bar: list[int]) -> None:
    row = rows.setdefault(start, [bar[0], bar[1], bar[2], bar[3], 0, 0])
    row[1], row[2], row[3] = max(row[1], bar[1]), min(row[2], bar[2]), bar[3]
    row[4] += bar[4]
    row[5] = bar[5]


def _shown(minute: int, bar: list[int], *, has_oi: bool) -> list[object]:
    stamp = ist_text(minute * 60 * NS_PER_S).replace(" ", "T") + "+0530"
    return [stamp, *map(rupees, bar[:4]), bar[4], *([bar[5]] if has_oi else [])]
