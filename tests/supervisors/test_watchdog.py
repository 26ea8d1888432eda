"""Stuck rooms, zombies, wedged pools, the beat board and the watch from outside."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.runtime.clock import SystemClock, boot_ns
from engine.messages.administration import Admin, Outcome
from engine.messages.control import GenerationFenced
from engine.units import NS_PER_MS
from supervisors.beats import Beat, BeatWriter, is_late, read_beat
from supervisors.outside import EXIT_GONE, EXIT_IN_ORDER, EXIT_USAGE, Watch, main
from supervisors.spec import HostKind, Shutdown
from supervisors.watchdog import Watchdog, WatchLimits
from tests.supervisors.harness import House, PooledStage

ids = pytest.mark.conformance
ROOT = Path(__file__).resolve().parents[2]


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        return self.ns


class Dog:
    """A watchdog looked through by hand."""

    def __init__(self, house: House, **limits: int) -> None:
        assert isinstance(house.stage, PooledStage)
        self.clock = Hand()
        self.zombies: list[int] = []
        self.wedged: list[str] = []
        self.dog = Watchdog(
            house.stage.hosts,
            self.clock,
            on_zombies=self.zombies.append,
            on_wedged=self.wedged.append,
            limits=WatchLimits(**limits),
        )

    def pass_ms(self, ms: int) -> None:
        self.dog.look()
        while ms > 0:
            self.clock.ns += min(ms, 250) * NS_PER_MS
            ms -= 250
            self.dog.look()

    def sleep_ms(self, ms: int) -> None:
        """Time in which the watchdog does not run either."""
        self.clock.ns += ms * NS_PER_MS
        self.dog.look()


@pytest.fixture
def dog(pooled: House) -> Dog:
    return Dog(pooled)


def block(house: House, name: str) -> None:
    """Get a child stuck in its handler."""
    before = len(house.script.heard)
    house.tell(name, "block")
    house.settle(lambda: len(house.script.heard) > before)


@ids("PK-07", "PK-10")
@pytest.mark.parametrize("host", [HostKind.POOLED, HostKind.THREAD])
def test_when_a_room_is_stuck_then_it_is_fenced_replaced_and_others_go_on(
    pooled: House, dog: Dog, host: HostKind
) -> None:
    gate = pooled.listen("gate")
    pooled.tree(
        pooled.child("a", host=host, busy_ms_max=100),
        pooled.child("b"),
        fence_listeners=("gate",),
    )
    block(pooled, "a")
    dog.pass_ms(99)
    assert pooled.generation("a") == 1
    dog.pass_ms(2)
    pooled.wait_ready("a", 2)
    assert dog.dog.zombie_count == 1
    assert [(m.name, m.generation) for m in gate if isinstance(m, GenerationFenced)] == [("a", 1)]
    pooled.tell("b", "still here")
    pooled.settle(lambda: pooled.script.heard[-1][0] == "b")
    pooled.script.gate.set()
    pooled.settle(lambda: dog.dog.zombie_count == 0)
    assert pooled.script.log.count("close a") == 1


@ids("PK-10")
def test_when_there_are_three_zombies_then_a_controlled_exit_is_asked_for_once(
    pooled: House, dog: Dog
) -> None:
    pooled.tree(pooled.child("a", busy_ms_max=100), restarts_max=10)
    for generation in (2, 3, 4):
        assert dog.zombies == []
        block(pooled, "a")
        dog.pass_ms(101)
        pooled.wait_ready("a", generation)
    dog.pass_ms(101)
    assert dog.zombies == [3]


@ids("PK-22", "PK-23")
def test_when_the_whole_process_stood_still_then_no_room_is_called_stuck(
    pooled: House, dog: Dog
) -> None:
    pooled.tree(pooled.child("a", busy_ms_max=500))
    block(pooled, "a")
    dog.pass_ms(100)
    dog.sleep_ms(3_600_000)
    assert pooled.generation("a") == 1
    dog.pass_ms(250)
    pooled.wait_ready("a", 2)


@ids("PK-23")
def test_when_messages_keep_moving_or_the_wall_clock_jumps_then_nothing_is_stuck(
    pooled: House, dog: Dog
) -> None:
    pooled.tree(pooled.child("a", busy_ms_max=100))
    for _ in range(5):
        pooled.tell("a", "x")
        pooled.settle(lambda: len(pooled.script.heard) > 0)
        dog.pass_ms(10_000)
    assert pooled.is_ready("a", 1)


def test_when_a_fenced_room_is_still_busy_then_its_worker_is_left_behind(
    pooled: House, dog: Dog
) -> None:
    pooled.tree(pooled.child("a", busy_ms_max=100), pooled.child("b"))
    block(pooled, "a")
    pooled.fence("a")
    pooled.settle(lambda: pooled.generation("a") == 2)
    dog.pass_ms(101)
    pooled.wait_ready("a", 2)
    assert dog.dog.zombie_count == 1


@ids("SUP-019")
def test_when_a_thread_does_not_stop_in_time_then_it_counts_as_a_zombie(
    pooled: House, dog: Dog
) -> None:
    pooled.tree(pooled.child("a", host=HostKind.THREAD, shutdown=Shutdown(20)))
    block(pooled, "a")
    assert pooled.outcome(Admin.TERMINATE, "a") is Outcome.OK
    dog.pass_ms(1)
    assert dog.dog.zombie_count == 1
    pooled.script.gate.set()
    pooled.settle(lambda: dog.dog.zombie_count == 0)


@ids("PK-03")
def test_when_open_blocks_then_it_times_out_and_the_late_word_is_ignored(
    pooled: House, dog: Dog
) -> None:
    pooled.script.opening["a"] = ["", "block", ""]
    pooled.tree(pooled.child("a", start_timeout_ms=50, busy_ms_max=100, host=HostKind.THREAD))
    pooled.tell("a", "crash")
    pooled.wait_ready("a", 3)
    pooled.script.gate.set()
    pooled.settle(lambda: pooled.script.log.count("close a") == 2)
    assert pooled.is_ready("a", 3)


def test_when_open_blocks_its_own_supervisors_pool_then_the_watchdog_ends_it(
    pooled: House,
) -> None:
    dog = Dog(pooled, open_ms_max=1_000)
    pooled.script.opening["a"] = ["", "block", ""]
    pooled.tree(pooled.child("a", start_timeout_ms=60_000, busy_ms_max=100, pool="control"))
    pooled.tell("a", "crash")
    pooled.settle(lambda: pooled.script.starts("a") == 2)
    dog.pass_ms(999)
    assert pooled.generation("a") == 2
    dog.pass_ms(2)
    pooled.wait_ready("a", 3)


class Broken:
    """A room with a bug outside of its guarded doors."""

    name = "broken"
    served_count = 0

    def run(self, _: int) -> None:
        raise RuntimeError("a bug of the host")

    def fence(self, *_: object) -> None:
        self.name = "fenced"


def test_when_a_worker_dies_then_the_pool_gets_another(pooled: House, dog: Dog) -> None:
    assert isinstance(pooled.stage, PooledStage)
    pooled.tree(pooled.child("a"))
    pool = pooled.stage.hosts.pools["core"]
    worker = pool.worker
    assert worker is not None
    hook, threading.excepthook = threading.excepthook, lambda _: None
    try:
        pool.schedule(Broken())  # type: ignore[arg-type]
        worker.join(2)
    finally:
        threading.excepthook = hook
    assert not worker.is_alive()
    dog.dog.look()
    pooled.tell("a", "hello")
    pooled.settle(lambda: len(pooled.script.heard) == 1)


def test_when_rooms_wait_and_nothing_is_served_then_it_is_reported_once(
    pooled: House,
) -> None:
    class Silent:
        def __init__(self) -> None:
            self.name = "mute"
            self.busy_room = None
            self.worker = threading.current_thread()
            self.turn_count = 3
            self.waiting_count = 2

    class Hosts:
        def all_pools(self) -> tuple[object, ...]:
            return (pool,)

        def retired_workers(self) -> tuple[object, ...]:
            return ()

        def is_private(self, _: object) -> bool:
            return False

    pool, clock, wedged = Silent(), Hand(), []
    dog = Watchdog(Hosts(), clock, on_wedged=wedged.append)  # type: ignore[arg-type]
    for _ in range(40):
        dog.look()
        clock.ns += 250 * NS_PER_MS
    assert wedged == ["mute"]


def test_when_the_watchdog_runs_by_itself_then_it_beats_and_ends(
    pooled: House, tmp_path: Path
) -> None:
    assert isinstance(pooled.stage, PooledStage)
    path = tmp_path / "beats"
    beats = BeatWriter(path)
    dog = Watchdog(
        pooled.stage.hosts,
        SystemClock().mono_ns,
        beats=beats,
        limits=WatchLimits(period_ms=5),
    )
    pooled.tree(pooled.child("a", busy_ms_max=30))
    dog.start()
    block(pooled, "a")
    pooled.wait_ready("a", 2)
    pooled.settle(lambda: (read_beat(path) or Beat(0, 0, 0, 0)).stuck_count == 1)
    assert path.stat().st_mode & 0o777 == 0o600
    assert dog.close()
    assert read_beat(path) is not None
    assert read_beat(path).pid == 0  # type: ignore[union-attr]


@pytest.fixture
def board(tmp_path: Path) -> Iterator[tuple[Path, BeatWriter]]:
    path = tmp_path / "beats"
    writer = BeatWriter(path)
    yield path, writer
    writer.close(0)


def test_when_beats_stop_and_return_then_each_is_said_once(board: tuple[Path, BeatWriter]) -> None:
    path, writer = board
    told: list[str] = []
    watch = Watch(path, 100, lambda event, _: told.append(event))
    writer.beat(0)
    for ms in (50, 101, 150, 200):
        assert watch.look(ms * NS_PER_MS, lambda _: True) is None
    writer.beat(200 * NS_PER_MS)
    assert watch.look(210 * NS_PER_MS, lambda _: True) is None
    assert told == ["engine_silent", "engine_back"]
    assert watch.look(211 * NS_PER_MS, lambda _: False) == EXIT_GONE
    assert told[-1] == "engine_gone"
    writer._pid = 0
    writer.beat(0)
    assert watch.look(10**12, lambda _: True) == EXIT_IN_ORDER


def test_when_the_board_is_missing_or_torn_then_nothing_is_concluded(tmp_path: Path) -> None:
    assert read_beat(tmp_path / "none") is None
    (tmp_path / "torn").write_bytes(b"PAH")
    assert read_beat(tmp_path / "torn") is None
    assert not is_late(Beat(0, 1, 0, 0), 10**18, 1)
    assert main([]) == EXIT_USAGE
    assert main(["x", "-5"]) == EXIT_USAGE


HOG = """
import sys, threading
from pathlib import Path
from actors.runtime.clock import SystemClock
from actors.runtime.runtime import ThreadHosts
from supervisors.beats import BeatWriter
from supervisors.watchdog import Watchdog, WatchLimits
clock = SystemClock()
hosts = ThreadHosts(clock)
dog = Watchdog(hosts, clock.mono_ns, beats=BeatWriter(Path(sys.argv[1])),
               limits=WatchLimits(period_ms=20))
