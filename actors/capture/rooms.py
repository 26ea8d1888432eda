"""Rooms that are captured, and the doors through which the others reach them.

Decides which actors are re-run in a replay (inside) and which are not (outside: those that touch
the world). Refuses to know files. Inside, both clocks stand still while one event is handled: what
was read is on record with the event, once.
"""

from typing import Final

from pykka._envelope import Envelope

from actors.capture.events import (
    Called,
    Dropped,
    Exited,
    Fired,
    Flushed,
    Handled,
    Inbound,
    Opened,
    PortValue,
)
from actors.capture.recorder import Recorder
from actors.runtime.context import RoomContext
from actors.runtime.deadletters import DeadLetters
from actors.runtime.directory import Directory
from actors.runtime.exiting import ExitReport
from actors.runtime.inbox import Item
from actors.runtime.pool import Pool
from actors.runtime.room import Room, RoomSpec
from actors.runtime.runtime import Hosts, Runtime
from engine.messages.base import Delivery, Message
from engine.messages.supervision import ChildExited, ChildReady, ExitKind

OUTSIDE: Final = frozenset(
    {"source", "console", "metrics", "alerts", "heartbeat", "login", "summary"}
)
"""Actors that touch the world; so does everything in a process of its own."""


class CaptureDirectory(Directory):
    """Puts down what comes from outside before it is offered."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(CaptureDeadLetters(recorder))
        self.recorder = recorder

    def is_inside(self, name: str) -> bool:
        """Whether a message to the name must be put down; an absent one may be back at once."""
        room = self.rooms.get(name)
        return room is None or isinstance(room, CapturedRoom)

    def deliver(self, target: str, message: Message, sender: str = "") -> bool:
        if self.is_inside(target):
            self.recorder.append(Inbound(target, message))
        return super().deliver(target, message, sender)

    def notify(self, supervisor: str, notice: ChildExited | ChildReady) -> None:
        # A captured room's end comes by `report`; its READY is said within an event.
        is_inside = isinstance(self.rooms.get(notice.name), CapturedRoom)
        if isinstance(notice, ChildExited) or not is_inside:
            self.recorder.append(Inbound(supervisor, notice))
        super().notify(supervisor, notice)

    def report(self, supervisor: str, exited: ChildExited) -> None:
        """The end of a captured room, which has put it down."""
        super().notify(supervisor, exited)

    def is_live(self, name: str) -> bool:
        found = super().is_live(name)
        self.recorder.append(Called("directory", "is_live", "", "", found))
        return found

    def orphans(self, supervisor: str) -> list[Room]:
        found = super().orphans(supervisor)
        value: PortValue = [[room.name, room.spec.generation] for room in found]
        self.recorder.append(Called("directory", "orphans", "", "", value))
        return found


class CaptureDeadLetters(DeadLetters):
    """Puts down what was sent and never handled."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    def add(self, target: str, message: Message, sender: str, why: str) -> None:
        if message.delivery is not Delivery.CONFLATE:
            self._recorder.append(Dropped(target, message))
        super().add(target, message, sender, why)


class CapturedContext(RoomContext):
    """Counts what is sent and shows clocks that stand still."""

    __slots__ = ("_captured",)

    def __init__(self, room: Room) -> None:
        super().__init__(room)
        assert isinstance(room, CapturedRoom)
        self._captured = room
        self.now_ns = room.now_ns
        self.mono_ns = room.mono_ns

    def send(self, target: str, message: Message) -> None:
        self._captured.send_count += 1
        RoomContext.send(self, target, message)

    def leave(self, targets: tuple[str, ...], message: Message) -> None:
        before = self._captured.send_count
        RoomContext.leave(self, targets, message)
        self._captured.send_count = before + len(targets)


