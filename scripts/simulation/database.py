"""The database of a run: the journal in memory, with everything that a server does to it.

Decides which commits fail, which are stored and reported as failed, when the server is away, what
a failover forgets and when another epoch appears (FLT-51..56, 58, 59). Raises what the PostgreSQL
store raises. Refuses to know the journal actor.

A synchronous port cannot wait on a virtual clock, and the journal blocks nobody but itself (it has
a worker of its own), so FLT-53 is what its caller sees of a slow server: after the deadline the
connection is cut and the outcome is unknown. FLT-57 has no model: nothing of the engine reads the
lease row but in the transaction that takes it.
"""

from collections.abc import Callable, Sequence
from typing import Final

from actors.stores.memory import MemoryDatabase, MemoryJournalStore, claims
from actors.stores.port import Entry, Head
from engine.errors import JournalUnavailable
from engine.journal import decode
from engine.messages.records import Record, SignalRecorded
from engine.units import NS_PER_S
from scripts.simulation.faults import FaultRow, Faults

ROWS: Final = (
    FaultRow(id="FLT-51", ppm_max=30_000, budget_max=5),
    FaultRow(id="FLT-52", ppm_max=30_000, budget_max=5),
    FaultRow(id="FLT-53", ppm_max=20_000, budget_max=4),
    FaultRow(id="FLT-54", ppm_max=10_000, budget_max=2),
    FaultRow(id="FLT-55", ppm_max=10_000, budget_max=1),
    FaultRow(id="FLT-56", ppm_max=4_000, budget_max=1),
    FaultRow(id="FLT-58", ppm_max=30_000, budget_max=5),
    FaultRow(id="FLT-59", ppm_max=30_000, budget_max=5),
)
IDS: Final = tuple(row.id for row in ROWS)
Durable = Callable[[int, Record], None]


class FaultyDatabase(MemoryDatabase):
    """What outlives the lives of the engine.

    Args:
        mono_ns: true time, for how long the server is away.
        on_durable: told of new records in the order in which they are stored.
        on_lost: told what a failover forgot: all after this number.
    """

    def __init__(
        self,
        faults: Faults,
        mono_ns: Callable[[], int],
        on_durable: Durable = lambda _seq, _record: None,
        on_lost: Callable[[int], None] = lambda _seq: None,
    ) -> None:
        self.away_until_ns = 0
        self.faults = faults
        self.ids = tuple(fault for fault in IDS if faults.is_armed(fault))
        self.mono_ns = mono_ns
        self.on_durable = on_durable
        self.on_lost = on_lost
        self._sizes: dict[str, list[int]] = {}
        super().__init__()

    @property
    def is_away(self) -> bool:
        return self.away_until_ns > 0 and self.mono_ns() < self.away_until_ns

    @is_away.setter
    def is_away(self, value: bool) -> None:
        self.away_until_ns = 1 << 62 if value else 0

    def heal(self) -> None:
        """The server is there from now on."""
        self.away_until_ns = 0

    def committed(self, realm: str, before: int) -> None:
        """Remember where a commit began, for a failover."""
        sizes = self._sizes.setdefault(realm, [])
        sizes.append(before)
        del sizes[:-20]

    def fail_over(self, realm: str, count: int) -> int:
        """The last `count` commits were on the old server only; how many records that is."""
        rows, sizes = self.rows.get(realm, []), self._sizes.get(realm, [])
        count = min(count, len(sizes))
        if not count:
            return 0
        keep = sizes[-count]
        del sizes[-count:]
        lost = len(rows) - keep
        del rows[keep:]
        keys = self.keys[realm] = set()
        for body, _ in rows:
            record = decode(body)
            keys.update(claims(record)[1])
            if isinstance(record, SignalRecorded):
                keys.add(("signal", record.signal.signal_id))
        self.on_lost(keep)
        return lost


class FaultyStore(MemoryJournalStore):
    """One connection of one life."""

    def __init__(self, database: FaultyDatabase, realm: str, epoch: int) -> None:
        super().__init__(database, realm, epoch)
        self._server = database

    def open(self) -> Head:
        if self._server.is_away:
            self._is_open = False
            raise JournalUnavailable("connection refused")
        return super().open()

    def commit(self, batch: Sequence[Entry]) -> None:
        server = self._server
        for fault in server.ids:
            if batch and server.faults.strikes(fault):
                self._strike(fault, batch)
        self._store(batch)

    def _strike(self, fault: str, batch: Sequence[Entry]) -> None:
        server = self._server
        match fault:
            case "FLT-52":
                self._store(batch)
                self._cut("server closed the connection unexpectedly during COMMIT")
            case "FLT-53":
                if server.faults.amount(fault, 0, 1):
                    self._store(batch)
                self._cut("no answer within the deadline")
            case "FLT-54":
                seconds = server.faults.amount(fault, 1, 400)
                server.away_until_ns = server.mono_ns() + seconds * NS_PER_S
                self._cut("the database system is shutting down")
            case "FLT-55":
                lost = server.fail_over(self._realm, server.faults.amount(fault, 1, 6))
                server.faults.note(fault, f"{lost} records are lost")
                self._cut("terminating connection due to administrator command")
            case "FLT-56":
                server.acquire()
            case "FLT-58":
                self._cut("terminating connection due to administrator command")
            case "FLT-59":
                self._cut("could not serialize access due to concurrent update")
            case _:
                self._cut("commit failed")

    def _store(self, batch: Sequence[Entry]) -> None:
        """The server commits. What it refuses is answered as ever, also where an answer is lost."""
        server, before = self._server, len(self._server.rows.get(self._realm, []))
        super().commit(batch)
        if batch and len(server.rows[self._realm]) > before:
            server.committed(self._realm, before)
            for entry in batch:
                if entry.seq > before:
                    server.on_durable(entry.seq, entry.record)

    def _cut(self, why: str) -> None:
        self._is_open = False
        raise JournalUnavailable(why)
