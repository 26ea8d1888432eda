"""The typed codec between our own processes.

Decides what crosses the border between a parent and its child process, and nothing else can be
decoded. Refuses to know sockets and rooms. Stands alone because both sides must agree on it.
Bytes that do not parse are `WireMalformed`: dropped and counted by the reader, never fatal.
"""

import inspect
from types import ModuleType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeVar, Union

import msgspec

from actors.runtime.clock import Clock, LapseClock, SystemClock
from actors.runtime.log import Field
from engine import instruments
from engine.errors import WireMalformed
from engine.messages import (
    administration,
    base,
    broker,
    console,
    control,
    journal,
    market,
    plans,
    records,
    signals,
    supervision,
    values,
)
from engine.messages.base import Message
from engine.messages.supervision import ChildExited, ChildReady

MODULES: Final[tuple[ModuleType, ...]] = (
    administration,
    base,
    broker,
    console,
    control,
    instruments,
    journal,
    market,
    plans,
    records,
    signals,
    supervision,
    values,
)
"""Every module that defines messages."""

FRAME_BYTES_MAX: Final = 16_000_000
EXIT_REPORTED: Final = 73
"""The exit code of a child that has reported its end itself."""
EXIT_ORPHANED: Final = 74
"""The exit code of a child whose parent has gone."""


def message_types() -> tuple[type[Message], ...]:
    """All concrete message types in a fixed order; a type that others extend is not concrete."""
    found = {
        kind
        for module in MODULES
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Message) and not kind.__subclasses__()
    }
    return tuple(sorted(found, key=lambda kind: kind.__name__))


if TYPE_CHECKING:
    AnyMessage: TypeAlias = Message
else:
    AnyMessage = Union[message_types()]  # noqa: UP007 the members are known at run time only


class ClockSpec(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A clock to be continued in another process; speed 0 is real time."""

    start_ns: int = 0
    speed: int = 0
    origin_ns: int = 0


class Frame(msgspec.Struct, frozen=True, gc=False, tag=True, array_like=True):
    """Base of all that crosses the border."""


class Open(Frame, frozen=True, kw_only=True):
    """Build the behaviour and run it: the first frame of a child, sent once. `environ` may hold
    secrets: nothing but the wire gets it."""

    name: str
    generation: int
    supervisor: str
    factory: str
    arguments: bytes
    inbox_max: int
    conflate_after: int
    memory_mb_max: int
    clock: ClockSpec
    environ: dict[str, str] = {}


class Deliver(Frame, frozen=True):
    """A message for the child's behaviour."""

    message: AnyMessage


class Sent(Frame, frozen=True):
    """The child's behaviour sends to a name."""

    target: str
    message: AnyMessage

    @property
    def conflation_key(self) -> str:
        """Two messages replace each other only on the way to the same target."""
        return f"{self.target}\n{type(self.message).__name__}\n{self.message.conflation_key}"


class Undelivered(Frame, frozen=True):
    """A dead letter inside the child, to be counted by the parent."""

    target: str
    message: AnyMessage
    sender: str
    why: str


class Noticed(Frame, frozen=True):
    """The child's room is ready or has ended in order, by a crash, or by its own wish."""

    notice: ChildReady | ChildExited


class Beat(Frame, frozen=True):
    """The child's serving loop goes round. Totals since its start, and what waits in its inbox."""

    served_count: int
    waiting_count: int
    malformed_count: int


class Logged(Frame, frozen=True):
    """One log event of the child."""

    event: str
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]
    fields: dict[str, Field]


ToChild: TypeAlias = Open | Deliver
FromChild: TypeAlias = Sent | Undelivered | Noticed | Beat | Logged

_Side = TypeVar("_Side")
_encoder = msgspec.msgpack.Encoder()
_to_child: msgspec.msgpack.Decoder[ToChild] = msgspec.msgpack.Decoder(ToChild)
_from_child: msgspec.msgpack.Decoder[FromChild] = msgspec.msgpack.Decoder(FromChild)


def encode(frame: Frame) -> bytes:
    """One frame as bytes."""
    return _encoder.encode(frame)


def decode_to_child(body: bytes) -> ToChild:
    """A frame from the parent. Raises WireMalformed: drop it, count it."""
    return _decode(_to_child, body)


def decode_from_child(body: bytes) -> FromChild:
    """A frame from a child. Raises WireMalformed: drop it, count it."""
    return _decode(_from_child, body)


def _decode(decoder: "msgspec.msgpack.Decoder[_Side]", body: bytes) -> _Side:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireMalformed(f"{type(error).__name__}: {error}"[:200]) from error


def clock_spec(clock: Clock) -> ClockSpec:
    """What a child process needs to read the same time.

    Raises:
        TypeError: a virtual clock moves in one process only; the room does not start.
    """
    if isinstance(clock, LapseClock):
        return ClockSpec(start_ns=clock.start_ns, speed=clock.speed, origin_ns=clock.origin_ns)
    if isinstance(clock, SystemClock):
        return ClockSpec()
    raise TypeError(f"{type(clock).__name__} cannot be continued in another process")


def clock_from(spec: ClockSpec) -> Clock:
    """The clock that `clock_spec` described."""
    if spec.speed == 0:
        return SystemClock()
    return LapseClock(start_ns=spec.start_ns, speed=spec.speed, origin_ns=spec.origin_ns)
