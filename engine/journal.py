"""The journal's codec, its hash chain, and who must hear of which record.

Decides how a record becomes bytes, how each record is chained to all before it, and to which
actors a durable record goes. Refuses to know where bytes are kept. Stands alone because recovery,
replay, audit and backtest must agree on these three to the last bit.
"""

from hashlib import sha256
from typing import Final, assert_never

import msgspec

from engine.errors import JournalDamaged
from engine.messages.records import (
    ActorFailed,
    DayClosed,
    DecisionRecorded,
    GroupClosed,
    GroupOpened,
    IntentPlanned,
    JobRan,
    LatchChanged,
    ModeChanged,
    OperatorActed,
    OrderAccepted,
    OrderCancelled,
    OrderDenied,
    OrderDoubled,
    OrderFact,
    OrderFilled,
    OrderLost,
    OrderModified,
    OrderRejected,
    OrderTriggered,
    OrderUnknown,
    Record,
    RequestRefused,
    RiskNoted,
    SignalRecorded,
)
from engine.messages.values import Action, Leg

GENESIS: Final = bytes(32)
"""The chain value before the first record."""

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


def encode(record: Record) -> bytes:
    """The record as msgpack; equal records give equal bytes."""
    return _encoder.encode(record)


def decode(body: bytes) -> Record:
    """The record in `body`, strictly.

    Fields that an older engine did not know take their defaults. Anything that this engine would
    not write back in full (a field of a newer schema, another byte order) is refused: reading it
    would forget a part of history silently.

    Raises:
        JournalDamaged: not a record, an unknown kind, or a newer schema. The engine halts.
    """
    try:
        record = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise JournalDamaged(f"unreadable record: {error}") from error
    written = _encoder.encode(record)
    if written != body and len(written) <= len(body):
        raise JournalDamaged(f"{type(record).__name__} holds more than this engine knows")
    return record


def next_chain(chain: bytes, body: bytes) -> bytes:
    """The chain value after `body`: SHA-256 over the 32 bytes before it and the body. Its hex after
    the last record is the journal digest."""
    return sha256(chain + body).digest()


def kind_of(record: Record) -> str:
    """The record's name in the journal."""
    return type(record).__name__


def group_of(record: Record) -> str:
    """The OCO group a record belongs to, '' if none."""
    match record:
        case GroupOpened():
            return record.plan.group_id
        case GroupClosed() | IntentPlanned() | OrderFact():
            return record.group_id
        case _:
            return ""


def recipients(record: Record) -> tuple[str, ...]:
    """The names of the actors that are told once the record is durable, in order."""
    match record:
        case IntentPlanned():
            return (
                "writer",
                "watcher",
                *((f"oco/{record.group_id}", "guard") if record.is_adopted else ()),
            )
        case OrderFilled():
            group = f"oco/{record.group_id}"
            strategy = f"strategy/{record.strategy}"
            return ("writer", group, "guard", "book", "custodian", strategy)
        case OrderAccepted():
            return ("writer", f"oco/{record.group_id}", "guard", "custodian")
        case (
            OrderTriggered()
            | OrderModified()
            | OrderCancelled()
            | OrderRejected()
            | OrderLost()
            | RequestRefused()
            | OrderDoubled()
        ):
            return ("writer", f"oco/{record.group_id}", "guard")
        case OrderDenied() | OrderUnknown():
            return (f"oco/{record.group_id}", "guard")
        case GroupOpened():
            return ("guard", "custodian")
        case GroupClosed():
            return (
                f"oco/{record.group_id}",
                "guard",
                "custodian",
                "book",
                f"strategy/{record.strategy}",
            )
        case (
            SignalRecorded()
            | DecisionRecorded()
            | ModeChanged()
            | LatchChanged()
            | OperatorActed()
            | ActorFailed()
            | RiskNoted()
            | DayClosed()
            | JobRan()
        ):
            return ()
        case _:
            assert_never(record)


def is_entry(record: Record) -> bool:
    """True for what begins a position: it is refused while the store is away."""
    if isinstance(record, GroupOpened):
        return True
    return (
        isinstance(record, IntentPlanned)
        and record.leg is Leg.ENTRY
        and record.action is Action.PLACE
    )
