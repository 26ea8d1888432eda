"""The first difference between a recording and its replay.

Decides what a person is shown of it. Stands alone because rooms, ports and the player find it.
"""

import msgspec

from engine.journal import decode
from engine.messages.base import Message

TEXT_CHARS_MAX = 2_000


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """`number` counts events from 1; `recent` are the events before it, oldest first; `journal`
    is what the recording wrote to the journal next."""

    number: int
    at_ns: int
    room: str
    what: str
    recorded: str
    replayed: str
    recent: tuple[str, ...]
    journal: tuple[str, ...] = ()


class Diverged(BaseException):
    """Ends the replay, through whatever code it passes. Not an Exception: nothing may catch it."""

    def __init__(self, what: str, *, recorded: str, replayed: str, room: str = "") -> None:
        super().__init__(what)
        self.what, self.recorded, self.replayed, self.room = what, recorded, replayed, room


class Cut(BaseException):
    """The recording's handler came this far and no further."""


def shown(message: Message) -> str:
    """A message as text, bounded."""
    text = repr(message)
    return text if len(text) <= TEXT_CHARS_MAX else text[:TEXT_CHARS_MAX] + "..."


def shown_record(seq: int, body: bytes) -> str:
    """A journal record as text.

    Raises:
        JournalDamaged: not a record of this schema.
    """
    return f"{seq}: {shown(decode(body))}"
