"""Two hosts for the same behaviours: the engine's pooled one, and one pykka thread an actor.

Decides how the bench builds either. Refuses to measure. The thread room is the least that lets a
behaviour run on `pykka.ThreadingActor`: sends by name and timers fired by the driver; it has no
fences, lanes, bounds, dead letters or exit reports, which all speak in its favour.
"""

import heapq
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, Protocol

import pykka

from actors.runtime.behaviour import Behaviour
from actors.runtime.clock import LapseClock, boot_ns
from actors.runtime.roomspec import RoomSpec
from actors.runtime.runtime import Runtime, ThreadHosts
from engine.messages.base import Message
from engine.messages.supervision import ExitKind


class BenchHost(Protocol):
    """Where the driver puts messages in."""

    def send(self, name: str, message: Message) -> None:
        """To an actor by name."""

    def beat(self) -> None:
        """The driver comes by, about each ms."""

    def close(self) -> None:
        """End all."""


class PooledHost:
    """The engine's own runtime; the boot clock is the market clock."""

    def __init__(self, behaviours: Mapping[str, Behaviour]) -> None:
        start_ns = boot_ns()
        self._hosts = ThreadHosts(LapseClock(start_ns=start_ns, speed=1, origin_ns=start_ns))
        self._runtime = Runtime(self._hosts)
        self._spec("supervisor", Deaf())
        for name, behaviour in behaviours.items():
            self._spec(name, behaviour)

    def _spec(self, name: str, behaviour: Behaviour) -> None:
        spec = RoomSpec(name=name, generation=1, supervisor="supervisor", factory=lambda: behaviour)
        pool = "market" if name in ("market",) or "/" in name else "control"
        self._runtime.start(spec, pool=pool)

    def send(self, name: str, message: Message) -> None:
        self._runtime.directory.deliver(name, message)

    def beat(self) -> None:
        return None

    def close(self) -> None:
        self._hosts.close(5.0)


class ThreadingHost:
    """Each behaviour on a thread of its own."""

    def __init__(self, behaviours: Mapping[str, Behaviour]) -> None:
        self.refs: dict[str, pykka.ActorRef[Any]] = {}
        self.timers: list[tuple[int, int, str, Message]] = []
        self.numbers = count()
        for name, behaviour in behaviours.items():
            self.refs[name] = ThreadRoom.start(self, name, behaviour)
        for name in behaviours:
            self.refs[name].tell(None)

    def send(self, name: str, message: Message) -> None:
        ref = self.refs.get(name)
        if ref is not None:
            ref.tell(message)

    def beat(self) -> None:
        now_ns = boot_ns()
        while self.timers and self.timers[0][0] <= now_ns:
            _, _, name, message = heapq.heappop(self.timers)
            self.send(name, message)

    def close(self) -> None:
        """The threads are daemons and go with the process: stopping 9,000 takes a minute."""


class ThreadRoom(pykka.ThreadingActor):
    """The adapter; opened by its first message, when all names are known."""

    use_daemon_thread = True

    def __init__(self, host: ThreadingHost, name: str, behaviour: Behaviour) -> None:
        super().__init__()
        self._context = ThreadContext(host, name)
        self._behaviour = behaviour
        self._is_open = False

    def on_receive(self, message: Any) -> None:  # noqa: ANN401 pykka's signature
        if not self._is_open:
            self._is_open = True
            self._behaviour.open(self._context)
        if message is not None:
            self._behaviour.receive(message)


class ThreadContext:
    """The context of a thread room."""

    generation = 1
    supervisor = "supervisor"

    def __init__(self, host: ThreadingHost, name: str) -> None:
        self.name = name
        self._host = host
        self.send = host.send

    def hand(self, target: str, message: Message) -> None:
        self.send(target, message)

    def leave(self, targets: tuple[str, ...], message: Message) -> None:
        for target in targets:
            self.send(target, message)

    def skip_to(self, at_ns: int) -> bool:
        return False

    def now_ns(self) -> int:
        return boot_ns()

    def mono_ns(self) -> int:
        return boot_ns()

    def timer_at(self, key: str, at_ns: int, message: Message) -> None:
        heapq.heappush(self._host.timers, (at_ns, next(self._host.numbers), self.name, message))

    def timer_after(self, key: str, delay_ns: int, message: Message) -> None:
        self.timer_at(key, boot_ns() + delay_ns, message)

    def timer_cancel(self, key: str) -> None:
        raise NotImplementedError

    def awaits(self, is_wanted: Callable[[Message], bool]) -> bool:
        return False

    def is_void(self) -> bool:
        return False

    def ready(self) -> None:
        return None

    def stop(self, reason: str, kind: ExitKind = ExitKind.NORMAL, trace: str = "") -> None:
        raise NotImplementedError


class Deaf(Behaviour):
    """Takes everything and does nothing."""

    def receive(self, message: Message) -> None:
        return None
