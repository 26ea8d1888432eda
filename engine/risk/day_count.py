"""How many live orders of the day the broker has counted, at worst.

Decides when entries stop, so that a share of the broker's daily quota is left for exits. Refuses to
keep anything: intents are in the journal before they leave, so a restarted writer counts the same
by folding the day (CTL-06). Stands alone because an order that the broker refused has counted too.
"""

from engine import limits
from engine.messages.records import IntentPlanned, OrderDenied, Record
from engine.messages.values import Action, Book
from engine.session import ist_day


class DayCount:
    """Live placements of one IST day, by id; what our own gate denied never left."""

    def __init__(self) -> None:
        self._day = ""
        self._ids: set[str] = set()

    def fold(self, record: Record) -> None:
        """A record of the past."""
        if isinstance(record, IntentPlanned):
            self.sent(record)
        elif isinstance(record, OrderDenied) and record.action is Action.PLACE:
            self._ids.discard(record.client_order_id)

    def sent(self, intent: IntentPlanned) -> None:
        """An intent leaves, or may have left."""
        if intent.action is not Action.PLACE or intent.book is not Book.LIVE or intent.is_adopted:
            return
        self._turn(intent.at_ns)
        if ist_day(intent.at_ns).isoformat() == self._day:
            self._ids.add(intent.client_order_id)

    def count(self, now_ns: int) -> int:
        """Orders of this day."""
        self._turn(now_ns)
        return len(self._ids)

    def has_room(self, now_ns: int) -> bool:
        """Whether one more entry leaves enough of the quota to the exits."""
        return self.count(now_ns) < limits.ORDERS_DAY_ENTRIES_MAX

    def _turn(self, now_ns: int) -> None:
        day = ist_day(now_ns).isoformat()
        if day > self._day:
            self._day = day
            self._ids.clear()
