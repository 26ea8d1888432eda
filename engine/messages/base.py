"""What every message is, and how an inbox may treat it.

Decides the delivery class of a message type. Refuses to know who sends or receives it.
Messages are frozen msgspec structs of ints, strs, enums, tuples and other messages, so they can
be shared between threads without copies and cross process borders as typed msgpack.
"""

from enum import Enum
from typing import ClassVar

import msgspec


class Word(Enum):
    """An enum whose members hash by identity. They are singletons; `Enum` hashes their names in
    Python, on every look into a dict or set of states."""

    __hash__ = object.__hash__


class Delivery(Enum):
    """How an inbox treats a message type.

    CONTROL overtakes data and is never refused. CRITICAL (orders, fills, journal entries) is
    never dropped: over the bound it is still taken and the backlog is reported. QUEUE is refused
    over the bound (a counted dead letter). CONFLATE keeps the latest per `conflation_key` once
    the reader lags. DROP_OLDEST makes room by dropping the oldest of its kind.
    """

    CONTROL = "control"
    CRITICAL = "critical"
    QUEUE = "queue"
    CONFLATE = "conflate"
    DROP_OLDEST = "drop_oldest"


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag=True, array_like=True):
    """Base of all messages. Immutable, comparable, hashable where its fields are."""

    delivery: ClassVar[Delivery] = Delivery.QUEUE

    @property
    def conflation_key(self) -> str:
        """The key under which a CONFLATE message replaces an older one."""
        return type(self).__name__
