"""The room inside a child process: one behaviour, its timers, its inbox, on the main thread.

Decides nothing new: it is the same `Room` as everywhere, whose unknown names are the parent's
and whose notices go over the wire. It reads the wire and beats between messages, so that a
silent child is a stuck one, and control overtakes what waits.
"""

import resource
from collections.abc import Callable

from actors.runtime.childwire import Wire
from actors.runtime.clock import Clock
from actors.runtime.codec import Beat, Deliver, Noticed, Sent, Undelivered
from actors.runtime.context import RoomContext
from actors.runtime.deadletters import DeadLetters
from actors.runtime.directory import Directory
from actors.runtime.inbox import Item
from actors.runtime.pool import BATCH_MAX, Timers
from actors.runtime.room import Room, RoomSpec
from engine.messages.base import Message
from engine.messages.supervision import ChildExited, ChildReady, ExitKind

BEAT_NS = 100_000_000


class ChildContext(RoomContext):
    """The context in a child: every name but its own is the parent's business."""

    __slots__ = ("_wire",)
    _room: "ChildRoom"

    def __init__(self, room: "ChildRoom") -> None:
        super().__init__(room)
        self._wire = room.wire

    def send(self, target: str, message: Message) -> None:
        if target == self.name:
            super().send(target, message)
        elif self._room.is_fenced:
            self._dead_letters.add(target, message, self.name, "fenced")
        elif not self._wire.send(Sent(target, message)):
            self._dead_letters.add(target, message, self.name, "full")

    def awaits(self, is_wanted: Callable[[Message], bool]) -> bool:
        self._room.take_in()
        return super().awaits(is_wanted)


class ChildDeadLetters(DeadLetters):
    """Counted by the parent, where the alarm is."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def add(self, target: str, message: Message, sender: str, why: str) -> None:
        if not self._wire.send(Undelivered(target, message, sender, why)):
            super().add(target, message, sender, why)


class ChildDirectory(Directory):
    """One name; notices are the parent's to pass on."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(ChildDeadLetters(wire))
        self._wire = wire

    def notify(self, supervisor: str, notice: ChildExited | ChildReady) -> None:
        self._wire.send(Noticed(notice))


class ChildPool:
    """Serves the one room of this process on the main thread."""

    may_nest = False

    def __init__(self, clock: Clock, wire: Wire) -> None:
        self.clock = clock
        self.wire = wire
        self.served_count = 0
        self._timers = Timers()
        self._is_due = False
        self._beat_at_ns = 0

    def schedule(self, room: Room) -> None:
        self._is_due = True
        self.wire.wake()

    def set_timer(self, room: Room, key: str, mono_ns: int, message: Message) -> None:
        self._timers.add(room, key, mono_ns, message)

    def skip_to(self, room: Room, at_ns: int) -> bool:
        return False

    def serve(self, room: "ChildRoom") -> None:
        """Run until the room has ended."""
        while True:
            if self._is_due:
                self._is_due = False
                room.run(BATCH_MAX)
            if room.is_ended or room.is_fenced:
                return
            self.pulse(room, 0 if self._is_due else self._wait_ms())

    def pulse(self, room: "ChildRoom", timeout_ms: int = 0) -> None:
        """Take in what has come, fire timers, and give a sign of life when it is time."""
        room.take_in(timeout_ms)
        mono_ns = self.clock.mono_ns()
        self._timers.fire(mono_ns)
        if mono_ns - self._beat_at_ns >= BEAT_NS:
            self._beat_at_ns = mono_ns
            waiting_count = len(room.actor_inbox)  # type: ignore[arg-type]
            self.wire.send(Beat(room.served_count, waiting_count, self.wire.malformed_count))

    def is_pulse_due(self) -> bool:
        """True if the last sign of life is old."""
        return self.clock.mono_ns() - self._beat_at_ns >= BEAT_NS

    def _wait_ms(self) -> int:
        wait_ns = BEAT_NS
        due_ns = self._timers.due_ns()
        if due_ns is not None:
            wait_ns = min(wait_ns, max(0, due_ns - self.clock.mono_ns()))
        return -(-wait_ns // 1_000_000)


class ChildRoom(Room):
    """The room of a child process."""

    context_type = ChildContext

    def __init__(self, spec: RoomSpec, pool: ChildPool, directory: ChildDirectory) -> None:
        super().__init__(spec, pool, directory)
        self.wire = pool.wire
        self._child_pool = pool

    def take_in(self, timeout_ms: int = 0) -> None:
        """Put into the inbox what the parent has sent."""
        for frame in self.wire.poll(timeout_ms):
            if isinstance(frame, Deliver) and not self.offer(frame.message):
                self.directory.dead_letters.add(self.name, frame.message, "", "full")

    def serve(self) -> None:
        """Run to the end, whatever happens on the way."""
        try:
            self._child_pool.serve(self)
        except BaseException as error:  # noqa: BLE001 the host's one door for failures
            self._fail(error, None)

    def _handle(self, item: Item) -> None:
        super()._handle(item)
        if not self.is_ended and self._child_pool.is_pulse_due():
            self._child_pool.pulse(self)

    def _fail(
        self, error: BaseException, kind: ExitKind | None, item: Message | None = None
    ) -> None:
        # The report needs memory, and this process is about to end.
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        super()._fail(error, kind, item)
