"""Which database the engine uses: the one configured, or the embedded one.

Decides that choice and nothing else; boot starts and stops either the same way.
"""

from pathlib import Path
from typing import Protocol

import psycopg

from actors.stores.embedded import EmbeddedPostgres, StopMode
from engine.errors import JournalUnavailable


class Database(Protocol):
    """A database server as boot sees it."""

    @property
    def dsn(self) -> str:
        """Where to connect, valid after `start`."""

    def start(self) -> None:
        """Make sure that it answers. Raises JournalUnavailable or StateUnsafe."""

    def stop(self, mode: StopMode = "fast") -> None:
        """End it if it is ours to end."""


class ExternalDatabase:
    """A server that others run."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    def start(self) -> None:
        """Check that it answers within 2 s. Raises JournalUnavailable."""
        try:
            psycopg.connect(self.dsn, connect_timeout=2).close()
        except psycopg.Error as error:
            raise JournalUnavailable("the configured database does not answer") from error

    def stop(self, mode: StopMode = "fast") -> None:
        """Nothing: it is not ours."""


def open_database(state_dir: Path, dsn: str | None) -> Database:
    """The configured database, or the embedded one of this state directory; not started yet."""
    return ExternalDatabase(dsn) if dsn else EmbeddedPostgres(state_dir)
