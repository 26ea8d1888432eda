"""What a session consists of: everything that reached the captured rooms, in one order.

Decides which happenings are kept and what identifies a message. Refuses to know files and rooms.
The order of the log is the order in which things *began* (an append is atomic), so it agrees with
cause and effect: a message is sent before it is handled. A room's handlers touch nothing that is
shared, so to run them one after the other in this order is to run them again.

| event      | appended                                                | by               |
|------------|---------------------------------------------------------|------------------|
| `Entered`  | a generation of a captured room exists                  | its supervisor   |
| `Inbound`  | before a message from outside is offered                | the sender       |
| `Opened`   | before the behaviour is built and opened                | the room         |
| `Handled`  | before a message is handled                             | the room         |
| `Flushed`  | before a batch is flushed                               | the room         |
| `Fired`    | before a timer's message is offered                     | the room's pool  |
| `Exited`   | before a captured room's end is reported                | room or fencer   |
| `Dropped`  | when a message became a dead letter                     | the sender       |
| `Called`   | when a port (store, spool, latches ...) has answered    | the port         |
| `Ended`    | when the capture ends in order                          | the recorder     |
"""

from hashlib import blake2b
from typing import Final, TypeAlias

import msgspec

from engine.messages.base import Message
from engine.messages.supervision import ChildExited

DIGEST_BYTES: Final = 6
"""Enough to tell apart the messages that wait for one room at one time."""

PortValue: TypeAlias = bool | int | str | bytes | list["PortValue"] | tuple["PortValue", ...] | None

_encoder = msgspec.msgpack.Encoder(enc_hook=lambda value: type(value).__name__)


class Event(msgspec.Struct, gc=False):
    """Base of all events; written and read by `actors.capture.blocks`."""


class Entered(Event):
    """`key` stands for this generation of this name in all later events."""

    key: int
    name: str
    generation: int


class Inbound(Event):
    """A message from outside of the captured rooms."""

    target: str
    message: Message


class Opened(Event):
    key: int
    now_ns: int
    mono_ns: int


class Handled(Event):
    key: int
    message: Message
    now_ns: int
    mono_ns: int


class Flushed(Event):
    key: int
    now_ns: int
    mono_ns: int


class Fired(Event):
    key: int
    timer: str


class Exited(Event):
    """`step` numbers the room's events; `sends` were done in it. `is_cut`: the room was fenced
    while it was inside of that event. `is_fence`: ended from outside, not by itself."""

    key: int
    step: int
    sends: int
    is_fence: bool
    is_cut: bool
    exited: ChildExited


class Dropped(Event):
    target: str
    message: Message


class Called(Event):
    """`error` is the name of the exception's type, "" if the call returned."""

    port: str
    operation: str
    error: str
    text: str
    value: PortValue


class Ended(Event):
    """The last event; `reason` "" means that nothing is missing."""

    reason: str


def encoded(message: Message) -> bytes:
    """The message as msgpack; equal messages give equal bytes."""
    return _encoder.encode(message)


def digest_of(body: bytes) -> bytes:
    """What identifies a message among those that wait for one room."""
    return blake2b(body, digest_size=DIGEST_BYTES).digest()
