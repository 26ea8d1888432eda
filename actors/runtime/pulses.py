"""How every live room of a directory does right now, for the heartbeat.

Decides nothing. Reads counters that rooms keep anyway, without a lock: a figure may be one message
old.
"""

from collections.abc import Iterator
from typing import NamedTuple

from actors.runtime.directory import Directory


class Pulse(NamedTuple):
    """One actor at a moment: how much it has served in its life, how much waits, and whether its
    worker is inside it."""

    name: str
    generation: int
    served_count: int
    depth: int
    is_busy: bool


def pulses(directory: Directory) -> Iterator[Pulse]:
    """One `Pulse` a live room."""
    for room in tuple(directory.rooms.values()):
        depth = len(room.actor_inbox)  # type: ignore[arg-type]
        is_busy = getattr(room.pool, "busy_room", None) is room
        yield Pulse(room.name, room.spec.generation, room.served_count, depth, is_busy)
