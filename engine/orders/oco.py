"""The OCO group: from the wanted legs to the fewest intents that bring them about.

Decides what is asked of the broker next. Each child order has a single flight: while a PLACE,
MODIFY or CANCEL is unanswered nothing more is asked of it; needs that arise meanwhile coalesce,
because the plan is made anew from the facts after each answer. Refuses to know the journal, the
broker and clocks. The policy is in oco_plan.py, the memory in oco_state.py.

An exit is resized by MODIFY, never by cancel and new (no naked window), until its modifications
are used up or refused: then it is cancelled and, once that is confirmed, placed anew. A stop on the
way out is moved to the market in the same way (oco_exit.py). The
quantity of an entry never exceeds the freeze quantity, so no exit ever needs slices (ORD-20).
"""

from typing import Final

from msgspec.structs import replace

from engine.messages.values import Action, Leg, OrderType, Side
from engine.orders.oco_draft import Draft, Output
from engine.orders.oco_exit import is_moved, market_limit, repricings
from engine.orders.oco_fit import is_odd, within
from engine.orders.oco_plan import Stage, exit_reason, keeps_entry, stage, trailed, wants
from engine.orders.oco_state import failures
from engine.orders.oco_want import Situation, Want
from engine.orders.order import OrderState, Status
from engine.orders.pricing import stop_limit
from engine.units import round_to_tick

_AWAITED: Final = (Status.PLANNED, Status.UNKNOWN)


def decide(at: Situation) -> tuple[Output, ...]:
    """What to record and when to look again.

    Args:
        at: the group with all that was recorded so far, own intents included. Calling again
            without a new fact, tick or due time yields no further intent.

    Returns:
        Records to append in this order, at most one Wake, and notices.
    """
    now_stage = stage(at)
    draft = Draft(at, now_stage)
    if now_stage is Stage.OPENING:
        _open(draft)
    else:
        _reconcile(draft, now_stage)
        _note(draft, now_stage)
    return draft.outputs()


def _open(draft: Draft) -> None:
    at, plan = draft.at, draft.plan
    draft.open()
    refusal = _entry_refusal(at)
    if refusal:
        draft.close(refusal)
        return
    is_up = plan.side is Side.SELL
    draft.place(
        Want(
            leg=Leg.ENTRY,
            side=plan.side,
            quantity=plan.quantity,
            order_type=OrderType.LIMIT,
            price_limit_paise=round_to_tick(plan.price_limit_paise, plan.tick_paise, up=is_up),
        )
    )
    draft.look_at(plan.entry_expires_at_ns)


def _entry_refusal(at: Situation) -> str:
    plan, freeze = at.group.plan, at.instrument.freeze_quantity
    if exit_reason(at) or at.view.is_entry_withdrawn:
        return "entry_withdrawn"
    if not at.now_ns < plan.entry_expires_at_ns or 0 < at.flat_by_at_ns <= at.now_ns:
        return "entry_expired"
    return "freeze_quantity" if freeze and not plan.quantity <= freeze else ""


def _reconcile(draft: Draft, now_stage: Stage) -> None:
    """Bring the live orders towards the wanted ones: cancels and modifies, then places."""
    at, group = draft.at, draft.group
    every = {want.leg: want for want in within(group, wants(at, now_stage))}
    wanted = {leg: want for leg, want in every.items() if want.quantity > 0}
    for order in group.live:
        want = wanted.get(order.leg)
        if order.leg is Leg.ENTRY:
            _keep_or_cancel(draft, order, now_stage)
        elif _is_beside(draft, order) and order.leg in every and not order.remaining_seconds:
            _adjust(draft, order, replace(every[order.leg], quantity=order.remaining))
        elif want is None or want.side is not order.side or is_odd(group, order):
            draft.cancel(order)
        else:
            _adjust(draft, order, want)
    for want in wanted.values():
        if group.live_of(want.leg) is None:
            draft.place(want)
    if now_stage is Stage.HOLDING:
        _protect_rest(draft, wanted.get(Leg.STOP))
    if now_stage is Stage.FINISHING and not group.live and not group.is_closed:
        draft.close(_closing_reason(at))
    if group.position:
        draft.look_at(at.flat_by_at_ns)


def _is_beside(draft: Draft, order: OrderState) -> bool:
    """True for an older stop that works beside the newest: it was unanswered, or held to be lost.
    It stays: what both are too much is taken off the newest, so that no part of the position is
    naked while a cancel is under way."""
    return order.leg is Leg.STOP and order is not draft.group.live_of(Leg.STOP)


