"""Ports whose answers are put down: journal store, spool, latches, restarts of the day.

Decides what of an answer is kept: everything that the asking room can see of it, and, of what it
writes, the content, so that a session is whole without its database. Refuses to change an answer.
Each port belongs to one room, so its answers are in the order of that room's questions.
"""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol, Self

from actors.capture.events import Called, PortValue
from actors.capture.recorder import Recorder
from actors.stores.latches import Latch, LatchStore
from actors.stores.port import Entry, Head, InstrumentPnl, JournalStorePort, JsonValue, Stored
from actors.stores.spool import SpoolPort
from engine.journal import encode
from engine.messages.values import Book


class Ledger(Protocol):
    """Restarts of the day (`supervisors.children.RestartLedger`)."""

    def note(self, name: str, kind: str, now_ns: int) -> bool:
        """Record one restart."""


class Noting:
    """A call under way: put down when it ends, by its value or by its exception."""

    __slots__ = ("_operation", "_port", "_recorder", "value")

    def __init__(self, recorder: Recorder, port: str, operation: str) -> None:
        self._recorder, self._port, self._operation = recorder, port, operation
        self.value: PortValue = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        name, text = ("", "") if kind is None else (kind.__name__, str(error)[:500])
        self._recorder.append(Called(self._port, self._operation, name, text, self.value))


class CapturedStore:
    """A `JournalStorePort` whose answers are put down."""

    def __init__(self, recorder: Recorder, store: JournalStorePort) -> None:
        self._recorder, self._store = recorder, store
        self._port = recorder.instance("store")
        recorder.append(Called(self._port, "make", "", "", None))

    @property
    def commit_took_ns(self) -> int:
        return self._store.commit_took_ns

    def _noting(self, operation: str) -> Noting:
        return Noting(self._recorder, self._port, operation)

    def open(self) -> Head:
        with self._noting("open") as noted:
            head = self._store.open()
            noted.value = list(head)
        return head

    def close(self) -> None:
        self._store.close()

    def commit(self, batch: Sequence[Entry]) -> None:
        with self._noting("commit") as noted:
            noted.value = [[entry.seq, entry.body, entry.chain] for entry in batch]
            self._store.commit(batch)

    def load_day(self, since_ns: int) -> tuple[Stored, ...]:
        with self._noting("load_day") as noted:
            rows = self._store.load_day(since_ns)
            noted.value = [[row.seq, encode(row.record)] for row in rows]
        return rows

    def load_group(self, group_id: str) -> tuple[Stored, ...]:
        with self._noting("load_group") as noted:
            rows = self._store.load_group(group_id)
            noted.value = [[row.seq, encode(row.record)] for row in rows]
        return rows

    def verify(self, from_seq: int = 1) -> Head:
        with self._noting("verify") as noted:
            head = self._store.verify(from_seq)
            noted.value = list(head)
        return head

    def count_duplicate_order_intents(self, hours: int, now_ns: int) -> int:
        return self._store.count_duplicate_order_intents(hours, now_ns)

    def pnl_from_trades(self, book: Book, since_ns: int) -> tuple[InstrumentPnl, ...]:
        return self._store.pnl_from_trades(book, since_ns)

    def state_get(self, key: str) -> JsonValue:
        return self._store.state_get(key)

    def state_set(self, key: str, value: JsonValue) -> None:
        self._store.state_set(key, value)


class CapturedSpool:
    """A spool whose answers are put down; so is what it holds when it is opened.

    Args:
        make: opens the spool.
    """

    def __init__(self, recorder: Recorder, make: Callable[[], SpoolPort]) -> None:
        self._recorder = recorder
        self._port = recorder.instance("spool")
        with self._noting("make") as noted:
            self._spool = make()
            noted.value = [[seq, body] for seq, body in self._spool.records()]

    def _noting(self, operation: str) -> Noting:
        return Noting(self._recorder, self._port, operation)

    def append(self, records: list[tuple[int, bytes]]) -> None:
        with self._noting("append") as noted:
            noted.value = [[seq, body] for seq, body in records]
            self._spool.append(records)

    def records(self) -> list[tuple[int, bytes]]:
        return self._spool.records()

    def clear(self) -> None:
        with self._noting("clear"):
            self._spool.clear()

    def close(self) -> None:
        self._spool.close()


class CapturedLatches:
    """A `LatchStore` whose answers to the authority actor are put down."""

    def __init__(self, recorder: Recorder, latches: LatchStore) -> None:
        self._recorder, self._latches = recorder, latches

    def _noting(self, operation: str) -> Noting:
        return Noting(self._recorder, "latches", operation)

    def load(self) -> tuple[Latch, ...]:
        with self._noting("load") as noted:
            found = self._latches.load()
            noted.value = [list(latch) for latch in found]
        return found

    def sentinel(self) -> str:
        with self._noting("sentinel") as noted:
            noted.value = found = self._latches.sentinel()
        return found

    def set(self, name: str, *, reason: str, by: str, at_ns: int) -> None:
        with self._noting("set") as noted:
            noted.value = [name, reason, by, at_ns]
            self._latches.set(name, reason=reason, by=by, at_ns=at_ns)

    def clear(self, name: str) -> None:
        with self._noting("clear") as noted:
            noted.value = name
            self._latches.clear(name)


class CapturedLedger:
    """Restarts of the day, with the answers put down."""

    def __init__(self, recorder: Recorder, ledger: Ledger) -> None:
        self._recorder, self._ledger = recorder, ledger

    def note(self, name: str, kind: str, now_ns: int) -> bool:
        with Noting(self._recorder, "ledger", "note") as noted:
            is_spent = self._ledger.note(name, kind, now_ns)
            noted.value = [name, kind, is_spent]
        return is_spent
