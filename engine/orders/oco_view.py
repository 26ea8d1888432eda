"""What a group sees of the world and may forget: prices, advice, orders to go flat.

Decides which outside messages concern a group and what they change. Refuses to know orders. Stands
alone because nothing in here is journaled: after a restart the market and the clock tell it again,
and an exit that had begun is known from the reasons of its recorded intents.
"""

from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from engine.messages.control import EntriesCancelled, FlattenOrdered
from engine.messages.market import PhaseChanged, Tick
from engine.messages.signals import ExitAdvised
from engine.messages.values import Side
from engine.orders.oco_state import Group

Input: TypeAlias = Tick | ExitAdvised | FlattenOrdered | EntriesCancelled | PhaseChanged


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What a group sees but does not remember over a restart.

    `best_paise`: the best price since the position opened. `exit_reason`: told to go out.
    `clock_from_ns`: from when on the market clock has only gone forward.
    """

    owner: str
    generation: int
    price_paise: int = 0
    bid_paise: int = 0
    ask_paise: int = 0
    best_paise: int = 0
    exit_reason: str = ""
    is_entry_withdrawn: bool = False
    flat_by_at_ns: int = 0
    clock_from_ns: int = 0


def observe(group: Group, view: View, message: Input) -> View:
    """The view after a message from outside the journal."""
    plan = group.plan
    match message:
        case Tick():
            if message.instrument != plan.instrument or message.price_paise <= 0:
                return view
            return replace(
                view,
                price_paise=message.price_paise,
                bid_paise=message.bid_paise,
                ask_paise=message.ask_paise,
                best_paise=_best(group, view, message.price_paise),
            )
        case ExitAdvised():
            is_ours = message.group_id == plan.group_id
            return replace(view, exit_reason=message.reason or "advised") if is_ours else view
        case FlattenOrdered():
            is_ours = concerns(message.scope, group, view.owner)
            return replace(view, exit_reason=message.reason or "flatten") if is_ours else view
        case EntriesCancelled():
            is_ours = concerns(message.scope, group, view.owner)
            return replace(view, is_entry_withdrawn=True) if is_ours else view
        case PhaseChanged():
            # A closing phase carries 0: the instant that we were told before still holds.
            return replace(view, flat_by_at_ns=message.flat_by_at_ns or view.flat_by_at_ns)


def concerns(scope: str, group: Group, owner: str) -> bool:
    """True if an operator's scope (as in Ceiling) covers the group."""
    plan = group.plan
    return scope in (
        "",
        f"instrument:{plan.instrument}",
        f"strategy:{plan.strategy}",
        f"group:{plan.group_id}",
        f"actor:{owner}",
    )


def _best(group: Group, view: View, price_paise: int) -> int:
    if group.position <= 0:
        return 0
    if not view.best_paise:
        return price_paise
    is_long = group.plan.side is Side.BUY
    return max(view.best_paise, price_paise) if is_long else min(view.best_paise, price_paise)
