"""The end of everything below a supervisor that is gone.

Decides who belongs to a subtree. Works from outside of the dead supervisor, because a fenced or
crashed one cannot be trusted to end its own children; without it they would be orphans that hold
their names.
"""

from actors.runtime.room import Room
from actors.runtime.runtime import HostKind, Runtime
from engine.messages.supervision import ExitKind


def rooms_below(runtime: Runtime, supervisor: str) -> list[Room]:
    """All live rooms below a supervisor's name, parents before children."""
    below: dict[str, list[Room]] = {}
    for room in tuple(runtime.directory.rooms.values()):
        below.setdefault(room.spec.supervisor, []).append(room)
    found: list[Room] = []
    names = [supervisor]
    for name in names:
        for room in below.pop(name, ()):
            found.append(room)
            names.append(room.name)
    return found


def end_subtree(runtime: Runtime, supervisor: str) -> list[Room]:
    """Fence all rooms below a dead supervisor, youngest first, and take them off the board."""
    ended = rooms_below(runtime, supervisor)
    for room in reversed(ended):
        room.fence(ExitKind.KILLED, f"its supervisor {supervisor} is gone")
        runtime.hosts.release(HostKind.THREAD, room.pool)
    names = {supervisor, *(room.name for room in ended)}
    for row in runtime.board.rows():
        if row.supervisor in names:
            runtime.board.remove(row.name)
    return ended
