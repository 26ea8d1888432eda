"""Between one room of the parent and the child process that runs its behaviour.

Decides what waits while the child lags, what becomes of its frames, when it counts as stuck, and
as what its end is reported: exactly once. Refuses to know restart policy. Only `offer` is called
from other threads; all else belongs to the hub.
"""

import signal

import msgspec

from actors.runtime.childprocess import ChildProcess
from actors.runtime.codec import (
    EXIT_REPORTED,
    Beat,
    Deliver,
    Logged,
    Noticed,
    Open,
    Sent,
    Undelivered,
    decode_from_child,
    encode,
)
from actors.runtime.inbox import Inbox
from actors.runtime.log import log_event
from actors.runtime.room import Room
from engine.errors import WireMalformed
from engine.messages.base import Delivery, Message
from engine.messages.supervision import ChildExited, ChildReady, ExitKind

STUCK_SLACK_NS = 500_000_000
TRACE_WAIT_NS = 100_000_000
QUIET_NS = 20_000_000
REPORT_WAIT_NS = 2_000_000_000
MALFORMED_MAX = 100
BACKLOG_FACTOR = 10
LOG_LINES_MAX = 200
READ_MAX = 256


class Link:
    """One generation of a process-hosted actor, as the hub sees it."""

    def __init__(self, room: Room, order: Open, busy_ms_max: int) -> None:
        self.room = room
        self.child: ChildProcess | None = None
        self.is_dirty = False
        self.is_released = False
        self.is_done = False
        self.served_count = 0
        self.waiting_count = 0
        self.sent_count = 0
        self.malformed_count = 0
        self.log_allowance = LOG_LINES_MAX
        self.beat_at_ns = 0
        self._busy_ns_max = busy_ms_max * 1_000_000 + STUCK_SLACK_NS
        self._backlog_max = order.inbox_max * BACKLOG_FACTOR
        self._outbox = Inbox(data_max=order.inbox_max, conflate_after=order.conflate_after)
        self._frame: bytes | None = encode(order)
        self._exited: ChildExited | None = None
        self._verdict: tuple[ExitKind, str] | None = None
        self._kill_at_ns = 0
        self._gone_at_ns = 0
        self._heard_at_ns = 0
        self._is_over = False

    # -- to the child -------------------------------------------------------------------------

    def offer(self, message: Message) -> bool:
        """Queue a message for the child. False: the bound is reached."""
        return self._outbox.offer(message)

    @property
    def is_stalled(self) -> bool:
        """A frame waits for the socket."""
        return self._frame is not None

    def pump(self) -> None:
        """Hand over what waits, as far as the child takes it."""
        child = self.child
        while child is not None:
            if self._frame is None:
                message = self._outbox.take(with_data=True)
                if message is None:
                    return
                assert isinstance(message, Message)
                self._frame = self._encoded(message)
            if self._frame is not None:
                if not child.send(self._frame):
                    return
                self.sent_count += 1
                self._frame = None

    def _encoded(self, message: Message) -> bytes | None:
        try:
            return encode(Deliver(message))
        except (TypeError, ValueError, OverflowError):
            self._lose(message, "unencodable")
            return None

    def _lose(self, message: Message, why: str) -> None:
        self.room.directory.dead_letters.add(self.room.name, message, "", why)

    # -- from the child -----------------------------------------------------------------------

    def read(self, now_ns: int, frames_max: int = READ_MAX) -> bool:
        """Take in a bounded number of frames. True: no more are there."""
        assert self.child is not None
        for _ in range(frames_max):
            body = self.child.read()
            if body is None:
                return True
            self._heard_at_ns = now_ns
            try:
                self._take(body, now_ns)
            except WireMalformed as error:
                self._count_malformed(str(error), now_ns)
        return False

    def _take(self, body: bytes, now_ns: int) -> None:
        match decode_from_child(body):
            case Sent(target, message):
                self._deliver(target, message)
            case Beat(served_count, waiting_count):
                self.beat_at_ns = now_ns
                self.served_count, self.waiting_count = served_count, waiting_count
            case Noticed(notice):
                self._note(notice, now_ns)
            case Undelivered(target, message, sender, why):
                self.room.directory.dead_letters.add(target, message, sender, why)
            case Logged(event, level, fields):
                self.log_allowance -= 1
                if self.log_allowance >= 0:
                    log_event(event, level, **{**fields, "actor": self.room.name})

    def _note(self, notice: ChildReady | ChildExited, now_ns: int) -> None:
        name, generation = self.room.name, self._generation
        if isinstance(notice, ChildReady):
            self.beat_at_ns = now_ns  # watched from here on, also if it never beats
            self.room.offer(ChildReady(name=name, generation=generation))
        else:
            self._exited = msgspec.structs.replace(notice, name=name, generation=generation)
            self._kill_at_ns = now_ns + REPORT_WAIT_NS

    @property
    def _generation(self) -> int:
        return self.room.spec.generation

    def _deliver(self, target: str, message: Message) -> None:
        directory, sender = self.room.directory, self.room.name
        if self.is_released or self.room.is_fenced or self.room.is_ended:
            directory.dead_letters.add(target, message, sender, "fenced")
        else:
            directory.deliver(target, message, sender)

    def _count_malformed(self, text: str, now_ns: int) -> None:
        self.malformed_count += 1
        if self.malformed_count == 1:
            log_event("wire_malformed", "WARNING", actor=self.room.name, text=text)
        if self.malformed_count == MALFORMED_MAX:
            self.condemn(ExitKind.KILLED, f"{MALFORMED_MAX} malformed frames", now_ns)

    # -- life and death -----------------------------------------------------------------------

    def condemn(self, kind: ExitKind, reason: str, now_ns: int) -> None:
        """Ask where it is, then kill it; the first verdict stands."""
        if self._verdict is None and self.child is not None and not self._gone_at_ns:
            self._verdict = (kind, reason)
            self._kill_at_ns = now_ns + TRACE_WAIT_NS
            self.child.signal(signal.SIGUSR1)

    def check(self, now_ns: int) -> None:
        """Watch progress and backlog; carry out what was decided."""
        self.log_allowance = LOG_LINES_MAX
        if self.child is None or self._gone_at_ns:
            return
        if self._kill_at_ns and now_ns >= self._kill_at_ns:
            self.child.signal(signal.SIGKILL)
        if self.beat_at_ns and now_ns - self.beat_at_ns > self._busy_ns_max:
            silent_ms = (now_ns - self.beat_at_ns) // 1_000_000
            self.condemn(ExitKind.STUCK, f"no sign of life for {silent_ms} ms", now_ns)
        backlog_count = len(self._outbox) + self.waiting_count
        if self._outbox.is_over is not self._is_over:
            self._is_over = self._outbox.is_over
            event = "process_backlog_grew" if self._is_over else "process_backlog_cleared"
            log_event(event, "WARNING", actor=self.room.name, waiting_count=backlog_count)
        if backlog_count > self._backlog_max:
            self.condemn(ExitKind.RESOURCE, f"backlog of {backlog_count} messages", now_ns)

    def excuse(self, gap_ns: int) -> None:
        """The hub itself did not run for a while: nobody is stuck for that."""
        if self.beat_at_ns:
            self.beat_at_ns += gap_ns

    def exit(self, now_ns: int) -> ChildExited | None:
        """The report, once the process has gone and its last frames are in."""
        code = self.child.exit_code() if self.child is not None else None
        if code is None:
            return None
        if not self._gone_at_ns:
            self._gone_at_ns = self._heard_at_ns = now_ns
        is_dry = self.read(now_ns)
        wait_ns = REPORT_WAIT_NS if code == EXIT_REPORTED and self._exited is None else QUIET_NS
        is_waiting = self._exited is None and now_ns - self._heard_at_ns < wait_ns
        return self._outcome(code) if is_dry and not is_waiting else None

    def _outcome(self, code: int) -> ChildExited:
        assert self.child is not None
        if self._exited is not None:
            exited = self._exited
        elif self._verdict is not None:
            exited = self.report(*self._verdict, self.child.trace())
        elif code < 0:
            text = f"ended by {signal.Signals(-code).name}"
            exited = self.report(ExitKind.KILLED, text, self.child.trace())
        else:
            exited = self.report(ExitKind.KILLED, f"ended with exit code {code}")
        return exited

    def report(self, kind: ExitKind, reason: str, trace: str = "") -> ChildExited:
        """An end of this generation."""
        return ChildExited(
            name=self.room.name,
            generation=self._generation,
            kind=kind,
            reason=reason,
            trace=trace,
        )

    def close(self) -> None:
        """Count what never reached the child and release the process."""
        lost_count = max(0, self.sent_count - self.served_count - 1)
        while (message := self._outbox.take(with_data=True)) is not None:
            assert isinstance(message, Message)
            if message.delivery is not Delivery.CONFLATE:
                self._lose(message, "ended")
        if self._exited is None and lost_count:
            log_event(
                "process_messages_lost", "WARNING", actor=self.room.name, count_max=lost_count
            )
        if self.child is not None:
            self.child.close()
        self.child = None
        self.is_done = True
