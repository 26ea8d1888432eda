"""What may leave for which book: the engine's modes and the arithmetic of ceilings.

Decides the next mode (a table, see TRANSITIONS) and the effective authority of a request (the
minimum of everything that concerns it). Refuses to know who lowers a ceiling and why. Stands alone
because "PAPER first" is proven by enumerating this file.

Modes and live authority (facts of the state machine, reliability 2.4):

    STANDBY     none                              HALTED      cancel, maintenance of exits, flips
    RECOVERING  cancel; reduce once protecting    FLATTENING  reduce, by the flattener only
    PAPER       reduce (what exists is protected) KILLED      cancel; flattener if "and flat"
    REDUCE      reduce                            FENCED      none, for ever
    LIVE        full

The paper book has FULL in PAPER and LIVE, and the same as the live book everywhere else.
"""

from collections.abc import Iterable, Mapping
from enum import Enum, unique
from typing import Final

import msgspec

from engine.messages.control import Ceiling
from engine.messages.records import IntentPlanned
from engine.messages.values import Action, Authority, Book, Leg, Mode, OrderType


@unique
class ModeEvent(Enum):
    """What may move the mode. Guards are the authority actor's business."""

    LEASE_ACQUIRED = "lease_acquired"
    KILL_LATCH_FOUND = "kill_latch_found"
    RECOVERED = "recovered"
    STEP_RETRIED = "step_retried"
    STEP_FAILED = "step_failed"
    QUARANTINED = "quarantined"
    RELEASED = "released"
    TROUBLED = "troubled"
    TROUBLE_GONE = "trouble_gone"
    HALT_ORDERED = "halt_ordered"
    RESUMED = "resumed"
    FLATTEN_ORDERED = "flatten_ordered"
    FLAT_SQUARED = "flat_squared"
    FLAT_STOPPED = "flat_stopped"
    NOT_FLAT = "not_flat"
    KILL_ORDERED = "kill_ordered"
    FENCED = "fenced"
    PROCESS_RESTARTED = "process_restarted"


_ALL: Final = tuple(Mode)
_ALIVE: Final = tuple(mode for mode in Mode if mode is not Mode.FENCED)
_NOT_KILLED: Final = tuple(mode for mode in _ALIVE if mode is not Mode.KILLED)
_TRADING: Final = (Mode.LIVE, Mode.PAPER)

_ROWS: Final[tuple[tuple[tuple[Mode, ...], ModeEvent, Mode], ...]] = (
    ((Mode.STANDBY,), ModeEvent.LEASE_ACQUIRED, Mode.RECOVERING),
    ((Mode.STANDBY,), ModeEvent.KILL_LATCH_FOUND, Mode.KILLED),
    ((Mode.RECOVERING,), ModeEvent.RECOVERED, Mode.PAPER),
    ((Mode.RECOVERING,), ModeEvent.STEP_RETRIED, Mode.RECOVERING),
    ((Mode.RECOVERING,), ModeEvent.STEP_FAILED, Mode.HALTED),
    ((Mode.RECOVERING,), ModeEvent.QUARANTINED, Mode.PAPER),
    ((Mode.PAPER,), ModeEvent.RELEASED, Mode.LIVE),
    (_TRADING, ModeEvent.TROUBLED, Mode.REDUCE),
    ((Mode.REDUCE,), ModeEvent.TROUBLE_GONE, Mode.PAPER),
    (_NOT_KILLED, ModeEvent.HALT_ORDERED, Mode.HALTED),
    ((Mode.HALTED,), ModeEvent.RESUMED, Mode.PAPER),
    ((*_TRADING, Mode.REDUCE, Mode.HALTED), ModeEvent.FLATTEN_ORDERED, Mode.FLATTENING),
    ((Mode.FLATTENING,), ModeEvent.FLAT_SQUARED, Mode.PAPER),
    ((Mode.FLATTENING,), ModeEvent.FLAT_STOPPED, Mode.HALTED),
    ((Mode.FLATTENING,), ModeEvent.NOT_FLAT, Mode.FLATTENING),
    (_ALIVE, ModeEvent.KILL_ORDERED, Mode.KILLED),
    (_ALL, ModeEvent.FENCED, Mode.FENCED),
    (_ALL, ModeEvent.PROCESS_RESTARTED, Mode.STANDBY),
)

