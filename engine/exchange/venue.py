"""The account at a simulated venue: order book, trade book, positions, Kite's manners.

Decides ids, statuses and reports. Refuses to know the journal's reasons, charges and clocks. A
mutable object with deterministic answers. Two placements with one tag make two orders, as at
Kite; `duplicate_tag_count` shows it. Order ids count up within a trading day.
"""

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import msgspec

from engine.exchange.matching import Matcher, MatchingSettings, VenueOrder
from engine.instruments import Instrument
from engine.market.watching import ANY_PRICE, NO_PRICE
from engine.messages.broker import (
    BrokerSnapshot,
    IntentAnswered,
    OrderReport,
    OrderStatus,
    Outcome,
    PositionReport,
    TradeReport,
)
from engine.messages.market import Tick
from engine.messages.records import IntentPlanned
from engine.messages.values import OrderType, Product, Side
from engine.orders.answer import answered

MODIFIES_MAX: Final = 25
"""Source: Kite forum, modifications per order (2026-11)."""

PAPER_MARK: Final = "0"
"""How every order id of a simulated venue begins. Kite's begin with the year.
Source: Kite Connect v3, order ids (2026-11)."""

Report: TypeAlias = OrderReport | TradeReport


class VenueSettings(msgspec.Struct, frozen=True, kw_only=True):
    matching: MatchingSettings = MatchingSettings()
    modifies_max: int = MODIFIES_MAX


