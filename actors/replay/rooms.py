"""Rooms of a replay: the same behaviours, driven by the log.

Decides how a behaviour's sends, timers, readiness and end are taken where nobody else runs. Refuses
to decide when anything happens: the player does, by the log. A room outside of the recording is
a stub that swallows what it is sent.
"""

from typing import TYPE_CHECKING

from actors.replay.difference import Cut, Diverged, shown
from actors.replay.plan import UNCOUNTED
from actors.runtime.clock import Clock
from actors.runtime.context import RoomContext
from actors.runtime.directory import Directory
from actors.runtime.failure import kind_of, text_of
from actors.runtime.pool import Pool
from actors.runtime.room import Room, RoomSpec, RoomState
from engine.messages.base import Message
from engine.messages.supervision import ChildExited, ChildReady, ExitKind

if TYPE_CHECKING:
    from actors.capture.events import Exited
    from actors.replay.player import Player


class ReplayClock:
    """Both clocks as recorded with the event under way."""

    def __init__(self, now_ns: int, mono_ns: int) -> None:
        self.now, self.mono = now_ns, mono_ns

    def move(self, now_ns: int, mono_ns: int) -> None:
        """Both clocks read this from now on."""
        self.now, self.mono = now_ns, mono_ns

    def now_ns(self) -> int:
        return self.now

    def mono_ns(self) -> int:
        return self.mono

    def mono_at(self, now_ns: int) -> int:
        return self.mono

    def both_ns(self) -> tuple[int, int]:
        return self.now, self.mono


class ReplayPool:
    """A pool that runs nothing by itself; it keeps what timers will say."""

    may_nest = False

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.served_count = 0

    def schedule(self, room: Room) -> None:
        return None

    def set_timer(self, room: Room, key: str, mono_ns: int, message: Message) -> None:
        room.timers[key] = mono_ns
        assert isinstance(room, ReplayRoom)
        room.timer_messages[key] = message

    def skip_to(self, room: Room, at_ns: int) -> bool:
        return False


class ReplayDirectory(Directory):
    """Messages wait by name; who is there when is on record."""

    def __init__(self, player: "Player") -> None:
        super().__init__()
        self.player = player

    def register(self, room: Room) -> None:
        self.rooms[room.name] = room

    def deliver(self, target: str, message: Message, sender: str = "") -> bool:
        raise AssertionError("nobody outside of the rooms sends in a replay")

    def notify(self, supervisor: str, notice: ChildExited | ChildReady) -> None:
        self.player.mailboxes.put(supervisor, notice)

    def is_live(self, name: str) -> bool:
        return bool(self.player.answer("directory", "is_live"))

    def orphans(self, supervisor: str) -> list[Room]:
        return self.player.rooms_of(self.player.answer("directory", "orphans"))


class ReplayContext(RoomContext):
    """Sends go to the player."""

    __slots__ = ("_replayed",)

    def __init__(self, room: Room) -> None:
        super().__init__(room)
        assert isinstance(room, ReplayRoom)
        self._replayed = room

    def send(self, target: str, message: Message) -> None:
        self._replayed.sends(target, message)

    def leave(self, targets: tuple[str, ...], message: Message) -> None:
        for target in targets:
            self._replayed.sends(target, message)


