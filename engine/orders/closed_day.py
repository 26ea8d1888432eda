"""What a broker may still say of a day that has ended, after its orders were forgotten.

Decides which hearsay about finished orders of the closed day tells nothing new. Refuses to know
orders that are open. Stands alone because a broker lists a day's orders until the next morning and
reports are under way when the day ends, and neither is somebody else's order.
"""

from collections.abc import Mapping

import msgspec

from engine.messages.broker import TERMINAL_STATUSES, IntentAnswered, OrderReport, TradeReport


class PastOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A finished order: units filled, and how many of them without their trades. One that
    `is_full` cannot work again, whatever a late report says."""

    filled: int
    synthetic: int
    is_full: bool = False


class ClosedDay:
    """The last day that ended: when, and its orders by tag."""

    def __init__(self) -> None:
        self.at_ns = 0
        self._orders: dict[str, PastOrder] = {}
        self._trades: set[tuple[str, str]] = set()

    def end(self, at_ns: int, orders: dict[str, PastOrder], trades: set[tuple[str, str]]) -> None:
        """Take over what is forgotten: finished orders, and (order, trade) ids that are known. A
        day that is ended again changes nothing."""
        self.at_ns = max(self.at_ns, at_ns)
        if orders:
            self._orders, self._trades = orders, trades

    def is_told(self, item: IntentAnswered | OrderReport | TradeReport) -> bool:
        """True for hearsay of one of its orders that tells nothing new."""
        past = self._orders.get(item.client_order_id)
        if past is None or isinstance(item, IntentAnswered):
            return past is not None
        if isinstance(item, OrderReport):
            is_over = past.is_full or item.status in TERMINAL_STATUSES
            return is_over and item.filled_quantity <= past.filled
        is_known = (item.venue_order_id, item.trade_id) in self._trades
        return is_known or item.quantity <= past.synthetic

    def has(self, row: OrderReport, traded: Mapping[str, int]) -> bool:
        """True for a finished order of the closed day in a snapshot; after a restart nothing else
        is known of it. `traded`: the last trade's time by venue order id; an order that never
        traded changes nothing."""
        if not self.at_ns or row.status not in TERMINAL_STATUSES:
            return False
        return row.filled_quantity == 0 or 0 < traded.get(row.venue_order_id, 0) <= self.at_ns
