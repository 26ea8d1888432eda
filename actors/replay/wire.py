"""Messages read back from a capture.

Decides what a message of an unknown type is: one of the same name and content, that no actor
understands, as none did in the recording (a drill's nonsense, a type that is gone).
"""

from typing import Any, cast

import msgspec

from actors.runtime.codec import AnyMessage
from engine.errors import CaptureDamaged
from engine.messages.base import Message

_decoder: msgspec.msgpack.Decoder[AnyMessage] = msgspec.msgpack.Decoder(AnyMessage)
_strangers: dict[tuple[str, int], type[Message]] = {}


def message_from(body: bytes) -> Message:
    """The message in `body`.

    Raises:
        CaptureDamaged: not a message.
    """
    try:
        return _decoder.decode(body)
    except msgspec.ValidationError:
        return _stranger(body)
    except msgspec.DecodeError as error:
        raise CaptureDamaged(f"unreadable message: {error}") from error


def _stranger(body: bytes) -> Message:
    fields: Any = msgspec.msgpack.decode(body)
    if not (isinstance(fields, list) and fields and isinstance(fields[0], str)):
        raise CaptureDamaged("unreadable message: no type")
    name, values = fields[0], fields[1:]
    kind = _strangers.get((name, len(values)))
    if kind is None:
        names = [(f"field_{number}", Any) for number in range(len(values))]
        made = msgspec.defstruct(
            name, names, bases=(Message,), frozen=True, kw_only=True, tag=name, array_like=True
        )
        kind = _strangers[name, len(values)] = cast("type[Message]", made)
    return kind(**{f"field_{number}": value for number, value in enumerate(values)})
