"""The process host: whatever a child does, it ends only itself and is reported once."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from actors.runtime.childprocess import make_folder
from actors.runtime.room import RoomSpec
from actors.runtime.runtime import HostKind
from engine.messages.supervision import ChildExited, ExitKind
from tests.actors.runtime.hosting import Listener, ProcessHouse, nothing_left, wait_until
from tests.actors.runtime.misbehaving import alert


def is_running(pid: int) -> bool:
    """Zombies have ended; reaping an orphan is the init system's business."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


ENDS = [
    ("raise", ExitKind.CRASHED, "KeyError: 'a bug of the strategy'"),
    ("assert", ExitKind.INVARIANT, "AssertionError: ours"),
    ("sys_exit", ExitKind.CRASHED, "SystemExit: 3"),
    ("os_exit 0", ExitKind.KILLED, "ended with exit code 0"),
    ("os_exit 5", ExitKind.KILLED, "ended with exit code 5"),
    ("segfault", ExitKind.KILLED, "ended by SIGSEGV"),
    ("leak", ExitKind.RESOURCE, "MemoryError: "),
    ("spin", ExitKind.STUCK, "no sign of life for"),
    ("stop", ExitKind.NORMAL, "enough"),
]


@pytest.mark.conformance("PK-05", "PK-18", "PK-21")
@pytest.mark.parametrize(("key", "kind", "reason"), ENDS, ids=[end[0] for end in ENDS])
def test_when_a_child_ends_itself_then_it_is_reported_once_and_the_others_go_on(
    house: ProcessHouse, key: str, kind: ExitKind, reason: str
) -> None:
    other = house.start_ready("other")
    room = house.start_ready(busy_ms_max=300 if key == "spin" else 5_000, memory_mb_max=512)
    house.tell(room, key)
    other.offer(alert("still here"))
    while house.desk.next().text != "still here":
        continue

    exited = house.exit()
    assert (exited.name, exited.generation, exited.kind) == ("ema", 1, kind)
    assert exited.reason.startswith(reason)
    assert len(exited.trace) <= 4_000

    again = house.start_ready()
    assert again.spec.generation == 2
    while not house.desk.is_silent:
        assert house.desk.next().text.startswith("closed: ")
    again.offer(alert("back"))
    other.offer(alert("still here"))
    assert {house.desk.next().text, house.desk.next().text} == {"back", "still here"}
    assert house.boss.is_silent


@pytest.mark.parametrize("key", ["raise", "spin", "segfault"])
def test_when_a_child_fails_then_its_report_says_where(house: ProcessHouse, key: str) -> None:
    house.tell(house.start_ready(busy_ms_max=300), key)
    assert "_obey" in house.exit().trace


def test_when_a_message_crashes_the_child_then_its_digest_parks_it_next_time(
    house: ProcessHouse,
) -> None:
    house.tell(house.start_ready(), "raise")
    exited = house.exit()
    assert exited.message_type == "TimerFired"
    room = house.start_ready(poison=frozenset({exited.poison}))
    house.tell(room, "raise")
    room.offer(alert("alive"))
    assert house.desk.next().text.startswith("closed: ")
    assert house.desk.next().text == "alive"
    assert room.parked_count == 1


@pytest.mark.conformance("PK-18")
def test_when_a_child_is_killed_from_outside_then_the_signal_is_in_the_report(
    house: ProcessHouse,
) -> None:
    house.start_ready()
    os.kill(house.pids()[0], signal.SIGKILL)
    assert house.exit().reason == "ended by SIGKILL"


def test_when_a_child_is_frozen_then_it_is_stuck_and_killed(house: ProcessHouse) -> None:
    house.start_ready(busy_ms_max=100)
    os.kill(house.pids()[0], signal.SIGSTOP)
    assert house.exit().kind is ExitKind.STUCK


def test_when_the_group_is_interrupted_then_children_leave_it_to_the_parent(
    house: ProcessHouse,
) -> None:
    room = house.start_ready()
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(house.pids()[0], number)
    room.offer(alert("unmoved"))
    assert house.desk.next().text == "unmoved"


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [({"opening": "raise"}, ExitKind.START_FAILED), ({"opening": "ignore"}, ExitKind.IGNORED)],
)
def test_when_a_child_does_not_open_then_that_is_its_end(
    house: ProcessHouse, arguments: dict[str, str], kind: ExitKind
) -> None:
    house.start(arguments=arguments)
    assert house.exit().kind is kind


@pytest.mark.parametrize(
    "factory", ["no.such:thing", "tests.actors.runtime.misbehaving:nothing", "no colon"]
)
def test_when_a_factory_is_wrong_then_the_start_has_failed(
    house: ProcessHouse, factory: str
) -> None:
    house.start(factory=factory, arguments={})
    assert house.exit().kind is ExitKind.START_FAILED


def test_when_the_factory_is_a_closure_then_the_start_has_failed(house: ProcessHouse) -> None:
    spec = RoomSpec(name="ema", generation=1, supervisor="boss", factory=Listener)
    house.runtime.start(spec, HostKind.PROCESS)
    assert house.exit().kind is ExitKind.START_FAILED


def test_when_a_child_hangs_in_open_then_the_fence_kills_it(house: ProcessHouse) -> None:
    room = house.start(arguments={"opening": "hang"})
    wait_until(lambda: bool(house.pids()), "spawned")
    pid = house.pids()[0]
    room.fence(ExitKind.START_TIMEOUT, "never READY")
    assert house.exit().kind is ExitKind.START_TIMEOUT
    wait_until(lambda: not is_running(pid), "killed")
    assert house.boss.is_silent


PARENT = """
import os, threading
from tests.actors.runtime.hosting import ProcessHouse, wait_until
house = ProcessHouse()
room = house.start_ready()
house.tell(room, "{key}")
wait_until(lambda: len(house.pids()) == 2, "a child and the spare")
print(*house.pids(), flush=True)
threading.Event().wait()
"""


@pytest.mark.conformance("PK-21")
@pytest.mark.parametrize("key", ["tell pid", "spin"])
def test_when_the_parent_is_killed_then_no_child_outlives_it(key: str) -> None:
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)}
    with nothing_left():
        parent = subprocess.Popen(
            [sys.executable, "-c", PARENT.format(key=key)], stdout=subprocess.PIPE, env=paths
        )
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        parent.kill()
        parent.wait()
        parent.stdout.close()
        wait_until(lambda: not any(is_running(pid) for pid in pids), "orphans are gone")


def test_when_an_owner_was_killed_then_its_folder_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead, alive = tmp_path / "pahara-ipc-99999999-x", tmp_path / f"pahara-ipc-{os.getpid()}-y"
    dead.mkdir()
    alive.mkdir()
    folder = make_folder()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert set(tmp_path.iterdir()) == {alive, folder}


def test_when_the_hub_closes_then_living_children_are_reported_killed() -> None:
    with nothing_left():
        house = ProcessHouse()
        house.start_ready()
        hub = house.hosts.process_hub()
        assert hub is not None
        assert hub.close(5.0)
        exited = house.exit()
        assert exited == ChildExited(
            name="ema", generation=1, kind=ExitKind.KILLED, reason="the process hub has closed"
        )
        again = house.start_ready()
        assert again.spec.generation == 2
        house.end()
