"""Which orders a group should have working, given its facts and the market.

Decides stage, reasons to go out, and the wanted legs with quantity and price. Refuses to diff them
against working orders and to emit intents (oco.py). Stands alone because this is the trading
policy of an open trade, and it can be read and tested without any order machinery.

    stage      when                                        wanted
    OPENING    nothing recorded                            entry
    ENTERING   flat, nothing entered yet, entry alive      entry (unless withdrawn, expired)
    HOLDING    position, no reason to exit                 stop for all of it + targets by share;
                                                           entry rest until the first exit fill
    EXITING    position and a reason to exit               its working stop, moved to the market
                                                           once no target may fill any more; else
                                                           EXIT for what no child may still fill;
                                                           a stop when no exit may leave: denied
                                                           (HALTED), or targets hold its place
    FLIPPED    position on the other side (ORD-07)         EXIT back to flat
    FINISHING  flat after all, or nothing can enter        nothing; close when nothing lives

Trailing starts once the first of two targets has filled in full; with one target (or none) it
starts with the position, because after the only target nothing is left to trail.
"""

from enum import Enum, unique

from engine.messages.values import Leg, OrderType, Side
from engine.orders.late_stop import late_trigger
from engine.orders.oco_exit import market_exit, moved_stop
from engine.orders.oco_state import (
    TARGET_LEGS,
    failures,
    first_target_units,
    is_place_held,
    is_trailing,
)
from engine.orders.oco_want import Situation, Want
from engine.orders.order import OrderState, Status
from engine.orders.pricing import stop_limit
from engine.units import round_to_tick


@unique
class Stage(Enum):
    OPENING = "opening"
    ENTERING = "entering"
    HOLDING = "holding"
    EXITING = "exiting"
    FLIPPED = "flipped"
    FINISHING = "finishing"


def stage(at: Situation) -> Stage:
    group = at.group
    if not group.is_opened:
        return Stage.OPENING
    if group.position < 0:
        return Stage.FLIPPED
    if group.position > 0:
        return Stage.EXITING if exit_reason(at) else Stage.HOLDING
    entry = group.entry
    is_entering = entry is not None and not entry.is_terminal and not group.entered
    return Stage.ENTERING if is_entering and not group.is_closed else Stage.FINISHING


def exit_reason(at: Situation) -> str:
    """Why the position must go at the market now; "" if it need not."""
    group, view = at.group, at.view
    if group.exit_reason or view.exit_reason:
        return group.exit_reason or view.exit_reason
    if group.is_closed:
        return "late_fill"
    if group.entered > group.plan.quantity:
        return "overfilled"
    if 0 < at.flat_by_at_ns <= at.now_ns:
        return "flat_by"
    if group.position <= 0 or group.live_of(Leg.STOP) is not None:
        return ""
    if group.is_stop_hit:
        return "stop"
    sign = group.plan.side.sign
    if view.price_paise and sign * (view.price_paise - stop_level(at)) <= 0:
        return "stop_through"
    stops = group.of_leg(Leg.STOP)
    refused = sum(order.status is Status.REJECTED for order in stops)
    if failures(stops) and refused >= at.settings.rejects_max:
        return "stop_rejected"
    return ""


def is_market_free(at: Situation) -> bool:
    """True while no price of the market can change what the group wants: it waits for its entry,
    or holds with a stop that works and nothing left to trail, chase or complain of. Times, facts
    and advice still count; they come as messages of their own."""
    group, plan = at.group, at.group.plan
    if group.is_closed or not group.is_opened or at.view.exit_reason or group.exit_reason:
        return False
    entry, position = group.entry, group.position
    if position == 0:
        return entry is not None and not entry.is_terminal and not group.entered
    stop = group.live_of(Leg.STOP)
    return (
        position > 0
        and stop is not None
        and stop.status is Status.WORKING
        and not plan.trail_paise
        and not group.is_stop_hit
        and group.live_of(Leg.EXIT) is None
        and failures(group.of_leg(Leg.STOP)) == 0
    )


def keeps_entry(at: Situation, now_stage: Stage) -> bool:
    """True while the entry's rest may go on working."""
    group, entry = at.group, at.group.entry
    return (
        now_stage in (Stage.ENTERING, Stage.HOLDING)
        and at.now_ns < group.plan.entry_expires_at_ns
        and not at.view.is_entry_withdrawn
        and not group.has_exit_fill
        and not group.is_stop_hit
        and not exit_reason(at)
        and not (entry is not None and (entry.was_lost or entry.remaining_seconds))
    )


def wants(at: Situation, now_stage: Stage) -> tuple[Want, ...]:
    """The exit orders that should be working, the stop first."""
    match now_stage:
        case Stage.HOLDING:
            stop = _stop(at)
            return (stop,) if at.group.is_stop_hit else (stop, *_targets(at))
        case Stage.EXITING:
            if is_exit_barred(at):
                return (_stop(at, is_late=True),)
            return moved_stop(at) or market_exit(at, at.group.plan.side.opposite)
        case Stage.FLIPPED:
            return market_exit(at, at.group.plan.side)
        case Stage.OPENING | Stage.ENTERING | Stage.FINISHING:
            return ()


