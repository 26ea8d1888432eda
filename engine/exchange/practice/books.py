"""What reading the books shows: orders, history, trades and positions as JSON rows.

Decides how stale books look (the ledger says when they are). Refuses to change anything.
"""

from collections.abc import Mapping

from engine.exchange.account.ledger import Key, Ledger
from engine.exchange.account.orders import KiteOrder
from engine.exchange.practice import rows
from engine.exchange.practice.listing import Listing
from engine.exchange.practice.quotes import Quote
from engine.messages.broker import OrderReport

Json = dict[str, object]


class Books:
    """See the module."""

    def __init__(self, ledger: Ledger, listing: Listing, quotes: Mapping[str, Quote]) -> None:
        self._ledger, self._listing, self._quotes = ledger, listing, quotes
        self._overnight: dict[Key, tuple[int, int]] = {}
        self._positions: Json = {"net": [], "day": []}

    def start_day(self) -> None:
        """What is held from now on is of an earlier day, at the last price of it."""
        self._overnight = {
            key: (units, self._quotes[key[0]].last_paise)
            for key, units in self._ledger.positions.items()
            if units
        }

    def orders(self) -> list[Json]:
        """The order book, as it is shown."""
        return [self._row(report) for report in self._ledger.read(0).orders]

    def history(self, order: KiteOrder, now_ns: int) -> list[Json]:
        """The states of one order, oldest first."""
        report = order.listed(now_ns)
        return rows.history_rows(report, order, self._listing.rows[order.instrument])

    def trades(self, order_id: str = "") -> list[Json]:
        """The trade book of the day, or of one order."""
        return [
            rows.trade_row(
                trade,
                self._ledger.orders[trade.venue_order_id].placed_at_ns,
                self._listing.rows[trade.instrument],
            )
            for trade in self._ledger.read(0).trades
            if order_id in ("", trade.venue_order_id)
        ]

    def positions(self) -> Json:
        """`net` and `day` rows; of frozen books those of the last time they were not."""
        shown = self._ledger.read(0).positions
        truth = dict(self._ledger.positions)
        if {(row.instrument, row.product): row.quantity for row in shown} == truth:
            self._positions = {
                "net": [self._position(key, is_net=True) for key in truth],
                "day": [self._position(key, is_net=False) for key in truth],
            }
        return self._positions

    def _position(self, key: Key, *, is_net: bool) -> Json:
        name, product = key
        units, paise = self._overnight.get(key, (0, 0)) if is_net else (0, 0)
        trades = [x for x in self._ledger.trades if (x.instrument, x.product) == key]
        last, listed = self._quotes[name].last_paise, self._listing.rows[name]
        return rows.position_row(listed, product, trades, last, overnight=units, closed_paise=paise)

    def _row(self, report: OrderReport) -> Json:
        order = self._ledger.orders.get(report.venue_order_id)
        return rows.order_row(report, order, self._listing.rows[report.instrument])
