"""What the day's list and the dated tables say of the configured names.

Decides the largest order of each name and whether the configured hours can be its own. Refuses a
name of which the day is not known: an order over the freeze quantity is refused by the exchange,
and a position that is held into a closing auction has no stop.

Source: Kite Connect v3, /instruments: `name` of a future is its underlying's symbol, so the futures
of the list tell which shares have derivatives (2026-11).
"""

import datetime as dt

from msgspec.structs import replace

from engine.errors import ConfigInvalid
from engine.freeze import FreezeTable
from engine.market.kite_table import InstrumentTable, TableRow, names_with_futures
from engine.session import SegmentClass, SessionTable, ist_text
from engine.units import rupees
from supervisors.config import EngineConfig, InstrumentConfig

_SHARES = ("NSE", "BSE")


def with_reference(
    config: EngineConfig,
    table: InstrumentTable,
    freeze: FreezeTable,
    sessions: SessionTable,
    day: dt.date,
) -> EngineConfig:
    """The configuration with the freeze quantity of each name on that day, and its price band if
    the list is of that day.

    Args:
        table: the day's list. Names that it does not have are left as they are: others say so.

    Raises:
        ConfigInvalid: every name whose freeze quantity is not known, or that trades other hours
            than the configured segment's.
    """
    rows = {row.name: row for row in table.rows}
    faults: list[str] = []
    made = []
    for item in config.instruments:
        row = rows.get(item.name)
        units = _freeze(item, row, freeze, day) if row is not None else item.freeze_quantity
        if units is None:
            faults.append(
                f"{item.name}: no freeze quantity is known for {day}: write the month's row into "
                "configs/freeze.yaml, or set its freeze_quantity"
            )
        known = replace(item, freeze_quantity=units or 0)
        made.append(_with_band(known, row if table.day == day.isoformat() else None))
    faults += _hour_faults(config, table, sessions, day)
    if faults:
        raise ConfigInvalid(tuple(faults))
    return replace(config, instruments=tuple(made))


def _freeze(item: InstrumentConfig, row: TableRow, freeze: FreezeTable, day: dt.date) -> int | None:
    """The smaller of what the table and the configuration say; None if neither says anything. An
    index is not traded and has none."""
    if not row.tick_paise:
        return item.freeze_quantity
    exchange = item.name.partition(":")[0]
    if exchange in _SHARES:
        known = freeze.of_shares(day)
    else:
        known = freeze.of_underlying(f"{exchange}:{row.underlying}", day)
    return min((units for units in (known, item.freeze_quantity) if units), default=None)


def _with_band(item: InstrumentConfig, row: TableRow | None) -> InstrumentConfig:
    """With the day's price band, if the list is of the day and has it."""
    if row is None or not row.band_high_paise:
        return item
    low, high = rupees(row.band_low_paise), rupees(row.band_high_paise)
    return replace(item, band_low_inr=low, band_high_inr=high)


def _hour_faults(
    config: EngineConfig, table: InstrumentTable, sessions: SessionTable, day: dt.date
) -> list[str]:
    """Names whose continuous session ends before the configured segment's."""
    fno = names_with_futures(table)
    is_real = config.kite.stream_url.startswith("wss:") and not config.kite.practice
    configured = SegmentClass(config.market.segment)
    ends_ns = _end_ns(sessions, configured, day)
    shares = {item.name for item in config.instruments if item.name.split(":")[0] in _SHARES}
    early_ns = _end_ns(sessions, SegmentClass.CASH_FNO, day)
    if not early_ns < ends_ns:
        return []
    if is_real and shares and not fno:
        return ["the instrument list names no futures: fetch it whole (`pahara instruments`)"]
    return [
        f"{name} has derivatives and trades until {ist_text(early_ns)[11:16]}: "
        f"market.segment {configured.value} ends later, need cash_fno"
        for name in sorted(shares)
        if name.partition(":")[2] in fno
    ]


def _end_ns(sessions: SessionTable, segment: SegmentClass, day: dt.date) -> int:
    """The end of the day's last session, or of the next day's that has one."""
    for offset in range(8):
        found = sessions.sessions(day + dt.timedelta(days=offset), segment)
        if found:
            return found[-1].closes_at_ns
    return 0
