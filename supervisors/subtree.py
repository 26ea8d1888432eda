"""The end of everything below a supervisor that is gone.

Decides in which order they end. Works from outside of the dead supervisor, because a fenced or
crashed one cannot be trusted to end its own children; without it they would be orphans that hold
their names.
"""

from actors.runtime.room import Room
from actors.runtime.runtime import HostKind, Runtime
from engine.messages.supervision import ExitKind


def end_subtree(runtime: Runtime, supervisor: str) -> list[Room]:
    """Fence all rooms below a dead supervisor, youngest first, and take them off the board."""
    ended = runtime.directory.orphans(supervisor)
    for room in reversed(ended):
        room.fence(ExitKind.KILLED, f"its supervisor {supervisor} is gone")
        runtime.hosts.release(HostKind.THREAD, room.pool)
    names = {supervisor, *(room.name for room in ended)}
    for row in runtime.board.rows():
        if row.supervisor in names:
            runtime.board.remove(row.name)
    return ended
