"""Fixtures for all tests; and after each test nothing is left behind (PK-21)."""

from collections.abc import Iterator

import pykka
import pytest

from tests.fixtures.postgres import database, empty_database, new_server, postgres_server

__all__ = ["database", "empty_database", "new_server", "postgres_server"]


@pytest.fixture(autouse=True)
def no_actor_is_left() -> Iterator[None]:
    """A test that leaves an actor registered spoils the next one: it fails here instead."""
    yield
    left = pykka.ActorRegistry.get_all()
    for ref in left:
        pykka.ActorRegistry.unregister(ref)
    assert not left, f"actors left behind: {left}"
