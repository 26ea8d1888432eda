"""One row of a price file as a typed value, or the reason why it is not one.

Decides what a well-formed row is. Refuses to know other rows (order, duplicates, sessions are
engine/market/clean.py) and files. A malformed row raises `RowBad` with a stable code; nothing is
filled in or guessed.

Codes: missing_field, extra_field, bad_time, wrong_zone, off_grid (a bar that does not start on the
grid of its interval), bad_number, nan, negative, zero, ohlc_inconsistent.
"""

import math
from collections.abc import Sequence

import msgspec

from engine.market.layout import Layout
from engine.messages.market import Tick
from engine.session import GRID_ANCHOR_NS, WrongZone, ns_from_ist

OHLC_ROUNDING_PAISE_MAX = 5
"""Vendors round open and close to 5 paise but not high and low; wider gaps are contradictions."""
_RUPEES_MAX = 1e7
_COUNT_MAX = 1e15


class RowBad(Exception):
    """A row that must not be traded on. `reason` is the code under which it is counted."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Bar(msgspec.Struct, gc=False):
    """One bar of a file; prices in paise, [start, end) in UTC ns.

    `volume_before` is the day's volume before the bar, set when the bar is accepted.
    """

    instrument: str
    start_at_ns: int
    end_at_ns: int
    open_paise: int
    high_paise: int
    low_paise: int
    close_paise: int
    volume: int = 0
    oi: int = 0
    is_rounded: bool = False
    volume_before: int = 0


def paise(text: str) -> int:
    """A price in rupees as paise.

    Raises:
        RowBad: missing_field, bad_number, nan, negative or zero.
    """
    try:
        value = float(text)
    except ValueError:
        raise RowBad("bad_number" if text.strip() else "missing_field") from None
    if 0 < value < _RUPEES_MAX and "_" not in text and text.isascii():
        price = round(value * 100)
        if price > 0:
            return price
    if value >= _RUPEES_MAX:
        raise RowBad("bad_number")
    raise RowBad(_fault(text, value) or "zero")


def count(text: str) -> int:
    """A quantity or running total; whole, not negative. Raises RowBad like `paise`, 0 is fine."""
    if text.isascii() and text.isdigit() and len(text) < 16:
        return int(text)
    try:
        value = float(text)
    except ValueError:
        raise RowBad("bad_number" if text.strip() else "missing_field") from None
    fault = _fault(text, value)
    if fault or not (0 <= value < _COUNT_MAX and value == int(value)):
        raise RowBad(fault or "bad_number")
    return int(value)


def _fault(text: str, value: float) -> str:
    if math.isnan(value):
        return "nan"
    if not (abs(value) < _COUNT_MAX and "_" not in text and text.isascii()):
        return "bad_number"
    return "negative" if value < 0 else ""


def check_width(fields: Sequence[str], layout: Layout) -> None:
    """Raise RowBad unless the row has exactly the header's number of fields."""
    if len(fields) != layout.width:
        raise RowBad("missing_field" if len(fields) < layout.width else "extra_field")


def at_ns(text: str) -> int:
    """The instant of a naive IST (or +05:30) timestamp. Raises RowBad bad_time or wrong_zone."""
    try:
        return ns_from_ist(text)
    except WrongZone:
        raise RowBad("wrong_zone") from None
    except ValueError:
        raise RowBad("bad_time" if text.strip() else "missing_field") from None


def parse_bar(fields: Sequence[str], layout: Layout, name: str, interval_ns: int) -> Bar:
    """A bar row as a Bar. High and low are widened by up to 5 paise of the vendor's rounding.

    Raises:
        RowBad: the row is malformed or contradicts itself. Dropped and counted.
    """
    check_width(fields, layout)
    time_ns = at_ns(fields[layout.time])
    start_ns = time_ns - interval_ns if layout.is_time_end else time_ns
    if (start_ns - GRID_ANCHOR_NS) % interval_ns:
        raise RowBad("off_grid")
    opened, high = paise(fields[layout.open]), paise(fields[layout.high])
    low, close = paise(fields[layout.low]), paise(fields[layout.close])
    volume = count(fields[layout.volume]) if layout.volume >= 0 else 0
    oi = count(fields[layout.oi]) if layout.oi >= 0 else 0
    bottom, top = (opened, close) if opened < close else (close, opened)
    is_rounded = low > bottom or high < top
    if is_rounded:
        if max(low - bottom, top - high) > OHLC_ROUNDING_PAISE_MAX:
            raise RowBad("ohlc_inconsistent")
        low, high = min(low, bottom), max(high, top)
    end_ns = start_ns + interval_ns
    return Bar(name, start_ns, end_ns, opened, high, low, close, volume, oi, is_rounded)


def parse_tick(fields: Sequence[str], layout: Layout, name: str, volume_before: int) -> Tick:
    """A tick row as a Tick; `volume_before` is the day's volume so far (files of deltas).

    A file without trades gets the middle of the book (down to whole paise) as its price.

    Raises:
        RowBad: the row is malformed. Dropped and counted.
    """
    check_width(fields, layout)
    time_ns = at_ns(fields[layout.time])
    bid = paise(fields[layout.bid]) if layout.bid >= 0 else 0
    ask = paise(fields[layout.ask]) if layout.ask >= 0 else 0
    price = paise(fields[layout.price]) if layout.price >= 0 else (bid + ask) // 2
    volume = count(fields[layout.volume_total]) if layout.volume_total >= 0 else volume_before
    if layout.volume_delta >= 0:
        volume += count(fields[layout.volume_delta])
    return Tick(
        instrument=name,
        price_paise=price,
        at_ns=time_ns,
        received_at_ns=time_ns,
        volume_day=volume,
        oi=count(fields[layout.oi]) if layout.oi >= 0 else 0,
        bid_paise=bid,
        ask_paise=ask,
        bid_quantity=count(fields[layout.bid_quantity]) if layout.bid_quantity >= 0 else 0,
        ask_quantity=count(fields[layout.ask_quantity]) if layout.ask_quantity >= 0 else 0,
    )
