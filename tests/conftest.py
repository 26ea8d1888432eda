"""Fixtures for all tests."""

from tests.fixtures.postgres import database, empty_database, new_server, postgres_server

__all__ = ["database", "empty_database", "new_server", "postgres_server"]
