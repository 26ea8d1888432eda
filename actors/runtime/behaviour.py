"""The contract between a behaviour and its host.

Decides what an actor may do: keep its own state, send to names, read the clocks it is given, set
timers. Refuses to know hosts, threads, pykka or supervisors. A behaviour is a plain object, so
the same one runs pooled, on a thread, in a process or under a seed, and in a test without any.
"""

from collections.abc import Callable
from enum import Enum, unique
from typing import ClassVar, Protocol

from engine.messages.base import Message
from engine.messages.supervision import ExitKind


@unique
class Opening(Enum):
    """What `open` says: READY to serve, DEFERRED (recovering; calls `ctx.ready()` later, the data
    lane waits meanwhile, control is served), IGNORE (not needed; ends without being an error)."""

    READY = "ready"
    DEFERRED = "deferred"
    IGNORE = "ignore"


class Context(Protocol):
    """All that a behaviour sees of the world. Valid from `open` to `close`."""

    name: str
    generation: int
    supervisor: str

    def send(self, target: str, message: Message) -> None:
        """Send to a name. Never raises and never blocks: an absent, fenced or full target makes a
        counted dead letter; a fenced sender's messages are refused and counted."""

    def hand(self, target: str, message: Message) -> None:
        """As `send`, for a line of rooms that a message runs down: a receiver at rest on the same
        worker may handle it before this returns. What it does then is its own affair: its failure
        ends it alone, and it cannot answer before this message is done."""

    def leave(self, targets: tuple[str, ...], message: Message) -> None:
        """Leave a message with readers that need only the latest of its conflation key: each finds
        it before the next message that wakes it, in order with what is sent. Else as `send`."""

    def now_ns(self) -> int:
        """The market clock: UTC ns. May run faster than real time (time-lapse, replay)."""

    def mono_ns(self) -> int:
        """A monotonic clock in real ns, for durations of our own work."""

    def skip_to(self, at_ns: int) -> bool:
        """True: nothing at all was to happen before that instant of a virtual clock, which it is
        now. For a pace-maker in the turn of its own timer: what it does next is what it would have
        done in a turn of a timer set for then. False: set that timer."""

    def timer_at(self, key: str, at_ns: int, message: Message) -> None:
        """Deliver `message` to this actor when the market clock reaches `at_ns`. A timer with the
        same key is replaced. Timers die with the generation."""

    def timer_after(self, key: str, delay_ns: int, message: Message) -> None:
        """Deliver `message` after a real (monotonic) delay; same key replaces."""

    def timer_cancel(self, key: str) -> None:
        """Forget a timer; unknown keys are fine."""

    def is_void(self) -> bool:
        """True once this generation was given up from outside: nothing that it sends is heard any
        more. To be asked by who acts on the world in another way than by sending."""

    def awaits(self, is_wanted: Callable[[Message], bool]) -> bool:
        """True if such a message waits in this actor's inbox, also one that has come since its
        turn began. For an actor that is held up in a call to the world, and may end it."""

    def ready(self) -> None:
        """Say that a DEFERRED opening is complete."""

    def stop(self, reason: str, kind: ExitKind = ExitKind.NORMAL, trace: str = "") -> None:
        """End this actor in order after the current message; `kind` and `trace` are reported."""


class Behaviour:
    """Base of all actors' logic. State lives in the instance and nowhere else.

    `handles_stop`: `StopOrdered` is handed to `receive`, which calls `ctx.stop` when it is done
    (supervisors); otherwise the host ends the actor at once.
    """

    handles_stop: ClassVar[bool] = False

    def open(self, ctx: Context) -> Opening:
        """Take the context, load what is needed. An exception here is a failed start."""
        self.ctx = ctx
        return Opening.READY

    def receive(self, message: Message) -> None:
        """Handle one message. Any exception ends this generation and is reported once."""
        raise TypeError(f"{type(self).__name__} does not understand {type(message).__name__}")

    def flush(self) -> None:
        """Called when the inbox ran dry or a batch is full: the place for group commits."""

    def close(self, reason: str) -> None:
        """Release what was taken. Called once, also after a crash; must not block for long."""
