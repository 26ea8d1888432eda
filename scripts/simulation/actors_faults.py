"""Faults inside actors: crashes, rooms that stand still, poison, floods, the death of the process.

Decides where a handler breaks (FLT-65..75). Refuses to know actors: every room is fair game, but
FLT-74 wants one that recovers and FLT-75 a supervisor.

A room that stands still keeps its place and serves nothing. Either its handler has not begun, or it
is through and what it sent is still on its way (a call that does not return). The world plays the
watchdog: over the progress deadline the room is fenced as STUCK. A zombie goes on later; everything
that it sends then must be refused.
"""

from collections.abc import Callable
from typing import Final, Protocol

from actors.runtime.failure import poison_digest
from actors.runtime.roomspec import RoomState
from engine.messages.base import Message
from engine.messages.supervision import ExitKind
from engine.units import NS_PER_MS
from scripts.simulation.faults import FaultRow, Faults
from scripts.simulation.host import SimRoom

ROWS: Final = (
    FaultRow(id="FLT-65", ppm_max=20_000, budget_max=4),
    FaultRow(id="FLT-66", ppm_max=20_000, budget_max=4),
    FaultRow(id="FLT-67", ppm_max=2_000, budget_max=2),
    FaultRow(id="FLT-68", ppm_max=2_000, budget_max=2),
    FaultRow(id="FLT-69", ppm_max=10_000, budget_max=10),
    FaultRow(id="FLT-70", ppm_max=2_000, budget_max=2),
    FaultRow(id="FLT-71", ppm_max=2_000, budget_max=1),
    FaultRow(id="FLT-72", ppm_max=100_000, budget_max=3),
    FaultRow(id="FLT-73", ppm_max=2_000, budget_max=3),
    FaultRow(id="FLT-74", ppm_max=100_000, budget_max=3),
    FaultRow(id="FLT-75", ppm_max=50_000, budget_max=2),
)
STUCK_IDS: Final = ("FLT-67", "FLT-68", "FLT-69")
WATCHDOG_MS: Final = 50
POISON_CRASHES_MAX: Final = 8
"""A poisoned message that nothing parks (a timer, control) must not end every life of a run."""


class InjectedCrash(Exception):
    """A crash by a fault."""


class Breakable(Protocol):
    """What the breaker needs of the world."""

    def kill9(self, why: str) -> None:
        """The process dies."""

    def after_ns(self, delay_ns: int, callback: Callable[[], None]) -> None:
        """Call back after a while of true time."""


