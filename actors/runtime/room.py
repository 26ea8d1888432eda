"""A room: the pykka actor that hosts one behaviour and reports its death itself.

Decides how one message is handled, when data is held back (recovering), and how any end becomes
exactly one `ChildExited`. Refuses to know restart policy and threads: its pool calls `run`.
Every unexpected exception is treated the same however the message came (tell, ask, timer, open),
because pykka alone kills on tell, survives on ask and calls no hook for a failing start.
"""

import os
import sys
import traceback
from collections.abc import Callable
from enum import Enum, unique
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Self

import msgspec
import pykka
from pykka._envelope import Envelope

from actors.runtime.behaviour import Behaviour, Opening
from actors.runtime.context import RoomContext
from actors.runtime.inbox import Inbox, Item
from engine.messages.base import Delivery, Message
from engine.messages.supervision import ChildExited, ChildReady, ExitKind, StopOrdered

if TYPE_CHECKING:
    from actors.runtime.directory import Directory
    from actors.runtime.pool import Pool

TRACE_CHARS_MAX = 4_000


@unique
class RoomState(Enum):
    STARTING = "starting"
    READY = "ready"
    ENDED = "ended"


class RoomSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a host needs to run one generation of one actor.

    `poison` holds digests of messages that killed earlier generations: they are parked, counted,
    not handled. `busy_ms_max` is the progress deadline of one message.
    """

    name: str
    generation: int
    supervisor: str
    factory: Callable[[], Behaviour]
    inbox_max: int = 10_000
    conflate_after: int = 256
    busy_ms_max: int = 2_000
    poison: frozenset[str] = frozenset()


class Room(pykka.Actor):
    """Hosts a behaviour by composition, so no behaviour can shadow a pykka name."""

    context_type: type[RoomContext] = RoomContext

    def __init__(self, spec: RoomSpec, pool: "Pool", directory: "Directory") -> None:
        self._limits = (spec.inbox_max, spec.conflate_after)
        super().__init__()
        self.spec = spec
        self.name = spec.name
        self.pool = pool
        self.directory = directory
        self.state = RoomState.STARTING
        self.is_fenced = False
        self.is_ended = False
        self.is_scheduled = False
        self.served_count = 0
        self.parked_count = 0
        self.message_type = ""
        self.timers: dict[str, int] = {}
        self.stop_reason: str | None = None
        self._serves_data = False
        self._is_open = False
        self._behaviour: Behaviour | None = None
        self._flush: Callable[[], None] | None = None
        self._receive: Callable[[Message], None] = _unopened

    @classmethod
    def begin(cls, spec: RoomSpec, pool: "Pool", directory: "Directory") -> Self:
        """Start the actor as pykka does and return the room itself, for its supervisor only."""
        return cls(spec, pool, directory).enter()

    def enter(self) -> Self:
        """Become known to pykka and the directory, and be scheduled."""
        pykka.ActorRegistry.register(self.actor_ref)
        self._start_actor_loop()
        return self

    # -- pykka's hooks for new kinds of actors ------------------------------------------------

    def _create_actor_inbox(self) -> Inbox:  # type: ignore[override]
        data_max, conflate_after = self._limits
        return Inbox(data_max=data_max, conflate_after=conflate_after, on_put=self.wake)

    @staticmethod
    def _create_future() -> pykka.Future[Any]:
        return pykka.ThreadingFuture()

    def _start_actor_loop(self) -> None:
        self.directory.register(self)
        self.is_scheduled = True
        self.pool.schedule(self)

    # -- producers, any thread ----------------------------------------------------------------

    def offer(self, message: Message) -> bool:
        """Queue a message and make sure the room runs. False: refused by the inbox."""
        if not self.actor_inbox.offer(message):  # type: ignore[attr-defined]
            return False
        if not self.is_scheduled:
            self.is_scheduled = True
            self.pool.schedule(self)
        return True

    def wake(self) -> None:
        """Schedule after a message came in by pykka's own door."""
        if not self.is_scheduled:
            self.is_scheduled = True
            self.pool.schedule(self)

    # -- the pool's worker --------------------------------------------------------------------

    def run(self, batch_max: int) -> None:
        """Serve up to `batch_max` messages; only the pool's worker calls this."""
        if self.is_ended or self.is_fenced:
            return
        if not self._is_open:
            self._open()
        inbox: Inbox = self.actor_inbox  # type: ignore[assignment]
        take = inbox.take
        served = 0
        while served < batch_max and not self.is_ended:
            item = take(with_data=self._serves_data)
            if item is None:
                break
            served += 1
            self._handle(item)
            if self.is_fenced:
                return
            if self.stop_reason is not None:
                self.end(ExitKind.NORMAL, self.stop_reason)
        self.pool.served_count += served
        if served and self._flush is not None and not self.is_ended:
            self._guarded(self._flush)
        self.is_scheduled = False
        if not self.is_ended and inbox.waits(with_data=self._serves_data):
            self.wake()

    def _open(self) -> None:
        self._is_open = True
        try:
            self._behaviour = behaviour = self.spec.factory()
            self._receive = behaviour.receive
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
        elif opening is Opening.READY and self.stop_reason is None:
            self.become_ready()
        elif self.stop_reason is not None:
            self.end(ExitKind.NORMAL, self.stop_reason)

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
        if self.spec.poison and poison_digest(item) in self.spec.poison:
            self.parked_count += 1
            self.directory.dead_letters.add(self.name, item, "", "parked")
            return
        try:
            if type(item) is StopOrdered:
                self.end(ExitKind.SHUTDOWN, item.reason)
            else:
                self._receive(item)
        except BaseException as error:  # noqa: BLE001 the host's one door for failures
            self._fail(error, None, item)

    def _handle_envelope(self, envelope: Envelope[Any]) -> None:
        try:
            reply = self._handle_receive(envelope.message)
        except BaseException as error:  # noqa: BLE001 the host's one door for failures
            if envelope.reply_to is not None:
                envelope.reply_to.set_exception((type(error), error, error.__traceback__))
            self._fail(error, None)
            return
        if envelope.reply_to is not None:
            envelope.reply_to.set(reply)

    def on_receive(self, message: Any) -> Any:  # noqa: ANN401 pykka's signature
        self._receive(message)

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except BaseException as error:  # noqa: BLE001 the host's one door for failures
            self._fail(error, None)

    # -- the end ------------------------------------------------------------------------------

    def _fail(
        self, error: BaseException, kind: ExitKind | None, item: Message | None = None
    ) -> None:
        try:
            reason = f"{type(error).__name__}: {_text_of(error)}"
            trace = "".join(traceback.format_exception(error, limit=-8))[-TRACE_CHARS_MAX:]
            poison = poison_digest(item) if item is not None else ""
            self.end(
                kind or _kind_of(error),
                reason,
                message_type=type(item).__name__ if item is not None else "",
                poison=poison,
                trace=trace,
            )
        except BaseException as worse:  # noqa: BLE001 the reporter itself failed: last resort
            os.write(2, f"pahara: exit report of {self.name} failed: {type(worse)}\n".encode())
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
        """End this generation once: close, dead-letter what is left, report."""
        if self.is_ended:
            return
        self.is_ended = True
        self.state = RoomState.ENDED
        self.directory.unregister(self)
        self.timers.clear()
        if self._behaviour is not None:
            try:
                self._behaviour.close(reason)
            except BaseException as error:  # noqa: BLE001 the host's one door for failures
                reason = f"{reason} (close failed: {type(error).__name__}: {_text_of(error)})"
                kind = ExitKind.CRASHED if kind.is_normal else kind
        self._stop_pykka()
        self._drop_rest()
        self._report(
            ChildExited(
                name=self.name,
                generation=self.spec.generation,
                kind=kind,
                reason=reason,
                message_type=message_type,
                poison=poison,
                trace=trace,
            )
        )

    def fence(self, kind: ExitKind, reason: str) -> None:
        """Void this generation from outside: its later output is refused; report it ended.

        Called by a watchdog while the room's own worker may be stuck inside the behaviour, so
        nothing of the behaviour is touched.
        """
        if self.is_ended or self.is_fenced:
            return
        self.is_fenced = True
        self.directory.unregister(self)
        self._stop_pykka()
        self._drop_rest()
        self._report(
            ChildExited(
                name=self.name,
                generation=self.spec.generation,
                kind=kind,
                reason=reason,
                message_type=self.message_type,
            )
        )

    def _report(self, exited: ChildExited) -> None:
        self.directory.notify(self.spec.supervisor, exited)

    def _stop_pykka(self) -> None:
        pykka.ActorRegistry.unregister(self.actor_ref)
        self.actor_stopped.set()

    def _drop_rest(self) -> None:
        inbox: Inbox = self.actor_inbox  # type: ignore[assignment]
        while (item := inbox.take(with_data=True)) is not None:
            if isinstance(item, Envelope):
                if item.reply_to is not None:
                    dead = pykka.ActorDeadError(f"{self.name} ended before handling the message")
                    item.reply_to.set_exception((pykka.ActorDeadError, dead, None))
            elif item.delivery is not Delivery.CONFLATE:
                self.directory.dead_letters.add(self.name, item, "", "ended")


def poison_digest(message: Message) -> str:
    """A digest of a message's type and fields, equal for equal messages."""
    body = msgspec.msgpack.encode(message)
    return blake2b(body, digest_size=12).hexdigest()


def _kind_of(error: BaseException) -> ExitKind:
    if isinstance(error, (MemoryError, RecursionError)):
        return ExitKind.RESOURCE
    if isinstance(error, AssertionError):
        return ExitKind.INVARIANT
    return ExitKind.CRASHED


def _text_of(error: BaseException) -> str:
    try:
        return str(error)[:500]
    except Exception:  # noqa: BLE001 a hostile __str__ must not hide the crash
        return "<unprintable>"


def _unopened(message: Message) -> None:
    raise TypeError(f"{type(message).__name__} before open; {sys.version_info[:2]}")
