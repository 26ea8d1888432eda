"""Life and death of actors, between rooms and their supervisors."""

from enum import Enum, unique
from typing import ClassVar

from engine.messages.base import Delivery, Message


@unique
class ExitKind(Enum):
    """How an actor ended.

    NORMAL, SHUTDOWN: in order. IGNORED: declared itself not needed. CRASHED: an unforeseen
    exception. INVARIANT: an assertion of ours failed. RESOURCE: memory or recursion. STUCK: over
    its progress deadline, fenced. START_FAILED, START_TIMEOUT: never became READY. KILLED: ended
    by force or by a signal. FENCED: its generation was revoked. EXCEEDED: a supervisor spent its
    restart budget; abnormal, unlike OTP's shutdown, so that a transient one is restarted.
    """

    NORMAL = "normal"
    SHUTDOWN = "shutdown"
    IGNORED = "ignored"
    CRASHED = "crashed"
    INVARIANT = "invariant"
    RESOURCE = "resource"
    STUCK = "stuck"
    START_FAILED = "start_failed"
    START_TIMEOUT = "start_timeout"
    KILLED = "killed"
    FENCED = "fenced"
    EXCEEDED = "intensity_exceeded"

    @property
    def is_normal(self) -> bool:
        return self in (ExitKind.NORMAL, ExitKind.SHUTDOWN, ExitKind.IGNORED)


class ChildReady(Message, frozen=True, kw_only=True):
    """The child is open and serves its data lane."""

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    name: str
    generation: int


class ChildExited(Message, frozen=True, kw_only=True):
    """The child has ended. Delivered exactly once per generation; never lost.

    `poison` is a digest of the message being handled at the crash ("" if none), `trace` a
    size-bounded traceback without local variables.
    """

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    name: str
    generation: int
    kind: ExitKind
    reason: str
    message_type: str = ""
    poison: str = ""
    trace: str = ""


class ChildWanted(Message, frozen=True, kw_only=True):
    """Ask a dynamic supervisor for a child: `child_id` and the argument of its factory."""

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    child_id: str
    argument: Message | None = None


class ChildUnwanted(Message, frozen=True, kw_only=True):
    """Ask a supervisor to stop a child and forget it (idempotent)."""

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    child_id: str


class RestartWanted(Message, frozen=True, kw_only=True):
    """An operator wants a child restarted (counts as a restart, lowers its authority first)."""

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    child_id: str
    reason: str


class StopOrdered(Message, frozen=True, kw_only=True):
    """A supervisor tells a room to close. Served before everything else."""

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    reason: str


class TimerFired(Message, frozen=True, kw_only=True):
    """A generic timer message for behaviours that need no more than a key."""

    delivery: ClassVar[Delivery] = Delivery.CRITICAL

    key: str


@unique
class Due(Enum):
    """What a supervisor's own timer is for."""

    START = "start"
    STOP = "stop"
    RETRY = "retry"
    RESET = "reset"


class ChildDue(Message, frozen=True, kw_only=True):
    """A supervisor's note to itself; stale if generation or count have moved on."""

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    what: Due
    name: str
    generation: int
    count: int = 0
