"""How an exception is described: kind, text, trace and the digest of the message behind it.

Decides what of a failure is told. Refuses to keep local variables or unbounded text.
"""

import traceback
from hashlib import blake2b

import msgspec

from engine.messages.base import Delivery, Message
from engine.messages.supervision import ExitKind

TRACE_CHARS_MAX = 4_000


def poison_digest(message: Message) -> str:
    """A digest of a message's type and fields, equal for equal messages."""
    body = msgspec.msgpack.encode(message, enc_hook=_type_name)
    return blake2b(body, digest_size=12).hexdigest()


def kind_of(error: BaseException) -> ExitKind:
    """The exit kind of an unforeseen exception."""
    if isinstance(error, (MemoryError, RecursionError)):
        return ExitKind.RESOURCE
    if isinstance(error, AssertionError):
        return ExitKind.INVARIANT
    return ExitKind.CRASHED


def text_of(error: BaseException) -> str:
    """A bounded text of an exception, whatever its `__str__` does."""
    try:
        return str(error)[:500]
    except Exception:  # noqa: BLE001 a hostile __str__ must not hide the crash
        return "<unprintable>"


def poison_of(message: Message | None) -> str:
    """The digest under which a message may be parked; "" for control, which never is: a mode
    change or a stop that kills must escalate, not vanish."""
    if message is None or message.delivery is Delivery.CONTROL:
        return ""
    return poison_digest(message)


def trace_of(error: BaseException) -> str:
    """The last frames, without local variables."""
    return "".join(traceback.format_exception(error, limit=-8))[-TRACE_CHARS_MAX:]


def _type_name(value: object) -> str:
    return type(value).__name__


def unopened(message: Message) -> None:
    """What a room does with messages before its behaviour is there: our own bug."""
    raise TypeError(f"{type(message).__name__} before open")
