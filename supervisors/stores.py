"""The stores of one life: database up, schema current, lease taken, latches and spool in place.

Decides the order in which they come up and go down. Refuses to know what is stored.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from actors.stores.database import open_database
from actors.stores.journal_store import JournalStore
from actors.stores.latches import FileLatches
from actors.stores.leases import LeaseStore
from actors.stores.migrate import upgrade
from actors.stores.secrets import read_secret
from actors.stores.spool import Spool

COMMIT_DEADLINE_MS = 2_000
_REALMS = "SELECT count(DISTINCT realm) FROM journal WHERE starts_with(realm, %s)"
_NO_WAIT = "options='-c synchronous_commit=off'"
_LAST = "SELECT at_ns FROM journal WHERE realm = %s ORDER BY seq DESC LIMIT 1"


def database_url(environ: Mapping[str, str]) -> str | None:
    """The configured database: DATABASE_URL, or the content of the 0600 file DATABASE_URL_FILE;
    None means the embedded one.

    Raises:
        StateUnsafe: the file is not safe to hold a secret.
    """
    if path := environ.get("DATABASE_URL_FILE"):
        return read_secret(Path(path)).reveal()
    return environ.get("DATABASE_URL")


class Stores:
    """A context: enter to bring everything up, leave to let it go.

    Args:
        realm: "paper", or a prefix such as "backtest-1f2e3d4c"; a prefix gets the next free number.
    """

    def __init__(
        self, state_dir: Path, realm: str, *, environ: Mapping[str, str] = os.environ
    ) -> None:
        self.state_dir = state_dir
        self.realm = realm
        self._environ = environ
        self.database = open_database(state_dir, database_url(environ))
        self.latches = FileLatches(state_dir, environ, is_new_state=False)
        self.epoch = 0
        self._lease: LeaseStore | None = None

    @property
    def dsn(self) -> str:
        return self.database.dsn

    def __enter__(self) -> Self:
        self.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.database.start()
        with psycopg.connect(self.dsn) as conn:
            upgrade(conn)
            if self.realm.startswith("backtest"):
                row = conn.execute(_REALMS, (self.realm,)).fetchone()
                self.realm = f"{self.realm}-{row[0] + 1 if row else 1}"
        # A realm with a past whose latches are gone is not new: FileLatches says HALT (BAD-42).
        is_new_state = self.last_at_ns() == 0
        self.latches = FileLatches(self.state_dir, self._environ, is_new_state=is_new_state)
        self._lease = LeaseStore(self.dsn, COMMIT_DEADLINE_MS)
        self.epoch = self._lease.acquire(f"{self.realm}@{os.getpid()}", self.engine_id)
        return self

    @property
    def engine_id(self) -> str:
        """Leadership is per realm: a backtest beside a running engine is no second leader."""
        return f"pahara/{self.realm}"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._lease is not None:
            self._lease.close()
        self.database.stop()

    def last_at_ns(self) -> int:
        """Market time of the realm's last record, 0 if it has none."""
        with psycopg.connect(self.dsn) as conn:
            row = conn.execute(_LAST, (self.realm,)).fetchone()
        return int(row[0]) if row else 0

    def make_store(self) -> JournalStore:
        """The journal's store under our epoch. A backtest can be run again, so its commits do not
        wait for the disk."""
        dsn = f"{self.dsn} {_NO_WAIT}" if self.realm.startswith("backtest") else self.dsn
        return JournalStore(
            dsn, self.realm, self.epoch, COMMIT_DEADLINE_MS, engine_id=self.engine_id
        )

    def make_spool(self) -> Spool:
        """The spool of this realm."""
        return Spool(self.state_dir / f"{self.realm}.spool")
