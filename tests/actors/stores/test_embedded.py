"""The embedded server with real processes: start, attach, kill, stop, users and modes."""

import multiprocessing
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest

from actors.stores.database import ExternalDatabase, open_database
from actors.stores.embedded import _SOCKET_LOCK, EmbeddedPostgres
from actors.stores.pg_place import SOCKET_DIR_BYTES_MAX, is_reachable
from engine.errors import JournalUnavailable, StateUnsafe

MakeServer = Callable[[Path], EmbeddedPostgres]
is_root = os.geteuid() == 0


def _setting(dsn: str, name: str) -> str:
    with psycopg.connect(dsn) as conn:
        row = conn.execute("SELECT current_setting(%s)", (name,)).fetchone()
    assert row is not None
    return str(row[0])


def _keep(dsn: str, value: int) -> None:
    with psycopg.connect(dsn) as conn:
        conn.execute("CREATE TABLE IF NOT EXISTS kept (value bigint)")
        conn.execute("INSERT INTO kept VALUES (%s)", (value,))


def _kept(dsn: str) -> list[int]:
    with psycopg.connect(dsn) as conn:
        return [row[0] for row in conn.execute("SELECT value FROM kept ORDER BY value")]


def test_when_the_server_starts_then_it_is_private_and_durable(
    postgres_server: EmbeddedPostgres,
) -> None:
    dsn, place = postgres_server.dsn, postgres_server.place
    assert _setting(dsn, "listen_addresses") == ""
    assert _setting(dsn, "fsync") == "on"
    assert _setting(dsn, "synchronous_commit") == "on"
    assert _setting(dsn, "server_encoding") == "UTF8"
    assert _setting(dsn, "data_checksums") == "on"
    pid = postgres_server.pid()
    assert pid is not None
    assert not [c for c in psutil.Process(pid).net_connections("inet") if c.laddr]
    for folder in (place.home, place.data, place.sockets):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(os.fsencode(place.sockets)) <= SOCKET_DIR_BYTES_MAX


def test_when_a_server_runs_then_another_engine_attaches_to_it(
    new_server: MakeServer, tmp_path: Path
) -> None:
    first, second = new_server(tmp_path / "state"), new_server(tmp_path / "state")
    first.start()
    pid = first.pid()
    second.start()
    assert second.pid() == pid
    assert second.dsn == first.dsn
    second.stop()
    assert first.pid() is None
    assert not [p for p in psutil.process_iter(["cmdline"]) if _is_of(p, first)]


def _is_of(process: psutil.Process, server: EmbeddedPostgres) -> bool:
    return str(server.place.data) in " ".join(process.info["cmdline"] or ())


def test_when_the_postmaster_is_killed_then_a_start_brings_everything_back(
    new_server: MakeServer, tmp_path: Path
) -> None:
    server = new_server(tmp_path / "state")
    server.start()
    _keep(server.dsn, 1)
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    server.start()
    assert server.pid() not in {None, pid}
    assert _kept(server.dsn) == [1]
    server.kill()
    assert server.pid() is None
    server.start()
    assert _kept(server.dsn) == [1]


