"""What happened, as a hash and as a story.

Decides what counts as an event: every handled message with its content, every strike of a fault,
every boot and death. Two runs of a seed must end in the same hash.
"""

from hashlib import blake2b

import msgspec

from engine.messages.base import Message
from engine.messages.broker import BrokerSnapshot

_PACK = msgspec.msgpack.Encoder(enc_hook=lambda value: type(value).__name__)


class Trace:
    """The running hash; `story` is told to people."""

    def __init__(self) -> None:
        self.steps = 0
        self.story: list[str] = []
        self._hash = blake2b(digest_size=16)

    def handled(self, room: str, message: Message) -> None:
        """A room is about to handle a message."""
        self.steps += 1
        content: object = message
        if isinstance(message, BrokerSnapshot):  # long, and it follows from what came before
            content = (message.request_id, message.book, len(message.orders), len(message.trades))
        self._hash.update(f"{room} {type(message).__name__} ".encode() + _PACK.encode(content))

    def told(self, line: str) -> None:
        """Something of the outside world."""
        self._hash.update(line.encode())
        self.story.append(line)

    def digest(self) -> str:
        """The hash so far, hexadecimal."""
        return self._hash.hexdigest()
