"""How large one order may be: freeze quantities as dated data.

Decides what is known for a day. Refuses to guess: a month without a row is not known, because the
exchange computes the quantities anew each month and they have gone both ways. Stands alone so that
a wrong number can be corrected in one data file.
"""

import datetime as dt
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import msgspec

from engine.errors import ConfigInvalid
from engine.limits import QUANTITY_MAX


class FreezeRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Valid on both days named and between. `source` says who says so."""

    valid_from: dt.date
    valid_to: dt.date
    quantity: int
    source: str


class _Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mis_shares_max: tuple[FreezeRow, ...]
    underlyings: dict[str, tuple[FreezeRow, ...]]


class FreezeTable:
    """Immutable after construction."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Build from parsed data (the shape of configs/freeze.yaml).

        Raises:
            ConfigInvalid: unknown keys, absurd quantities, spans that overlap or run backward.
        """
        try:
            found = msgspec.convert(dict(data), type=_Data)
        except msgspec.ValidationError as error:
            raise ConfigInvalid((f"freeze: {error}",)) from error
        self._shares = found.mis_shares_max
        self._underlyings = found.underlyings
        listed = {"mis_shares_max": self._shares, **self._underlyings}
        faults = [f"freeze.{name}: {x}" for name, rows in listed.items() for x in _faults(rows)]
        if faults:
            raise ConfigInvalid(tuple(faults))

    def of_underlying(self, name: str, day: dt.date) -> int:
        """Units of one order in a contract on "NFO:NIFTY"; 0: not known for that day."""
        return _on(self._underlyings.get(name, ()), day)

    def of_shares(self, day: dt.date) -> int:
        """Shares of one intraday order; 0: not known for that day."""
        return _on(self._shares, day)


def _on(rows: tuple[FreezeRow, ...], day: dt.date) -> int:
    return next((row.quantity for row in rows if row.valid_from <= day <= row.valid_to), 0)


def _faults(rows: tuple[FreezeRow, ...]) -> list[str]:
    faults = [
        f"row of {row.valid_from}: quantity, span or source is absurd"
        for row in rows
        if not 0 < row.quantity <= QUANTITY_MAX
        or row.valid_to < row.valid_from
        or not row.source.strip()
    ]
    faults += [
        f"row of {after.valid_from}: overlaps the one before it"
        for before, after in pairwise(rows)
        if not before.valid_to < after.valid_from
    ]
    return faults
