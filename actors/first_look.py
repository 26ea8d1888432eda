"""What left in an earlier life, of which no record is left: found in the broker's own books.

Decides whether a placement is at the broker already. The journal says what has left, but records
that were only in a spool can be gone with it (FLT-89), and the next life then plans the same order
under the same tag. So before the first placement of a life the books are read, unless they were
already. An order that they show under the tag is this one: it is taken as acknowledged, and nothing
is sent (INV-04). Books that cannot be read hold up a stop no longer than this one look.
"""

from collections.abc import Mapping

from actors.brokers.port import BrokerPort
from actors.runtime.behaviour import Context
from actors.runtime.log import log_event
from engine.messages.broker import Outcome
from engine.messages.records import IntentPlanned
from engine.messages.values import Action, Book
from engine.orders.answer import answered
from engine.risk.gate import Gate


class FirstLook:
    """See the module. One for each generation of the writer."""

    def __init__(self, brokers: Mapping[Book, BrokerPort], gate: Gate) -> None:
        self._brokers = brokers
        self._gate = gate
        self._looked: set[Book] = set()

    def has_left(self, intent: IntentPlanned, ctx: Context) -> bool:
        """True if it is at the broker already; the gate and the watcher are told so."""
        if intent.action is not Action.PLACE:
            return False
        orders = self._gate.orders
        self._look(intent.book, ctx)
        row = orders.unplanned(intent.client_order_id)
        if row is None:
            return False
        log_event("order_found_at_broker", "WARNING", intent_id=intent.intent_id)
        self._gate.sent(intent)
        orders.report(row)
        answer = answered(intent, Outcome.ACKED, ctx.now_ns(), venue_order_id=row.venue_order_id)
        ctx.send("watcher", answer)
        ctx.send("watcher", row)
        return True

    def _look(self, book: Book, ctx: Context) -> None:
        broker = self._brokers.get(book)
        orders = self._gate.orders
        if broker is None or book in self._looked or book in orders.books_read:
            return
        self._looked.add(book)
        snapshot = broker.snapshot(0, ctx.now_ns())
        if snapshot is not None:
            orders.read(snapshot)
