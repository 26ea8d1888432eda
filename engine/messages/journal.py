"""How actors and the journal talk. The journal is the doorway: first durable, then delivered."""

from typing import ClassVar

from engine.messages.base import Delivery, Message
from engine.messages.records import Record


class Append(Message, frozen=True, kw_only=True):
    """Make these records durable in this order, in one transaction, then deliver them.

    An append of a fenced generation is refused and counted.
    """

    delivery: ClassVar[Delivery] = Delivery.CRITICAL

    records: tuple[Record, ...]
    sender: str
    sender_generation: int


class Journaled(Message, frozen=True, kw_only=True):
    """A durable record on its way to those whom it concerns (engine/journal.py: recipients)."""

    delivery: ClassVar[Delivery] = Delivery.CRITICAL

    seq: int
    record: Record


class StoreAwaited(Message, frozen=True, kw_only=True):
    """The journal's note to itself while it recovers: try the store again."""

    delivery: ClassVar[Delivery] = Delivery.CONTROL


class ReplayRequested(Message, frozen=True, kw_only=True):
    """A starting actor asks for its past. `group_id` narrows it to one group; otherwise the
    records since the start of the trading day plus all of groups still open are sent."""

    delivery: ClassVar[Delivery] = Delivery.CRITICAL

    reader: str
    reader_generation: int
    group_id: str = ""


class Replayed(Message, frozen=True, kw_only=True):
    """The past, up to and including `seq`. Overtakes data: recovery comes first.

    `owed` is no past yet: what waits for a disk or database that refuses, and comes after `seq`
    if this process lives to write it. Nobody may act on it; who numbers things must not number
    them alike, who books trades must not book them again, and who keeps what is true at a venue
    must know the facts among it, which nobody will tell again.
    """

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    reader_generation: int
    records: tuple[Record, ...]
    seq: int
    owed: tuple[Record, ...] = ()


class JournalStateChanged(Message, frozen=True, kw_only=True):
    """The database came or went. While it is away entries stop and exits are spooled."""

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    is_available: bool
    spooled_count: int
    reason: str
    at_ns: int


class AppendRefused(Message, frozen=True, kw_only=True):
    """Nothing of this append was recorded and nothing of it will happen.

    Sent to the sender and, with a `group_id`, to the guard, which releases the reservation.
    `why`: journal_away, fenced, duplicate.
    """

    delivery: ClassVar[Delivery] = Delivery.CRITICAL

    sender: str
    sender_generation: int
    group_id: str
    why: str
