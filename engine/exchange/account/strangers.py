"""Others who act on the account: the broker's own square-off and a person with the app.

Decides when they act (FLT-39, FLT-40) and what they send. Their orders carry no tag.
"""

from engine.exchange.account.exchange import Exchange
from engine.exchange.account.ledger import Ledger
from engine.exchange.account.orders import WORKING, KiteOrder
from engine.exchange.account.surroundings import Day, Surroundings
from engine.messages.broker import OrderStatus, TradeReport
from engine.messages.values import OrderType, Product, Side
from engine.units import NS_PER_MINUTE

EARLY_MINUTES_MAX = 30


class Strangers:
    """See the module."""

    def __init__(self, around: Surroundings, exchange: Exchange, ledger: Ledger) -> None:
        self._around = around
        self._exchange = exchange
        self._ledger = ledger

    def start_day(self, day: Day) -> None:
        """Intraday positions are squared off before the close, on a bad day earlier (FLT-39)."""
        if not day.square_off_at_ns:
            return
        at_ns = day.square_off_at_ns
        if self._around.faults.strikes("FLT-39"):
            at_ns -= self._around.faults.amount("FLT-39", 1, EARLY_MINUTES_MAX) * NS_PER_MINUTE
        trading_day = day.trading_day
        self._around.call_at(at_ns, lambda: self.square_off(trading_day))

    def square_off(self, trading_day: str) -> None:
        """Cancel the intraday orders, then close every intraday position at the market."""
        if self._exchange.day.trading_day != trading_day:
            return
        for order in self._exchange.working():
            if order.product is Product.MIS and order.status in WORKING:
                self._exchange.withdraw(order, "MIS auto square-off")
        for (instrument, product), units in tuple(self._ledger.positions.items()):
            if product is Product.MIS and units:
                self.send(instrument, product, -units)

    def send(self, instrument: str, product: Product, units: int) -> None:
        """A market order for signed units, without a tag."""
        side = Side.BUY if units > 0 else Side.SELL
        order = KiteOrder(
            venue_order_id=self._ledger.next_id(),
            tag="",
            instrument=instrument,
            side=side,
            product=product,
            order_type=OrderType.LIMIT,
            quantity=abs(units),
            price_limit_paise=0,
            price_trigger_paise=0,
            status=OrderStatus.PUT_REQUESTED,
            is_protected_market=True,
            is_alien=True,
            placed_at_ns=self._around.now_ns(),
        )
        self._exchange.enter(order)

    def notice(self, order: KiteOrder, trade: TradeReport) -> None:
        """A person sees an entry fill in the app and may do something about it (FLT-40)."""
        faults = self._around.faults
        if order.is_alien or order.is_exit or not faults.strikes("FLT-40"):
            return
        delay_ns = self._around.seconds("FLT-40", 1, 300)
        deed = faults.amount("FLT-40", 0, 2)
        self._around.after(delay_ns, lambda: self._meddle(trade, deed))

    def _meddle(self, trade: TradeReport, deed: int) -> None:
        """Close the position by hand, cancel its orders, or trade on top of it."""
        units = self._ledger.net(trade.instrument, trade.product)
        if deed == 0 and units:
            self.send(trade.instrument, trade.product, -units)
        elif deed == 1:
            for order in self._exchange.working():
                if order.instrument == trade.instrument and order.status in WORKING:
                    self._exchange.withdraw(order, "")
        elif deed == 2:
            self.send(trade.instrument, trade.product, trade.side.sign * trade.quantity)
