"""The day's instruments at Kite: which token is which name, and whether the list may be believed.

Decides what of the broker's dump the engine keeps and how old it may be. Refuses to know files and
to guess: tokens of expired derivatives are given to new ones, so yesterday's list finds cash names
only, and a list of another week nothing. The configuration's lot and tick must be the list's.

Source: Kite Connect v3, /instruments, made anew about 08:30 IST (documentation, 2026-11). Freeze
quantities are not in it.
"""

import csv
import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final

import msgspec
from msgspec.structs import replace

from engine.instruments import Instrument
from engine.market.kite_frames import CURRENCY_SEGMENTS, segment_of

AGE_DAYS_MAX: Final = 7
"""Of a list that is good for cash names. Their tokens hold for years, new names come weekly."""
COLUMNS: Final = (
    "instrument_token",
    "tradingsymbol",
    "name",
    "expiry",
    "tick_size",
    "lot_size",
    "instrument_type",
    "exchange",
)
ROWS_MAX: Final = 1_000_000
SEGMENT_INDICES: Final = 9
"""Low byte of an index's token: it has neither lot nor tick, and nobody trades it."""


class TableRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One instrument. `expiry` is a date, "" for what does not expire; an index has tick 0.
    `underlying`: of a derivative the symbol that it is on, else a company's name. The band is
    that of the list's day, 0 if nobody asked for it."""

    name: str
    token: int
    lot: int
    tick_paise: int
    kind: str
    expiry: str
    underlying: str = ""
    band_low_paise: int = 0
    band_high_paise: int = 0


class InstrumentTable(msgspec.Struct, frozen=True):
    """The list of one IST day, sorted by name."""

    day: str
    rows: tuple[TableRow, ...]


class TableRefused(ValueError):
    """The dump is not one. Nothing is kept of it."""


def table_of(day: str, lines: Iterable[str]) -> tuple[InstrumentTable, Counter[str]]:
    """The dump's CSV as a slim table, and what was left out, by reason.

    Raises:
        TableRefused: a column is missing, no row is good, or a name is there twice.
    """
    reader = csv.DictReader(lines)
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise TableRefused(f"not an instrument list: no column {', '.join(missing)}")
    rejected: Counter[str] = Counter()
    rows: dict[str, TableRow] = {}
    for fields in reader:
        row = _row(fields, rejected)
        if row is None:
            continue
        if row.name in rows:
            raise TableRefused(f"{row.name} is there twice")
        rows[row.name] = row
        if len(rows) > ROWS_MAX:
            raise TableRefused(f"more than {ROWS_MAX} rows")
    if not rows:
        raise TableRefused(f"no usable row: {dict(rejected)}")
    return InstrumentTable(day=day, rows=tuple(rows[name] for name in sorted(rows))), rejected


def _row(fields: dict[str, str], rejected: Counter[str]) -> TableRow | None:
    try:
        token, lot = int(fields["instrument_token"]), int(fields["lot_size"])
        tick = Decimal(fields["tick_size"]) * 100
        expiry = fields["expiry"]
        if expiry:
            dt.date.fromisoformat(expiry)
        name = f"{fields['exchange']}:{fields['tradingsymbol']}"
    except (TypeError, ValueError, InvalidOperation):
        rejected["malformed"] += 1
        return None
    if segment_of(token) in CURRENCY_SEGMENTS:
        rejected["currency"] += 1
        return None
    if not (0 < token < 1 << 32 and lot >= 0 and 0 <= tick < 1 << 32) or tick % 1:
        rejected["absurd"] += 1
        return None
    kind, underlying = fields["instrument_type"], (fields["name"] or "").strip('"')
    return TableRow(name, token, lot, int(tick), kind, expiry, underlying)


def tokens_of(
    table: InstrumentTable, wanted: Sequence[str], today: str
) -> tuple[dict[int, str], tuple[str, ...]]:
    """Token -> name of the wanted names, and every reason why one has none.

    Args:
        wanted: instrument names ("NSE:INFY").
        today: the IST day, ISO.
    """
    age_days = (dt.date.fromisoformat(today) - dt.date.fromisoformat(table.day)).days
    if not 0 <= age_days <= AGE_DAYS_MAX:
        return {}, (f"the instrument list is of {table.day}: run `pahara instruments`",)
    rows = {row.name: row for row in table.rows}
    asked = {rows[name].token for name in wanted if name in rows}
    shared = Counter(row.token for row in table.rows if row.token in asked)
    found: dict[int, str] = {}
    faults: list[str] = []
    for name in wanted:
        row = rows.get(name)
        if row is None:
            faults.append(f"{name} is not in the instrument list of {table.day}")
        elif shared[row.token] > 1:
            faults.append(f"{name}: token {row.token} is another's as well")
        elif segment_of(row.token) != SEGMENT_INDICES and not (row.lot > 0 and row.tick_paise > 0):
            faults.append(f"{name}: listed with lot {row.lot} and tick {row.tick_paise} paise")
        elif row.expiry and age_days:
            faults.append(f"{name}: its token may be another's, the list is of {table.day}")
        elif row.expiry and row.expiry < today:
            faults.append(f"{name} expired on {row.expiry}")
        else:
            found[row.token] = name
    return found, tuple(faults)


def with_bands(table: InstrumentTable, bands: Mapping[str, tuple[int, int]]) -> InstrumentTable:
    """The list with the price bands of some of its names."""
    rows = tuple(
        replace(row, band_low_paise=bands[row.name][0], band_high_paise=bands[row.name][1])
        if row.name in bands
        else row
        for row in table.rows
    )
    return InstrumentTable(day=table.day, rows=rows)


def names_with_futures(table: InstrumentTable) -> frozenset[str]:
    """Symbols of the shares and indices that have futures at NSE: the F&O list of the day."""
    return frozenset(
        row.underlying
        for row in table.rows
        if row.kind == "FUT" and row.name.startswith("NFO:") and row.underlying
    )


def size_faults(table: InstrumentTable, instruments: Sequence[Instrument]) -> tuple[str, ...]:
    """Where the configured lot or tick is not the list's (an index has none)."""
    rows = {row.name: row for row in table.rows}
    faults = []
    for item in instruments:
        row = rows.get(item.name)
        if row is None or not row.tick_paise:
            continue
        if (item.lot, item.tick_paise) != (row.lot, row.tick_paise):
            faults.append(
                f"{item.name}: configured lot {item.lot} and tick {item.tick_paise} paise, "
                f"the list says {row.lot} and {row.tick_paise}"
            )
    return tuple(faults)
