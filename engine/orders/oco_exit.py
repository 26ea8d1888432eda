"""How a position leaves at the market: by its own stop, or by an order of its own.

Decides which of the two, quantity and price, without any chance of flipping. Refuses to know why it
must go and when (oco_plan.py). Stands alone because it is the part of the policy whose cost is
counted in requests: a flatten of many positions is as long as the broker's ten a second make it.

| the stop                                          | the way out                                  |
|---------------------------------------------------|----------------------------------------------|
| works, targets may still fill                     | the targets are cancelled, it stays a stop   |
| works, alone                                      | becomes a limit at the market, by one MODIFY |
| owes an answer, was refused a change, is let go   | is cancelled; then an EXIT of its own        |

Source: Kite takes SL -> LIMIT in a modification (facts of 2026-11, forum).
"""

from engine.messages.values import Leg, OrderType, Side
from engine.orders.oco_state import TARGET_LEGS, failures, is_price_refused
from engine.orders.oco_want import Situation, Want
from engine.orders.order import OrderState, Status
from engine.orders.pricing import exit_limit


def market_limit(at: Situation, side: Side, widenings: int) -> int:
    """The limit of a marketable exit, widened by each re-pricing; 0 if no price is known."""
    mark = at.mark(side)
    if mark <= 0:
        return 0
    protection = at.settings.protection_bps * (1 + widenings)
    bps = min(protection, at.settings.protection_bps_max)
    return exit_limit(at.instrument, side, mark, bps)


def moved_stop(at: Situation) -> tuple[Want, ...]:
    """The working stop as the exit: one request instead of a cancel and a new order, and nothing is
    naked between the two. While targets may still fill it stays what it is; then it becomes a limit
    at the market. () if it cannot be moved: the venue owes its answer, refused a change of it or
    was asked to let it go, another stop or exit lives, or no price of ours is to be had."""
    group, side = at.group, at.group.plan.side.opposite
    stop = group.live_of(Leg.STOP)
    if stop is None or stop.status not in (Status.WORKING, Status.TRIGGERED):
        return ()
    others = [order for order in group.live if order.side is side and order is not stop]
    is_spent = stop.refused_count or stop.is_cancel_asked or stop.remaining_seconds
    is_spent = is_spent or stop.modify_count >= at.settings.modifies_max
    if is_spent or any(order.leg not in TARGET_LEGS for order in others):
        return ()
    limit = market_limit(at, side, 0)
    if not limit or is_price_refused(group.of_leg(Leg.EXIT), at.settings):
        return ()
    if others:
        return (_as_it_is(stop),)
    return (
        Want(
            leg=Leg.STOP,
            side=side,
            quantity=group.position,
            order_type=OrderType.LIMIT,
            price_limit_paise=limit,
        ),
    )


def is_moved(order: OrderState | Want) -> bool:
    """True of a stop that is, or is to be, a limit at the market."""
    return order.leg is Leg.STOP and order.order_type is OrderType.LIMIT


def repricings(order: OrderState) -> int:
    """How often it was changed since it works at the market."""
    return order.modify_count - order.modify_count_moved


def _as_it_is(order: OrderState) -> Want:
    return Want(
        leg=order.leg,
        side=order.side,
        quantity=order.remaining,
        order_type=order.order_type,
        price_limit_paise=order.price_limit_paise,
        price_trigger_paise=order.price_trigger_paise,
    )


def market_exit(at: Situation, side: Side) -> tuple[Want, ...]:
    """What may be sent to the market on `side` without any chance of flipping: the position less
    all of ours that may still fill there; at the broker's own price if it keeps refusing ours."""
    group = at.group
    current = group.live_of(Leg.EXIT)
    others = sum(o.exposure for o in group.live if o.side is side and o is not current)
    quantity = abs(group.position) - others
    if quantity <= 0:
        return ()
    exits = group.of_leg(Leg.EXIT)
    limit = 0 if is_price_refused(exits, at.settings) else market_limit(at, side, failures(exits))
    return (
        Want(
            leg=Leg.EXIT,
            side=side,
            quantity=quantity,
            order_type=OrderType.LIMIT if limit else OrderType.MARKET,
            price_limit_paise=limit,
        ),
    )
