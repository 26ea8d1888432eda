"""Bring a database to the schema this engine knows.

Decides which numbered SQL files still have to run, and refuses a database that a newer engine or
another hand has changed: guessing at a schema is how history gets lost. Knows nothing of tables.
"""

from hashlib import sha256
from importlib import resources
from typing import Any, Final, NamedTuple

import psycopg

from engine.errors import JournalDamaged

_LOCK_KEY: Final = 0x7061_6861_7261  # "pahara": one migration at a time in one database
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS schema_version (
    version integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)"""


class Migration(NamedTuple):
    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return sha256(self.sql.encode()).hexdigest()


def known() -> tuple[Migration, ...]:
    """The migrations shipped with this engine, numbered 1, 2, 3 ... without gaps."""
    folder = resources.files("actors.stores") / "migrations"
    names = sorted(path.name for path in folder.iterdir() if path.name.endswith(".sql"))
    found = tuple(Migration(int(n[:4]), n, (folder / n).read_text("utf-8")) for n in names)
    assert [m.version for m in found] == list(range(1, len(found) + 1))
    return found


def upgrade(
    conn: psycopg.Connection[Any], migrations: tuple[Migration, ...] | None = None
) -> list[str]:
    """Run what is missing, each file in the same one transaction; the names of the files run.

    Raises:
        JournalDamaged: the database has a version this engine does not know, or ran a file that
            read differently. The engine must not start on it.
        psycopg.Error: the database refused; nothing is changed.
    """
    migrations = known() if migrations is None else migrations
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK_KEY,))
        conn.execute(_TABLE)
        rows = conn.execute("SELECT version, checksum FROM schema_version").fetchall()
        applied: dict[int, str] = dict(rows)
        _refuse_strangers(applied, migrations)
        missing = [m for m in migrations if m.version not in applied]
        for migration in missing:
            conn.execute(migration.sql.encode())
            conn.execute(
                "INSERT INTO schema_version (version, name, checksum) VALUES (%s, %s, %s)",
                (migration.version, migration.name, migration.checksum),
            )
    return [m.name for m in missing]


def _refuse_strangers(applied: dict[int, str], migrations: tuple[Migration, ...]) -> None:
    ours = {m.version: m for m in migrations}
    for version, checksum in sorted(applied.items()):
        if version not in ours:
            raise JournalDamaged(f"schema version {version} is newer than this engine")
        if checksum != ours[version].checksum:
            raise JournalDamaged(f"migration {ours[version].name} was changed after it ran")