def _protect_rest(draft: Draft, want: Want | None) -> None:
    """A second stop for the part of the position that the first, whose placement owes an answer,
    cannot cover even if it works: filled both, they still leave nothing beyond flat (ORD-03). All
    that the first may cover waits until it is known."""
    group, settings = draft.group, draft.at.settings
    stop = group.live_of(Leg.STOP)
    rest = group.position - group.elsewhere((Leg.STOP,), None)
    if want is None or stop is None or stop.status is not Status.UNKNOWN or not rest > 0:
        return
    if draft.is_due(settings.second_stop_ns, stop.planned_at_ns):
        draft.place(replace(want, quantity=rest))


def _keep_or_cancel(draft: Draft, entry: OrderState, now_stage: Stage) -> None:
    if keeps_entry(draft.at, now_stage):
        draft.look_at(draft.plan.entry_expires_at_ns)
        draft.look_at(draft.at.flat_by_at_ns)
    else:
        draft.cancel(entry)


def _adjust(draft: Draft, order: OrderState, want: Want) -> None:
    """Modify a working order if quantity or price are not as wanted."""
    if order.is_busy or order.remaining_seconds:
        return
    settings = draft.at.settings
    if order.order_type is OrderType.SL and is_moved(want) and not order.was_triggered:
        draft.modify(order, want)
        return
    is_marketable = order.leg is Leg.EXIT or order.was_triggered or is_moved(order)
    want = _repriced(draft, order, want) if is_marketable else _trailed(draft, order, want)
    is_resize = want.quantity != order.remaining
    if not is_resize and want.price_limit_paise == order.price_limit_paise:
        return
    is_exhausted = order.modify_count >= settings.modifies_max or (
        order.refused_count >= settings.request_refusals_max
        and not order.cancel_count  # else its cancel was refused, and this is the other way
    )
    if is_exhausted and (is_resize or is_marketable):
        draft.cancel(order)
    elif not is_exhausted and draft.is_due(_modify_pause_ns(draft, order), order.requested_at_ns):
        draft.modify(order, want)


def _modify_pause_ns(draft: Draft, order: OrderState) -> int:
    """The pause before the next modification: none at first, later in paces."""
    if order.refused_count:
        return draft.backoff_ns(order.refused_count)
    if order.modify_count < draft.at.settings.resize_fast_count:
        return 0
    return draft.at.settings.resize_interval_ns


def _trailed(draft: Draft, order: OrderState, want: Want) -> Want:
    """The want at the order's own prices, or one step further if the stop trails."""
    own = replace(
        want,
        price_limit_paise=order.price_limit_paise,
        price_trigger_paise=order.price_trigger_paise,
    )
    trigger = trailed(draft.at, order) if order.leg is Leg.STOP else own.price_trigger_paise
    if trigger == own.price_trigger_paise:
        return own
    settings = draft.at.settings
    if not draft.is_due(settings.trail_interval_ns, order.requested_at_ns):
        return own
    limit = stop_limit(want.side, trigger, settings.stop_limit_gap_bps, draft.plan.tick_paise)
    return replace(own, price_trigger_paise=trigger, price_limit_paise=limit)


def _repriced(draft: Draft, order: OrderState, want: Want) -> Want:
    """Follow the market with an exit that did not fill in time; never back away from it.

    A triggered stop works as a LIMIT order at the venue and is modified as one (ORD-11).
    """
    at = draft.at
    own = replace(
        want,
        order_type=order.order_type if order.price_limit_paise == 0 else OrderType.LIMIT,
        price_limit_paise=order.price_limit_paise,
        price_trigger_paise=0,
    )
    since_ns = (order.requested_at_ns, order.status_at_ns, order.planned_at_ns)
    if not draft.is_due(at.settings.reprice_ns, *since_ns):
        return own
    limit = market_limit(at, order.side, 1 + repricings(order))
    current = order.price_limit_paise
    is_bolder = current == 0 or order.side.sign * (limit - current) > 0
    if limit == 0 or not is_bolder:
        draft.look_at(at.now_ns + at.settings.reprice_ns)
        return own
    return replace(own, order_type=OrderType.LIMIT, price_limit_paise=limit)


