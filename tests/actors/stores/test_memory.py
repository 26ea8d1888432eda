"""The switches of the memory database by which tests take it away."""

import pytest

from actors.stores.memory import MemoryDatabase, MemoryJournalStore
from actors.stores.port import Head
from engine.errors import JournalUnavailable
from engine.journal import GENESIS
from tests.fixtures.history import Trip, entries, head_of


@pytest.fixture
def database() -> MemoryDatabase:
    return MemoryDatabase()


@pytest.fixture
def store(database: MemoryDatabase) -> MemoryJournalStore:
    store = MemoryJournalStore(database, "paper", database.acquire())
    store.open()
    return store


def test_when_the_answer_is_lost_then_the_records_are_stored_and_repeating_is_safe(
    database: MemoryDatabase, store: MemoryJournalStore
) -> None:
    batch = entries(Head(0, GENESIS), Trip(1).whole())
    database.answers_lost = 1
    with pytest.raises(JournalUnavailable):
        store.commit(batch)
    assert store.open() == head_of(batch)
    store.commit(batch)
    assert store.verify() == head_of(batch)


def test_when_the_database_is_away_then_everything_fails_until_it_is_opened_again(
    database: MemoryDatabase, store: MemoryJournalStore
) -> None:
    database.is_away = True
    for call in (store.open, store.verify, lambda: store.load_day(0)):
        with pytest.raises(JournalUnavailable):
            call()
    database.is_away = False
    with pytest.raises(JournalUnavailable):
        store.verify()
    assert store.open() == Head(0, GENESIS)