TRANSITIONS: Final[Mapping[tuple[Mode, ModeEvent], Mode]] = {
    (mode, event): target for sources, event, target in _ROWS for mode in sources
}
"""The edges. Every pair that is not here is forbidden and changes nothing. KILLED has no way out
but FENCED and a new process; "any but FENCED" of HALT therefore leaves KILLED out."""

assert {source for (source, _), mode in TRANSITIONS.items() if mode is Mode.LIVE} == {Mode.PAPER}

_STRICTNESS: Final = (
    Mode.FENCED,
    Mode.KILLED,
    Mode.HALTED,
    Mode.FLATTENING,
    Mode.STANDBY,
    Mode.RECOVERING,
    Mode.REDUCE,
    Mode.PAPER,
    Mode.LIVE,
)
"""Most restrictive first: of two events at once the earlier one here wins."""


def next_mode(mode: Mode, event: ModeEvent) -> Mode | None:
    """The mode after an event, None if there is no such edge."""
    return TRANSITIONS.get((mode, event))


def stricter(modes: Iterable[Mode]) -> Mode:
    """The most restrictive of some modes."""
    return min(modes, key=_STRICTNESS.index)


_LIVE_BOOK: Final[Mapping[Mode, Authority]] = {
    Mode.STANDBY: Authority.NONE,
    Mode.RECOVERING: Authority.CANCEL,
    Mode.PAPER: Authority.REDUCE,
    Mode.REDUCE: Authority.REDUCE,
    Mode.LIVE: Authority.FULL,
    Mode.HALTED: Authority.CANCEL,
    Mode.FLATTENING: Authority.REDUCE,
    Mode.KILLED: Authority.CANCEL,
    Mode.FENCED: Authority.NONE,
}
_PAPER_BOOK: Final = {**_LIVE_BOOK, Mode.PAPER: Authority.FULL}

RELEASE_OWNER: Final = "release"
"""Owner of the ceilings that keep a strategy on paper; they concern the live book alone."""
STORM_OWNER: Final = "storm"
"""Owner of the ceilings that pause a strategy after a storm of proposals."""
PROTECTORS: Final = ("oco/", "custodian")
"""Names of the protection path, by prefix: it holds every position, whatever its strategy may."""


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What a request touches and who makes it."""

    book: Book
    instrument: str
    strategy: str
    owner: str
    generation: int

    @property
    def is_protector(self) -> bool:
        return self.owner.startswith(PROTECTORS)


def scope_of(intent: IntentPlanned) -> Scope:
    """The scope of an intent."""
    return Scope(
        book=intent.book,
        instrument=intent.instrument,
        strategy=intent.strategy,
        owner=intent.owner,
        generation=intent.owner_generation,
    )


def of_mode(mode: Mode, scope: Scope, *, is_protecting: bool) -> Authority:
    """The mode's own ceiling for a scope; `is_protecting` as in AuthorityChanged."""
    authority = (_PAPER_BOOK if scope.book is Book.PAPER else _LIVE_BOOK)[mode]
    if mode is Mode.FLATTENING and not scope.is_protector:
        return Authority.CANCEL
    if mode in (Mode.RECOVERING, Mode.KILLED) and is_protecting and scope.is_protector:
        return Authority.REDUCE
    return authority


def of_ceiling(ceiling: Ceiling, scope: Scope) -> Authority:
    """What one ceiling leaves to a scope; FULL if it does not concern it.

    A strategy's ceiling never binds the protection path below REDUCE: the position of a strategy
    that fell to PAPER is in custody, and custody reduces.
    """
    if ceiling.owner == RELEASE_OWNER and scope.book is Book.PAPER:
        return Authority.FULL
    kind, _, name = ceiling.scope.partition(":")
    match kind:
        case "":
            return ceiling.authority
        case "instrument":
            return ceiling.authority if name == scope.instrument else Authority.FULL
        case "strategy":
            if name != scope.strategy:
                return Authority.FULL
            floor = Authority.REDUCE if scope.is_protector else Authority.NONE
            return max(ceiling.authority, floor)
        case "actor":
            return ceiling.authority if name == scope.owner else Authority.FULL
        case _:
            return Authority.NONE


