"""A small tree on real threads, captured, and the same tree replayed."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from actors.capture.blocks import Pace
from actors.capture.recorder import Recorder
from actors.capture.rooms import CaptureRuntime
from actors.capture.sessions import Header, Session, new_folder
from actors.replay.player import Player
from actors.runtime.behaviour import Behaviour, Context, Opening
from actors.runtime.clock import LapseClock, boot_ns
from actors.runtime.runtime import Runtime, ThreadHosts
from engine.messages.base import Message
from engine.messages.market import FeedChecked
from engine.messages.supervision import TimerFired
from engine.units import NS_PER_MS
from supervisors.replaying import Outcome, replay_tree
from supervisors.root import Tree
from supervisors.spec import ChildSpec, SupervisorSpec
from supervisors.supervisor import supervising, supervisor_child
from supervisors.tree import Make
from supervisors.watchdog import Watchdog, WatchLimits
from tests.fixtures.engine import wait_for

RELEASED = threading.Event()
PAST_CUT = threading.Event()
"""Set by a replayed handler that goes on where the recorded one was stuck."""
START_NS = 1_704_080_700_000_000_000
OUTSIDE = frozenset({"teller"})


class Worker(Behaviour):
    """Adds up what it is told and tells the next one, each time with its clocks.

    "crash" raises, "hang" stands still, "unlucky" raises in the recording only, "stop" ends,
    "stop_badly" raises in `close`.
    """

    def __init__(self, following: str, step: int, *, is_recorded: bool) -> None:
        self.following = following
        self.step = step
        self.is_recorded = is_recorded
        self.total = 0
        self.is_close_bad = False

    def open(self, ctx: Context) -> Opening:
        super().open(ctx)
        ctx.timer_after("beat", 2 * NS_PER_MS, TimerFired(key="beat"))
        return Opening.READY

    def receive(self, message: Message) -> None:
        if isinstance(message, FeedChecked):
            self.total += message.at_ns % 7
            return
        assert isinstance(message, TimerFired)
        self.total += self.step
        word = message.key.partition(":")[0]
        self._obey(word)
        if word == "beat":
            self.ctx.timer_after("beat", 2 * NS_PER_MS, TimerFired(key="beat"))
            self.ctx.timer_after("never", 10**15, TimerFired(key="never"))
        said = f"{self.total} {self.ctx.now_ns()} {self.ctx.mono_ns()}"
        self.ctx.send(self.following, TimerFired(key=f"said:{self.ctx.name} {said}"))

    def close(self, reason: str) -> None:
        if self.is_close_bad:
            raise OSError("cannot close")

    def _obey(self, word: str) -> None:
        match word:
            case "crash":
                raise RuntimeError("as told")
            case "unlucky":
                self.ctx.send(self.following, TimerFired(key="said:before"))
                if self.is_recorded:
                    raise MemoryError
            case "hang":
                self.ctx.send(self.following, TimerFired(key="said:last words"))
                if not self.is_recorded:
                    PAST_CUT.set()
                while self.is_recorded and not RELEASED.is_set():
                    RELEASED.wait(0.01)
            case "stop":
                self.ctx.stop("as told")
            case "stop_badly":
                self.is_close_bad = True
                self.ctx.stop("as told")


class Sink(Behaviour):
    """Where everything ends: what it is told is compared, message by message."""

    def receive(self, message: Message) -> None:
        return None


def spec(make: Make, *, step: int = 1, is_recorded: bool) -> SupervisorSpec:
    """Three workers on two threads, each telling the next, the third below a supervisor of its
    own, and the sink, which is also told of failures."""

    def worker(name: str, following: str, pool: str) -> ChildSpec:
        return ChildSpec(
            id=name,
            factory=lambda _: Worker(following, step, is_recorded=is_recorded),
            pool=pool,
            busy_ms_max=150,
            conflate_after=4,
        )

    def supervisor(*children: ChildSpec) -> SupervisorSpec:
        return SupervisorSpec(
            children=children, restarts_max=100, fence_listeners=("sink",), journal="sink"
        )

    return supervisor(
        ChildSpec(id="sink", factory=lambda _: Sink(), pool="core"),
        worker("one", "two", "core"),
        worker("two", "sink", "market"),
        make("below", supervisor(worker("three", "sink", "market"))),
    )


class Recorded:
    """A captured tree at work."""

    def __init__(self, state_dir: Path, **recorder: Any) -> None:
        self.state_dir = state_dir
        clock = LapseClock(start_ns=START_NS, speed=60)
        pace = Pace(now_ns=clock.now_ns(), mono_ns=clock.mono_ns(), speed=60)
        header = Header(
            session=f"s{boot_ns():x}",
            config="{}",
            config_sha="",
            pace=pace,
            seed=1,
            version="",
            commit="",
            source_sha="",
            schema=1,
            python="",
        )
        self.folder = new_folder(state_dir, header.session)
        encoded = msgspec.json.encode(header)
        self.recorder = Recorder(self.folder, encoded, pace, **recorder)
        self.recorder.start()
        self.hosts = ThreadHosts(clock)
        self.runtime = CaptureRuntime(self.hosts, self.recorder, outside=OUTSIDE)
        watched = WatchLimits(period_ms=20)
        self.watchdog = Watchdog(self.hosts, clock.mono_ns, limits=watched)
        self.tree = build(self.runtime, is_recorded=True)
        self.watchdog.start()
        assert self.tree.porter.ready.wait(5)

    def tell(self, name: str, word: str) -> None:
        self.runtime.directory.deliver(name, TimerFired(key=word))

    def generation(self, name: str) -> int:
        rows = [row for row in self.runtime.board.rows() if row.name == name]
        return rows[0].generation if rows and rows[0].state == "ready" else 0

    def provoke(self, name: str, word: str) -> None:
        """Tell it to fail and wait for its successor."""
        before = self.generation(name)
        self.tell(name, word)
        wait_for(lambda: self.generation(name) > before)

    def close(self) -> None:
        RELEASED.set()
        self.tree.stop("over")
        assert self.tree.porter.ended.wait(5)
        self.tree.close()
        wait_for(lambda: not self.runtime.directory.names())
        self.watchdog.close()
        assert self.hosts.close(2)
        self.recorder.close()


@contextmanager
def recorded(state_dir: Path, **recorder: Any) -> Iterator[Recorded]:
    """A captured tree, taken down in order afterwards."""
    RELEASED.clear()
    PAST_CUT.clear()
    tree = Recorded(state_dir, **recorder)
    try:
        yield tree
    finally:
        tree.close()


def build(runtime: Runtime, *, step: int = 1, is_recorded: bool) -> Tree:
    rng = random.Random(1)

    def make(name: str, below: SupervisorSpec) -> ChildSpec:
        return supervisor_child(name, supervising(runtime, below, rng))

    root = spec(make, step=step, is_recorded=is_recorded)
    return Tree(runtime, supervising(runtime, root, rng))


def replayed(session: Session, *, step: int = 1) -> Outcome:
    """The outcome of replaying it; with another step each worker counts in another way."""

    def start(runtime: Runtime, _: Player) -> None:
        build(runtime, step=step, is_recorded=False)

    return replay_tree(session, start, outside=OUTSIDE)


def hammer(tree: Recorded, count: int, say: Callable[[int], tuple[str, Message]]) -> None:
    """Deliver `count` messages from each of two threads at once."""

    def run(offset: int) -> None:
        for number in range(count):
            name, message = say(number * 2 + offset)
            tree.runtime.directory.deliver(name, message)

    threads = [
        threading.Thread(target=run, args=(offset,))  # noqa: TID251 - races are the point
        for offset in (0, 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
