"""Faults inside actors: crashes before, in and after a handler.

Decides where a handler breaks. Refuses to know actors: every room is fair game.
"""

from typing import Final

from engine.messages.base import Message
from scripts.simulation.faults import FaultRow, Faults
from scripts.simulation.host import SimRoom

ROWS: Final = (
    FaultRow(id="FLT-65", ppm_max=20_000, budget_max=4),
    FaultRow(id="FLT-66", ppm_max=20_000, budget_max=4),
    FaultRow(id="FLT-72", ppm_max=100_000, budget_max=3),
)


class InjectedCrash(Exception):
    """A crash by a fault."""


class ActorBreaker:
    """See the module."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._is_before = faults.is_armed("FLT-65")
        self._is_after = faults.is_armed("FLT-66")
        self._is_opening = faults.is_armed("FLT-72")

    def before(self, room: SimRoom, message: Message) -> None:
        if self._is_before and self._faults.strikes("FLT-65"):
            self._crash("FLT-65", room, f"before {type(message).__name__}")

    def sending(self, room: SimRoom, target: str, message: Message) -> None:
        if self._is_before and self._faults.strikes("FLT-65"):
            self._crash("FLT-65", room, f"sending {type(message).__name__} to {target}")

    def after(self, room: SimRoom, message: Message) -> None:
        if self._is_after and self._faults.strikes("FLT-66"):
            self._crash("FLT-66", room, f"after {type(message).__name__}")

    def opening(self, room: SimRoom) -> None:
        if self._is_opening and self._faults.strikes("FLT-72"):
            self._crash("FLT-72", room, "opening")

    def _crash(self, fault: str, room: SimRoom, where: str) -> None:
        self._faults.note(fault, f"{room.name} {where}")
        raise InjectedCrash(f"{fault}: {room.name} {where}")
