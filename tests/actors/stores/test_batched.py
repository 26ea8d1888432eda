"""Many batches as one, beside the run: order, content and errors are those of the store behind."""

import threading
from collections.abc import Iterator, Sequence

import pytest

from actors.stores.batched import BatchedStore
from actors.stores.memory import MemoryDatabase, MemoryJournalStore
from actors.stores.port import Entry, Head
from engine.errors import JournalUnavailable
from engine.journal import GENESIS
from tests.fixtures.history import Trip, entries, head_of


class NotedStore(MemoryJournalStore):
    """Notes how many records each commit had."""

    def __init__(self, database: MemoryDatabase) -> None:
        super().__init__(database, "backtest", database.acquire())
        self.sizes: list[int] = []

    def commit(self, batch: Sequence[Entry]) -> None:
        super().commit(batch)
        self.sizes.append(len(batch))


@pytest.fixture
def database() -> MemoryDatabase:
    return MemoryDatabase()


@pytest.fixture
def behind(database: MemoryDatabase) -> NotedStore:
    return NotedStore(database)


@pytest.fixture
def store(behind: NotedStore) -> Iterator[BatchedStore]:
    store = BatchedStore(behind, waiting_max=20)
    assert store.open() == Head(0, GENESIS)
    yield store
    store.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("journal")]


def given(store: BatchedStore, trips: int) -> Head:
    head = Head(0, GENESIS)
    for number in range(trips):
        batch = entries(head, Trip(head.seq + number).whole())
        store.commit(batch)
        head = head_of(batch)
    return head


def test_when_enough_waits_then_it_is_one_commit(store: BatchedStore, behind: NotedStore) -> None:
    head = given(store, 5)
    assert store.verify() == head
    assert behind.sizes == [20, 20, 10]


def test_when_it_is_closed_then_nothing_is_left_behind(
    store: BatchedStore, behind: NotedStore
) -> None:
    head = given(store, 1)
    store.close()
    assert behind.open() == head


def test_when_the_store_is_away_then_what_waits_goes_on_waiting(
    store: BatchedStore, database: MemoryDatabase
) -> None:
    head = given(store, 1)
    database.is_away = True
    with pytest.raises(JournalUnavailable):
        store.verify()
    database.is_away = False
    assert store.open() == head
    assert store.verify() == head
