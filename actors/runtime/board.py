"""The board: what the supervision tree looks like right now, for eyes outside of it.

Decides nothing. Supervisors write their children's rows, the console and the metrics read a copy;
it works while any part of the tree is down or restarting.
"""

import threading

import msgspec


class ChildRow(msgspec.Struct, frozen=True, kw_only=True):
    """One actor as its supervisor sees it.

    `state`: starting, ready, restarting, stopped, held, quarantined. `kind`: worker, supervisor.
    """

    name: str
    supervisor: str
    kind: str
    host: str
    state: str
    generation: int
    restarts: int


class Board:
    """name -> row, in order of first appearance."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[str, ChildRow] = {}

    def put(self, row: ChildRow) -> None:
        """Write or replace a row."""
        with self._lock:
            self._rows[row.name] = row

    def remove(self, name: str) -> None:
        """A child and its spec are gone; unknown names are fine."""
        with self._lock:
            self._rows.pop(name, None)

    def rows(self) -> tuple[ChildRow, ...]:
        """A copy of all rows."""
        with self._lock:
            return tuple(self._rows.values())
