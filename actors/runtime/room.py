"""A room: the pykka actor that hosts one behaviour and reports its death itself.

Decides how one message is handled, when data is held back (recovering), and how any end becomes
exactly one `ChildExited`. Refuses to know restart policy and threads: its pool calls `run`.
Every unexpected exception is treated the same however the message came (tell, ask, timer, open),
because pykka alone kills on tell, survives on ask and calls no hook for a failing start.
"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from pykka._envelope import Envelope

from actors.runtime.behaviour import Behaviour, Opening
from actors.runtime.context import RoomContext
from actors.runtime.exiting import ExitReport
from actors.runtime.failure import kind_of, poison_digest, poison_of, text_of, trace_of, unopened
from actors.runtime.inbox import Inbox, Item
from actors.runtime.leftovers import drop_rest
from actors.runtime.pykka_door import PykkaDoor
from actors.runtime.roomspec import RoomSpec, RoomState
from engine.messages.base import Message
from engine.messages.supervision import ChildReady, ExitKind, StopOrdered

if TYPE_CHECKING:
    from actors.runtime.directory import Directory
    from actors.runtime.pool import Pool

__all__ = ["Room", "RoomSpec", "RoomState", "poison_digest"]


class Room(PykkaDoor):
    """Hosts a behaviour by composition, so no behaviour can shadow a pykka name."""

    context_type: type[RoomContext] = RoomContext

    def __init__(self, spec: RoomSpec, pool: "Pool", directory: "Directory") -> None:
        self.inbox = Inbox(
            data_max=spec.inbox_max, conflate_after=spec.conflate_after, on_put=self.wake
        )
        super().__init__()
        self.spec = spec
        self.name = spec.name
        self.pool = pool
        self.directory = directory
        self.state = RoomState.STARTING
        self.is_fenced = self.is_ended = self.is_scheduled = False
        self.served_count = self.parked_count = 0
        self.message_type = ""
        self.timers: dict[str, int] = {}
        self.stop_wanted: tuple[ExitKind, str, str] | None = None
        self._exit = ExitReport(spec, directory)
        self._poison = spec.poison
        self._is_plain = type(self)._handle is Room._handle and not spec.poison  # noqa: SLF001
        self._serves_data = False
        self._is_open = False
        self._behaviour: Behaviour | None = None
        self._handles_stop = False
        self._flush: Callable[[], None] | None = None
        self._receive: Callable[[Message], None] = unopened

    @classmethod
    def begin(cls, spec: RoomSpec, pool: "Pool", directory: "Directory") -> Self:
        """Start the actor as pykka does and return the room itself, for its supervisor only."""
        return cls(spec, pool, directory).enter()

    def enter(self) -> Self:
        """Become known to pykka and the directory, and be scheduled. ValueError: it is refused."""
        self._enter_pykka()
        return self

    def _create_actor_inbox(self) -> Inbox:  # type: ignore[override]
        return self.inbox

    def _start_actor_loop(self) -> None:
        self.directory.register(self)
        self.wake()

    def offer(self, message: Message) -> bool:
        """Queue a message and make sure the room runs. False: refused by the inbox."""
        if not self.inbox.offer(message):
            return False
        if not self.is_scheduled:
            self.is_scheduled = True
            self.pool.schedule(self)
        return True

    def fire(self, key: str, message: Message) -> None:
        """A timer of this room is due; only its pool calls this."""
        self.offer(message)

    def wake(self) -> None:
        """Schedule after a message came in by pykka's own door."""
        if not self.is_scheduled:
            self.is_scheduled = True
            self.pool.schedule(self)

    def take_now(self, message: Message) -> bool:
        """Handle data or a timer at once, as a turn of its own inside another's; only on the worker
        of our pool. False: the room is not at rest or something waits, so it must queue."""
        inbox = self.inbox
        if self.is_scheduled or not self._serves_data:
            return False
        if inbox.left and not inbox.supersedes(message):
            return False
        self.is_scheduled = True
        if self._is_plain:
            self.served_count += 1
            try:
                self._receive(message)
            except BaseException as error:  # noqa: BLE001 the host's one door for failures
                self._fail(error, None, message)
        else:
            self._handle(message)
        if self.stop_wanted is not None and not self.is_fenced:
            self._stop_as_wanted()
        if inbox.control or inbox.data or self._flush is not None or not self._serves_data:
            self._settle(1)
        else:
            self.pool.served_count += 1
            self.is_scheduled = False
        return True

    def run(self, batch_max: int) -> None:
        """Serve up to `batch_max` messages; only the pool's worker calls this."""
        if not (self._is_open or self.is_fenced):
            self._open()
        if self.is_ended or self.is_fenced:
            self._leave()
            return
        inbox = self.inbox
        take, handle = inbox.take, self._handle
        served = 0
        while served < batch_max and (inbox.data or inbox.control or inbox.late):
            item = take(self._serves_data)
            if item is None:
                break
            served += 1
            handle(item)
            if self.is_fenced:
                break
            if self.stop_wanted is not None:
                self._stop_as_wanted()
            if self.is_ended:
                break
        self._settle(served)

    def _settle(self, served: int) -> None:
        """The end of a turn: flush, and go on later if something came meanwhile."""
        inbox = self.inbox
        self.pool.served_count += served
        if served and self._flush is not None and not (self.is_ended or self.is_fenced):
            self._guarded(self._flush)
        self.is_scheduled = False
        if self.is_ended or self.is_fenced:
            self._leave()
        elif inbox.control or ((inbox.data or inbox.late) and self._serves_data):
            self.wake()

    def _leave(self) -> None:
        """Nothing is served any more: release what a fence left, name what came too late."""
        self.is_scheduled = False
        if self.is_fenced:
            self._close_behaviour("fenced")
        drop_rest(self.inbox, self.name, self.directory.dead_letters)

    def _open(self) -> None:
        self._is_open = True
        try:
            self._behaviour = behaviour = self.spec.factory()
            self._receive = behaviour.receive
            self._handles_stop = behaviour.handles_stop
            if type(behaviour).flush is not Behaviour.flush:
                self._flush = behaviour.flush
            opening = behaviour.open(self.context_type(self))
        except BaseException as error:  # noqa: BLE001 the host's one door for failures
            self._fail(error, ExitKind.START_FAILED)
            return
        if self.is_fenced:
            return
        if opening is Opening.IGNORE:
            self.end(ExitKind.IGNORED, "not needed")
        elif self.stop_wanted is not None:
            self._stop_as_wanted()
        elif opening is Opening.READY:
            self.become_ready()

    def become_ready(self) -> None:
        """Serve data from now on and tell the supervisor (idempotent)."""
        if self.state is RoomState.STARTING and not self.is_fenced:
            self.state = RoomState.READY
            self._serves_data = True
            notice = ChildReady(name=self.name, generation=self.spec.generation)
            self.directory.notify(self.spec.supervisor, notice)

    def _handle(self, item: Item) -> None:
        self.served_count += 1
        if isinstance(item, Envelope):
            self._handle_envelope(item)
            return
        if self._poison and poison_digest(item) in self._poison:
            self.parked_count += 1
            self.directory.dead_letters.add(self.name, item, "", "parked")
            return
        try:
            if type(item) is StopOrdered and not self._handles_stop:
                self.end(ExitKind.SHUTDOWN, item.reason)
            else:
                self._receive(item)
        except BaseException as error:  # noqa: BLE001 the host's one door for failures
            self._fail(error, None, item)

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except BaseException as error:  # noqa: BLE001 the host's one door for failures
            self._fail(error, None)
        if self.stop_wanted is not None:
            self._stop_as_wanted()

    def _fail(
        self, error: BaseException, kind: ExitKind | None, item: Message | None = None
    ) -> None:
        try:
            reason = f"{type(error).__name__}: {text_of(error)}"
            trace = trace_of(error)
            poison = poison_of(item)
            self.end(
                kind or kind_of(error),
                reason,
                message_type=type(item).__name__ if item is not None else "",
                poison=poison,
                trace=trace,
            )
        except BaseException as worse:  # noqa: BLE001 the reporter itself failed: last resort
            os.write(2, f"pahara: exit report of {self.name} failed: {type(worse)}\n".encode())
            self.fence(ExitKind.CRASHED, "its exit report failed")
            self.is_fenced = True
            self.directory.unregister(self)

    def end(
        self,
        kind: ExitKind,
        reason: str,
        *,
        message_type: str = "",
        poison: str = "",
        trace: str = "",
    ) -> None:
        """End this generation once: close, dead-letter what is left, report.

        A `close` that hangs can still be fenced: who reports is decided last.
        """
        if self.is_ended or self.is_fenced:
            return
        self.is_ended = True
        self._serves_data = False
        self.state = RoomState.ENDED
        self.directory.unregister(self)
        self.timers.clear()
        failed = self._close_behaviour(reason)
        if failed:
            reason = f"{reason} (close failed: {failed})"
            kind = ExitKind.CRASHED if kind.is_normal else kind
        self._stop_pykka()
        drop_rest(self.inbox, self.name, self.directory.dead_letters)
        if self._exit.claim():
            self._exit.send(kind, reason, message_type, poison, trace)

    def fence(self, kind: ExitKind, reason: str) -> None:
        """Void this generation from outside: its later output is refused; report it ended.

        Called while the room's own worker may be stuck inside the behaviour, so nothing of the
        behaviour is touched here; its worker closes it when it comes by.
        """
        if not self._exit.claim():
            return
        self.is_fenced = True
        self._serves_data = False
        self.directory.unregister(self)
        self._stop_pykka()
        drop_rest(self.inbox, self.name, self.directory.dead_letters)
        self._exit.send(kind, reason, self.message_type)
        self.wake()

    def _stop_as_wanted(self) -> None:
        assert self.stop_wanted is not None
        kind, reason, trace = self.stop_wanted
        self.end(kind, reason, trace=trace)

    def _close_behaviour(self, reason: str) -> str:
        """Close once; returns what went wrong."""
        behaviour, self._behaviour = self._behaviour, None
        if behaviour is not None:
            try:
                behaviour.close(reason)
            except BaseException as error:  # noqa: BLE001 the host's one door for failures
                return f"{type(error).__name__}: {text_of(error)}"
        return ""
