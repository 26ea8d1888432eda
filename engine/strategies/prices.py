"""Prices of a plan: limit, stop and targets on the tick grid, on the right sides of each other.

Decides how distances become prices. Refuses to know why. Stands alone because every strategy needs
it and a stop on the wrong side is an order that loses at once.
"""

import msgspec

from engine.messages.values import Side, Target
from engine.units import BPS, round_to_tick


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """limit, stop and targets in paise, as `EntryProposed` wants them."""

    limit_paise: int
    stop_paise: int
    targets: tuple[Target, ...]


def marketable_limit(side: Side, reference_paise: int, tick_paise: int, cap_bps: int) -> int:
    """A limit that trades at the reference price now but never more than the cap beyond it (one
    tick if the cap is finer than the grid)."""
    cap_paise = reference_paise * cap_bps // BPS
    is_buy = side is Side.BUY
    nearest = round_to_tick(reference_paise, tick_paise, up=is_buy)
    furthest = round_to_tick(reference_paise + side.sign * cap_paise, tick_paise, up=not is_buy)
    return max(nearest, furthest) if is_buy else min(nearest, furthest)


def plan_prices(
    side: Side,
    limit_paise: int,
    reference_paise: int,
    stop_distance_paise: int,
    targets: tuple[tuple[int, int], ...],
    tick_paise: int,
) -> Prices | None:
    """Prices from distances.

    Args:
        side: of the entry.
        limit_paise: the entry's limit, on the grid.
        reference_paise: the price that the distances count from.
        stop_distance_paise: how far the stop lies on the losing side, at least.
        targets: (distance in paise, share in bps), nearest first.
        tick_paise: the grid.

    Returns:
        None if the stop would not be above zero, or a target of a short not above zero.
    """
    sign, is_buy = side.sign, side is Side.BUY
    stop = round_to_tick(reference_paise - sign * stop_distance_paise, tick_paise, up=not is_buy)
    stop = sign * min(sign * stop, sign * limit_paise - tick_paise)
    last, made = limit_paise, []
    for distance, share_bps in targets:
        price = round_to_tick(reference_paise + sign * distance, tick_paise, up=is_buy)
        last = sign * max(sign * price, sign * last + tick_paise)
        made.append(Target(price_paise=last, share_bps=share_bps))
    if not min(stop, last) > 0:
        return None
    return Prices(limit_paise=limit_paise, stop_paise=stop, targets=tuple(made))