def _closing_reason(at: Situation) -> str:
    group, entry = at.group, at.group.entry
    if group.entered:
        return group.exit_reason or ("stop" if group.is_stop_hit else "target")
    if entry is None:
        return "entry_withdrawn"
    if entry.is_cancel_asked and not group.exit_reason:
        return "entry_expired" if at.now_ns >= group.plan.entry_expires_at_ns else "entry_withdrawn"
    return group.exit_reason or f"entry_{entry.status.value}"


def _note(draft: Draft, now_stage: Stage) -> None:
    """Say what a person should know: no protection in time, an exit that does not fill."""
    group, settings = draft.group, draft.at.settings
    if now_stage is Stage.HOLDING:
        _note_bare(draft)
    if now_stage in (Stage.EXITING, Stage.FLIPPED):
        for order in group.live:
            is_waiting = order.status in _AWAITED
            if is_waiting and draft.is_due(settings.protect_wait_ns, order.planned_at_ns):
                text = f"{order.client_order_id} owes an answer and may still fill"
                draft.notice("critical", "exit_blocked", text)
        _note_naked(draft)
    if now_stage is Stage.FLIPPED:
        draft.notice("critical", "both_legs_filled", "the position flipped; flattening it")
    for order in group.live:
        _note_hanging(draft, order)
        is_marketable = order.leg is Leg.EXIT or order.was_triggered or is_moved(order)
        if is_marketable and repricings(order) >= settings.reprices_before_alert:
            draft.notice("critical", "exit_not_filling", f"{order.client_order_id} rests")


def _note_bare(draft: Draft) -> None:
    """A held position whose stop does not work for all of it in time: the stop, or its growth, owes
    an answer (the journal, the venue or the writer may be away), or is refused again and again."""
    group, wait_ns = draft.group, draft.at.settings.protect_wait_ns
    stops, stop = group.of_leg(Leg.STOP), group.live_of(Leg.STOP)
    covered = sum(order.remaining for order in stops if order.status not in _AWAITED)
    is_bare = failures(stops) > 1
    if stop is not None and covered < group.position:
        draft.look_at(draft.at.now_ns + wait_ns)  # the growth that is asked for now may be lost
        asked = [o for o in stops if o in group.live and (o.is_busy or o.requested_at_ns > 0)]
        is_late = any(draft.is_due(wait_ns, o.planned_at_ns, o.requested_at_ns) for o in asked)
        is_bare = is_bare or is_late or stop.refused_count > 1
    elif stop is None and stops:
        is_bare = draft.is_due(wait_ns, stops[-1].status_at_ns) or is_bare
    if is_bare:
        text = "the position has no working stop"
        if covered:
            text = f"its stop works for {covered} of {group.position} units"
        draft.notice("critical", "protect_failed", text)


def _note_naked(draft: Draft) -> None:
    """A position on its way out without stop or exit for all of it, because the venue refuses: the
    exits themselves, their growth, or the cancels of what stands in their way; or because one of
    these requests stays unanswered."""
    group, wait_ns = draft.group, draft.at.settings.protect_wait_ns
    covered = sum(o.remaining for o in group.live if o.leg in (Leg.STOP, Leg.EXIT))
    if covered >= abs(group.position):
        return
    fails = failures(group.of_leg(Leg.EXIT))
    refusals = max((order.refused_count for order in group.live), default=0)
    asked = [order.requested_at_ns for order in group.live if order.request is not None]
    is_late = bool(asked) and draft.is_due(wait_ns, min(asked))
    if is_late or max(fails, refusals) > 1:
        why = "an answer is owed" if is_late else f"refused {max(fails, refusals)} times"
        draft.notice("critical", "protect_failed", f"exits cover {covered} units: {why}")


def _note_hanging(draft: Draft, order: OrderState) -> None:
    """An exit that the venue neither takes nor refuses, a cancel that it took without effect: none
    is repeated (FLT-29, FLT-34), so a person must know."""
    settings, own_id = draft.at.settings, order.client_order_id
    if order.leg is Leg.ENTRY and order.refused_count >= settings.request_refusals_max:
        draft.notice("critical", "cancel_hanging", f"{own_id} should be gone, and is not let go")
    is_waiting = order.leg is Leg.EXIT and order.status in _AWAITED
    if is_waiting and draft.is_due(settings.protect_wait_ns, order.planned_at_ns):
        draft.notice("critical", "exit_hanging", f"{own_id} is neither working nor refused")
    request = order.request
    is_cancelling = request is not None and request.action is Action.CANCEL
    if is_cancelling and draft.is_due(settings.cancel_wait_ns, order.requested_at_ns):
        draft.notice("critical", "cancel_hanging", f"{own_id} should be gone")
