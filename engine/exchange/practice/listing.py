"""What is listed: tokens, symbols and the instruments dump.

Decides tokens and the rows of the dump. Refuses to know prices of the moment.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from engine.instruments import Instrument
from engine.units import rupees

SEGMENT_NUMBERS: Final = {"NSE": 1, "NFO": 2, "CDS": 3, "BSE": 4, "BFO": 5, "MCX": 7, "INDICES": 9}
"""The low byte of an instrument token. Source: kiteconnect 5.2.2, EXCHANGE_MAP."""
INDEX_NAMES: Final = frozenset({"NSE:NIFTY 50", "NSE:NIFTY50", "NSE:NIFTY BANK", "NSE:BANKNIFTY",
                                "NSE:INDIA VIX", "NSE:INDIAVIX"})  # fmt: skip
KNOWN_TOKENS: Final = {"NSE:INFY": 1594, "NSE:RELIANCE": 2885, "NSE:SBIN": 3045, "NSE:TCS": 11536}
"""Exchange tokens as they are at NSE, so that an example of the documentation reads the same."""
FIRST_TOKEN: Final = 100_001
COLUMNS: Final = ("instrument_token", "exchange_token", "tradingsymbol", "name", "last_price",
                  "expiry", "strike", "tick_size", "lot_size", "instrument_type", "segment",
                  "exchange")  # fmt: skip


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the dump. `kind` is EQ, FUT, CE or PE; `segment` as in the dump."""

    instrument: Instrument
    exchange: str
    symbol: str
    exchange_token: int
    token: int
    kind: str
    segment: str
    reference_paise: int = 0

    @property
    def is_index(self) -> bool:
        return self.segment == "INDICES"

    @property
    def is_derivative(self) -> bool:
        return self.kind != "EQ"


class Listing:
    """All listed instruments by name ("NSE:INFY") and by token."""

    def __init__(self, instruments: Iterable[Instrument], prices: dict[str, int]) -> None:
        self.rows = {
            item.name: _listed(item, FIRST_TOKEN + number, prices.get(item.name, 0))
            for number, item in enumerate(instruments)
        }
        self.by_token = {row.token: row for row in self.rows.values()}

    def dump(self, exchange: str = "") -> str:
        """The CSV of one exchange or of all, with its header."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(self._dump_rows(exchange))
        return out.getvalue()

    def _dump_rows(self, exchange: str) -> Iterator[tuple[object, ...]]:
        for row in self.rows.values():
            if exchange in ("", row.exchange):
                yield (
                    row.token, row.exchange_token, row.symbol, row.symbol, 0.0, "", 0.0,
                    rupees(row.instrument.tick_paise), row.instrument.lot, row.kind, row.segment,
                    row.exchange,
                )  # fmt: skip


def _listed(instrument: Instrument, number: int, reference_paise: int) -> Listed:
    exchange, _, symbol = instrument.name.partition(":")
    is_index = instrument.name in INDEX_NAMES
    kind = {"futures": "FUT", "options": "PE" if symbol.endswith("PE") else "CE"}.get(
        instrument.segment, "EQ"
    )
    segment = "INDICES" if is_index else exchange if kind == "EQ" else f"{exchange}-{_suffix(kind)}"
    exchange_token = KNOWN_TOKENS.get(instrument.name, number)
    code = SEGMENT_NUMBERS.get("INDICES" if is_index else exchange, 1)
    return Listed(
        instrument=instrument,
        exchange=exchange,
        symbol=symbol,
        exchange_token=exchange_token,
        token=exchange_token * 256 + code,
        kind=kind,
        segment=segment,
        reference_paise=reference_paise,
    )


def _suffix(kind: str) -> str:
    return "FUT" if kind == "FUT" else "OPT"
