"""What the columns of a price file mean, read off its header and its name.

Decides kind (bars or ticks), the time column and its meaning, and where prices, totals and names
stand. Refuses to guess: a header without a known time and price is an error, not an empty file.
"""

import re
from collections.abc import Sequence

import msgspec

from engine.errors import WireMalformed
from engine.session import SegmentClass

_TIME_COLUMNS = ("ts_ist", "bar_end_ist", "exchange_ts_ist", "recv_ts_ist", "time_ist")
_NAME_COLUMNS = (
    "symbol", "tradingsymbol", "trading_symbol", "contract", "instrument_name", "underlying",
)  # fmt: skip
_TICK_COLUMNS = {
    "price": ("last_price", "price"),
    "volume_total": ("volume_traded",),
    "volume_delta": ("volume_delta",),
    "oi": ("oi",),
    "bid": ("best_bid", "bid_price_1"),
    "ask": ("best_ask", "ask_price_1"),
    "bid_quantity": ("best_bid_qty", "bid_qty_1"),
    "ask_quantity": ("best_ask_qty", "ask_qty_1"),
}
_UPPER_TOKEN = re.compile(r"[A-Z][A-Z0-9&-]*")
_DERIVATIVE = re.compile(r"FUT\d*$|_F\d+$|(^|[ _])FUT([ _]|$)|\d(CE|PE)$")
_INDEX_NAMES = frozenset(
    {"NIFTY50", "NIFTY", "BANKNIFTY", "NIFTYBANK", "INDIAVIX", "FINNIFTY", "NIFTYFINSERVICE",
     "MIDCPNIFTY", "NIFTYNXT50", "SENSEX"}
)  # fmt: skip


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """Column numbers; -1 where the file has no such column."""

    width: int
    is_bar: bool
    is_time_end: bool
    time: int
    name: int
    open: int = -1
    high: int = -1
    low: int = -1
    close: int = -1
    volume: int = -1
    price: int = -1
    volume_total: int = -1
    volume_delta: int = -1
    oi: int = -1
    bid: int = -1
    ask: int = -1
    bid_quantity: int = -1
    ask_quantity: int = -1


def detect_layout(header: Sequence[str]) -> Layout:
    """The layout that a header line declares.

    Raises:
        WireMalformed: no known time column or no prices. The file is refused as a whole.
    """
    columns = {name.strip().lower(): number for number, name in enumerate(header)}

    def first(names: Sequence[str]) -> int:
        return next((columns[name] for name in names if name in columns), -1)

    time, name = first(_TIME_COLUMNS), first(_NAME_COLUMNS)
    is_bar = {"open", "high", "low", "close"} <= columns.keys()
    keys = ("open", "high", "low", "close", "volume", "oi") if is_bar else ()
    found = {key: first((key,)) for key in keys}
    if not is_bar:
        found = {key: first(names) for key, names in _TICK_COLUMNS.items()}
        has_price = found["price"] >= 0 or min(found["bid"], found["ask"]) >= 0
    if time < 0 or not (is_bar or has_price):
        raise WireMalformed(f"no known time and price columns in header: {','.join(header)[:200]}")
    is_time_end = header[time].strip().lower() == "bar_end_ist"
    return Layout(
        width=len(header), is_bar=is_bar, is_time_end=is_time_end, time=time, name=name, **found
    )


def instrument_of_file(stem: str) -> str:
    """The instrument that a file name carries: 'kite_tape_NIFTY25DECFUT_2025-..' and the like.

    The first run of upper-case parts between underscores ('NIFTY_DEC25FUT'); the whole stem if
    there is none.
    """
    run: list[str] = []
    for token in stem.split("_"):
        if _UPPER_TOKEN.fullmatch(token):
            run.append(token)
        elif run:
            break
    return "_".join(run) or stem


def guess_segment(name: str) -> SegmentClass:
    """The segment class a raw name suggests; shares count as CASH_FNO, whose hours are shortest."""
    bare = name.rpartition(":")[2].upper()
    if _DERIVATIVE.search(bare):
        return SegmentClass.FNO
    if bare.replace(" ", "") in _INDEX_NAMES:
        return SegmentClass.INDEX
    return SegmentClass.CASH_FNO
