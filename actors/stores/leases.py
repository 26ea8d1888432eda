"""Who leads: an advisory lock for quick exclusion, a lease row with an epoch for fencing.

Decides how an epoch is taken, renewed and given back. Refuses to know time-outs of leadership and
what losing it means (the leader actor). The single-host form: the advisory lock decides who may
take over, and every take-over raises the epoch, so an older life of the engine can never write.
"""

import os
import socket
from typing import Any

import psycopg

from actors.stores.connection import DeadlineConnection, connect, consequence
from actors.stores.journal_store import ENGINE_ID
from engine.errors import Fenced, JournalUnavailable

_LOCK = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
_TAKE = """INSERT INTO leases (engine_id, epoch, holder, host, pid) VALUES (%s, 1, %s, %s, %s)
    ON CONFLICT (engine_id) DO UPDATE SET epoch = leases.epoch + 1, beat = 0, since = now(),
    holder = excluded.holder, host = excluded.host, pid = excluded.pid RETURNING epoch"""
_BEAT = """UPDATE leases SET beat = beat + 1
    WHERE engine_id = %s AND epoch = %s AND holder = %s RETURNING beat"""


class LeaseStore:
    """The lease of one engine id; its connection holds the advisory lock."""

    def __init__(self, conninfo: str, deadline_ms: int) -> None:
        self._conninfo, self._deadline_ms = conninfo, deadline_ms
        self._conn: DeadlineConnection | None = None
        self._held: tuple[str, int, str] | None = None

    def acquire(self, holder: str, engine_id: str = ENGINE_ID) -> int:
        """Become the leader; the new epoch (> every earlier one of this engine id).

        Raises:
            Fenced: another session holds the lock.
            JournalUnavailable: the database does not answer.
        """
        self.close()
        self._conn = connect(self._conninfo, self._deadline_ms)
        locked = self._one(_LOCK, (engine_id,))
        if locked != (True,):
            self.close()
            raise Fenced(f"another session leads {engine_id}")
        row = self._one(_TAKE, (engine_id, holder, socket.gethostname(), os.getpid()))
        assert row is not None
        self._held = (engine_id, int(row[0]), holder)
        return int(row[0])

    def beat(self) -> int:
        """Renew the lease; the new beat.

        Raises:
            Fenced: the epoch has moved on, or the lease was never ours.
            JournalUnavailable: the database does not answer; the lease runs out by its own clock.
        """
        if self._held is None:
            raise Fenced("no lease is held")
        row = self._one(_BEAT, self._held)
        if row is None:
            raise Fenced(f"epoch {self._held[1]} of {self._held[0]} does not lead")
        return int(row[0])

    def close(self) -> None:
        """Give the lock back by ending the session; the epoch stays the highest ever given."""
        self._held = None
        if self._conn is not None:
            self._conn.pgconn.finish()
            self._conn.close()
            self._conn = None

    def _one(self, query: str, params: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if self._conn is None:
            raise JournalUnavailable("not connected")
        try:
            with self._conn.within(self._deadline_ms) as conn:
                return conn.execute(query.encode(), params).fetchone()
        except psycopg.Error as error:
            self.close()
            raise consequence(error) from error
