"""Whom a call to the broker gives way to when it hangs.

Decides what is more urgent than waiting for an answer: an exit with real money, or a cancel, that
has become durable and cannot leave meanwhile, because the writer does one thing at a time. Refuses
to know how long a call may take (the broker's adapter). What is given up is never sent again: a
read is asked for anew by who needs it, a write is UNKNOWN until the books show what became of it.
"""

from collections.abc import Callable, Mapping

from actors.brokers.port import BrokerPort, YieldingBroker
from actors.runtime.behaviour import Context
from engine.messages.base import Message
from engine.messages.journal import Journaled
from engine.messages.records import IntentPlanned
from engine.messages.values import Action, Book, Leg


def give_way(
    ctx: Context, brokers: Mapping[Book, BrokerPort], is_drain_due: Callable[[], bool]
) -> None:
    """Tell every broker whose calls may hang whom to ask.

    Args:
        ctx: of the writer.
        is_drain_due: True while an exit that waited for the rate budget could leave.
    """
    for broker in brokers.values():
        if isinstance(broker, YieldingBroker):
            broker.yield_to(lambda: is_drain_due() or ctx.awaits(is_urgent))


def is_urgent(message: Message) -> bool:
    """True for an intent of the live book that may lessen what is at stake."""
    record = message.record if isinstance(message, Journaled) else None
    if not isinstance(record, IntentPlanned) or record.is_adopted or record.book is not Book.LIVE:
        return False
    return record.leg is not Leg.ENTRY or record.action is Action.CANCEL
