"""The process host: whatever a child does, it ends only itself and is reported once."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from actors.runtime.childprocess import make_folder
from actors.runtime.clock import LapseClock, VirtualClock, boot_ns
from actors.runtime.room import Room, RoomSpec
from actors.runtime.runtime import HostKind, Runtime, SeededHosts
from actors.runtime.seeded import SeededPool
from actors.runtime.target import ProcessTarget
from engine.messages.control import CommandDone
from engine.messages.market import BarClosed, Tick
from engine.messages.supervision import ChildExited, ChildReady, ExitKind, StopOrdered, TimerFired
from tests.actors.runtime.hosting import Listener, ProcessHouse, nothing_left, wait_until
from tests.actors.runtime.misbehaving import alert, tick


@pytest.fixture
def house() -> Iterator[ProcessHouse]:
    with nothing_left():
        house = ProcessHouse()
        yield house
        house.end()


def bar(number: int) -> BarClosed:
    return BarClosed(
        instrument="NSE:INFY",
        interval_s=60,
        start_at_ns=number,
        end_at_ns=number + 1,
        open_paise=1,
        high_paise=1,
        low_paise=1,
        close_paise=1,
        volume=0,
        tick_count=1,
    )


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


def test_when_a_child_is_ordered_to_stop_then_it_closes_first(house: ProcessHouse) -> None:
    room = house.start_ready()
    room.offer(StopOrdered(reason="end of day"))
    exited = house.exit()
    assert (exited.kind, exited.reason) == (ExitKind.SHUTDOWN, "end of day")
    assert house.desk.next().text == "closed: end of day"


def test_when_a_deferred_child_recovers_then_data_waits_for_ready(house: ProcessHouse) -> None:
    room = house.start(arguments={"opening": "deferred"})
    room.offer(alert("data"))
    room.offer(CommandDone(request_id="1", is_done=True, text="recovered"))
    assert house.boss.next() == ChildReady(name="ema", generation=1)
    assert house.desk.next().text == "data"


def test_when_many_messages_pass_then_they_keep_their_order(house: ProcessHouse) -> None:
    room = house.start_ready()
    sent = [bar(number) for number in range(1_000)]
    for message in sent:
        assert room.offer(message)
    assert [house.desk.next() for _ in sent] == sent


def test_when_a_generation_is_fenced_then_nothing_of_it_arrives_any_more(
    house: ProcessHouse,
) -> None:
    room = house.start_ready()
    house.tell(room, "flood 200000")
    house.desk.next()
    room.fence(ExitKind.FENCED, "revoked")
    again = house.start(arguments={"reply_to": "boss"})
    assert house.exit().generation == 1
    assert house.boss.next() == ChildReady(name="ema", generation=2)
    while not house.desk.is_silent:
        house.desk.next()
    again.offer(alert("new"))
    assert house.boss.next() == alert("new")
    assert house.desk.is_silent


def test_when_a_child_lags_then_ticks_conflate_and_orders_are_kept(house: ProcessHouse) -> None:
    room = house.start_ready(inbox_max=5_000, conflate_after=100)
    house.tell(room, "block 0.5")
    for number in range(20_000):
        assert room.offer(tick(number))
    for number in range(2_000):
        assert room.offer(TimerFired(key="tell pid") if number % 2 else tick(number, "NSE:TCS"))
    room.offer(TimerFired(key="tell who"))
    answers, prices = [], []
    while len(answers) <= 1_000 or prices[-1:] != [19_999]:
        heard = house.desk.next()
        if not isinstance(heard, Tick):
            answers.append(heard)
        elif heard.instrument == "NSE:INFY":
            prices.append(heard.price_paise)
    assert answers[-1] == alert("ema 1 boss", "who")
    assert len(prices) < 15_000
    assert prices == sorted(prices)


def test_when_a_backlog_of_orders_grows_without_bound_then_the_child_is_ended(
    house: ProcessHouse,
) -> None:
    room = house.start_ready(inbox_max=100, conflate_after=10)
    house.tell(room, "block 2")
    for _ in range(10_000):
        house.tell(room, "tell pid")
    exited = house.exit()
    assert exited.kind is ExitKind.RESOURCE
    assert "backlog" in exited.reason


def test_when_a_thread_of_the_child_sends_then_it_arrives(house: ProcessHouse) -> None:
    house.tell(house.start_ready(), "thread")
    assert house.desk.next().text == "from a thread"


def test_when_a_child_sets_a_timer_then_it_fires_in_the_child(house: ProcessHouse) -> None:
    house.tell(house.start_ready(), "timer")
    assert house.desk.next().text == "timer"


def test_when_a_child_sends_to_nobody_then_the_parent_counts_it(house: ProcessHouse) -> None:
    room = house.start_ready(arguments={"reply_to": "nobody"})
    room.offer(bar(1))
    letters = house.runtime.directory.dead_letters
    wait_until(lambda: letters.total == 1, "a dead letter")
    assert letters.counts() == {("nobody", "BarClosed", "absent"): 1}


def test_when_market_time_lapses_then_parent_and_child_agree() -> None:
    with nothing_left():
        house = ProcessHouse(LapseClock(start_ns=10**18, speed=50, origin_ns=boot_ns()))
        room = house.start_ready()
        before_ns = house.runtime.clock.now_ns()
        house.tell(room, "tell now")
        told_ns = int(house.desk.next().text)
        assert before_ns <= told_ns <= house.runtime.clock.now_ns()
        house.end()


def test_when_the_clock_is_virtual_then_no_process_is_started() -> None:
    with nothing_left():
        house = ProcessHouse(VirtualClock())
        house.start()
        assert house.exit().kind is ExitKind.START_FAILED
        house.end()


def test_when_frames_are_malformed_then_they_are_counted_and_a_storm_kills(
    house: ProcessHouse,
) -> None:
    room = house.start_ready(factory="tests.actors.runtime.misbehaving:babbler")
    room.offer(TimerFired(key="3"))
    room.offer(alert("still understood"))
    assert house.desk.next().text == "still understood"
    room.offer(TimerFired(key="200"))
    assert house.exit().reason == "100 malformed frames"


def test_when_the_host_is_seeded_then_the_same_target_runs_in_place() -> None:
    pool = SeededPool(VirtualClock())
    runtime = Runtime(SeededHosts(pool))
    desk = Listener()
    target = ProcessTarget(
        factory="tests.actors.runtime.misbehaving:echo",
        arguments={"reply_to": "desk", "values": (1, "two")},
    )
    runtime.start(RoomSpec(name="desk", generation=1, supervisor="", factory=lambda: desk))
    room: Room = runtime.start(
        RoomSpec(name="ema", generation=1, supervisor="boss", factory=target), HostKind.PROCESS
    )
    room.offer(TimerFired(key="tell values"))
    pool.run_idle()
    assert desk.next().text == "[1, 'two']"
    for name in ("desk", "ema"):
        runtime.directory.deliver(name, StopOrdered(reason="end"))
    pool.run_idle()


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
