"""The journal in PostgreSQL: one transaction checks the leader epoch, writes records and tables.

Decides what a commit promises and how an unknown outcome is settled. Refuses to know what records
mean (engine/journal.py, projections.py) and when to try again (the journal actor). Blocks its
caller for at most the deadline; not for use from several threads.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import errors

from actors.runtime.clock import boot_ns
from actors.stores import queries
from actors.stores.connection import DeadlineConnection, connect, consequence
from actors.stores.port import Entry, Head, InstrumentPnl, JsonValue, Stored
from actors.stores.projections import project
from engine.errors import JournalDamaged, JournalUnavailable, PaharaError
from engine.instruments import Instrument
from engine.journal import GENESIS, group_of, kind_of, next_chain
from engine.messages.values import Book

ENGINE_ID: Final = "pahara"
READ_DEADLINE_FACTOR: Final = 40
_APPEND: Final = """SELECT journal_append(%s, %s, %s, %b::bigint[], %b::bigint[], %s::text[],
    %s::text[], %b::bytea[], %b::bytea[])"""
_HEAD: Final = "SELECT seq, chain FROM journal WHERE realm = %s ORDER BY seq DESC LIMIT 1"
_STORED: Final = (
    "SELECT seq, body, chain FROM journal WHERE realm = %s AND seq BETWEEN %s AND %s ORDER BY seq"
)


class JournalStore:
    """A `JournalStorePort` in PostgreSQL."""

    def __init__(
        self,
        conninfo: str,
        realm: str,
        epoch: int,
        deadline_ms: int,
        *,
        engine_id: str = ENGINE_ID,
    ) -> None:
        """
        Args:
            conninfo: a DSN; the schema is there already (migrate.upgrade).
            realm: 'paper', 'live' or 'backtest-...'.
            epoch: from LeaseStore.acquire of the same `engine_id`.
            deadline_ms: bound of one commit; reads may take READ_DEADLINE_FACTOR times as long.
        """
        assert realm
        assert epoch > 0
        assert deadline_ms > 0
        self._conninfo, self._realm, self._epoch = conninfo, realm, epoch
        self._engine_id, self._deadline_ms = engine_id, deadline_ms
        self._conn: DeadlineConnection | None = None
        self._head = Head(0, GENESIS)
        self.commit_took_ns = 0

    def open(self) -> Head:
        self.close()
        self._conn = connect(self._conninfo, self._deadline_ms)
        with self._work(self._deadline_ms) as conn:
            row = conn.execute(_HEAD, (self._realm,)).fetchone()
        self._head = Head(0, GENESIS) if row is None else Head(*row)
        return self._head

    def close(self) -> None:
        if self._conn is not None:
            self._conn.pgconn.finish()
            self._conn.close()
            self._conn = None

    def commit(self, batch: Sequence[Entry]) -> None:
        if not batch:
            return
        self._check_chain(batch)
        began_ns = boot_ns()
        if not self._is_written(batch):
            missing = self._not_stored(batch)
            if missing and not self._is_written(missing):
                raise JournalUnavailable("another writer of the same epoch is at work")
        self.commit_took_ns = boot_ns() - began_ns
        self._head = max(self._head, Head(batch[-1].seq, batch[-1].chain))

    def load_day(self, since_ns: int) -> tuple[Stored, ...]:
        with self._read() as conn:
            return queries.load_day(conn, self._realm, since_ns)

    def load_group(self, group_id: str) -> tuple[Stored, ...]:
        with self._read() as conn:
            return queries.load_group(conn, self._realm, group_id)

    def verify(self, from_seq: int = 1) -> Head:
        with self._read() as conn:
            return queries.verify(conn, self._realm, from_seq)

    def count_duplicate_order_intents(self, hours: int, now_ns: int) -> int:
        with self._read() as conn:
            return queries.count_duplicate_order_intents(conn, self._realm, hours, now_ns)

    def pnl_from_trades(self, book: Book, since_ns: int) -> tuple[InstrumentPnl, ...]:
        with self._read() as conn:
            return queries.pnl_from_trades(conn, self._realm, book, since_ns)

    def state_get(self, key: str) -> JsonValue:
        with self._work(self._deadline_ms) as conn:
            return queries.state_get(conn, self._realm, key)

    def state_set(self, key: str, value: JsonValue) -> None:
        with self._work(self._deadline_ms) as conn:
            queries.state_set(conn, self._realm, key, value)

    def put_instruments(self, instruments: Sequence[Instrument]) -> None:
        """Insert or replace the day's instruments, for reports to join with."""
        with self._read() as conn:
            queries.put_instruments(conn, self._realm, instruments)

    def _check_chain(self, batch: Sequence[Entry]) -> None:
        if batch[0].seq > self._head.seq + 1:
            raise ValueError(f"record {batch[0].seq} does not follow on {self._head.seq}")
        before = self._head if batch[0].seq == self._head.seq + 1 else None
        for entry in batch:
            follows = before is None or (
                entry.seq == before.seq + 1 and entry.chain == next_chain(before.chain, entry.body)
            )
            if not follows:
                raise ValueError(f"record {entry.seq} is not chained to the one before it")
            before = Head(entry.seq, entry.chain)

    def _is_written(self, batch: Sequence[Entry]) -> bool:
        """Write the batch; False, with nothing written, if a number of it is taken."""
        with self._work(self._deadline_ms) as conn:
            try:
                self._write(conn, batch)
            except errors.UniqueViolation as error:
                if error.diag.constraint_name != "journal_pkey":
                    raise
                return False
        return True

    def _write(self, conn: DeadlineConnection, batch: Sequence[Entry]) -> None:
        # One pipeline up to its sync is one transaction (the connection is in autocommit mode): one
        # round trip and one fsync a batch; an error anywhere leaves nothing.
        seqs, records, bodies, chains = zip(*batch, strict=True)
        keys = (
            [r.at_ns for r in records],
            list(map(kind_of, records)),
            list(map(group_of, records)),
        )
        leader = (self._engine_id, self._epoch, self._realm)
        with conn.pipeline(), conn.cursor() as cursor:
            cursor.execute(_APPEND, (*leader, list(seqs), *keys, list(bodies), list(chains)))
            for seq, record in zip(seqs, records, strict=True):
                cursor.execute(*project(self._realm, seq, record))

    def _not_stored(self, batch: Sequence[Entry]) -> Sequence[Entry]:
        """The rest of a batch whose first part an earlier attempt has stored."""
        with self._read() as conn:
            rows = conn.execute(_STORED, (self._realm, batch[0].seq, batch[-1].seq)).fetchall()
        stored = {seq: (body, chain) for seq, body, chain in rows}
        for entry in batch:
            if stored.get(entry.seq, (entry.body, entry.chain)) != (entry.body, entry.chain):
                raise JournalDamaged(f"record {entry.seq} is stored with other content")
        return [entry for entry in batch if entry.seq not in stored]

    @contextmanager
    def _read(self) -> Iterator[DeadlineConnection]:
        with self._work(self._deadline_ms * READ_DEADLINE_FACTOR) as conn:
            yield conn

    @contextmanager
    def _work(self, deadline_ms: int) -> Iterator[DeadlineConnection]:
        if self._conn is None:
            raise JournalUnavailable("not connected")
        try:
            with self._conn.within(deadline_ms) as conn:
                yield conn
        except psycopg.Error as error:
            meaning = consequence(error)
            if isinstance(meaning, JournalUnavailable) or not isinstance(meaning, PaharaError):
                self.close()
            raise meaning from error
