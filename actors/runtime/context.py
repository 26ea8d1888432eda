"""The context a behaviour works through. One per generation; void once the room is fenced."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from actors.runtime.inbox import Left
from engine.messages.base import Message
from engine.messages.supervision import ExitKind, StopOrdered

if TYPE_CHECKING:
    from actors.runtime.room import Room


class RoomContext:
    """See `actors.runtime.behaviour.Context` for the promises."""

    __slots__ = (
        "_clock",
        "_dead_letters",
        "_left",
        "_nested",
        "_room",
        "_rooms",
        "_set_timer",
        "generation",
        "mono_ns",
        "name",
        "now_ns",
        "supervisor",
    )

    def __init__(self, room: "Room") -> None:
        self._room = room
        self._rooms = room.directory.rooms
        self._dead_letters = room.directory.dead_letters
        self._clock = room.pool.clock
        self._set_timer = room.pool.set_timer
        self._left = Left((), "", StopOrdered(reason=""))
        self._nested = room.pool if room.pool.may_nest else None
        self.now_ns = self._clock.now_ns
        self.mono_ns = self._clock.mono_ns
        self.name = room.name
        self.generation = room.spec.generation
        self.supervisor = room.spec.supervisor

    def send(self, target: str, message: Message) -> None:
        if self._room.is_fenced:
            self._dead_letters.add(target, message, self.name, "fenced")
            return
        other = self._rooms.get(target)
        if other is None:
            self._dead_letters.add(target, message, self.name, "absent")
        elif not other.offer(message):
            self._dead_letters.add(target, message, self.name, "full")

    def hand(self, target: str, message: Message) -> None:
        room = self._rooms.get(target)
        if (
            room is None
            or room.pool is not self._nested
            or self._room.is_fenced
            or not room.take_now(message)
        ):
            self.send(target, message)

    def leave(self, targets: tuple[str, ...], message: Message) -> None:
        left, key, is_void = self._left, message.conflation_key, self._room.is_fenced
        if left.is_whole and left.targets is targets and left.key == key and not is_void:
            left.message = message
            if left.is_whole:  # else somebody on another thread may have read the older one
                return
        left = Left(targets, key, message)
        for target in targets:
            room = self._rooms.get(target)
            if room is None or is_void or room.inbox.data or room.inbox.late:
                left.is_whole = False
                self.send(target, message)  # in front of what waits it would be read too early
            else:
                room.inbox.leave(left)
        self._left = left

    def skip_to(self, at_ns: int) -> bool:
        return self._nested is not None and self._nested.skip_to(self._room, at_ns)

    def timer_at(self, key: str, at_ns: int, message: Message) -> None:
        if not self._room.is_fenced:
            self._set_timer(self._room, key, self._clock.mono_at(at_ns), message)

    def timer_after(self, key: str, delay_ns: int, message: Message) -> None:
        if not self._room.is_fenced:
            self._set_timer(self._room, key, self.mono_ns() + delay_ns, message)

    def timer_cancel(self, key: str) -> None:
        self._room.timers.pop(key, None)

    def is_void(self) -> bool:
        return self._room.is_fenced

    def awaits(self, is_wanted: Callable[[Message], bool]) -> bool:
        waiting = tuple(self._room.inbox.data)
        return any(isinstance(item, Message) and is_wanted(item) for item in waiting)

    def ready(self) -> None:
        self._room.become_ready()

    def stop(self, reason: str, kind: ExitKind = ExitKind.NORMAL, trace: str = "") -> None:
        self._room.stop_wanted = (kind, reason, trace)