class Venue:
    """One account at the venue.

    Args:
        instruments: by exchange-qualified name; orders in others are refused.
        trading_day: "2026-11-20"; all order ids begin with `PAPER_MARK` and its digits, so that
            none is ever one of a broker's.
    """

    def __init__(
        self, instruments: Mapping[str, Instrument], settings: VenueSettings, trading_day: str
    ) -> None:
        self._settings = settings
        self._matchers = {
            name: Matcher(instrument, settings.matching) for name, instrument in instruments.items()
        }
        self._orders: dict[str, VenueOrder] = {}
        self._working: dict[str, dict[str, VenueOrder]] = {name: {} for name in instruments}
        self._trades: list[TradeReport] = []
        self._tags: set[str] = set()
        self._prefix = PAPER_MARK + trading_day.replace("-", "")[2:]
        self._order_count = 0
        self.duplicate_tag_count = 0

    def place(self, intent: IntentPlanned, now_ns: int) -> tuple[IntentAnswered, list[Report]]:
        """Take a new order, or refuse it; and what happened to it at once."""
        matcher = self._matchers.get(intent.instrument)
        refusal = "Unknown instrument" if matcher is None else matcher.refusal(intent)
        if matcher is None or refusal:
            return answered(intent, Outcome.REFUSED, now_ns, text=refusal), []
        if intent.client_order_id in self._tags:
            self.duplicate_tag_count += 1
        self._tags.add(intent.client_order_id)
        order = self._new_order(intent)
        answer = answered(intent, Outcome.ACKED, now_ns, venue_order_id=order.venue_order_id)
        self._orders[order.venue_order_id] = order
        if order.price_limit_paise and matcher.is_outside_band(order.price_limit_paise):
            order.status = OrderStatus.REJECTED
            order.text = "Price exceeds circuit limits"
            return answer, [_row(order, now_ns)]
        self._working[order.instrument][order.venue_order_id] = order
        reports: list[Report] = [_row(order, now_ns)]
        self._match(matcher, order, now_ns, reports)
        return answer, reports

    def modify(self, intent: IntentPlanned, now_ns: int) -> tuple[IntentAnswered, list[Report]]:
        """Change a working order; the quantity is the new total, the filled part included."""
        order = self._live(intent.client_order_id)
        refusal = self._modify_refusal(intent, order)
        if order is None or refusal:
            venue_order_id = order.venue_order_id if order else ""
            return answered(
                intent, Outcome.REFUSED, now_ns, venue_order_id=venue_order_id, text=refusal
            ), []
        order.modify_count += 1
        order.quantity = intent.quantity
        if intent.order_type in (OrderType.LIMIT, OrderType.MARKET):
            order.order_type = OrderType.LIMIT
            order.is_protected_market = intent.order_type is OrderType.MARKET
            order.price_trigger_paise = 0
            order.status = OrderStatus.OPEN
        order.price_limit_paise = intent.price_limit_paise
        if not order.is_triggered and intent.order_type in (OrderType.SL, OrderType.SL_M):
            order.price_trigger_paise = intent.price_trigger_paise
        order.is_aggressive = True
        reports: list[Report] = [_row(order, now_ns)]
        self._match(self._matchers[order.instrument], order, now_ns, reports)
        return answered(intent, Outcome.ACKED, now_ns, venue_order_id=order.venue_order_id), reports

    def cancel(self, intent: IntentPlanned, now_ns: int) -> tuple[IntentAnswered, list[Report]]:
        """Take a working order off; a filled, cancelled or unknown one is refused."""
        order = self._live(intent.client_order_id)
        if order is None:
            text = "Order cannot be cancelled as it is being processed or is unknown"
            return answered(intent, Outcome.REFUSED, now_ns, text=text), []
        self.withdraw(order.venue_order_id, "")
        answer = answered(intent, Outcome.ACKED, now_ns, venue_order_id=order.venue_order_id)
        return answer, [_row(order, now_ns)]

    def withdraw(self, venue_order_id: str, text: str) -> None:
        """The venue itself takes an order off (day end, risk reduction)."""
        order = self._orders[venue_order_id]
        assert not order.is_terminal
        order.status = OrderStatus.CANCELLED
        order.text = text
        self._working[order.instrument].pop(venue_order_id, None)

    def on_tick(self, tick: Tick, now_ns: int) -> list[Report]:
        """Match the instrument's working orders, oldest first."""
        matcher = self._matchers.get(tick.instrument)
        reports: list[Report] = []
        if matcher is None or not matcher.take(tick):
            return reports
        for order in tuple(self._working[tick.instrument].values()):
            self._match(matcher, order, now_ns, reports)
        return reports

    def quiet_bounds(self, instrument: str) -> tuple[int, int]:
        """Prices strictly between these neither trigger nor fill anything (see MarketWatch)."""
        low, high = ANY_PRICE
        for order in self._working.get(instrument, {}).values():
            if order.waits_for_trigger:
                price, is_above = order.price_trigger_paise, order.side is Side.BUY
            elif order.is_aggressive:
                return NO_PRICE
            else:
                price, is_above = order.price_limit_paise, order.side is Side.SELL
            low, high = (low, min(high, price)) if is_above else (max(low, price), high)
        return low, high

    def end_day(self) -> None:
        """The day's books are archived, as at Kite overnight: what is over is forgotten, except
        in instruments that are not flat or still have working orders."""
        net: dict[str, int] = {}
        for trade in self._trades:
            net[trade.instrument] = net.get(trade.instrument, 0) + trade.side.sign * trade.quantity
        kept = {name for name, quantity in net.items() if quantity}
        kept |= {name for name, orders in self._working.items() if orders}
        self._orders = {key: o for key, o in self._orders.items() if o.instrument in kept}
        self._trades = [trade for trade in self._trades if trade.instrument in kept]
        self._tags = {order.tag for order in self._orders.values()}

    def snapshot(self, request_id: int, now_ns: int) -> BrokerSnapshot:
        """The three books as of now."""
        net: dict[tuple[str, Product], int] = {}
        for trade in self._trades:
            key = (trade.instrument, trade.product)
            net[key] = net.get(key, 0) + trade.side.sign * trade.quantity
        return BrokerSnapshot(
            request_id=request_id,
            orders=tuple(_row(order, now_ns) for order in self._orders.values()),
            trades=tuple(self._trades),
            positions=tuple(
                PositionReport(instrument=name, product=product, quantity=quantity)
                for (name, product), quantity in net.items()
            ),
            at_ns=now_ns,
        )

    def restore(self, orders: Iterable[VenueOrder], trades: Iterable[TradeReport]) -> None:
        """Take back the books of an earlier life of this day (see engine/exchange/recovery.py)."""
        assert not self._orders, "restore comes first"
        for order in orders:
            self._orders[order.venue_order_id] = order
            self._tags.add(order.tag)
            if not order.is_terminal and order.instrument in self._working:
                self._working[order.instrument][order.venue_order_id] = order
            if order.venue_order_id.startswith(self._prefix):
                number = int(order.venue_order_id[len(self._prefix) :])
                self._order_count = max(self._order_count, number)
        self._trades.extend(trades)

    def _live(self, tag: str) -> VenueOrder | None:
        """The newest working order with this tag."""
        for working in self._working.values():
            for order in reversed(working.values()):
                if order.tag == tag:
                    return order
        return None

    def _modify_refusal(self, intent: IntentPlanned, order: VenueOrder | None) -> str:
        if order is None:
            return "Order cannot be modified as it is being processed or is unknown"
        if order.modify_count >= self._settings.modifies_max:
            return "Maximum allowed order modifications exceeded"
        if not intent.quantity > order.filled:
            return f"Quantity cannot be reduced to the filled {order.filled} or below"
        if order.order_type is OrderType.LIMIT and intent.order_type is OrderType.SL:
            return "A LIMIT order cannot become a stoploss order"
        matcher = self._matchers[order.instrument]
        is_stale_trigger = order.is_triggered and intent.order_type is OrderType.SL
        refusal = "" if is_stale_trigger else matcher.refusal(intent, order.filled)
        if not refusal and matcher.is_outside_band(intent.price_limit_paise or matcher.last_paise):
            return "Price exceeds circuit limits"
        return refusal

    def _new_order(self, intent: IntentPlanned) -> VenueOrder:
        self._order_count += 1
        is_market = intent.order_type in (OrderType.MARKET, OrderType.SL_M)
        has_trigger = intent.order_type in (OrderType.SL, OrderType.SL_M)
        is_limit = intent.order_type is OrderType.MARKET
        return VenueOrder(
            venue_order_id=f"{self._prefix}{self._order_count:09d}",
            tag=intent.client_order_id,
            instrument=intent.instrument,
            side=intent.side,
            product=intent.product,
            order_type=OrderType.LIMIT if is_limit else intent.order_type,
            quantity=intent.quantity,
            price_limit_paise=0 if is_market else intent.price_limit_paise,
            price_trigger_paise=intent.price_trigger_paise if has_trigger else 0,
            status=OrderStatus.TRIGGER_PENDING if has_trigger else OrderStatus.OPEN,
            is_protected_market=is_market,
        )

    def _match(
        self, matcher: Matcher, order: VenueOrder, now_ns: int, reports: list[Report]
    ) -> None:
        """Trigger, fill and report one order; trades come before the row that counts them."""
        if matcher.touch(order):
            order.status = OrderStatus.OPEN
            reports.append(_row(order, now_ns))
        for execution in matcher.execute(order):
            order.filled += execution.quantity
            order.value_paise += execution.quantity * execution.price_paise
            order.trade_count += 1
            number = order.venue_order_id[len(self._prefix) :]
            trade = TradeReport(
                trade_id=f"{number}{order.trade_count:04d}",
                client_order_id=order.tag,
                venue_order_id=order.venue_order_id,
                instrument=order.instrument,
                side=order.side,
                product=order.product,
                quantity=execution.quantity,
                price_paise=execution.price_paise,
                at_ns=now_ns,
            )
            self._trades.append(trade)
            if order.remaining == 0:
                order.status = OrderStatus.COMPLETE
                self._working[order.instrument].pop(order.venue_order_id, None)
            reports += (trade, _row(order, now_ns))


def _row(order: VenueOrder, now_ns: int) -> OrderReport:
    return OrderReport(
        client_order_id=order.tag,
        venue_order_id=order.venue_order_id,
        instrument=order.instrument,
        side=order.side,
        order_type=order.order_type,
        product=order.product,
        status=order.status,
        quantity=order.quantity,
        filled_quantity=order.filled,
        price_limit_paise=order.price_limit_paise,
        price_trigger_paise=order.price_trigger_paise,
        price_average_paise=order.value_paise // order.filled if order.filled else 0,
        text=order.text,
        at_ns=now_ns,
    )