def is_exit_barred(at: Situation) -> bool:
    """True while a stop comes before the exit, because our own gate (HALTED) lets none leave: a new
    one once two exits in a row were denied, or the right size for one that may not be cancelled.
    Asking again takes turns with it, so that the exit goes on when the gate lets it. The same while
    targets that nobody lets go hold all of the exit's place: a stop may rest beside them (LIV-09).
    """
    group, stop = at.group, at.group.live_of(Leg.STOP)
    if group.live_of(Leg.EXIT) is not None:
        return False
    if is_place_held(group):
        return True
    if stop is not None:
        turns = at.settings.request_refusals_max
        is_turn = stop.cancel_count > 0 and stop.refused_count % turns == turns - 1
        return is_turn and stop.remaining != group.position
    tried = [order for order in group.orders if order.leg in (Leg.EXIT, Leg.STOP)]
    is_denied = bool(tried) and tried[-1].leg is Leg.EXIT and tried[-1].status is Status.DENIED
    return is_denied and failures(group.of_leg(Leg.EXIT)) > 1


def stop_level(at: Situation) -> int:
    """The trigger a new stop gets: the planned one, or as far as trailing has brought it."""
    plan, is_long = at.group.plan, at.group.plan.side is Side.BUY
    levels = [order.price_trigger_paise for order in at.group.of_leg(Leg.STOP)]
    levels.append(round_to_tick(plan.price_stop_paise, plan.tick_paise, up=is_long))
    return (max if is_long else min)(level for level in levels if level > 0)


def trailed(at: Situation, stop: OrderState) -> int:
    """The trigger that trailing asks of a working stop: on a tick, never through the market and
    never backwards; unchanged if the step is too small or the modifications are used up."""
    plan, settings = at.group.plan, at.settings
    current = stop.price_trigger_paise
    is_spent = stop.was_triggered or stop.modify_count >= settings.trail_modifies_max
    if is_spent or not at.view.best_paise or not is_trailing(at.group):
        return current
    is_long, sign = plan.side is Side.BUY, plan.side.sign
    by_best = at.view.best_paise - sign * plan.trail_paise
    by_market = at.view.price_paise - sign * plan.tick_paise
    candidate = min(by_best, by_market) if is_long else max(by_best, by_market)
    candidate = round_to_tick(candidate, plan.tick_paise, up=not is_long)
    step = settings.trail_step_paise or max(plan.tick_paise, plan.trail_paise // 10)
    return candidate if sign * (candidate - current) >= step and candidate > 0 else current


def _stop(at: Situation, *, is_late: bool = False) -> Want:
    """The stop for all of the position. A late one stands in for an exit: if the market has passed
    its level no venue takes it there, so it rests beyond (LIV-09)."""
    group, plan, trigger = at.group, at.group.plan, stop_level(at)
    side = plan.side.opposite
    if is_late:
        trigger = late_trigger(group, at.settings, trigger, at.view.price_paise)
    limit = stop_limit(side, trigger, at.settings.stop_limit_gap_bps, plan.tick_paise)
    return Want(
        leg=Leg.STOP,
        side=side,
        quantity=group.position - group.elsewhere((Leg.STOP,), group.live_of(Leg.STOP)),
        order_type=OrderType.SL,
        price_limit_paise=limit,
        price_trigger_paise=trigger,
    )


def _targets(at: Situation) -> tuple[Want, ...]:
    """The targets by share. What one that came back from the lost may fill is the last one's; none
    grows into what another has not given up yet."""
    group, plan = at.group, at.group.plan
    if not plan.targets:
        return ()
    rest = group.position
    parts: tuple[int, ...] = (rest,)
    if len(plan.targets) > 1:
        share = first_target_units(group.entered, plan.targets[0].share_bps, plan.lot)
        first = max(0, min(rest, share - group.filled_of(Leg.TARGET_1)))
        parts = (first, rest - first)
    found = []
    left = rest - sum(group.elsewhere((leg,), group.live_of(leg)) for leg in TARGET_LEGS)
    for leg, target, part in zip(TARGET_LEGS, plan.targets, parts, strict=False):
        current = group.live_of(leg)
        asked, works = min(part, left), current.exposure if current is not None else 0
        left -= asked
        units = min(asked, max(works, rest - group.elsewhere(TARGET_LEGS, current)))
        if units > 0:
            is_up = plan.side is Side.SELL
            found.append(
                Want(
                    leg=leg,
                    side=plan.side.opposite,
                    quantity=units,
                    order_type=OrderType.LIMIT,
                    price_limit_paise=round_to_tick(target.price_paise, plan.tick_paise, up=is_up),
                )
            )
    return tuple(found)
