"""From the broker's front end to the exchange and back: the life of each order in the account.

Decides every state an order takes, when and why (FLT-25, 30, 32 to 38). Refuses to know requests
and their answers and who is told (the stream). Prices are the world's, so orders fill,
trigger and expire whether an engine lives or not.
"""

from collections.abc import Callable, Mapping

from engine.exchange.account.ledger import Ledger
from engine.exchange.account.orders import RESTING, WORKING, KiteOrder, is_market
from engine.exchange.account.request import IOC, OrderRequest
from engine.exchange.account.stream import OrderStream
from engine.exchange.account.surroundings import Day, KiteSettings, Surroundings
from engine.exchange.matching import Matcher
from engine.instruments import Instrument
from engine.messages.broker import OrderStatus, TradeReport
from engine.messages.market import Tick
from engine.messages.values import OrderType
from engine.orders.pricing import through_market

LPP_TEXT = "Price exceeds circuit limits: outside the limit price protection range"
MARGIN_TEXT = "Insufficient funds"


class Exchange:
    """See the module."""

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        settings: KiteSettings,
        around: Surroundings,
        ledger: Ledger,
        stream: OrderStream,
    ) -> None:
        self.matchers = {
            name: Matcher(instrument, settings.matching) for name, instrument in instruments.items()
        }
        self.day = Day(trading_day="")
        self.on_fill: Callable[[KiteOrder, TradeReport], None] = _nobody_cares
        self._settings = settings
        self._around = around
        self._ledger = ledger
        self._stream = stream
        self._working: dict[str, dict[str, KiteOrder]] = {name: {} for name in instruments}
        self._hanging: dict[str, KiteOrder] = {}

    # -- the way in -----------------------------------------------------------------------

    def enter(self, order: KiteOrder) -> None:
        """Take an order over from the front end."""
        self._ledger.orders[order.venue_order_id] = order
        self._around.after(self._settings.validation_ns, lambda: self._validate(order))

    def _validate(self, order: KiteOrder) -> None:
        if order.is_terminal:
            return
        if text := self._rms_refusal(order):
            self.reject(order, text)
            return
        order.move(OrderStatus.OPEN_PENDING, self._around.now_ns())
        delay_ns = self._settings.gate_ns
        if self._around.faults.strikes("FLT-34"):
            delay_ns = self._around.seconds("FLT-34", 60, 7_200)
            self._hanging[order.venue_order_id] = order
            self._stream.send(order.row(self._around.now_ns()))
        self._around.after(delay_ns, lambda: self._arrive(order))

    def _rms_refusal(self, order: KiteOrder) -> str:
        faults, matcher = self._around.faults, self.matchers[order.instrument]
        if faults.strikes("FLT-25"):
            return "RMS:Blocked for this account"
        if order.price_limit_paise and matcher.is_outside_band(order.price_limit_paise):
            return LPP_TEXT
        if order.is_exit and faults.strikes("FLT-37"):
            return LPP_TEXT
        if order.is_exit and self._has_other_exit(order) and faults.strikes("FLT-38"):
            return MARGIN_TEXT
        return MARGIN_TEXT if self.lacks_margin(order) else ""

    def _has_other_exit(self, order: KiteOrder) -> bool:
        return any(
            other.is_exit and not other.is_terminal and other.instrument == order.instrument
            for other in reversed(self._ledger.orders.values())
            if other is not order
        )

    def lacks_margin(self, order: KiteOrder) -> bool:
        """True if the order would raise the position beyond the funds."""
        if not self._settings.funds_paise:
            return False
        held = self._ledger.net(order.instrument, order.product)
        if held * order.side.sign < 0 and order.quantity <= abs(held):
            return False
        prices = [(name, matcher.last_paise) for name, matcher in self.matchers.items()]
        used = self._ledger.margin_used(prices, self._settings.margin_bps)
        price = order.price_limit_paise or self.matchers[order.instrument].last_paise
        asked = order.quantity * price * self._settings.margin_bps // 10_000
        return used + asked > self._settings.funds_paise

    def _arrive(self, order: KiteOrder) -> None:
        """The exchange has it."""
        if order.status is not OrderStatus.OPEN_PENDING:
            return
        self._hanging.pop(order.venue_order_id, None)
        now_ns = self._around.now_ns()
        if not self.day.is_open(now_ns):
            self.withdraw(order, "the market is closed")
            return
        matcher = self.matchers[order.instrument]
        if order.is_protected_market and not order.waits_for_trigger:
            order.price_limit_paise = self._protected(order, matcher)
        order.move(order.resting_status, now_ns)
        self._working[order.instrument][order.venue_order_id] = order
        self._stream.send(order.row(now_ns))
        self._match(matcher, order)
        if order.validity == IOC and not order.is_terminal:
            self.withdraw(order)
            return
        if order.waits_for_trigger and self._around.faults.strikes("FLT-33"):
            delay_ns = self._around.seconds("FLT-33", 1, 1_800)
            self._around.after(delay_ns, lambda: self._cancel_by_itself(order))

    def _protected(self, order: KiteOrder, matcher: Matcher) -> int:
        """The limit that a market order becomes; FLT-36: one that the market has left already."""
        last, tick = matcher.last_paise, matcher.instrument.tick_paise
        if last <= 0:
            return 0
        if self._around.faults.strikes("FLT-36"):
            ticks = self._around.faults.amount("FLT-36", 1, 100)
            return max(tick, last - order.side.sign * ticks * tick)
        bps = order.protection_bps or self._settings.matching.protection_bps
        return through_market(order.side, last, bps, tick)

    def _cancel_by_itself(self, order: KiteOrder) -> None:
        if order.status in WORKING:
            self.withdraw(order, "RMS: cancelled by the exchange")

    # -- ends -----------------------------------------------------------------------------

    def reject(self, order: KiteOrder, text: str) -> None:
        """Neither at the exchange nor ever."""
        order.move(OrderStatus.REJECTED, self._around.now_ns(), text)
        self._stream.send(order.row(self._around.now_ns()))

    def withdraw(self, order: KiteOrder, text: str = "") -> None:
        """Cancelled, by whomever."""
        assert not order.is_terminal or order.is_ghost, order
        order.is_ghost = False
        order.move(OrderStatus.CANCELLED, self._around.now_ns(), text)
        self._working[order.instrument].pop(order.venue_order_id, None)
        self._stream.send(order.row(self._around.now_ns()))

    def haunt(self, order: KiteOrder, delay_ns: int) -> None:
        """Show it as cancelled and leave it at the exchange, asleep for a while (FLT-35)."""
        order.is_ghost = True
        order.silent_until_ns = self._around.now_ns() + delay_ns
        order.move(OrderStatus.CANCELLED, self._around.now_ns())
        self._stream.send(order.row(self._around.now_ns()))
        self._around.after(delay_ns, lambda: self._wake(order))

    def _wake(self, order: KiteOrder) -> None:
        """A ghost does not come back after the session, nor an order that is over by now."""
        if order.venue_order_id in self._working[order.instrument]:
            self._match(self.matchers[order.instrument], order)

    def cross(self, order: KiteOrder) -> bool:
        """Fill what is left while a cancel is on its way (FLT-30). False: it cannot fill."""
        if order.status is not OrderStatus.OPEN or not order.price_limit_paise:
            return False
        self._fill(order, order.remaining, order.price_limit_paise)
        return True

    # -- changes --------------------------------------------------------------------------

    def change(self, order: KiteOrder, request: OrderRequest) -> None:
        """Make a taken modification effective, unless the order went on meanwhile."""
        if order.status is not OrderStatus.MODIFY_PENDING:
            return
        now_ns = self._around.now_ns()
        if request.quantity <= order.filled:
            order.move(order.resting_status, now_ns)
            self._stream.send(order.row(now_ns))
            return
        order.modify_count += 1
        order.quantity = request.quantity
        if request.order_type in (OrderType.LIMIT, OrderType.MARKET):
            order.order_type = OrderType.LIMIT
            order.is_protected_market = request.order_type is OrderType.MARKET
            order.price_trigger_paise = 0
        order.price_limit_paise = request.price_limit_paise
        if not order.is_triggered and request.order_type in (OrderType.SL, OrderType.SL_M):
            order.price_trigger_paise = request.price_trigger_paise
        matcher = self.matchers[order.instrument]
        if order.is_protected_market and request.protection_bps:
            order.protection_bps = request.protection_bps
            order.price_limit_paise = self._protected(order, matcher)
        order.is_aggressive = True
        order.move(order.resting_status, now_ns)
        self._stream.send(order.row(now_ns))
        self._match(matcher, order)

    # -- the market -----------------------------------------------------------------------

    def on_price(self, tick: Tick) -> None:
        """The true market moved: match the instrument's orders, oldest first."""
        matcher = self.matchers.get(tick.instrument)
        if matcher is None or not matcher.take(tick):
            return
        if working := self._working[tick.instrument]:
            for order in tuple(working.values()):
                self._match(matcher, order)

    def _match(self, matcher: Matcher, order: KiteOrder) -> None:
        now_ns = self._around.now_ns()
        is_pending = order.status in (OrderStatus.MODIFY_PENDING, OrderStatus.CANCEL_PENDING)
        if order.silent_until_ns > now_ns or not self.day.is_open(now_ns):
            return
        if order.is_ghost:
            order.status = order.resting_status
        if matcher.touch(order):
            self._triggered(matcher, order, is_shown=not (is_pending or order.is_ghost))
            if order.is_terminal:
                return
        for execution in matcher.execute(order):
            quantity = execution.quantity
            if quantity > matcher.instrument.lot and self._around.faults.strikes("FLT-32"):
                lot = matcher.instrument.lot
                quantity = max(lot, quantity // 2 // lot * lot)
                order.silent_until_ns = now_ns + self._around.seconds("FLT-32", 1, 600)
            self._fill(order, quantity, execution.price_paise)
        if order.is_ghost and not order.is_terminal:
            order.status = OrderStatus.CANCELLED

    def _triggered(self, matcher: Matcher, order: KiteOrder, *, is_shown: bool) -> None:
        now_ns = self._around.now_ns()
        if is_market(order.order_type):
            order.is_protected_market = True
            order.price_limit_paise = self._protected(order, matcher)
        is_outside = matcher.is_outside_band(order.price_limit_paise)
        if is_outside or self._around.faults.strikes("FLT-37"):
            self.withdraw(order, LPP_TEXT)
        elif is_shown:
            order.move(OrderStatus.OPEN, now_ns)
            self._stream.send(order.row(now_ns))

    def _fill(self, order: KiteOrder, quantity: int, price_paise: int) -> None:
        """Trade; the trade is told before the row that counts it."""
        now_ns = self._around.now_ns()
        trade = order.trade(quantity, price_paise, now_ns)
        if order.remaining == 0:
            order.is_ghost = False
            order.move(OrderStatus.COMPLETE, now_ns)
            self._working[order.instrument].pop(order.venue_order_id, None)
        shown = self._ledger.book_trade(trade)
        self._stream.before_fill()
        if self._settings.streams_trades:
            self._stream.send(shown)
        self._stream.send(order.row(now_ns))
        self.on_fill(order, trade)

    # -- the day --------------------------------------------------------------------------

    def working(self) -> list[KiteOrder]:
        """Every order that may still fill, ghosts included."""
        return [order for orders in self._working.values() for order in orders.values()]

    def end_day(self) -> None:
        """The session is over: what works is cancelled by the exchange."""
        for order in self.working():
            if order.is_ghost:
                self._working[order.instrument].pop(order.venue_order_id, None)
            else:
                self.withdraw(order, "cancelled at the end of the session")
        for order in tuple(self._hanging.values()):
            self._arrive(order)

    def heal(self) -> None:
        """What hangs moves on, what was silent trades again, ghosts rest."""
        for order in tuple(self._hanging.values()):
            self._arrive(order)
        for order in self.working():
            if order.is_ghost:
                order.is_ghost = False
                self._working[order.instrument].pop(order.venue_order_id, None)
            order.silent_until_ns = 0

    def restore(self, order: KiteOrder) -> None:
        """A change came to nothing: it works as before."""
        if order.status not in RESTING and order.status in WORKING:
            order.move(order.resting_status, self._around.now_ns())
            self._stream.send(order.row(self._around.now_ns()))


def _nobody_cares(_order: KiteOrder, _trade: TradeReport) -> None:
    return None
