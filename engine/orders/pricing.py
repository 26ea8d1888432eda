"""Prices of orders: ticks, bands, stops and exits that go through the market.

Decides which price an order may carry and which one gets it filled. Refuses to know order state.
Stands alone because a price one tick off is refused by the exchange at the worst moment.
"""

from engine.instruments import Instrument
from engine.messages.values import Refusal, Side
from engine.units import BPS, round_to_tick


def clamp_price(price_paise: int, low_paise: int, high_paise: int) -> int:
    """The price, moved into [low, high]."""
    assert low_paise <= high_paise
    return max(low_paise, min(high_paise, price_paise))


def band(reference_paise: int, band_bps: int, tick_paise: int) -> tuple[int, int]:
    """Lowest and highest allowed price around a reference, on ticks, rounded inward.

    Args:
        band_bps: 1 to 10,000; the caller handles "no band".
    """
    assert reference_paise > 0
    assert band_bps > 0
    width = reference_paise * band_bps
    low = round_to_tick(-(-(reference_paise * BPS - width) // BPS), tick_paise, up=True)
    high = round_to_tick((reference_paise * BPS + width) // BPS, tick_paise, up=False)
    return max(tick_paise, low), max(tick_paise, high)


def within_band(price_paise: int, reference_paise: int, band_bps: int) -> bool:
    """True if the price is at most `band_bps` away from the reference (0: no band)."""
    if band_bps == 0 or reference_paise <= 0:
        return True
    return abs(price_paise - reference_paise) * BPS <= reference_paise * band_bps


def validate_order_price(
    instrument: Instrument, price_paise: int, reference_paise: int
) -> Refusal | None:
    """None if the price is positive, on a tick and inside the band; else what is wrong.

    Args:
        reference_paise: the last price; 0 skips the band.
    """
    if not price_paise > 0:
        return Refusal(rule="price_paise", measured=price_paise, limit=1, why="price not positive")
    if price_paise % instrument.tick_paise != 0:
        why = f"price {price_paise} is not a multiple of the tick {instrument.tick_paise}"
        return Refusal(
            rule="tick_paise", measured=price_paise, limit=instrument.tick_paise, why=why
        )
    if not within_band(price_paise, reference_paise, instrument.band_bps):
        distance_bps = abs(price_paise - reference_paise) * BPS // reference_paise
        why = f"price {price_paise} outside the band around {reference_paise}"
        return Refusal(rule="band_bps", measured=distance_bps, limit=instrument.band_bps, why=why)
    return None


def through_market(side: Side, mark_paise: int, protection_bps: int, tick_paise: int) -> int:
    """A limit that is marketable: beyond the mark by at most the protection, on a tick.

    Rounded towards the mark, so that the protection is never exceeded, but never short of it.
    """
    assert mark_paise > 0
    away = mark_paise * protection_bps // BPS
    if side is Side.BUY:
        limit = round_to_tick(mark_paise + away, tick_paise, up=False)
        return max(limit, round_to_tick(mark_paise, tick_paise, up=True))
    limit = round_to_tick(mark_paise - away, tick_paise, up=True)
    return max(tick_paise, min(limit, round_to_tick(mark_paise, tick_paise, up=False)))


def stop_limit(side: Side, trigger_paise: int, gap_bps: int, tick_paise: int) -> int:
    """The limit of a stop order: beyond its trigger by the gap (SL-M is refused on options).

    Source: NSE has had no SL-M on options since 2021-09-27.
    """
    return through_market(side, trigger_paise, gap_bps, tick_paise)


def resting_trigger(
    side: Side, trigger_paise: int, last_paise: int, away_bps: int, tick_paise: int
) -> int:
    """The trigger of a stop that must rest: as given, or if the market has passed it, so far beyond
    the last price; 0 as last price: unknown.

    Source: the broker refuses a stop that it would have to trigger at once ("Trigger price for
    stoploss sell orders should be lower than the last price").
    """
    if last_paise <= 0 or side.sign * (trigger_paise - last_paise) > 0:
        return trigger_paise
    return through_market(side, last_paise, away_bps, tick_paise)


def exit_limit(instrument: Instrument, side: Side, mark_paise: int, protection_bps: int) -> int:
    """A marketable limit for an exit, kept inside the instrument's band."""
    limit = through_market(side, mark_paise, protection_bps, instrument.tick_paise)
    if instrument.band_bps == 0:
        return limit
    low, high = band(mark_paise, instrument.band_bps, instrument.tick_paise)
    return clamp_price(limit, low, high) if low <= high else limit
