"""What a group actor is started with.

Decides the argument of a group's start alone. Refuses to be a record: it is never journaled, what
it carries is. Stands alone because records are a vocabulary of their own.
"""

from typing import ClassVar

from engine.messages.base import Delivery, Message
from engine.messages.records import Record
from engine.messages.signals import TradePlan


class PlanApproved(Message, frozen=True, kw_only=True):
    """What a group actor is started with: its plan, and records that must become durable together
    with `GroupOpened` (none when the custodian brings an old group back)."""

    delivery: ClassVar[Delivery] = Delivery.CRITICAL

    plan: TradePlan
    preface: tuple[Record, ...] = ()
