"""The trigger of a stop that stands in for an exit which nobody lets leave.

Decides where it can rest when the market has passed its level, also while no price of the market is
known. Refuses to know why the exit is barred. Stands alone because a stop that is asked for again
and again where the venue refuses it leaves the position naked for good (LIV-09).
"""

from engine.messages.values import Leg, Side
from engine.orders.oco_state import Group, OcoSettings, failures
from engine.orders.order import Status
from engine.orders.pricing import resting_trigger, through_market


def late_trigger(group: Group, settings: OcoSettings, level_paise: int, price_paise: int) -> int:
    """The trigger as planned (`level_paise`), or beyond the market that has passed it; beyond what
    the venue has refused if no price is known (`price_paise` 0)."""
    plan = group.plan
    last_paise = price_paise or _refused_paise(group, settings, level_paise)
    away_bps, side = settings.protection_bps, plan.side.opposite
    return resting_trigger(side, level_paise, last_paise, away_bps, plan.tick_paise)


def _refused_paise(group: Group, settings: OcoSettings, level_paise: int) -> int:
    """Where the market is at least: the furthest trigger of the stops that the venue refused in a
    row, `protection_bps_max` beyond the level at most, because it may refuse for another reason; 0
    if it refused none."""
    plan, stops = group.plan, group.of_leg(Leg.STOP)
    tried = stops[len(stops) - failures(stops) :]
    refused = [o.price_trigger_paise for o in tried if o.status is Status.REJECTED]
    if not refused:
        return 0
    far_bps, side = settings.protection_bps_max, plan.side.opposite
    end = through_market(side, level_paise, far_bps, plan.tick_paise)
    return max(end, min(refused)) if side is Side.SELL else min(end, max(refused))
