"""A database connection that never waits longer than it was told, and its errors by consequence.

Decides how long a call may block (a frozen server accepts bytes and never answers; no server-side
time-out helps then) and what each database error means to the engine. Knows no table.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Self, TypeVar

import psycopg
from psycopg import errors
from psycopg.abc import PQGen
from psycopg.rows import TupleRow

from actors.runtime.clock import boot_ns
from engine.errors import (
    DuplicateIntent,
    Fenced,
    JournalDamaged,
    JournalUnavailable,
    PaharaError,
    RecordRefused,
)
from engine.units import NS_PER_MS, NS_PER_S

RV = TypeVar("RV")
CONNECT_S_MAX: Final = 2  # psycopg's own lower bound
FENCED_STATE: Final = "PH001"
UNKNOWN_SUBJECT_STATE: Final = "PH002"
_UNIQUE_INTENTS: Final = frozenset(
    {"decisions_pkey", "decisions_plan_once", "groups_pkey", "orders_pkey"}
)
_SESSION: Final = """
SET synchronous_commit = on;
SET lock_timeout = {deadline_ms};
SET idle_in_transaction_session_timeout = '10s';
SET application_name = 'pahara'
"""


class DeadlineConnection(psycopg.Connection[TupleRow]):
    """Every unit of work (`within`) as a whole has a deadline by the boot clock. Past it the
    socket is closed, so the outcome of what was under way is unknown."""

    _until_ns: int = 0

    @contextmanager
    def within(self, deadline_ms: int) -> Iterator[Self]:
        """Let the calls inside wait no longer than `deadline_ms` together."""
        self._until_ns = boot_ns() + deadline_ms * NS_PER_MS
        try:
            yield self
        finally:
            self._until_ns = 0

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        if not self._until_ns:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, max(0.0, (self._until_ns - boot_ns()) / NS_PER_S))
        except errors._WaitTimeout as late:  # noqa: SLF001 - documented by Connection.wait
            self.pgconn.finish()
            raise errors.OperationalError("no answer within the deadline") from late


def connect(conninfo: str, deadline_ms: int) -> DeadlineConnection:
    """A connection with durable commits.

    Args:
        deadline_ms: bound of each set-up call; connecting itself takes at most CONNECT_S_MAX s.

    Raises:
        JournalUnavailable: no server, or it does not answer in time.
    """
    try:
        conn = DeadlineConnection.connect(
            conninfo, autocommit=True, prepare_threshold=0, connect_timeout=CONNECT_S_MAX
        )
        with conn.within(deadline_ms):
            conn.execute(_SESSION.format(deadline_ms=int(deadline_ms)).encode(), prepare=False)
    except psycopg.Error as error:
        raise consequence(error) from error
    return conn


def consequence(error: psycopg.Error) -> PaharaError | psycopg.Error:
    """What a database error means to the engine; an error that only our own bug explains is
    returned as it is."""
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    constraint = error.diag.constraint_name or ""
    match error:
        case _ if error.sqlstate == FENCED_STATE:
            return Fenced(text)
        case _ if error.sqlstate == UNKNOWN_SUBJECT_STATE:
            return RecordRefused(text)
        case errors.UniqueViolation() if constraint in _UNIQUE_INTENTS:
            return DuplicateIntent(f"{text} ({error.diag.message_detail or ''})")
        case errors.IntegrityError() | errors.DataError():
            return RecordRefused(text)
        case errors.InternalError():
            return JournalDamaged(text)
        case errors.OperationalError() | errors.InterfaceError():
            return JournalUnavailable(text)
        case _:
            return error
