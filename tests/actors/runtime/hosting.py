"""What the tests of real hosts share: a runtime, rooms that listen, waiting with a deadline."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pykka

from actors.runtime.behaviour import Behaviour
from actors.runtime.clock import Clock, SystemClock
from actors.runtime.room import Room, RoomSpec
from actors.runtime.runtime import HostKind, Runtime, ThreadHosts
from actors.runtime.target import ProcessTarget
from engine.messages.base import Message
from engine.messages.supervision import ChildExited, ChildReady, TimerFired

DEADLINE_S = 10.0


def wait_until(is_true: Callable[[], bool], what: str) -> None:
    """Wait for a condition of another thread or process; fail after the deadline."""
    pause = threading.Event()
    for _ in range(int(DEADLINE_S * 200)):
        if is_true():
            return
        pause.wait(0.005)
    raise AssertionError(f"not in time: {what}")


class Listener(Behaviour):
    """Keeps what it is sent for the test's thread."""

    def __init__(self) -> None:
        self.heard: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def receive(self, message: Message) -> None:
        self.heard.put(message)

    def next(self) -> Any:
        return self.heard.get(timeout=DEADLINE_S)

    @property
    def is_silent(self) -> bool:
        return self.heard.empty()


class ProcessHouse:
    """A runtime with two listeners: `boss` gets the notices, `desk` what the children send."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.hosts = ThreadHosts(clock or SystemClock(), ("control", "core"))
        self.runtime = Runtime(self.hosts)
        self.boss, self.desk = self._listener("boss"), self._listener("desk")

    def _listener(self, name: str) -> Listener:
        listener = Listener()
        spec = RoomSpec(name=name, generation=1, supervisor="", factory=lambda: listener)
        self.runtime.start(spec, pool="control")
        return listener

    def start(self, name: str = "ema", *, memory_mb_max: int = 2_048, **limits: Any) -> Room:
        """Start a generation of an echo in a child process."""
        arguments = {"reply_to": "desk", **limits.pop("arguments", {})}
        spec = RoomSpec(
            name=name,
            generation=self.runtime.directory.next_generation(name),
            supervisor="boss",
            factory=ProcessTarget(
                factory=limits.pop("factory", "tests.actors.runtime.misbehaving:echo"),
                arguments=arguments,
                memory_mb_max=memory_mb_max,
            ),
            **limits,
        )
        return self.runtime.start(spec, HostKind.PROCESS)

    def start_ready(self, name: str = "ema", **limits: Any) -> Room:
        """Start and wait for READY."""
        room = self.start(name, **limits)
        ready = self.boss.next()
        assert ready == ChildReady(name=name, generation=room.spec.generation)
        return room

    def tell(self, room: Room, key: str) -> None:
        """Order the echo to do something."""
        assert room.offer(TimerFired(key=key))

    def exit(self) -> ChildExited:
        """The next notice, which must be an end."""
        notice = self.boss.next()
        assert isinstance(notice, ChildExited), notice
        return notice

    def pids(self) -> tuple[int, ...]:
        hub = self.hosts.process_hub()
        assert hub is not None
        return hub.pids()

    def end(self) -> None:
        """Close and check that nothing is left."""
        assert self.hosts.close(DEADLINE_S)
        pykka.ActorRegistry.stop_all(block=False)
        for ref in pykka.ActorRegistry.get_all():
            pykka.ActorRegistry.unregister(ref)


@contextmanager
def nothing_left() -> Iterator[None]:
    """PK-21: no thread, process or descriptor more than before."""
    process = psutil.Process()
    threads, descriptors = threading.active_count(), process.num_fds()
    yield
    wait_until(lambda: not process.children(recursive=True), "no child process is left")
    wait_until(lambda: threading.active_count() <= threads, "no thread is left")
    wait_until(lambda: process.num_fds() <= descriptors, "no descriptor is left")
