"""How many units an entry gets.

Decides the quantity from the risk a trade may take and the room the caps leave, always rounding
towards smaller. Refuses to know where the room comes from. Stands alone because size is the one
number that turns a wrong signal into a small or a large loss.
"""

import msgspec

from engine.instruments import Instrument
from engine.limits import QUANTITY_MAX
from engine.units import BPS


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What is left under each cap, paise; negative where a cap is exceeded already."""

    risk_paise: int
    notional_paise: int
    notional_symbol_paise: int
    capital_paise: int


def unit_notional(price_paise: int, instrument: Instrument) -> int:
    return price_paise * instrument.multiplier


def charges_estimate(notional_paise: int, charges_bps: int) -> int:
    """The round trip's charges for a notional, rounded up."""
    return -(-notional_paise * charges_bps // BPS)


def risk_of(
    quantity: int, price_paise: int, stop_paise: int, instrument: Instrument, charges_bps: int
) -> int:
    """The planned loss of `quantity` units at the stop, charges included, paise."""
    distance = abs(price_paise - stop_paise) * instrument.multiplier
    notional = unit_notional(price_paise, instrument)
    return quantity * distance + charges_estimate(quantity * notional, charges_bps)


def size(
    price_paise: int,
    stop_paise: int,
    instrument: Instrument,
    room: Room,
    *,
    charges_bps: int,
    margin_bps: int,
) -> int:
    """The quantity: a multiple of the lot, 0 if not even one lot fits.

    Args:
        price_paise: the entry's limit, > 0.
        stop_paise: the stop, not equal to the price.
        instrument: lot, multiplier, freeze quantity.
        room: what each cap leaves.
        charges_bps: estimated charges of a round trip.
        margin_bps: share of the notional that is taken from the capital.
    """
    assert price_paise > 0
    assert stop_paise != price_paise
    assert instrument.lot > 0 < margin_bps
    notional = unit_notional(price_paise, instrument)
    distance = abs(price_paise - stop_paise) * instrument.multiplier
    units = min(
        room.risk_paise * BPS // (distance * BPS + notional * charges_bps),
        room.notional_paise // notional,
        room.notional_symbol_paise // notional,
        room.capital_paise * BPS // (notional * margin_bps),
        instrument.freeze_quantity or QUANTITY_MAX,
        QUANTITY_MAX,
    )
    lots = max(0, units) // instrument.lot
    return lots * instrument.lot
