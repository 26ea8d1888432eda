"""What happened, as a hash and as the last lines of a story.

Decides what counts as an event: every handled message with its content, every strike of a fault,
every boot and death. Two runs of a seed must end in the same hash.
"""

from collections import deque
from hashlib import blake2b

import msgspec

from engine.messages.base import Message
from engine.messages.broker import BrokerSnapshot

LINES_MAX = 200
_PACK = msgspec.msgpack.Encoder(enc_hook=lambda value: type(value).__name__)


class Trace:
    """The running hash; `lines` is told to people."""

    def __init__(self) -> None:
        self.steps = 0
        self.lines: deque[str] = deque(maxlen=LINES_MAX)
        self.story: list[str] = []
        self._hash = blake2b(digest_size=16)
        self._recent: deque[tuple[int, str, Message]] = deque(maxlen=LINES_MAX)

    def handled(self, now_ns: int, room: str, message: Message) -> None:
        """A room is about to handle a message."""
        self.steps += 1
        self._recent.append((now_ns, room, message))
        kind = type(message)
        content: object = message
        if isinstance(
            message, BrokerSnapshot
        ):  # its content is long and follows from what came before
            content = (message.request_id, message.book, len(message.orders), len(message.trades))
        self._hash.update(f"{room} {kind.__name__} ".encode() + _PACK.encode(content))

    def told(self, line: str) -> None:
        """Something of the outside world."""
        self._hash.update(line.encode())
        self.story.append(line)

    def recent(self) -> list[tuple[int, str, Message]]:
        """The last handled messages, oldest first."""
        return list(self._recent)

    def digest(self) -> str:
        """The hash so far, hexadecimal."""
        return self._hash.hexdigest()
