"""What a group may not have heard of yet when it asked for something.

Decides whether news crossed an intent. The gate is a second line: a group that asks for more than
its position leaves it to the gate to say no, and has no exit at all until it asks for less. So what
is asked is judged too, but only by what its group knew.
"""

from collections.abc import Mapping
from typing import Final

from engine.messages.journal import Journaled, Replayed
from engine.messages.records import (
    IntentPlanned,
    OrderDoubled,
    OrderFact,
    OrderFilled,
    OrderLost,
    Record,
)
from engine.units import NS_PER_S
from scripts.simulation.checks.seen import OrderSeen

NEWS_NS: Final = 10 * NS_PER_S
"""An intent is planned at most this long before it is durable, its room being awake."""


class News:
    """Records that leave a group less room than it knows of: fills of exits, orders that come back
    from the lost or work beside another of their tag, adoptions. All else that it has not heard of
    can only leave it more."""

    def __init__(self) -> None:
        self._lost: set[str] = set()
        self._unheard: dict[str, list[Record]] = {}
        self._heard_at_ns: dict[str, int] = {}

    def recorded(self, record: Record) -> None:
        if isinstance(record, OrderLost):
            self._lost.add(record.client_order_id)
        elif isinstance(record, OrderFact):
            is_back = record.client_order_id in self._lost
            is_fill = isinstance(record, OrderFilled) and record.leg.is_exit
            if is_back or is_fill or isinstance(record, OrderDoubled):
                self._unheard.setdefault(record.group_id, []).append(record)
        elif isinstance(record, IntentPlanned) and record.is_adopted:
            self._unheard.setdefault(record.group_id, []).append(record)

    def handled(self, room: str, message: Journaled | Replayed, now_ns: int) -> None:
        """A room has heard of something; the rooms of groups count."""
        kind, _, group_id = room.partition("/")
        unheard = self._unheard.get(group_id)
        if kind != "oco" or not unheard:
            return
        heard = message.records if isinstance(message, Replayed) else (message.record,)
        left = [record for record in unheard if record not in heard]
        if len(left) < len(unheard):
            self._unheard[group_id] = left
            self._heard_at_ns[group_id] = now_ns

    def may_cross(self, group_id: str, now_ns: int) -> bool:
        """True if what is durable by now may have been planned without the last news."""
        heard_at_ns = self._heard_at_ns.get(group_id)
        is_young = heard_at_ns is not None and now_ns - heard_at_ns < NEWS_NS
        return is_young or bool(self._unheard.get(group_id))


class SecondNews:
    """Orders that were over when a record first told of a second of theirs (FLT-24). Their groups
    may have planned one attempt in their place before they heard it, but none once they have asked
    for anything of the second. What both take together is INV-09's."""

    def __init__(self) -> None:
        self._may_cross: dict[str, bool] = {}

    def recorded(self, record: Record, orders: Mapping[str, OrderSeen]) -> None:
        if isinstance(record, OrderDoubled):
            order = orders.get(record.client_order_id)
            is_over = order is not None and order.is_over_itself
            self._may_cross.setdefault(record.client_order_id, is_over)
        elif isinstance(record, IntentPlanned) and record.client_order_id in self._may_cross:
            self._may_cross[record.client_order_id] = False

    def crossed(self, client_order_id: str) -> bool:
        """Whether an attempt beside the order may have crossed the news; once."""
        may_cross = self._may_cross.get(client_order_id, False)
        if may_cross:
            self._may_cross[client_order_id] = False
        return may_cross
