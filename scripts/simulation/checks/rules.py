"""Authority and exits once more, written from the guide and not from the engine.

Decides what a view of authority leaves to an intent, and how much a group's exits may take. Refuses
to import engine/authority.py and engine/risk: two mistakes would have to agree.
"""

from collections.abc import Callable, Iterable
from typing import Final

from engine.messages.control import AuthorityChanged
from engine.messages.records import IntentPlanned
from engine.messages.values import Action, Authority, Book, Leg, Mode
from scripts.simulation.checks.seen import GroupSeen, OrderSeen, moves

NONE, CANCEL, REDUCE, FULL = Authority

_MODES: Final = {
    Mode.STANDBY: NONE,
    Mode.RECOVERING: CANCEL,
    Mode.PAPER: REDUCE,
    Mode.REDUCE: REDUCE,
    Mode.LIVE: FULL,
    Mode.HALTED: CANCEL,
    Mode.FLATTENING: REDUCE,
    Mode.KILLED: CANCEL,
    Mode.FENCED: NONE,
}
"""Source: reliability 2.4, the line "Live authority in each"."""

EDGES: Final = frozenset(
    {
        (Mode.STANDBY, Mode.RECOVERING),
        (Mode.STANDBY, Mode.KILLED),
        (Mode.RECOVERING, Mode.PAPER),
        (Mode.PAPER, Mode.LIVE),
        (Mode.PAPER, Mode.REDUCE),
        (Mode.LIVE, Mode.REDUCE),
        (Mode.REDUCE, Mode.PAPER),
        (Mode.HALTED, Mode.PAPER),
        *((mode, Mode.FLATTENING) for mode in (Mode.LIVE, Mode.PAPER, Mode.REDUCE, Mode.HALTED)),
        (Mode.FLATTENING, Mode.PAPER),
        *((mode, Mode.HALTED) for mode in Mode if mode not in (Mode.KILLED, Mode.FENCED)),
        *((mode, Mode.KILLED) for mode in Mode if mode is not Mode.FENCED),
        *((mode, Mode.FENCED) for mode in Mode),
    }
)
"""Source: reliability 2.4, the table; "any but FENCED" of HALT leaves KILLED out."""


def is_protector(intent: IntentPlanned) -> bool:
    return intent.owner.startswith(("oco/", "custodian"))


def left_to(view: AuthorityChanged | None, intent: IntentPlanned) -> Authority:
    """The authority that a view leaves to an intent's owner."""
    if view is None:
        return NONE
    authority = _MODES[view.mode]
    if intent.book is Book.PAPER and view.mode is Mode.PAPER:
        authority = FULL
    is_opened = view.is_protecting and is_protector(intent)
    if view.mode in (Mode.RECOVERING, Mode.KILLED) and is_opened:
        authority = REDUCE
    if view.mode is Mode.FLATTENING and not is_protector(intent):
        authority = CANCEL
    for ceiling in view.ceilings:
        if ceiling.owner == "release" and intent.book is Book.PAPER:
            continue
        kind, _, name = ceiling.scope.partition(":")
        mine = {
            "": "",
            "instrument": intent.instrument,
            "strategy": intent.strategy,
            "actor": intent.owner,
        }.get(kind, name)
        if name != mine:
            continue
        bound = ceiling.authority
        if kind == "strategy" and is_protector(intent):
            bound = max(bound, REDUCE)
        authority = min(authority, bound)
    return authority


def is_entry(intent: IntentPlanned) -> bool:
    """True for what may open or grow a position."""
    return intent.leg is Leg.ENTRY and intent.action is not Action.CANCEL


def taken(orders: Iterable[tuple[Leg, int]]) -> int:
    """What working exits of one group may take: the stop and the targets exclude each other."""
    sums = dict.fromkeys(Leg, 0)
    for leg, units in orders:
        sums[leg] += units
    pair = max(sums[Leg.STOP], sums[Leg.TARGET_1] + sums[Leg.TARGET_2])
    return pair + sums[Leg.EXIT] + sums[Leg.ENTRY]


def overshoot(group: GroupSeen, intent: IntentPlanned, may_take: Callable[[OrderSeen], int]) -> int:
    """By how many units the group would pass through flat if this exit and everything that works on
    its side filled; 0 or less if it cannot. An exit on the side of the position counts in full.

    Args:
        may_take: what another order of the group may still fill.
    """
    order = next(
        (o for o in group.orders if o.intent.client_order_id == intent.client_order_id), None
    )
    asked = intent.quantity
    if order is not None:
        asked += order.remaining_seconds - order.filled_own
    others = [
        (o.leg_works, may_take(o))
        for o in group.orders
        if o is not order and o.intent.side is intent.side and not o.is_over
    ]
    together = taken([*others, (leg_asked(order, intent), asked)])
    held = -intent.side.sign * group.position
    return together - max(0, held)


def grows(order: OrderSeen | None, intent: IntentPlanned) -> bool:
    """True if a PLACE or MODIFY asks for more than works already; what is over cannot grow."""
    is_over = order is not None and bool(order.over) and intent.action is Action.MODIFY
    if intent.action is Action.CANCEL or is_over:
        return False
    return order is None or intent.action is Action.PLACE or intent.quantity > order.quantity


def takes_more(order: OrderSeen | None, intent: IntentPlanned) -> bool:
    """True if more may fill with it: it grows, or it is a stop on its way to the market, which from
    then on fills beside a target."""
    if order is None or grows(order, intent):
        return grows(order, intent)
    return moves(intent) and not (order.over or order.is_moved or order.was_triggered)


def leg_asked(order: OrderSeen | None, intent: IntentPlanned) -> Leg:
    """As which leg it would count."""
    is_moving = moves(intent) and order is not None and not order.was_triggered
    return Leg.EXIT if is_moving else intent.leg
