"""Orders, trades and net positions of the account: the truth, and what reading it shows.

Decides what one read of the three books says (FLT-26 to 28, 41 to 43). Refuses to change an order.
The books are of one trading day; positions are carried over it.
"""

from collections.abc import Iterable

from engine.exchange.account.orders import KiteOrder
from engine.exchange.account.surroundings import Surroundings
from engine.messages.broker import BrokerSnapshot, OrderReport, PositionReport, TradeReport
from engine.messages.values import Book, Product
from engine.units import NS_PER_S

Key = tuple[str, Product]
FROZEN_S_MAX = 600


class Ledger:
    """See the module."""

    def __init__(self, around: Surroundings) -> None:
        self.orders: dict[str, KiteOrder] = {}
        self.trades: list[TradeReport] = []
        self.positions: dict[Key, int] = {}
        self._around = around
        self._shown_trades: list[TradeReport] = []
        self._prefix = ""
        self._order_count = 0
        self._frozen: BrokerSnapshot | None = None
        self._frozen_until_ns = 0
        self._is_orders_frozen = self._is_positions_frozen = False
        self._missing_count = 0
        self._missing_until_ns = 0

    # -- the truth ------------------------------------------------------------------------

    def start_day(self, trading_day: str) -> None:
        """Empty books for a new day. A back end that reuses yesterday's numbers is FLT-43."""
        self.orders.clear()
        self.trades.clear()
        self._shown_trades.clear()
        self.positions = {key: units for key, units in self.positions.items() if units}
        if not self._prefix or not self._around.faults.strikes("FLT-43"):
            self._prefix = trading_day.replace("-", "")[2:]
        self._order_count = 0
        self.thaw()

    def next_id(self) -> str:
        """A number for a new order, unique within the day."""
        self._order_count += 1
        return f"{self._prefix}{self._order_count:09d}"

    def book_trade(self, trade: TradeReport) -> TradeReport:
        """Take a true trade; what the trade book shows of it."""
        self.trades.append(trade)
        key = (trade.instrument, trade.product)
        self.positions[key] = self.positions.get(key, 0) + trade.side.sign * trade.quantity
        self._around.on_trade(trade)
        shown = trade
        if self._around.faults.strikes("FLT-41"):
            self.orders[trade.venue_order_id].is_shown_unpriced = True
            if self._around.faults.amount("FLT-41", 0, 1):
                shown = _unpriced(trade)
        self._shown_trades.append(shown)
        return shown

    def net(self, instrument: str, product: Product) -> int:
        """The true net position."""
        return self.positions.get((instrument, product), 0)

    # -- reading --------------------------------------------------------------------------

    def read(self, request_id: int) -> BrokerSnapshot:
        """The three books as the broker shows them now."""
        self._strike()
        now_ns = self._around.now_ns()
        frozen = self._frozen if now_ns < self._frozen_until_ns else None
        is_old = frozen is not None
        orders, trades = self._rows(now_ns), tuple(self._shown_trades)
        positions = self._nets()
        if frozen is not None and self._is_orders_frozen:
            orders, trades = frozen.orders, frozen.trades
        if frozen is not None and self._is_positions_frozen:
            positions = frozen.positions
        if not is_old and now_ns < self._missing_until_ns:
            orders = orders[: max(0, len(orders) - self._missing_count)]
            listed = {row.venue_order_id for row in orders}
            trades = tuple(trade for trade in trades if trade.venue_order_id in listed)
        return BrokerSnapshot(
            request_id=request_id,
            orders=orders,
            trades=trades,
            positions=positions,
            book=Book.LIVE,
            at_ns=now_ns,
        )

    def _strike(self) -> None:
        """Let the books fall behind."""
        around = self._around
        faults, now_ns = around.faults, around.now_ns()
        if now_ns >= self._frozen_until_ns:
            is_all = faults.strikes("FLT-26")
            if is_all or faults.strikes("FLT-28"):
                fault = "FLT-26" if is_all else "FLT-28"
                is_orders = is_all or faults.amount("FLT-28", 0, 1) == 1
                self._freeze(around.seconds(fault, 1, FROZEN_S_MAX))
                self._is_orders_frozen = is_orders
                self._is_positions_frozen = is_all or not is_orders
        if now_ns >= self._missing_until_ns and faults.strikes("FLT-27"):
            self._missing_count = faults.amount("FLT-27", 1, 5)
            self._missing_until_ns = now_ns + (4 * self._missing_count) * NS_PER_S

    def _freeze(self, duration_ns: int) -> None:
        now_ns = self._around.now_ns()
        self._frozen_until_ns = now_ns + duration_ns
        self._frozen = BrokerSnapshot(
            request_id=0,
            orders=self._rows(now_ns),
            trades=tuple(self._shown_trades),
            positions=self._nets(),
            book=Book.LIVE,
            at_ns=now_ns,
        )

    def thaw(self) -> None:
        """The books are fresh again."""
        self._frozen = None
        self._frozen_until_ns = self._missing_until_ns = 0

    def _rows(self, now_ns: int) -> tuple[OrderReport, ...]:
        return tuple(order.listed(now_ns) for order in self.orders.values())

    def _nets(self) -> tuple[PositionReport, ...]:
        return tuple(
            PositionReport(instrument=name, product=product, quantity=units)
            for (name, product), units in self.positions.items()
        )

    def margin_used(self, prices: Iterable[tuple[str, int]], margin_bps: int) -> int:
        """What the net positions block, in paise."""
        last = dict(prices)
        held = sum(abs(units) * last.get(name, 0) for (name, _), units in self.positions.items())
        return held * margin_bps // 10_000


def _unpriced(trade: TradeReport) -> TradeReport:
    return TradeReport(
        trade_id=trade.trade_id,
        client_order_id=trade.client_order_id,
        venue_order_id=trade.venue_order_id,
        instrument=trade.instrument,
        side=trade.side,
        product=trade.product,
        quantity=trade.quantity,
        price_paise=0,
        at_ns=trade.at_ns,
    )
