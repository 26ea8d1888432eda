"""`pahara db upgrade|snapshot`: the schema, and a copy of the database as a file.

Decides how a snapshot is taken: through `COPY` of every table in one repeatable-read transaction
into one gzip file, which any PostgreSQL reads back. Refuses to stop a running engine.
"""

import gzip
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from actors.runtime.clock import wall_ns
from actors.stores.database import open_database
from actors.stores.migrate import upgrade as upgrade_schema
from engine.errors import PaharaError
from engine.units import NS_PER_S
from supervisors.stores import database_url

TABLES = (
    "schema_version",
    "leases",
    "journal",
    "instruments",
    "signals",
    "decisions",
    "groups",
    "orders",
    "trades",
    "positions",
    "risk_events",
    "audit_log",
    "system_state",
)


def upgrade(state_dir: Path) -> int:
    """Bring the schema up to date; prints what was applied."""
    try:
        database = open_database(state_dir, database_url(os.environ))
        database.start()
        with psycopg.connect(database.dsn) as conn:
            applied = upgrade_schema(conn)
    except PaharaError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("\n".join(applied) if applied else "schema is up to date")
    return 0


def snapshot(state_dir: Path) -> int:
    """Write `<state_dir>/snapshots/<UTC time>.copy.gz` and print its path."""
    folder = state_dir / "snapshots"
    try:
        database = open_database(state_dir, database_url(os.environ))
        database.start()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = (
            folder / f"{datetime.fromtimestamp(wall_ns() // NS_PER_S, UTC):%Y%m%dT%H%M%SZ}.copy.gz"
        )
        write_snapshot(database.dsn, path)
    except PaharaError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(path)
    return 0


def write_snapshot(dsn: str, path: Path) -> None:
    """Copy all tables as of one instant into `path` (gzip, 0600): a line `\\table NAME`, then
    PostgreSQL's text COPY format, table by table."""
    with psycopg.connect(dsn) as conn, gzip.open(path, "wb") as out:
        path.chmod(0o600)
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        for table in TABLES:
            out.write(f"\\table {table}\n".encode())
            query = psycopg.sql.SQL("COPY {} TO STDOUT").format(psycopg.sql.Identifier(table))
            with conn.cursor() as cursor, cursor.copy(query) as copy:
                for block in copy:
                    out.write(bytes(block))
