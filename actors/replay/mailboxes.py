"""What was sent and not yet handled, by name.

Decides which waiting message an event of the log means: the one with the same content. Generations
do not matter here (who received it is on record), nor do lanes and conflation (so is what was
handled). What nobody handled in the recording stays.
"""

from collections import defaultdict, deque

from actors.capture.events import digest_of, encoded
from engine.messages.base import Message


class Mailboxes:
    """name -> digest -> messages."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, dict[bytes, deque[Message]]] = defaultdict(dict)
        self._known: tuple[Message, bytes] | None = None

    def put(self, target: str, message: Message) -> bytes:
        """Let a message wait; its digest."""
        known = self._known
        if known is None or known[0] is not message:  # one message often goes to many
            self._known = known = (message, digest_of(encoded(message)))
        self._waiting[target].setdefault(known[1], deque()).append(message)
        return known[1]

    def take(self, target: str, digest: bytes) -> Message | None:
        """The oldest of these that waits for the name."""
        box = self._waiting[target]
        found = box.get(digest)
        if found is None:
            return None
        message = found.popleft()
        if not found:
            del box[digest]
        return message

    def like(self, target: str, kind: str) -> Message | None:
        """The newest message of a type that waits for the name: what came instead."""
        for found in reversed(self._waiting[target].values()):
            if type(found[-1]).__name__ == kind:
                return found[-1]
        return None
