"""BAD-42: a past without its latches is not a new state."""

import os
from pathlib import Path

import pytest

from actors.stores.port import Entry
from engine.journal import GENESIS, encode, next_chain
from engine.messages.records import RiskNoted
from supervisors.stores import Stores

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]


def _environ(dsn: str) -> dict[str, str]:
    return {**os.environ, "DATABASE_URL": dsn}


def _write_one(stores: Stores) -> None:
    record = RiskNoted(at_ns=1, event="x", subject="", measured=0, limit=0, why="")
    body = encode(record)
    store = stores.make_store()
    store.open()
    store.commit([Entry(1, record, body, next_chain(GENESIS, body))])
    store.close()


def test_when_the_realm_has_no_past_then_nothing_is_latched(
    empty_database: str, tmp_path: Path
) -> None:
    with Stores(tmp_path / "state", "paper", environ=_environ(empty_database)) as stores:
        assert stores.latches.load() == ()


@pytest.mark.conformance("BAD-42")
def test_when_the_state_directory_is_lost_then_the_engine_is_halted(
    empty_database: str, tmp_path: Path
) -> None:
    with Stores(tmp_path / "state", "paper", environ=_environ(empty_database)) as stores:
        stores.latches.load()
        _write_one(stores)
    with Stores(tmp_path / "other", "paper", environ=_environ(empty_database)) as stores:
        assert [latch.name for latch in stores.latches.load()] == ["halt"]
