"""The authority actor's memory: mode, ceilings, what has recovered, how clean the books are.

Decides when guards of the transition table hold (recovered, releasable, trouble gone). Refuses to
know latches on disk, messages and clocks. Stands alone so that every rise of authority can be read
in one file: falling needs no permission, rising always has a guard here.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from engine.authority import RELEASE_OWNER, ModeEvent, next_mode
from engine.limits import CLEAN_RECONCILES_MIN, RECONCILE_AGE_NS_MAX
from engine.messages.control import AuthorityChanged, Ceiling
from engine.messages.values import Authority, Mode
from engine.units import NS_PER_S

DOWN_CEILINGS: Final[Mapping[str, Authority]] = {
    "writer": Authority.NONE,
    "journal": Authority.CANCEL,
    "book": Authority.CANCEL,
    "guard": Authority.REDUCE,
    "watcher": Authority.REDUCE,
    "custodian": Authority.REDUCE,
}
"""What is left to the engine while a core room is down (reliability 2.3)."""


class AuthoritySettings(msgspec.Struct, frozen=True, kw_only=True):
    """`listeners` hear every change, `fence_listeners` of void generations. `parts` must recover
    before PAPER; `protecting_part` is the one of them that holds positions. `awaits_lease`: a
    leader actor raises the ceiling "leader" first. `kill_is_flat`: a kill flattens too.
    `sentinel_ns` 0: kill files are read at boot only."""

    listeners: tuple[str, ...]
    parts: frozenset[str]
    fence_listeners: tuple[str, ...] = ("writer", "guard", "journal")
    protecting_part: str = "custodian"
    strategies: tuple[str, ...] = ()
    awaits_lease: bool = False
    kill_is_flat: bool = True
    sentinel_ns: int = NS_PER_S
    reconcile_age_ns_max: int = RECONCILE_AGE_NS_MAX


class AuthorityState:
    """See the module.

    Args:
        parts: rooms that must say RecoveryDone before PAPER.
        protecting_part: the one whose recovery opens REDUCE to the protection path.
        strategies: all start on paper.
    """

    def __init__(
        self, *, parts: frozenset[str], protecting_part: str, strategies: tuple[str, ...]
    ) -> None:
        self.mode = Mode.STANDBY
        self.mode_seq = 0
        self.seq = 0
        self.parts_done: set[str] = set()
        self.clean_count = 0
        self.kill_is_flat = False
        self.flat_event = ModeEvent.FLAT_SQUARED
        self.is_flat = False
        self.is_journal_back = False
        self._parts = parts
        self._protecting_part = protecting_part
        self._ceilings: dict[tuple[str, str], Ceiling] = {}
        for strategy in strategies:
            self.set_ceiling(RELEASE_OWNER, f"strategy:{strategy}", Authority.NONE, "on paper")

    # -- moving ---------------------------------------------------------------------------

    def move(self, event: ModeEvent) -> bool:
        """Take an edge of the table. False: there is none, nothing changes."""
        target = next_mode(self.mode, event)
        if target is None or target is self.mode:
            return False
        self.mode = target
        self.mode_seq += 1
        return True

    def set_ceiling(self, owner: str, scope: str, authority: Authority, reason: str) -> bool:
        """Set or (with FULL) remove one ceiling. False: it was so already."""
        key = (owner, scope)
        before = self._ceilings.get(key)
        if authority is Authority.FULL:
            return self._ceilings.pop(key, None) is not None
        if before is not None and before.authority is authority:
            return False
        self._ceilings[key] = Ceiling(owner=owner, scope=scope, authority=authority, reason=reason)
        return True

    def ceiling(self, owner: str, scope: str) -> Authority:
        found = self._ceilings.get((owner, scope))
        return found.authority if found is not None else Authority.FULL

    def reconciled(self, *, is_clean: bool) -> None:
        """Count clean reconciliations in a row."""
        self.clean_count = self.clean_count + 1 if is_clean else 0

    # -- guards ---------------------------------------------------------------------------

    @property
    def is_recovered(self) -> bool:
        """All parts are up and the last reconciliation was clean."""
        return self._parts <= self.parts_done and self.clean_count > 0

    @property
    def is_protecting(self) -> bool:
        if self.mode is Mode.KILLED:
            return self.kill_is_flat
        return self._protecting_part in self.parts_done

    @property
    def is_calm(self) -> bool:
        """No ceiling over everything, and enough clean reconciliations in a row."""
        is_open = all(scope for _, scope in self._ceilings)
        return self.is_recovered and is_open and self.clean_count >= CLEAN_RECONCILES_MIN

    def release_fault(self, mode_seq: int, latches: tuple[str, ...]) -> str:
        """Why LIVE may not be entered now; "" if it may (reliability 2.6)."""
        checks = (
            (self.mode in (Mode.PAPER, Mode.LIVE), f"the mode is {self.mode.value}"),
            (mode_seq == self.mode_seq, f"decided on mode_seq {mode_seq}, now {self.mode_seq}"),
            (not latches, f"latched: {', '.join(latches)}"),
            (self.is_calm, "not calm: ceilings are down or reconciliations are missing"),
        )
        return next((fault for holds, fault in checks if not holds), "")

    # -- telling --------------------------------------------------------------------------

    def view(self, now_ns: int) -> AuthorityChanged:
        """The present view; the caller counts `seq` up when it tells of a change."""
        return AuthorityChanged(
            seq=self.seq,
            mode=self.mode,
            mode_seq=self.mode_seq,
            ceilings=tuple(self._ceilings.values()),
            is_protecting=self.is_protecting,
            at_ns=now_ns,
        )