def test_when_nothing_reaps_the_killed_server_then_a_start_works_all_the_same(
    new_server: MakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.stores.embedded.START_S_MAX", 5)
    server = new_server(tmp_path / "state")
    server.start()
    server.kill()
    with subprocess.Popen(["/bin/true"], user=server.place.user) as unreaped:
        os.waitid(os.P_PID, unreaped.pid, os.WEXITED | os.WNOWAIT)
        locks = (server.place.data / "postmaster.pid", server.place.sockets / _SOCKET_LOCK)
        for lock in locks:
            rest = lock.read_text().split("\n", 1)[1]
            lock.write_text(f"{unreaped.pid}\n{rest}")
        server.start()


def test_when_the_server_is_frozen_then_stop_ends_it_by_force(
    new_server: MakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.stores.embedded.STOP_S_MAX", 1)
    server = new_server(tmp_path / "state")
    server.start()
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    server.stop()
    assert server.pid() is None


def test_when_initdb_was_cut_short_then_the_next_start_begins_anew(
    new_server: MakeServer, tmp_path: Path
) -> None:
    server = new_server(tmp_path / "state")
    (server.place.home / "data.partial").mkdir()
    (server.place.home / "data.partial" / "PG_VERSION").write_text("18\n")
    server.start()
    assert _setting(server.dsn, "fsync") == "on"


def test_when_the_state_path_is_too_long_for_a_socket_then_it_moves(
    new_server: MakeServer, tmp_path: Path
) -> None:
    deep = tmp_path / ("d" * 100)
    server = new_server(deep)
    assert len(os.fsencode(server.place.sockets)) <= SOCKET_DIR_BYTES_MAX
    assert stat.S_IMODE(server.place.sockets.stat().st_mode) == 0o700


def test_when_a_folder_is_open_to_others_then_it_is_refused(
    new_server: MakeServer, tmp_path: Path
) -> None:
    home = new_server(tmp_path / "state").place.home
    home.chmod(0o755)
    with pytest.raises(StateUnsafe):
        _ = EmbeddedPostgres(tmp_path / "state").place
    home.chmod(0o700)


def test_when_the_log_is_big_then_a_start_begins_a_new_one(
    new_server: MakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.stores.embedded.LOG_BYTES_MAX", 10)
    server = new_server(tmp_path / "state")
    server.start()
    server.stop()
    server.start()
    assert server.place.log.with_name("log.1").stat().st_size > 10


@pytest.mark.skipif(not is_root, reason="only root has to change the user")
def test_when_root_starts_it_then_it_runs_as_nobody_and_parents_stay_closed(
    new_server: MakeServer, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    server = new_server(tmp_path / "state")
    server.start()
    pid = server.pid()
    assert pid is not None
    assert psutil.Process(pid).username() == "nobody"
    assert not is_reachable(tmp_path)
    note = tmp_path / "state" / "postgres.place"
    assert note.read_text().strip() == str(server.place.home)
    assert EmbeddedPostgres(tmp_path / "state").place == server.place


@pytest.mark.skipif(not is_root, reason="only root has to change the user")
def test_when_the_recorded_folder_is_lost_then_no_empty_one_takes_its_place(
    new_server: MakeServer, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    new_server(tmp_path / "state").place.home.rename(tmp_path / "moved")
    with pytest.raises(StateUnsafe, match="gone"):
        _ = EmbeddedPostgres(tmp_path / "state").place


def _run_as_nobody(folder: str) -> None:
    os.setgroups([])
    os.setgid(pwd.getpwnam("nobody").pw_gid)
    os.setuid(pwd.getpwnam("nobody").pw_uid)
    server = EmbeddedPostgres(Path(folder) / "state")
    server.start()
    assert server.place.home == Path(folder) / "state" / "postgres"
    assert server.place.user is None
    assert server.pid() is not None
    server.stop()
    assert server.pid() is None


@pytest.mark.skipif(not is_root, reason="only root has to change the user")
def test_when_the_programs_lie_in_a_closed_home_then_a_copy_of_them_runs(
    new_server: MakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.stores.pg_place.is_reachable", lambda _: False)
    server = new_server(tmp_path / "state")
    umask = os.umask(0o077)
    try:
        server.start()
    finally:
        os.umask(umask)
    pid = server.pid()
    assert pid is not None
    assert server.place.home in Path(psutil.Process(pid).exe()).parents


@pytest.mark.skipif(not is_root, reason="needs the right to become another user")
def test_when_an_ordinary_user_starts_it_then_it_stays_in_the_state_directory() -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        shutil.chown(folder, "nobody")
        child = multiprocessing.get_context("fork").Process(target=_run_as_nobody, args=(folder,))
        child.start()
        child.join(50)
        assert child.exitcode == 0


def test_when_a_dsn_is_configured_then_no_server_is_started(tmp_path: Path) -> None:
    database = open_database(tmp_path / "state", f"host={tmp_path} dbname=x")
    assert isinstance(database, ExternalDatabase)
    with pytest.raises(JournalUnavailable):
        database.start()
    database.stop()
    assert isinstance(open_database(tmp_path / "state", None), EmbeddedPostgres)
    assert not (tmp_path / "state").exists()