def effective(
    mode: Mode,
    ceilings: Iterable[Ceiling],
    scope: Scope,
    *,
    fenced: Mapping[str, int],
    is_protecting: bool = False,
) -> Authority:
    """The authority of a request: the minimum of mode, ceilings and generation.

    Args:
        mode: the engine's.
        ceilings: all there are; an unknown scope kind counts as NONE for everybody.
        scope: of the request.
        fenced: the last void generation by actor name.
        is_protecting: as in AuthorityChanged.
    """
    if not scope.generation > fenced.get(scope.owner, 0):
        return Authority.NONE
    authority = of_mode(mode, scope, is_protecting=is_protecting)
    for ceiling in ceilings:
        authority = min(authority, of_ceiling(ceiling, scope))
    return authority


def needed(intent: IntentPlanned, is_reducing: bool) -> Authority:
    """What an intent needs.

    Args:
        intent: the request.
        is_reducing: for an exit that is placed or modified, that `reduce_only.is_reducing` holds;
            for the cancel of an exit, that nothing is left for it to protect: the position is
            flat or on the other side, where the exit could only make it larger.
    """
    if intent.action is Action.CANCEL:
        is_free = intent.leg is Leg.ENTRY or is_reducing
        return Authority.CANCEL if is_free else Authority.REDUCE
    if intent.leg is Leg.ENTRY or not is_reducing:
        return Authority.FULL
    return Authority.REDUCE


def is_maintenance(
    intent: IntentPlanned,
    quantity_now: int,
    is_reducing: bool,
    *,
    is_flip: bool = False,
    is_stop_hit: bool = False,
) -> bool:
    """True for what HALTED allows beyond CANCEL, to the protection path alone: re-pricing an exit
    without new quantity, a resting stop for all of a position that has none or one for a part of
    it, the exit of a position that flipped, and the way out of one whose stop has triggered.

    Source: reliability 2.4 allows maintenance of existing exits, "not new quantity"; 2.1 lets what
    reduces a proven position leave earlier. An entry in flight may fill after the halt, and a naked
    position is worse than one more reducing order (its books would never be clean enough to leave
    HALTED either). So only what rests behind a trigger may be new: a triggered stop, a target or an
    exit at the market would trade, which HALTED is there to prevent. A position that flipped is
    nobody's plan: no level for a stop is known, and ORD-07 wants it gone at once. Where a stop has
    triggered the exit is settled already, by its own trigger, before any halt could ask: if it was
    for a part only (a fill that became known late, a growth that the venue refused), the rest
    follows. No other stop can rest behind a level that the market has passed, so the triggered one
    may grow, an exit may leave beside it, and targets that hold their place may be cancelled
    (LIV-09). Targets may not be new: nothing waits for a better price any more.

    Args:
        intent: the request.
        quantity_now: the order's total quantity as the venue last told it, without any growth
            that was only asked for; 0 for a PLACE.
        is_reducing: as in `needed`.
        is_flip: the exit is on the side of the group's entry.
        is_stop_hit: a stop of the group has triggered or filled.
    """
    if not (intent.leg.is_exit and intent.owner.startswith(PROTECTORS)):
        return False
    if intent.action is Action.CANCEL:
        return is_stop_hit and intent.leg in (Leg.TARGET_1, Leg.TARGET_2)
    if not is_reducing:
        return False
    if is_stop_hit and intent.leg in (Leg.STOP, Leg.EXIT):
        return intent.quantity > 0
    if intent.action is Action.MODIFY and 0 < intent.quantity <= quantity_now:
        return True
    if is_flip and intent.leg is Leg.EXIT:
        return True
    is_resting = intent.order_type in (OrderType.SL, OrderType.SL_M)
    is_new = intent.action in (Action.PLACE, Action.MODIFY) and intent.quantity > 0
    return intent.leg is Leg.STOP and is_resting and is_new
