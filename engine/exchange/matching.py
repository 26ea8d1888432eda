"""Matching one instrument's orders against the market's ticks, for paper and practice.

Decides refusals, triggers and fills. Refuses to know order ids, accounts, randomness and time.
Stands alone because paper results are only worth what this file is honest about:

- A resting limit fills at its own price once the other side touches it; an order that is
  marketable on arrival fills at the better of limit and market.
- Where a tick carries bid/ask quantities, orders share them in time order and fill partly.
- A stop triggers on the last price and then works as a limit; if the market has run through
  the limit it rests (Kite's behaviour), it does not fill at a price nobody would pay.
- Market orders are limits at the protection distance and read back as LIMIT.
  Source: Kite, market_protection since 2026-04-01.
- Stops and market orders pay `slippage_ticks` beyond the market price, never beyond the limit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import msgspec

from engine.instruments import Instrument
from engine.messages.broker import TERMINAL_STATUSES, OrderStatus
from engine.messages.market import Tick
from engine.messages.values import OrderType, Product, Side
from engine.orders.pricing import through_market, within_band


class MatchingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`protection_bps` is of market orders; `is_depth_unlimited` ignores quantities of ticks."""

    slippage_ticks: int = 1
    protection_bps: int = 200
    is_depth_unlimited: bool = False


class Asked(Protocol):
    """What of a new order or a changed one is checked: an intent or a form has it."""

    @property
    def side(self) -> Side: ...
    @property
    def order_type(self) -> OrderType: ...
    @property
    def quantity(self) -> int: ...
    @property
    def price_limit_paise(self) -> int: ...
    @property
    def price_trigger_paise(self) -> int: ...


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    quantity: int
    price_paise: int


@dataclass(slots=True)
class VenueOrder:
    """One order as the venue keeps it. `is_aggressive` while it takes what the market shows: from
    arrival, trigger or modification until the market leaves its limit, then it rests."""

    venue_order_id: str
    tag: str
    instrument: str
    side: Side
    product: Product
    order_type: OrderType
    quantity: int
    price_limit_paise: int
    price_trigger_paise: int
    status: OrderStatus = OrderStatus.OPEN
    filled: int = 0
    value_paise: int = 0
    is_triggered: bool = False
    is_protected_market: bool = False
    is_aggressive: bool = True
    modify_count: int = 0
    text: str = ""
    trade_count: int = 0

    @property
    def remaining(self) -> int:
        return self.quantity - self.filled

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL_STATUSES

    @property
    def waits_for_trigger(self) -> bool:
        return self.price_trigger_paise > 0 and not self.is_triggered


