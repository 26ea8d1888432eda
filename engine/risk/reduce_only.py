"""Reduce-only, by quantities and not by sides (reliability 2.2).

Decides whether an order can only bring a position closer to flat, whatever becomes of everything
unknown. Refuses to know prices, modes and brokers. Stands alone because a "reducing" order that
flips a position is the classic hole, and a function this small can be proven by property.
"""

from collections.abc import Iterable

import msgspec

from engine.messages.values import Leg, Side


class Interval(msgspec.Struct, frozen=True, gc=False):
    """The signed position as far as it is known; equal ends when certain."""

    lo: int
    hi: int


class WorkingExit(msgspec.Struct, frozen=True, gc=False):
    """An order known to be working: what it may still fill."""

    group_id: str
    leg: Leg
    side: Side
    remaining: int


def widened(certain: int, unknown: Iterable[tuple[Side, int]]) -> Interval:
    """The position interval: each unknown order may have filled any part on its side.

    Args:
        certain: the signed sum of known fills.
        unknown: side and unfilled quantity of every order of unknown outcome.
    """
    lo = hi = certain
    for side, quantity in unknown:
        if side is Side.BUY:
            hi += quantity
        else:
            lo -= quantity
    return Interval(lo, hi)


def working_quantity(orders: Iterable[WorkingExit], side: Side) -> int:
    """What orders known to be working may still take on a side.

    The stop and the targets of one OCO group exclude each other, so the larger of the two counts;
    exits at the market and entries count in full.
    """
    stops: dict[str, int] = {}
    targets: dict[str, int] = {}
    other = 0
    for order in orders:
        if order.side is not side:
            continue
        match order.leg:
            case Leg.STOP:
                stops[order.group_id] = stops.get(order.group_id, 0) + order.remaining
            case Leg.TARGET_1 | Leg.TARGET_2:
                targets[order.group_id] = targets.get(order.group_id, 0) + order.remaining
            case Leg.EXIT | Leg.ENTRY:
                other += order.remaining
    groups = stops.keys() | targets.keys()
    return other + sum(max(stops.get(g, 0), targets.get(g, 0)) for g in groups)


def is_reducing(side: Side, quantity: int, position: Interval, working: int) -> bool:
    """True if an order can neither increase nor flip the position.

    Args:
        side: of the order.
        quantity: what it may still fill, in units.
        position: the interval; unknown orders are inside it and not in `working`.
        working: what known working orders may still take on the same side (`working_quantity`).
    """
    if side is Side.SELL:
        return position.lo > 0 and 0 < quantity <= position.lo - working
    return position.hi < 0 and 0 < quantity <= -position.hi - working


def is_leg_reducing(order: WorkingExit, position: Interval, others: Iterable[WorkingExit]) -> bool:
    """`is_reducing` for a leg of an OCO group, under the max-rule.

    The leg is judged by what all working orders would take together with it, so a target may stand
    beside a stop of the same size, and a second stop may not.
    """
    if not order.remaining > 0:
        return False
    together = working_quantity((*others, order), order.side)
    return is_reducing(order.side, together, position, 0)
