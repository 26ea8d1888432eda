"""A journal store for runs that can be run again: it commits many batches as one.

Decides when a batch that was taken becomes durable: once enough records wait, before anything is
read, and at the end. Refuses to be a place for money: what waits is lost with the process, so only
a backtest, which is its input's function and starts anew, may stand on it. Order and content of
the journal are those of the store behind it.
"""

from collections.abc import Sequence
from typing import Final

from actors.runtime.log import log_event
from actors.stores.port import Entry, Head, InstrumentPnl, JournalStorePort, JsonValue, Stored
from engine.errors import JournalUnavailable
from engine.messages.values import Book

WAITING_RECORDS_MAX: Final = 1_000


class BatchedStore:
    """A `JournalStorePort` in front of another one.

    A refusal of the store behind it comes with a later commit than the one that caused it: in a
    backtest that is our own bug, and the run ends.
    """

    def __init__(self, store: JournalStorePort, waiting_max: int = WAITING_RECORDS_MAX) -> None:
        assert waiting_max > 0
        self._store = store
        self._waiting_max = waiting_max
        self._waiting: list[Entry] = []

    def open(self) -> Head:
        head = self._store.open()
        if self._waiting:
            self._write()
            head = self._store.open()
        return head

    def close(self) -> None:
        try:
            self._write()
        except JournalUnavailable as error:
            log_event(
                "journal_tail_lost", "ERROR", records_count=len(self._waiting), why=str(error)
            )
        self._store.close()

    def commit(self, batch: Sequence[Entry]) -> None:
        self._waiting += batch
        if len(self._waiting) >= self._waiting_max:
            self._write()

    def load_day(self, since_ns: int) -> tuple[Stored, ...]:
        self._write()
        return self._store.load_day(since_ns)

    def load_group(self, group_id: str) -> tuple[Stored, ...]:
        self._write()
        return self._store.load_group(group_id)

    def verify(self, from_seq: int = 1) -> Head:
        self._write()
        return self._store.verify(from_seq)

    def count_duplicate_order_intents(self, hours: int, now_ns: int) -> int:
        self._write()
        return self._store.count_duplicate_order_intents(hours, now_ns)

    def pnl_from_trades(self, book: Book, since_ns: int) -> tuple[InstrumentPnl, ...]:
        self._write()
        return self._store.pnl_from_trades(book, since_ns)

    def state_get(self, key: str) -> JsonValue:
        return self._store.state_get(key)

    def state_set(self, key: str, value: JsonValue) -> None:
        self._store.state_set(key, value)

    def _write(self) -> None:
        """Hand over what waits; it goes on waiting if the store is away."""
        if self._waiting:
            self._store.commit(self._waiting)
            self._waiting = []
