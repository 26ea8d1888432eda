"""Exits beside those that may take too much already.

Decides which wanted exits fit beside what works, and which order is to be called back because its
request made two (FLT-24). Refuses to decide what is wanted (oco_plan.py). Stands alone because
here a group answers for what the gate judges next.
"""

from msgspec.structs import replace

from engine.messages.values import Leg
from engine.orders.oco_state import TARGET_LEGS, Group
from engine.orders.oco_want import Want
from engine.orders.order import OrderState


def within(group: Group, wanted: tuple[Want, ...]) -> tuple[Want, ...]:
    """While the exits that work may take more than the position, as when one works twice (FLT-24)
    or the shrinking of a stop is not answered, no stop and no target begins or grows beside them:
    the gate would not let it leave (INV-16)."""
    pair = max(group.elsewhere((Leg.STOP,), None), group.elsewhere(TARGET_LEGS, None))
    if pair + group.elsewhere((Leg.EXIT,), None) <= group.position:
        return wanted
    found = []
    for want in wanted:
        order = group.live_of(want.leg)
        if want.leg is Leg.EXIT:
            found.append(want)
        elif order is not None:
            found.append(replace(want, quantity=min(want.quantity, order.remaining)))
    return tuple(found)


def is_odd(group: Group, order: OrderState) -> bool:
    """True for an older one of its leg, and for one that its request made twice (FLT-24): a change
    would reach one of the two, a cancel takes both, and the next attempt is one. A stop goes last,
    because no new one may work beside targets that are good for more than the position."""
    if order is not group.live_of(order.leg):
        return True
    is_last = order.leg is not Leg.STOP or not any(o.remaining_seconds for o in group.live_targets)
    return order.remaining_seconds > 0 and is_last
