"""A journal store for runs that can be run again: it commits many batches as one, beside the run.

Decides when a batch that was taken becomes durable: once enough records wait, before anything is
read, and at the end. Refuses to be a place for money: what waits is lost with the process, so only
a backtest, which is its input's function and starts anew, may stand on it. Order and content of
the journal are those of the store behind it, which one thread at a time works with.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from actors.runtime.log import log_event
from actors.stores.port import Entry, Head, InstrumentPnl, JournalStorePort, JsonValue, Stored
from engine.errors import JournalUnavailable
from engine.messages.values import Book

WAITING_RECORDS_MAX: Final = 500


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
        self._writing: list[Entry] = []
        self._outcome: Future[None] | None = None
        self._clerk: ThreadPoolExecutor | None = None

    @property
    def commit_took_ns(self) -> int:
        return self._store.commit_took_ns

    def open(self) -> Head:
        self._settle()
        head = self._store.open()
        if self._waiting:
            self._write()
            head = self._store.open()
        return head

    def close(self) -> None:
        try:
            self._write()
        except JournalUnavailable as error:
            count = len(self._waiting)
            log_event("journal_tail_lost", "ERROR", records_count=count, why=str(error))
        if self._clerk is not None:
            self._clerk.shutdown()
            self._clerk = None
        self._store.close()

    def commit(self, batch: Sequence[Entry]) -> None:
        self._waiting += batch
        if len(self._waiting) >= self._waiting_max:
            self._settle()
            self._begin()

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
        self._settle()
        return self._store.state_get(key)

    def state_set(self, key: str, value: JsonValue) -> None:
        self._settle()
        self._store.state_set(key, value)

    def _write(self) -> None:
        """Have all written that waits. If the store is away it goes on waiting."""
        self._settle()
        if self._waiting:
            self._begin()
            self._settle()

    def _begin(self) -> None:
        """Hand what waits to the clerk, who writes while the run goes on."""
        if self._clerk is None:
            self._clerk = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._writing, self._waiting = self._waiting, []
        self._outcome = self._clerk.submit(self._store.commit, self._writing)

    def _settle(self) -> None:
        """Wait for the clerk; an error of its work is raised here, and the work waits again."""
        outcome, self._outcome = self._outcome, None
        if outcome is None:
            return
        writing, self._writing, is_written = self._writing, [], False
        try:
            outcome.result()
            is_written = True
        finally:
            if not is_written:
                self._waiting = writing + self._waiting