dog.start()
print("beating", flush=True)
sys.stdin.readline()
sum(range(int(sys.argv[2])))  # one C call that keeps the interpreter to itself
print("back", flush=True)
sys.stdin.readline()
dog.close()
hosts.close(2)
"""


@ids("PK-22")
def test_when_something_keeps_the_interpreter_to_itself_then_the_outside_notices(
    tmp_path: Path,
) -> None:
    path = tmp_path / "beats"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    engine = subprocess.Popen(
        [sys.executable, "-c", HOG, str(path), str(100_000_000)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    assert engine.stdin is not None
    assert engine.stdout is not None
    with engine:
        assert engine.stdout.readline() == "beating\n"
        outside = subprocess.Popen(
            [sys.executable, "-m", "supervisors.outside", str(path), "300"],
            stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT,
        )  # fmt: skip
        assert outside.stderr is not None
        with outside:
            last_resort = threading.Timer(20, lambda: (engine.kill(), outside.kill()))
            last_resort.daemon = True
            last_resort.start()
            assert json.loads(outside.stderr.readline())["event"] == "outside_watching"
            engine.stdin.write("go\n")
            engine.stdin.flush()
            event = json.loads(outside.stderr.readline())
            assert event["event"] == "engine_silent"
            assert event["pid"] == engine.pid
            assert json.loads(outside.stderr.readline())["event"] == "engine_back"
            engine.stdin.write("end\n")
            engine.stdin.flush()
            assert outside.wait(10) == EXIT_IN_ORDER
            last_resort.cancel()
            last_resort.join()
        assert engine.wait(10) == 0
    alerts = (tmp_path / "beats.alert").read_text(encoding="ascii").splitlines()
    assert len(alerts) == 2
    assert (tmp_path / "beats.alert").stat().st_mode & 0o777 == 0o600
    assert boot_ns() > 0