class ReplayRoom(Room):
    """A captured room, run again."""

    context_type = ReplayContext

    def __init__(self, spec: RoomSpec, pool: Pool, directory: Directory) -> None:
        super().__init__(spec, pool, directory)
        assert isinstance(directory, ReplayDirectory)
        self.player = directory.player
        self.timer_messages: dict[str, Message] = {}
        self.step = 0
        self.send_count = 0
        self.is_cut = False
        self._exit_recorded: Exited | None = None
        self._has_failed = False

    # -- what others do with it -----------------------------------------------------------

    def enter(self) -> "ReplayRoom":
        self.directory.register(self)
        self.player.enter(self)
        return self

    def offer(self, message: Message) -> bool:
        self.player.sent(self, self.name, message)
        return True

    def wake(self) -> None:
        return None

    def fence(self, kind: ExitKind, reason: str) -> None:
        """Who fenced whom in time is on record: `Exited`."""

    # -- what the log does with it --------------------------------------------------------

    def step_open(self) -> None:
        """`Opened`."""
        if self._begins():
            self._open()

    def step_handle(self, message: Message) -> None:
        """`Handled`."""
        if self._begins():
            self._handle(message)
            if self.stop_wanted is not None and not self.is_cut:
                self._stop_as_wanted()

    def step_flush(self) -> None:
        """`Flushed`."""
        if self._flush is None:
            raise Diverged("a flush", recorded="flushed", replayed="nothing to flush")
        if self._begins():
            self._guarded(self._flush)

    def step_fire(self, key: str) -> None:
        """`Fired`: its message waits from now on."""
        if self.timers.pop(key, None) is None:
            raise Diverged("a timer", recorded=f"timer {key} fired", replayed="it is not set")
        self.player.mailboxes.put(self.name, self.timer_messages.pop(key))

    def step_exit(self, exit_recorded: "Exited") -> None:
        """`Exited`: void from now on, however it came; an end that has an outside reason and did
        not come by itself is imposed."""
        kind = exit_recorded.exited.kind
        if not (self.is_ended or exit_recorded.is_fence):
            if kind.is_normal:
                raise Diverged("an end", recorded=f"ended: {kind.value}", replayed="it goes on")
            self.player.imposed_count += 1
            self._conclude(exit_recorded.exited.reason)
        self.is_fenced = exit_recorded.is_fence
        self.is_ended = True
        self.state = RoomState.ENDED
        self.directory.unregister(self)

    def _begins(self) -> bool:
        """Begin an event; False if nothing of it was done before the room was fenced."""
        self.step += 1
        self.send_count = 0
        known = self.player.exit_of(self)
        is_last = known is not None and known.step == self.step
        self._exit_recorded = known if is_last else None
        self.is_cut = known is not None and is_last and known.is_cut and not known.sends
        return not self.is_cut

    # -- what the behaviour does ----------------------------------------------------------

    def sends(self, target: str, message: Message) -> None:
        """One send: to the player, unless the recorded handler never came this far."""
        if self.is_cut:
            raise Cut
        known = self._exit_recorded
        self.send_count += 1
        is_failure = known is not None and not known.is_fence and not known.exited.kind.is_normal
        is_beyond = known is not None and self.send_count > known.sends
        if is_failure and is_beyond and not self._has_failed:
            self.is_cut = True
            raise Cut
        self.player.sent(self, target, message)
        if known is not None and known.is_cut and self.send_count >= known.sends:
            self.is_cut = True
            raise Cut

    def _fail(
        self, error: BaseException, kind: ExitKind | None, item: Message | None = None
    ) -> None:
        if isinstance(error, Diverged):
            raise error
        if isinstance(error, Cut):
            return
        self._has_failed = True
        reason = f"{type(error).__name__}: {text_of(error)}"
        self.end(kind or kind_of(error), reason)

    def end(
        self,
        kind: ExitKind,
        reason: str,
        *,
        message_type: str = "",
        poison: str = "",
        trace: str = "",
    ) -> None:
        if self.is_ended or self.is_cut:
            return
        failed = self._conclude(reason)
        if failed:  # in the words of `Room.end`
            reason = f"{reason} (close failed: {failed})"
            kind = ExitKind.CRASHED if kind.is_normal else kind
        self._judge(kind, reason)

    def _conclude(self, reason: str) -> str:
        self.is_ended = True
        self._has_failed = True
        self.is_cut = False
        self.timers.clear()
        return self._close_behaviour(reason)

    def _judge(self, kind: ExitKind, reason: str) -> None:
        """Whether the recording knows of this end. The words of a failure may differ between
        versions of Python, its type may not."""
        known = self.player.exit_of(self)
        replayed = f"ended: {kind.value}: {reason}"
        if known is None and not self.player.plan.is_complete:
            return
        if known is None or known.step != self.step:
            raise Diverged("an end", recorded="it goes on", replayed=replayed)
        if known.is_fence:
            return
        recorded = known.exited
        is_same = kind is recorded.kind and (
            _head(reason) == _head(recorded.reason)
            if not kind.is_normal
            else recorded.reason == reason
        )
        if not is_same:
            text = f"ended: {recorded.kind.value}: {recorded.reason}"
            raise Diverged("an end", recorded=text, replayed=replayed)


class StubRoom(ReplayRoom):
    """A room that was outside of the recording."""

    def offer(self, message: Message) -> bool:
        return True


def is_counted(message: Message) -> bool:
    """Whether each message of its kind that was sent was also handled or is known as lost."""
    is_notice = isinstance(message, ChildExited | ChildReady)
    return type(message).__name__ not in UNCOUNTED and not is_notice


def extra(room: Room, target: str, message: Message) -> Diverged:
    """A message that the recording knows nothing of."""
    return Diverged(
        f"a message to {target}",
        recorded=f"no such message was handled by {target}",
        replayed=f"{room.name} sent {shown(message)}",
        room=room.name,
    )


def _head(reason: str) -> str:
    return reason.partition(":")[0]
