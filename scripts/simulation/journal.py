"""The journal's store of a simulation: the one in memory, telling what became durable.

Decides nothing. Refuses to know faults (scripts/simulation/database.py has them).
"""

from collections.abc import Callable, Sequence

from actors.stores.memory import MemoryDatabase, MemoryJournalStore
from actors.stores.port import Entry
from engine.messages.records import Record


class WatchedStore(MemoryJournalStore):
    """See the module. `committed` is told of each new row, also where the answer was lost."""

    def __init__(
        self,
        database: MemoryDatabase,
        realm: str,
        epoch: int,
        committed: Callable[[int, Record], None],
    ) -> None:
        super().__init__(database, realm, epoch)
        self._watched = database.rows.setdefault(realm, [])
        self._committed = committed

    def commit(self, batch: Sequence[Entry]) -> None:
        before = len(self._watched)
        try:
            super().commit(batch)
        finally:
            count = len(self._watched)
            for entry in batch:
                if before < entry.seq <= count:
                    self._committed(entry.seq, entry.record)