class Matcher:
    """The market of one instrument as an order meets it: last tick, what is left of its depth."""

    def __init__(self, instrument: Instrument, settings: MatchingSettings) -> None:
        self.instrument = instrument
        self.tick: Tick | None = None
        self._settings = settings
        self._depth = {Side.BUY: 0, Side.SELL: 0}

    @property
    def last_paise(self) -> int:
        return self.tick.price_paise if self.tick is not None else 0

    def take(self, tick: Tick) -> bool:
        """Make this the current market; False if the tick is unusable (no positive price)."""
        if not tick.price_paise > 0 or tick.instrument != self.instrument.name:
            return False
        self.tick = tick
        self._depth = {Side.BUY: tick.ask_quantity, Side.SELL: tick.bid_quantity}
        return True

    def refusal(self, order: Asked, filled: int = 0) -> str:
        """Why a new order or modification is not taken, in Kite's manner; "" if it is."""
        return (
            self._quantity_refusal(order.quantity, filled)
            or self._price_refusal(order)
            or self._trigger_refusal(order)
        )

    def is_outside_band(self, price_paise: int) -> bool:
        return not within_band(price_paise, self.last_paise, self.instrument.band_bps)

    def touch(self, order: VenueOrder) -> bool:
        """Trigger a stop if the last price says so. True if it was triggered now."""
        price = self.last_paise
        if not order.waits_for_trigger or price <= 0:
            return False
        if order.side.sign * (price - order.price_trigger_paise) < 0:
            return False
        order.is_triggered = True
        order.is_aggressive = True
        return True

    def execute(self, order: VenueOrder) -> Iterator[Execution]:
        """The fills of a working order against the current market."""
        market = self._market_price(order.side)
        if market <= 0 or order.waits_for_trigger or order.is_terminal:
            return
        if order.is_protected_market and order.price_limit_paise == 0:
            order.price_limit_paise = through_market(
                order.side, market, self._settings.protection_bps, self.instrument.tick_paise
            )
        if order.side.sign * (order.price_limit_paise - market) < 0:
            order.is_aggressive = False
            return
        quantity = self._draw(order.side, order.remaining)
        if quantity > 0:
            is_taking = order.is_aggressive
            price = self._fill_price(order, market) if is_taking else order.price_limit_paise
            yield Execution(quantity=quantity, price_paise=price)

    def _market_price(self, side: Side) -> int:
        if self.tick is None:
            return 0
        quote = self.tick.ask_paise if side is Side.BUY else self.tick.bid_paise
        return quote or self.tick.price_paise

    def _fill_price(self, order: VenueOrder, market_paise: int) -> int:
        """Market or better than the limit; stops and market orders slip, limits do not."""
        slips = order.is_triggered or order.is_protected_market
        ticks = self._settings.slippage_ticks if slips else 0
        price = market_paise + order.side.sign * ticks * self.instrument.tick_paise
        limit = order.price_limit_paise
        return min(price, limit) if order.side is Side.BUY else max(price, limit)

    def _draw(self, side: Side, wanted: int) -> int:
        """Take from the tick's depth; a tick without quantities has no bound."""
        tick = self.tick
        assert tick is not None
        shown = tick.ask_quantity if side is Side.BUY else tick.bid_quantity
        if shown <= 0 or self._settings.is_depth_unlimited:
            return wanted
        lot = self.instrument.lot
        quantity = min(wanted, self._depth[side] // lot * lot)
        self._depth[side] -= quantity
        return quantity

    def _quantity_refusal(self, quantity: int, filled: int) -> str:
        lot, freeze = self.instrument.lot, self.instrument.freeze_quantity
        if not quantity > 0:
            return "Invalid quantity: must be above zero"
        if quantity % lot:
            return f"Quantity should be a multiple of the lot size {lot}"
        if freeze and not quantity - filled <= freeze:
            return f"The order quantity {quantity} is higher than the maximum of {freeze}"
        return ""

    def _price_refusal(self, order: Asked) -> str:
        has_limit = order.order_type in (OrderType.LIMIT, OrderType.SL)
        has_trigger = order.order_type in (OrderType.SL, OrderType.SL_M)
        for is_needed, price, name in (
            (has_limit, order.price_limit_paise, "price"),
            (has_trigger, order.price_trigger_paise, "trigger price"),
        ):
            if is_needed and not price > 0:
                return f"Invalid {name}: must be above zero"
            if is_needed and price % self.instrument.tick_paise:
                return f"Tick size for this script is {self.instrument.tick_paise}: wrong {name}"
        return ""

    def _trigger_refusal(self, order: Asked) -> str:
        if order.order_type not in (OrderType.SL, OrderType.SL_M):
            return ""
        if order.order_type is OrderType.SL_M and self.instrument.segment == "options":
            return "SL-M orders are not available for options"
        sign, trigger = order.side.sign, order.price_trigger_paise
        if self.last_paise and not sign * (trigger - self.last_paise) > 0:
            side = "buy" if sign > 0 else "sell"
            where = "higher" if sign > 0 else "lower"
            return f"Trigger price for stoploss {side} orders should be {where} than the last price"
        if order.order_type is OrderType.SL and sign * (order.price_limit_paise - trigger) < 0:
            return "Limit price of a stoploss order is on the wrong side of its trigger"
        return ""