class CapturedRoom(Room):
    """A room whose every event is put down before it begins."""

    context_type = CapturedContext

    def __init__(self, spec: RoomSpec, pool: Pool, directory: Directory) -> None:
        super().__init__(spec, pool, directory)
        assert isinstance(directory, CaptureDirectory)
        self.recorder = directory.recorder
        self.key = self.recorder.enter(spec.name, spec.generation)
        self.step = 0
        self.send_count = 0
        self.fail_send_count = -1
        self.is_inside_event = False
        self._both_ns = pool.clock.both_ns
        self._now_ns = self._mono_ns = 0
        self._exit = CapturedExit(self, directory)

    def now_ns(self) -> int:
        return self._now_ns

    def mono_ns(self) -> int:
        return self._mono_ns

    def _begin(self) -> None:
        """A new event: its number, its time, nothing sent yet."""
        self.is_inside_event = True
        self.step += 1
        self.send_count = 0
        self._now_ns, self._mono_ns = self._both_ns()

    def _open(self) -> None:
        self._begin()
        self.recorder.append(Opened(self.key, self._now_ns, self._mono_ns))
        super()._open()
        self.is_inside_event = False
        if self._flush is not None:
            self._flush_behaviour = self._flush
            self._flush = self._captured_flush

    def _handle(self, item: Item) -> None:
        if isinstance(item, Envelope):  # tests' door; not captured
            super()._handle(item)
            return
        self.is_inside_event = True  # as `_begin`, written out: this is done for each message
        self.step += 1
        self.send_count = 0
        now_ns, mono_ns = self._both_ns()
        self._now_ns, self._mono_ns = now_ns, mono_ns
        self.recorder.append(Handled(self.key, item, now_ns, mono_ns))
        super()._handle(item)
        self.is_inside_event = False

    def _captured_flush(self) -> None:
        self._begin()
        self.recorder.append(Flushed(self.key, self._now_ns, self._mono_ns))
        self._flush_behaviour()
        self.is_inside_event = False

    def fire(self, key: str, message: Message) -> None:
        self.recorder.append(Fired(self.key, key))
        super().fire(key, message)

    def _fail(
        self, error: BaseException, kind: ExitKind | None, item: Message | None = None
    ) -> None:
        self.fail_send_count = self.send_count
        super()._fail(error, kind, item)


class CapturedExit(ExitReport):
    """Puts the end down before it is reported."""

    __slots__ = ("_captured_directory", "_room")

    def __init__(self, room: CapturedRoom, directory: CaptureDirectory) -> None:
        super().__init__(room.spec, directory)
        self._room = room
        self._captured_directory = directory

    def tell(self, exited: ChildExited) -> None:
        room = self._room
        is_fence = room.is_fenced
        sends = room.send_count if room.fail_send_count < 0 else room.fail_send_count
        is_cut = is_fence and room.is_inside_event
        room.recorder.append(Exited(room.key, room.step, sends, is_fence, is_cut, exited))
        self._captured_directory.report(room.spec.supervisor, exited)


class OutsideContext(RoomContext):
    """The context of an actor outside: what it sends inside is put down first."""

    __slots__ = ("_directory",)

    def __init__(self, room: Room) -> None:
        super().__init__(room)
        assert isinstance(room.directory, CaptureDirectory)
        self._directory = room.directory

    def send(self, target: str, message: Message) -> None:
        if self._directory.is_inside(target):
            self._directory.recorder.append(Inbound(target, message))
        super().send(target, message)


class OutsideRoom(Room):
    """A room that is not re-run."""

    context_type = OutsideContext


class CaptureRuntime(Runtime):
    """Starts captured rooms; those of `outside` are not."""

    def __init__(
        self, hosts: Hosts, recorder: Recorder, *, outside: frozenset[str] = OUTSIDE
    ) -> None:
        super().__init__(hosts, CaptureDirectory(recorder))
        self._outside = outside

    def room_type_of(self, name: str) -> type[Room]:
        return OutsideRoom if name in self._outside else CapturedRoom
