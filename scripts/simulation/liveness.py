"""What must come right in a healed world.

Source: reliability 6.4, LIV-01..LIV-12. Decides at the end of a run, when nothing has struck for
the whole liveness phase, and names what blocked where damage that was done makes it impossible:
the market is shut, nobody but a person may go on, orders of strangers stand in the broker's book.
"""

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from actors.stores.latches import HALT, KILL
from engine.messages.base import Message
from engine.messages.control import Reconciled
from engine.messages.records import ModeChanged, OrderUnknown, Record
from engine.messages.supervision import ChildExited, ChildReady
from engine.messages.values import Mode
from scripts.simulation.checks import alarms, flatness
from scripts.simulation.checks.check import Check
from scripts.simulation.checks.commands import latched
from scripts.simulation.checks.deadlines import (
    T_BACK_NS,
    T_BACKOFF_NS,
    T_CHILD_NS,
    T_CLEAN_NS,
    T_PAPER_NS,
    T_RAISED_NS,
    T_TOLD_NS,
    T_UNKNOWN_NS,
)
from scripts.simulation.observer import Observer

if TYPE_CHECKING:
    from scripts.simulation.world import World


CLEAN_TWICE: Final = 2
"""Clean reconciliations that raise authority again. Source: reliability 2.1, "clean twice"."""


def strangers(check: Check) -> set[str]:
    """Instruments with orders at the broker that no intent of ours stands for (a request processed
    twice, the broker's own square-off, a person), or none that can be known (the broker lost the
    tag before anybody heard the number, FLT-42): alarmed, and for a person to put right."""
    orders = check.world.broker.orders
    tags = Counter(order.tag_true for order in orders if order.tag_true)
    known = check.picture.by_venue
    return {
        order.instrument
        for order in orders
        if order.is_alien
        or tags[order.tag_true] > 1
        or (order.tag != order.tag_true and order.venue_order_id not in known)
    }


def is_theirs(check: Check, last: Reconciled | None) -> bool:
    """Whether strangers' orders are all that keeps the books from being clean: each difference of
    the last reconciliation is of an instrument on which some stand."""
    touched = strangers(check)
    lines = last.differences if last is not None else ()
    return bool(lines) and all(any(f" {name}:" in line for name in touched) for line in lines)


class UnknownsResolved(Check):
    """LIV-03: no order stays of unknown fate in a healthy world."""

    id = "LIV-03"

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._since: dict[str, int] = {}

    def on_record(self, seq: int, record: Record) -> None:
        if isinstance(record, OrderUnknown):
            self._since[record.client_order_id] = self.world.now_ns

    def at_end(self) -> None:
        for tag, since_ns in self._since.items():
            order = self.picture.orders.get(tag)
            healthy_ns = self.world.now_ns - max(since_ns, self.world.heals_at_ns)
            is_unknown = order is not None and order.is_unknown and not order.is_over
            if is_unknown and healthy_ns > T_UNKNOWN_NS:
                self.violated(f"{tag} is of unknown fate for {healthy_ns} ns of health")


class ReconciledClean(Check):
    """LIV-04: the last reconciliations are clean, unless strangers' orders stand in the book. A
    machine that slept until shortly before the end need not look again before its period is over,
    if the last look was clean."""

    id = "LIV-04"
    handles = (Reconciled,)

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._last: Reconciled | None = None
        self._clean_ns = -1

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        if room == "authority" and isinstance(message, Reconciled):
            self._last = message
            if message.is_clean:
                self._clean_ns = self.world.now_ns

    def at_end(self) -> None:
        healed_ns = self.world.heals_at_ns
        is_clean = self._last is not None and self._last.is_clean
        healthy_ns, wait_ns = self.world.now_ns - healed_ns, T_RAISED_NS if is_clean else T_CLEAN_NS
        if self._clean_ns >= healed_ns or healthy_ns <= wait_ns:
            return
        lines = self._last.differences if self._last is not None else ("never reconciled",)
        if not is_theirs(self, self._last):
            self.violated(f"not clean since healing: {'; '.join(lines[:3])}")


class ChildrenBack(Check):
    """LIV-06: every dead child that is to come back is READY or quarantined."""

    id = "LIV-06"

    def at_end(self) -> None:
        self._look(is_end=True)

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._down: dict[str, int] = {}

    handles = (ChildReady,)

    def on_boot(self, epoch: int) -> None:
        self._down.clear()

    def on_exit(self, exited: ChildExited) -> None:
        if not exited.name.startswith("oco/"):
            self._down[exited.name] = self.world.now_ns

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        if isinstance(message, ChildReady):
            self._down.pop(message.name, None)

    def _look(self, *, is_end: bool) -> None:
        states = {row.name: row.state for row in self.world.runtime.board.rows()}
        for name, since_ns in self._down.items():
            down_ns = self.world.now_ns - max(since_ns, self.world.heals_at_ns)
            is_kept = states.get(name, "stopped") not in ("quarantined", "held", "stopped", "ready")
            if is_end and is_kept and down_ns > T_CHILD_NS + T_BACKOFF_NS:
                self.violated(f"{name} is {states.get(name)} for {down_ns} ns")


