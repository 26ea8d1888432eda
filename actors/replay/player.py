"""The player: runs captured rooms again, event by event, and finds the first difference.

Decides nothing that the log decides: what begins when, with which message, at what time. It holds
every effect against the recording: each message that is handled must have been sent with the same
content, each that is sent must have been handled, each record must be the one that was written.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from actors.capture.blocks import Seen
from actors.capture.events import (
    Called,
    Exited,
    Fired,
    Flushed,
    Handled,
    Inbound,
    Opened,
    PortValue,
)
from actors.replay.difference import Cut, Difference, Diverged, shown, shown_record
from actors.replay.mailboxes import Mailboxes
from actors.replay.plan import Plan
from actors.replay.rooms import ReplayRoom, extra, is_counted
from actors.replay.wire import message_from
from actors.runtime.room import Room
from actors.stores.port import Head
from engine.errors import JournalDamaged
from engine.messages.base import Message
from engine.session import ist_text

RECENT_EVENTS_MAX = 10
LOST_EVENTS_MAX = 500
RECORDS_AHEAD_MAX = 3


class Player:
    """One replay of one session.

    Args:
        clock_to: sets both clocks (market, boot) for the event that follows.
        is_strict: a message that was sent and never handled is a difference.
    """

    def __init__(
        self, plan: Plan, clock_to: Callable[[int, int], None], *, is_strict: bool = True
    ) -> None:
        self.plan = plan
        self.mailboxes = Mailboxes()
        self.difference: Difference | None = None
        self.events_count = 0
        self.records_count = 0
        self.head = Head(0, b"")
        self.imposed_count = 0
        self._clock_to = clock_to
        self._is_strict = is_strict and plan.is_complete
        self._rooms: dict[int, ReplayRoom] = {}
        self._keys: dict[tuple[str, int], ReplayRoom] = {}
        self._inside = {name for name, _ in plan.keys}
        self._instances: dict[str, Iterator[str]] = {}
        self._recent: deque[Seen] = deque(maxlen=RECENT_EVENTS_MAX)
        self._current: Room | None = None
        self._now_ns = 0
        self._raised: Diverged | None = None

    # -- what rooms and ports ask of it ---------------------------------------------------

    def enter(self, room: ReplayRoom) -> None:
        """A generation of a room was started."""
        self._keys[room.name, room.spec.generation] = room
        key = self.plan.keys.get((room.name, room.spec.generation))
        if key is not None:
            self._rooms[key] = room

    def exit_of(self, room: Room) -> Exited | None:
        """How a room ended in the recording."""
        key = self.plan.keys.get((room.name, room.spec.generation), 0)
        return self.plan.exits.get(key)

    def sent(self, room: Room, target: str, message: Message) -> None:
        """A room sends. Raises Diverged if the recording knows no such message."""
        if target not in self._inside:
            return
        digest = self.mailboxes.put(target, message)
        if not (self._is_strict and is_counted(message)):
            return
        count = self.plan.received[target, digest] - 1
        self.plan.received[target, digest] = count
        if count < 0 and not self._is_ending(target):
            raise self.diverged(extra(room, target, message))

    def _is_ending(self, target: str) -> bool:
        """Whether the recorded target ended about now: what is offered to a room that has just
        emptied its inbox is lost without a trace."""
        ends = self.plan.ends.get(target, [])
        at = bisect_right(ends, self.events_count)
        return at < len(ends) and ends[at] - self.events_count < LOST_EVENTS_MAX

    def diverged(self, error: Diverged) -> Diverged:
        """Remember it, for code on its way may catch it."""
        if self._raised is None:
            self._raised = error
        return error

    def port(self, kind: str) -> str:
        """The recorded name of the next instance of a port of this kind."""
        names = self._instances.get(kind)
        if names is None:
            mine = [name for name in self.plan.calls if name.partition("/")[0] == kind]
            mine.sort(key=lambda name: int(name.partition("/")[2]))
            names = self._instances[kind] = iter(mine)
        return next(names, f"{kind}/0")

    def call(self, port: str, operation: str) -> Called:
        """The next recorded answer of a port. Raises Cut where the recording has none because its
        room was stopped inside of the call; Diverged if another question was asked."""
        waiting = self.plan.calls[port]
        if not waiting:
            known = None if self._current is None else self.exit_of(self._current)
            if known is None or known.is_fence:
                raise Cut
            raise self.diverged(
                Diverged(f"a call of {port}", recorded="no call", replayed=operation)
            )
        called = waiting.popleft()
        if called.operation != operation:
            recorded = called.operation
            raise self.diverged(
                Diverged(f"a call of {port}", recorded=recorded, replayed=operation)
            )
        return called

    def answer(self, port: str, operation: str) -> PortValue:
        """The value of a port's next answer."""
        return self.call(port, operation).value

    def wrote(self, rows: Sequence[tuple[int, bytes, bytes]]) -> None:
        """Records that the journal committed: (seq, body, chain)."""
        seq, _, chain = rows[-1]
        self.records_count += sum(row[0] > self.head.seq for row in rows)
        self.head = Head(seq, chain)

    def rooms_of(self, value: PortValue) -> list[Room]:
        """The rooms named as [name, generation] each."""
        pairs = msgspec.convert(value, list[tuple[str, int]])
        return [self._keys[pair] for pair in pairs if pair in self._keys]

    # -- playing --------------------------------------------------------------------------

    def play(self, events: Iterable[Seen]) -> Difference | None:
        """Everything, or up to the first difference."""
        for seen in events:
            self.events_count += 1
            if seen.now_ns:
                self._now_ns = seen.now_ns
                self._clock_to(seen.now_ns, seen.mono_ns)
            try:
                self._step(seen)
            except Diverged as error:
                self.diverged(error)
            if self._raised is not None:
                self.difference = self._describe(seen, self._raised)
                break
            self._recent.append(seen)
        return self.difference

    def _step(self, seen: Seen) -> None:
        event = seen.event
        if event is Handled:
            self._handle(seen)
        elif event is Inbound:
            self.mailboxes.put(seen.name, message_from(seen.body))
        elif event in (Opened, Flushed, Fired, Exited):
            room = self._room(seen)
            if room.is_fenced:
                return
            if event is Opened:
                room.step_open()
            elif event is Flushed:
                room.step_flush()
            elif event is Fired and not room.is_ended:
                room.step_fire(seen.name)
            elif event is Exited and seen.exit is not None:
                room.step_exit(seen.exit)
                self.mailboxes.put(room.spec.supervisor, seen.exit.exited)

    def _room(self, seen: Seen) -> ReplayRoom:
        room = self._rooms.get(seen.key)
        if room is None:
            name, generation = self.plan.names.get(seen.key, ("?", 0))
            text = f"{name} (generation {generation}): {seen.event.__name__.lower()}"
            raise Diverged("an actor", recorded=text, replayed="it was never started")
        self._current = room
        return room

    def _handle(self, seen: Seen) -> None:
        room = self._room(seen)
        message = self.mailboxes.take(room.name, seen.digest)
        if room.is_fenced:
            return
        if message is None:
            like = self.mailboxes.like(room.name, seen.kind)
            raise Diverged(
                f"a message of {room.name}",
                recorded=f"{room.name} handled a {seen.kind}",
                replayed="none was sent" if like is None else f"sent instead: {shown(like)}",
            )
        if room.is_ended:
            raise Diverged("an actor", recorded=f"handled a {seen.kind}", replayed="it has ended")
        room.step_handle(message)

    # -- telling --------------------------------------------------------------------------

    def _describe(self, seen: Seen, error: Diverged) -> Difference:
        name, _ = self.plan.names.get(seen.key, (seen.name, 0))
        return Difference(
            number=self.events_count,
            at_ns=self._now_ns,
            room=error.room or name,
            what=error.what,
            recorded=error.recorded,
            replayed=error.replayed,
            recent=tuple(self._line(past) for past in (*self._recent, seen)),
            journal=self._journal_ahead(),
        )

    def _line(self, seen: Seen) -> str:
        name, generation = self.plan.names.get(seen.key, (seen.name, 0))
        rest = seen.kind or (seen.name if seen.event is Fired else "")
        if seen.event is Inbound:
            rest = type(message_from(seen.body)).__name__
        if seen.call is not None:
            rest = f"{seen.call.operation} {seen.call.error}"
        number = f" (generation {generation})" if generation > 1 else ""
        at = f"{ist_text(seen.now_ns)[11:]} " if seen.now_ns else ""
        return f"{at}{name}{number} {seen.event.__name__.lower()} {rest}".rstrip()

    def _journal_ahead(self) -> tuple[str, ...]:
        """What the recording wrote to the journal next."""
        lines: list[str] = []
        for port, calls in self.plan.calls.items():
            writes = (call for call in calls if call.operation in ("commit", "append"))
            if port.partition("/")[0] in ("store", "spool"):
                for call in writes:
                    for row in msgspec.convert(call.value, list[list[int | bytes]]):
                        if len(lines) == RECORDS_AHEAD_MAX:
                            return tuple(lines)
                        lines.append(_record_line(row))
        return tuple(lines)


def _record_line(row: list[int | bytes]) -> str:
    seq, body = row[0], row[1]
    assert isinstance(seq, int)
    assert isinstance(body, bytes)
    try:
        return shown_record(seq, body)
    except JournalDamaged as error:
        return f"{seq}: {error}"
