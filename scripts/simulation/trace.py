"""What happened, as a hash and as a story.

Decides what counts as an event: every handled message with its content, every strike of a fault,
every boot and death. Two runs of a seed must end in the same hash.
"""

from hashlib import blake2b
from typing import Final

import msgspec

from engine.messages.base import Message
from engine.messages.broker import BrokerSnapshot

_PACK_INTO = msgspec.msgpack.Encoder(enc_hook=lambda value: type(value).__name__).encode_into
_BUFFER_BYTES: Final = 1 << 16
_END: Final = -1
"""For msgspec: append to the buffer."""


class Trace:
    """The running hash; `story` is told to people. Bytes are hashed many messages at a time."""

    def __init__(self) -> None:
        self.steps = 0
        self.story: list[str] = []
        self._hash = blake2b(digest_size=16)
        self._buffer = bytearray()
        self._prefixes: dict[tuple[str, type], bytes] = {}

    def handled(self, room: str, message: Message) -> None:
        """A room is about to handle a message."""
        self.steps += 1
        kind, buffer = type(message), self._buffer
        prefix = self._prefixes.get((room, kind))
        if prefix is None:
            prefix = self._prefixes[room, kind] = f"{room} {kind.__name__} ".encode()
        buffer += prefix
        if isinstance(message, BrokerSnapshot):  # long, and it follows from what came before
            orders, trades = len(message.orders), len(message.trades)
            _PACK_INTO((message.request_id, message.book, orders, trades), buffer, _END)
        else:
            _PACK_INTO(message, buffer, _END)
        if len(buffer) > _BUFFER_BYTES:
            self._hash.update(buffer)
            buffer.clear()

    def told(self, line: str) -> None:
        """Something of the outside world."""
        self._buffer += line.encode()
        self.story.append(line)

    def digest(self) -> str:
        """The hash so far, hexadecimal."""
        self._hash.update(self._buffer)
        self._buffer.clear()
        return self._hash.hexdigest()