class Recovers(Check):
    """LIV-07: a life in a healthy world leaves RECOVERING in time; a latched one stays where its
    latch says, which is no fault. Nor is it one that waits for a person to put right what others
    did to the account: all rooms are there, and nothing else keeps the books unclean."""

    id = "LIV-07"
    handles = (Reconciled,)

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._mode = Mode.STANDBY
        self._at_ns = 0
        self._last: Reconciled | None = None

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        if room == "authority" and isinstance(message, Reconciled):
            self._last = message

    def on_boot(self, epoch: int) -> None:
        self._mode, self._at_ns = Mode.STANDBY, self.world.now_ns

    def on_exit(self, exited: ChildExited) -> None:
        if exited.name == "authority":
            self._mode, self._at_ns = Mode.STANDBY, self.world.now_ns

    def on_record(self, seq: int, record: Record) -> None:
        if isinstance(record, ModeChanged):
            self._mode = record.mode_to

    def at_end(self) -> None:
        healthy_ns = self.world.now_ns - max(self._at_ns, self.world.heals_at_ns)
        is_waiting = self._mode in (Mode.STANDBY, Mode.RECOVERING)
        room = self.room("authority")
        if is_waiting and healthy_ns > T_PAPER_NS and not self._is_damaged(room):
            self.violated(f"still {self._mode.value}: {_missing(room)}")

    def _is_damaged(self, room: Any) -> bool:  # noqa: ANN401 - a room's inside
        if room is None or room.state.clean_count or not is_theirs(self, self._last):
            return False
        return bool(room.state._parts <= room.state.parts_done)


class NoStuckCeiling(Check):
    """LIV-08: what lowered authority by itself has raised it again: in a healed world that nobody
    halted or killed, no ceiling of the engine's own lies over everything, but the reconciler's, and
    the journal's once it is back, for books that strangers' orders keep unclean. Those that wait
    for clean books are given the time of two looks, and a journal that is away seconds to find its
    database again: a machine that slept until shortly before the end has had none of it."""

    id = "LIV-08"
    handles = (Reconciled,)

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._unclean: Reconciled | None = None
        self._clean_count = 0

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        if room == "authority" and isinstance(message, Reconciled):
            self._clean_count = self._clean_count + 1 if message.is_clean else 0
            self._unclean = self._unclean if message.is_clean else message

    def at_end(self) -> None:
        room = self.room("authority")
        if room is None or latched(self.world, KILL) or latched(self.world, HALT):
            return
        is_damaged = self._clean_count < CLEAN_TWICE and is_theirs(self, self._unclean)
        guard = self.room("guard")
        is_latched = guard is not None and guard._account.is_loss_latched
        healthy_ns = self.world.now_ns - self.world.heals_at_ns
        is_young, is_back = healthy_ns <= T_RAISED_NS, room.state.is_journal_back
        for ceiling in room.state._ceilings.values():
            is_own = ceiling.owner not in ("operator", "leader", "release", "storm")
            is_loss = ceiling.owner == "account" and is_latched
            is_journal = ceiling.owner == "journal"
            waits = ceiling.owner == "reconciler" or (is_journal and is_back)
            is_away = is_journal and not is_back and healthy_ns <= T_BACK_NS
            is_excused = is_loss or is_away or (waits and (is_damaged or is_young))
            if not ceiling.scope and is_own and not is_excused:
                self.violated(
                    f"{ceiling.owner} still holds {ceiling.authority.name}: {ceiling.reason}"
                )


class NothingLeftLying(Check):
    """LIV-10: hearsay that waited for its intent is gone, and so is what waited in inboxes. A room
    that stood still when a machine woke at the very end has had no time to be given up."""

    id = "LIV-10"

    def at_end(self) -> None:
        watcher = self.room("watcher")
        if watcher is not None and watcher.truth.parked:
            self.violated(f"{len(watcher.truth.parked)} reports are parked still")
        is_young = self.world.now_ns - self.world.heals_at_ns <= T_TOLD_NS
        for name, room in self.world.runtime.directory.rooms.items():
            if len(room.inbox) and not (is_young and getattr(room, "is_still", False)):
                self.violated(f"{len(room.inbox)} messages wait for {name}")


LIVENESS: Final[tuple[type[Observer], ...]] = (
    flatness.KilledFlat,
    flatness.Flattened,
    UnknownsResolved,
    ReconciledClean,
    ChildrenBack,
    Recovers,
    NoStuckCeiling,
    flatness.ProtectedOrFlat,
    NothingLeftLying,
    flatness.SquaredOff,
    alarms.AlarmsEnd,
)


def _missing(room: Any) -> str:  # noqa: ANN401 - a room's inside
    if room is None:
        return "no authority is there"
    parts = sorted(room.state._parts - room.state.parts_done)
    return f"parts missing: {parts}, clean reconciliations {room.state.clean_count}"
