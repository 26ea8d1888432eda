"""What an executed order costs: brokerage, taxes and fees by dated rates.

Decides the charges of one order from its turnover. Refuses to know fills, positions and files.
Each component is rounded half up to whole paise on the order's cumulative turnover; partial fills
are charged as differences of cumulative charges (`charges_between`), so that the parts always sum
to the charges of the whole. The rounding of the contract note (STT to whole rupees per day) is not
modelled: it is below one rupee a day and tax.
"""

import datetime as dt
from collections.abc import Mapping
from enum import Enum, unique
from typing import Any, Final

import msgspec

from engine.errors import ConfigInvalid
from engine.messages.values import Side

PPB: Final = 1_000_000_000
"""Rates are parts per billion: paise per crore of rupees."""


@unique
class ChargeSegment(Enum):
    """What the rates depend on; the values are those of `Instrument.segment`."""

    EQUITY_INTRADAY = "equity_intraday"
    EQUITY_DELIVERY = "equity_delivery"
    FUTURES = "futures"
    OPTIONS = "options"


class ChargeRates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rates of one segment from a date on, in parts per billion of turnover.

    Turnover is price x quantity; of options the premium. STT of exercised options is not charged
    here. `brokerage_paise_max` caps the brokerage of one executed order.
    """

    valid_from: dt.date
    brokerage_ppb: int
    brokerage_paise_max: int
    stt_buy_ppb: int
    stt_sell_ppb: int
    exchange_ppb: int
    ipft_ppb: int
    sebi_ppb: int
    stamp_buy_ppb: int


class Charges(msgspec.Struct, frozen=True, kw_only=True):
    """The charges of an order (or a part of one) in paise; `exchange` includes the IPFT."""

    brokerage_paise: int = 0
    stt_paise: int = 0
    exchange_paise: int = 0
    sebi_paise: int = 0
    stamp_paise: int = 0
    gst_paise: int = 0

    @property
    def total_paise(self) -> int:
        """The sum of all components."""
        return sum(msgspec.structs.astuple(self))


class _Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    gst_ppb: int
    segments: dict[ChargeSegment, tuple[ChargeRates, ...]]


class ChargeTable:
    """Dated rates of all segments, immutable."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Build from parsed data (the shape of configs/charges.yaml).

        Raises:
            ConfigInvalid: unknown keys, a missing segment, negative rates, dates out of order.
        """
        try:
            parsed = msgspec.convert(dict(data), type=_Data)
        except msgspec.ValidationError as error:
            raise ConfigInvalid((f"charges: {error}",)) from error
        faults = [f"charges.gst_ppb is negative: {parsed.gst_ppb}"] if parsed.gst_ppb < 0 else []
        for segment in ChargeSegment:
            rows = parsed.segments.get(segment, ())
            starts = [row.valid_from for row in rows]
            if not starts or starts != sorted(set(starts)):
                faults.append(f"charges.{segment.value}: no rates or dates not rising")
            if any(min(msgspec.structs.astuple(row)[1:]) < 0 for row in rows):
                faults.append(f"charges.{segment.value}: a rate is negative")
        if faults:
            raise ConfigInvalid(tuple(faults))
        self.gst_ppb = parsed.gst_ppb
        self._segments = parsed.segments

    def rates(self, segment: ChargeSegment, day: dt.date) -> ChargeRates:
        """The rates valid on a day. Days before the first row get the first row: an estimate."""
        rows = self._segments[segment]
        valid = [row for row in rows if row.valid_from <= day]
        return valid[-1] if valid else rows[0]


def order_charges(
    segment: ChargeSegment, side: Side, turnover_paise: int, day: dt.date, table: ChargeTable
) -> Charges:
    """The charges of one executed order.

    Args:
        segment: chooses the rates.
        side: of the order; STT and stamp duty differ by side.
        turnover_paise: cumulative price x quantity of the order's fills, >= 0. Zero costs nothing.
        day: the IST trading day.
        table: the dated rates.
    """
    assert turnover_paise >= 0
    rates = table.rates(segment, day)
    is_buy = side is Side.BUY
    brokerage = min(_share(turnover_paise, rates.brokerage_ppb), rates.brokerage_paise_max)
    exchange = _share(turnover_paise, rates.exchange_ppb + rates.ipft_ppb)
    sebi = _share(turnover_paise, rates.sebi_ppb)
    return Charges(
        brokerage_paise=brokerage,
        stt_paise=_share(turnover_paise, rates.stt_buy_ppb if is_buy else rates.stt_sell_ppb),
        exchange_paise=exchange,
        sebi_paise=sebi,
        stamp_paise=_share(turnover_paise, rates.stamp_buy_ppb if is_buy else 0),
        gst_paise=_share(brokerage + exchange + sebi, table.gst_ppb),
    )


def charges_between(before: Charges, after: Charges) -> Charges:
    """What a further fill adds: cumulative charges after it minus those before it."""
    pairs = zip(msgspec.structs.astuple(after), msgspec.structs.astuple(before), strict=True)
    names = Charges.__struct_fields__
    return Charges(**dict(zip(names, (late - early for late, early in pairs), strict=True)))


def _share(amount_paise: int, rate_ppb: int) -> int:
    """Half up to whole paise."""
    return (amount_paise * rate_ppb + PPB // 2) // PPB
