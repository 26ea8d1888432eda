"""The failing exchange's market over its websocket, for an engine in one thread.

The feed's process is left out (test_stream.py has it): what its frames mean arrives all the same,
stamped with the engine's time.
"""

import json

from engine.exchange.practice.frames import frame, packet
from engine.exchange.practice.listing import Listing
from engine.exchange.practice.quotes import Quote
from engine.market.kite_frames import KiteFrames
from engine.messages.market import MarketFrame, Tick
from supervisors.config import instruments
from tests.exchange.wire import Socket
from tests.failures.house import FloorHouse
from tests.failures.market import CONFIG, PRICES

LISTED = Listing(instruments(CONFIG), PRICES)
NAMES = {token: row.instrument.name for token, row in LISTED.by_token.items()}


class WireMarket:
    """One connection, all names in one mode. From now on it is the engine's market."""

    def __init__(self, house: FloorHouse, mode: str = "full") -> None:
        self._house = house
        self.frames = KiteFrames(NAMES, needs_time=True)
        self.socket = Socket(house.state["ws"], house.state["api_key"], house.token)
        self.socket.send(a="subscribe", v=list(NAMES))
        self.socket.send(a="mode", v=[mode, list(NAMES)])
        self.is_trading = False
        house.market = self.pump

    def pump(self) -> None:
        """A second has passed: what trades has a tick; all that has come is the engine's."""
        house = self._house
        if self.is_trading:
            for name, paise in house.prices.items():
                house.control("POST", "/price", name=name, paise=paise)
        self.socket.send(a="are you there")
        while True:
            is_binary, payload = self.socket.frame()
            if is_binary:
                self.take(payload)
            elif json.loads(payload)["type"] == "error":
                return

    def take(self, payload: bytes) -> tuple[Tick, ...]:
        """What one frame means reaches the engine."""
        house = self._house
        ticks = self.frames.ticks(payload, house.clock.now_ns())
        frame_of = MarketFrame(ticks=ticks)
        house.runtime.directory.deliver("market", frame_of, "kite")
        return ticks

    def odd(self, name: str, **figures: int) -> None:
        """A packet of figures that no exchange would send."""
        now_ns = self._house.clock.now_ns()
        quote = Quote(listed=LISTED.rows[name], last_paise=PRICES[name], at_ns=now_ns)
        quote.take(
            Tick(instrument=name, price_paise=PRICES[name], at_ns=now_ns, received_at_ns=now_ns,
                 bid_quantity=9, ask_quantity=9, volume_day=now_ns % 2**31)
        )  # fmt: skip
        for field, value in figures.items():
            if field == "bid_paise":
                quote.buys = (quote.buys[0]._replace(price_paise=value), *quote.buys[1:])
            else:
                setattr(quote, field, value)
        self.take(frame([packet(quote, "full")]))