class ActorBreaker:
    """See the module."""

    def __init__(self, faults: Faults, world: Breakable) -> None:
        self._faults = faults
        self._world = world
        self._poison_left = POISON_CRASHES_MAX
        self._poison: set[tuple[str, str]] = set()
        armed = faults.is_armed
        self._is_before = armed("FLT-65")
        self._is_after = armed("FLT-66")
        self._is_opening = armed("FLT-72")
        self._is_killed = armed("FLT-73")
        self._is_recovering = armed("FLT-74")
        self._is_supervisor = armed("FLT-75")
        self._stuck = tuple(fault for fault in STUCK_IDS if armed(fault))
        self._others = tuple(fault for fault in ("FLT-70", "FLT-71") if armed(fault))
        self.is_sending_watched = self._is_before or self._is_killed or self._is_recovering
        self.is_handling_watched = self.is_sending_watched or bool(
            self._is_after or self._is_supervisor or self._stuck or self._others
        )

    def before(self, room: SimRoom, message: Message) -> None:
        if not room.spec.supervisor:
            return  # the porter stands outside of the tree
        if self._is_before and self._faults.strikes("FLT-65"):
            self._crash("FLT-65", room, f"before {type(message).__name__}")
        if self._is_killed and self._faults.strikes("FLT-73"):
            self._kill("FLT-73", room, f"before {type(message).__name__}")
        if self._is_recovering and room.state is RoomState.STARTING:
            self._recovering(room, f"before {type(message).__name__}")
        if self._is_supervisor and room.handles_stop and self._faults.strikes("FLT-75"):
            self._crash("FLT-75", room, f"before {type(message).__name__}")
        if self._others:
            self._odd(room, message)
        for fault in self._stuck:
            if not room.is_still and self._faults.strikes(fault):
                self._stand_still(fault, room, message)

    def sending(self, room: SimRoom, target: str, message: Message) -> None:
        if not room.spec.supervisor:
            return
        if self._is_before and self._faults.strikes("FLT-65"):
            self._crash("FLT-65", room, f"sending {type(message).__name__} to {target}")
        if self._is_killed and self._faults.strikes("FLT-73"):
            self._kill("FLT-73", room, f"sending {type(message).__name__} to {target}")
        if self._is_recovering and room.state is RoomState.STARTING:
            self._recovering(room, f"sending {type(message).__name__} to {target}")

    def after(self, room: SimRoom, message: Message) -> None:
        if self._is_after and room.spec.supervisor and self._faults.strikes("FLT-66"):
            self._crash("FLT-66", room, f"after {type(message).__name__}")

    def opening(self, room: SimRoom) -> None:
        if not room.spec.supervisor:
            return
        if self._is_opening and self._faults.strikes("FLT-72"):
            self._crash("FLT-72", room, "opening")
        if self._is_recovering:
            self._recovering(room, "opening")

    # -- ends -----------------------------------------------------------------------------

    def _crash(self, fault: str, room: SimRoom, where: str) -> None:
        self._faults.note(fault, f"{room.name} {where}")
        raise InjectedCrash(f"{fault}: {room.name} {where}")

    def _kill(self, fault: str, room: SimRoom, where: str) -> None:
        self._world.kill9(f"{fault} in {room.name} {where}")
        raise InjectedCrash(f"{fault}: {room.name} {where}")

    def _recovering(self, room: SimRoom, where: str) -> None:
        if self._faults.strikes("FLT-74"):
            if self._faults.amount("FLT-74", 0, 2) == 2:
                self._kill("FLT-74", room, where)
            self._crash("FLT-74", room, where)

    def _odd(self, room: SimRoom, message: Message) -> None:
        if (room.name, type(message).__name__) in self._poison and not self._faults.is_healed:
            digest = poison_digest(message)
            if (room.name, digest) in self._poison and self._poison_left > 0:
                self._poison_left -= 1
                self._crash("FLT-71", room, f"poisoned by {type(message).__name__}")
        for fault in self._others:
            if not self._faults.strikes(fault):
                continue
            if fault == "FLT-70":
                ms = self._faults.amount(fault, 1, 5_000)
                self._faults.note(fault, f"{room.name} takes nothing for {ms} ms")
                room.data_max = 0
                self._world.after_ns(ms * NS_PER_MS, room.drain)
            else:
                self._poison |= {
                    (room.name, type(message).__name__),
                    (room.name, poison_digest(message)),
                }
                self._crash(fault, room, f"poisoned by {type(message).__name__}")

    # -- standing still -------------------------------------------------------------------

    def _stand_still(self, fault: str, room: SimRoom, message: Message) -> None:
        has_begun = bool(self._faults.amount(fault, 0, 1))
        deadline_ms = room.spec.busy_ms_max + WATCHDOG_MS
        if fault == "FLT-69":
            ms = self._faults.amount(fault, 1, deadline_ms - WATCHDOG_MS)
        else:
            ms = deadline_ms + self._faults.amount(fault, 1, 60_000)
        where = "after" if has_begun else "before"
        kind = type(message).__name__
        self._faults.note(fault, f"{room.name} stands still {where} {kind} for {ms} ms")
        room.stand_still(has_begun=has_begun)
        if fault != "FLT-69":
            self._world.after_ns(deadline_ms * NS_PER_MS, lambda: self._fence(room))
        if fault != "FLT-67":
            self._world.after_ns(ms * NS_PER_MS, room.go_on)

    def _fence(self, room: SimRoom) -> None:
        """What the watchdog does."""
        if room.is_still:
            room.fence(ExitKind.STUCK, "no progress within its deadline")
