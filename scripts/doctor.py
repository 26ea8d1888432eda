"""`pahara doctor`: can the engine run here, and is everything as it should be?

Decides what is looked at and what counts as bad. Changes nothing. Each check is one small function
in a table; a newcomer adds a function and a row.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from actors.runtime.clock import boot_ns, wall_ns
from actors.stores.database import open_database
from actors.stores.migrate import known
from engine.errors import ConfigInvalid, PaharaError
from engine.units import NS_PER_S
from scripts import doctor_kite
from supervisors.config import load_config
from supervisors.stores import database_url
from supervisors.tables import load_sessions

DISK_FREE_BYTES_MIN = 1 << 30
CALENDAR_DAYS_MIN = 21
Finding = tuple[bool, str]


def _python(_: Path, __: Path) -> Finding:
    version = sys.version_info
    return (3, 11) <= version[:2] <= (3, 13), f"Python {version[0]}.{version[1]}.{version[2]}"


def _asserts(_: Path, __: Path) -> Finding:
    return __debug__, "assertions are on" if __debug__ else "python -O: the engine refuses it"


def _config(config: Path, _: Path) -> Finding:
    try:
        load_config(config)
    except ConfigInvalid as error:
        return False, f"{config}: {len(error.faults)} fault(s), see pahara config validate"
    return True, f"{config} is valid"


def _state_dir(_: Path, state_dir: Path) -> Finding:
    if not state_dir.exists():
        return True, f"{state_dir} will be created"
    mode = state_dir.stat().st_mode & 0o777
    return mode & 0o077 == 0, f"{state_dir} has mode {mode:o}"


def _disk(_: Path, state_dir: Path) -> Finding:
    place = state_dir if state_dir.exists() else state_dir.absolute().parent
    free = shutil.disk_usage(place).free
    return free >= DISK_FREE_BYTES_MIN, f"{free >> 20} MiB free"


def _clock(_: Path, __: Path) -> Finding:
    year = datetime.fromtimestamp(wall_ns() // NS_PER_S, UTC).year
    return year >= 2026 and boot_ns() > 0, f"wall clock says {year}"


def _calendar(_: Path, __: Path) -> Finding:
    day = datetime.fromtimestamp(wall_ns() // NS_PER_S, UTC).date()
    ahead = day + timedelta(days=CALENDAR_DAYS_MIN)
    missing = [when.year for when in (day, ahead) if not load_sessions().covers(when)]
    if missing:
        return False, f"calendar does not cover {missing[0]}: write it into configs/calendars"
    return True, f"calendar covers {day.year} and the next {CALENDAR_DAYS_MIN} days"


def _database(_: Path, state_dir: Path) -> Finding:
    dsn = database_url(os.environ)
    if dsn is None and not any(state_dir.glob("postgres*")):
        return True, "embedded database will be created"
    try:
        database = open_database(state_dir, dsn)
        with psycopg.connect(database.dsn, connect_timeout=3) as conn:
            row = conn.execute("SELECT max(version) FROM schema_version").fetchone()
    except (PaharaError, psycopg.Error) as error:
        is_expected = dsn is None and not (state_dir / "control.sock").exists()
        return is_expected, f"no answer (engine not running): {type(error).__name__}"
    version = row[0] if row else 0
    return version == known()[-1].version, f"schema version {version}"


CHECKS: tuple[tuple[str, Callable[[Path, Path], Finding]], ...] = (
    ("python", _python),
    ("assertions", _asserts),
    ("configuration", _config),
    ("state directory", _state_dir),
    ("disk", _disk),
    ("clock", _clock),
    ("calendar", _calendar),
    ("database", _database),
    ("login", doctor_kite.login),
    ("instruments", doctor_kite.instrument_list),
    ("address", doctor_kite.address),
)


def doctor(config: Path, state_dir: Path, *, as_json: bool = False) -> int:
    """Run all checks; exit code 0 if all are good, else 1."""
    findings = [(name, *check(config, state_dir)) for name, check in CHECKS]
    if as_json:
        rows = [{"check": name, "ok": ok, "text": text} for name, ok, text in findings]
        print(json.dumps(rows))
    else:
        for name, ok, text in findings:
            print(f"{'ok ' if ok else 'BAD'}  {name:16} {text}")
    return 0 if all(ok for _, ok, _ in findings) else 1
