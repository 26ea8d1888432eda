"""The market as Kite shows it: day's prices, totals and five levels of depth per instrument.

Decides the figures between two ticks. Depth beyond the best level is made up, a function of the
price alone. Refuses to know who asks.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from engine.exchange.practice.listing import Listed
from engine.messages.market import Tick
from engine.session import ist_text
from engine.units import BPS, NS_PER_S, rupees

LEVELS = 5
CIRCUIT_BPS = 2_000
"""Where a configured instrument has no band."""


class Level(NamedTuple):
    """One level of depth: price in paise, 0 where it is empty."""

    price_paise: int
    quantity: int
    orders: int


EMPTY = Level(0, 0, 0)


@dataclass(slots=True, kw_only=True)
class Quote:
    """One instrument's day. Prices in paise, quantities in units; `closed_paise` of the day before.
    `at_s`: Unix seconds of the last tick."""

    listed: Listed
    last_paise: int = 0
    last_quantity: int = 0
    volume: int = 0
    value_paise: int = 0
    open_paise: int = 0
    high_paise: int = 0
    low_paise: int = 0
    closed_paise: int = 0
    oi: int = 0
    oi_high: int = 0
    oi_low: int = 0
    at_ns: int = 0
    traded_at_ns: int = 0
    buys: tuple[Level, ...] = (EMPTY,) * LEVELS
    sells: tuple[Level, ...] = (EMPTY,) * LEVELS
    candles: dict[int, list[int]] = field(default_factory=dict)

    def take(self, tick: Tick) -> None:
        """The market moved."""
        price = tick.price_paise
        traded = max(0, tick.volume_day - self.volume)
        self.open_paise = self.open_paise or price
        self.high_paise = max(self.high_paise, price)
        self.low_paise = min(self.low_paise or price, price)
        self.closed_paise = self.closed_paise or price
        self.last_paise, self.at_ns = price, tick.at_ns
        self.volume += traded
        self.value_paise += traded * price
        if traded:
            self.last_quantity, self.traded_at_ns = traded, tick.at_ns
        self.oi = tick.oi
        self.oi_high, self.oi_low = max(self.oi_high, tick.oi), min(self.oi_low or tick.oi, tick.oi)
        if not self.listed.is_index:
            self.buys = self._levels(tick.bid_paise or price, tick.bid_quantity, -1)
            self.sells = self._levels(tick.ask_paise or price, tick.ask_quantity, 1)
        self._candle(tick, traded)

    def start_day(self) -> None:
        """Yesterday's last price is the reference and still the last one; totals begin anew."""
        self.closed_paise = self.last_paise = self.last_paise or self.listed.reference_paise
        self.open_paise = self.high_paise = self.low_paise = 0
        self.volume = self.value_paise = self.last_quantity = 0
        self.buys = self.sells = (EMPTY,) * LEVELS

    @property
    def average_paise(self) -> int:
        return self.value_paise // self.volume if self.volume else 0

    @property
    def buy_quantity(self) -> int:
        return sum(level.quantity for level in self.buys)

    @property
    def sell_quantity(self) -> int:
        return sum(level.quantity for level in self.sells)

    def circuits(self) -> tuple[int, int]:
        """Lowest and highest price of the day, on ticks."""
        reference, tick = self.last_paise or self.closed_paise, self.listed.instrument.tick_paise
        width = reference * (self.listed.instrument.band_bps or CIRCUIT_BPS) // BPS
        return (reference - width) // tick * tick + tick, (reference + width) // tick * tick

    def ltp(self) -> dict[str, object]:
        """As GET /quote/ltp shows it."""
        return {"instrument_token": self.listed.token, "last_price": rupees(self.last_paise)}

    def ohlc(self) -> dict[str, object]:
        """As GET /quote/ohlc shows it; close is yesterday's."""
        return self.ltp() | {
            "ohlc": {
                "open": rupees(self.open_paise),
                "high": rupees(self.high_paise),
                "low": rupees(self.low_paise),
                "close": rupees(self.closed_paise),
            }
        }

    def full(self) -> dict[str, object]:
        """As GET /quote shows it."""
        low, high = self.circuits()
        return self.ohlc() | {
            "timestamp": ist_text(self.at_ns),
            "last_trade_time": ist_text(self.traded_at_ns or self.at_ns),
            "last_quantity": self.last_quantity,
            "buy_quantity": self.buy_quantity,
            "sell_quantity": self.sell_quantity,
            "volume": self.volume,
            "average_price": rupees(self.average_paise),
            "oi": self.oi,
            "oi_day_high": self.oi_high,
            "oi_day_low": self.oi_low,
            "net_change": 0,
            "lower_circuit_limit": rupees(low),
            "upper_circuit_limit": rupees(high),
            "depth": {"buy": _shown(self.buys), "sell": _shown(self.sells)},
        }

    def _levels(self, best: int, quantity: int, sign: int) -> tuple[Level, ...]:
        tick, lot = self.listed.instrument.tick_paise, self.listed.instrument.lot
        levels = [Level(best, quantity or lot, 1 + best // tick % 7)]
        for number in range(1, LEVELS):
            price = best + sign * number * tick
            drawn = (price // tick * 7_919 + number * 104_729) % 997
            is_there = price > 0
            levels.append(Level(price, (drawn + 1) * lot, 1 + drawn % 9) if is_there else EMPTY)
        return tuple(levels)

    def _candle(self, tick: Tick, traded: int) -> None:
        minute, price = tick.at_ns // (60 * NS_PER_S), tick.price_paise
        row = self.candles.setdefault(minute, [price, price, price, price, 0, tick.oi])
        row[1], row[2], row[3] = max(row[1], price), min(row[2], price), price
        row[4] += traded
        row[5] = tick.oi
        while len(self.candles) > CANDLES_MAX:
            del self.candles[next(iter(self.candles))]


CANDLES_MAX = 400
"""A session's minutes and a little more: thousands of instruments have to fit."""


def _shown(levels: tuple[Level, ...]) -> list[dict[str, object]]:
    return [
        {"price": rupees(level.price_paise), "quantity": level.quantity, "orders": level.orders}
        for level in levels
    ]
