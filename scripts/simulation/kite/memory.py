"""What the broker adapter knows by heart: which order id a tag has. It dies with the engine.

Decides which order of the account an intent means. Refuses to change any.
"""

from collections.abc import Iterable

from engine.exchange.account.ledger import Ledger
from engine.exchange.account.orders import RESTING, KiteOrder
from engine.exchange.account.request import OrderRequest
from engine.messages.records import IntentPlanned, OrderFact, Record


class AdapterMemory:
    """See the module."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._ids: dict[str, str] = {}

    def start_day(self) -> None:
        """Ids of yesterday name nothing any more."""
        self._ids.clear()

    def recover(self, records: Iterable[Record]) -> None:
        """A new life of the engine: learn the order ids of our tags from its journal."""
        self._ids.clear()
        for record in records:
            if isinstance(record, OrderFact) and record.venue_order_id:
                self._ids[record.client_order_id] = record.venue_order_id

    def bind(self, tag: str, venue_order_id: str) -> None:
        """The answer told the order's id."""
        self._ids[tag] = venue_order_id

    def find(self, tag: str) -> KiteOrder | None:
        """The order that the adapter means by a tag: by its id, else by what the book shows."""
        known = self._ledger.orders.get(self._ids.get(tag, ""))
        if known is not None:
            return known
        tagged = [order for order in self._ledger.orders.values() if order.tag == tag]
        alive = [order for order in tagged if not order.is_terminal]
        return next(reversed(alive or tagged), None)

    def seconds(self, order: KiteOrder) -> list[KiteOrder]:
        """Other resting orders that the book shows with the same tag: second effects of one
        request (FLT-24), which the adapter knows from the books it has read."""
        return [
            other
            for other in self._ledger.orders.values()
            if other.tag == order.tag != "" and other is not order and other.status in RESTING
        ]


def request_of(intent: IntentPlanned) -> OrderRequest:
    """The form that an intent fills in."""
    return OrderRequest(
        tag=intent.client_order_id,
        instrument=intent.instrument,
        side=intent.side,
        product=intent.product,
        order_type=intent.order_type,
        quantity=intent.quantity,
        price_limit_paise=intent.price_limit_paise,
        price_trigger_paise=intent.price_trigger_paise,
        is_exit=intent.leg.is_exit,
    )
