"""The live broker over a practice exchange in a process of its own, behind the contract's desk."""

import tempfile
from functools import cache
from pathlib import Path

import yaml

from actors.brokers.kite.broker import KiteBroker
from actors.brokers.kite.credentials import Credentials
from actors.brokers.kite.session import KiteSession
from actors.brokers.port import Report
from actors.stores.secrets import Secret
from engine.messages.broker import OrderReport
from engine.messages.market import Tick
from tests.exchange.process import ROOT, START, Practice

_INSTRUMENTS = [
    {"name": "NSE:INFY", "price_inr": 1000.0, "freeze_quantity": 1_000, "band_bps": 2_000},
    {
        "name": "NFO:NIFTYCE",
        "price_inr": 200.0,
        "segment": "options",
        "lot": 65,
    },
]


class ReadingBroker(KiteBroker):
    """Tells as reports what has changed in the books: trades first, as the exchange does."""

    def __init__(self, session: KiteSession) -> None:
        super().__init__(session)
        self._session_held = session
        self._trades: set[tuple[str, str]] = set()
        self._rows: dict[str, OrderReport] = {}

    def reports(self) -> tuple[Report, ...]:
        books = self.snapshot(0, 0)
        assert books is not None
        found: list[Report] = []
        for trade in books.trades:
            if (trade.trade_id, trade.venue_order_id) not in self._trades:
                self._trades.add((trade.trade_id, trade.venue_order_id))
                found.append(trade)
        for row in books.orders:
            if self._rows.get(row.venue_order_id) != row:
                self._rows[row.venue_order_id] = row
                found.append(row)
        return tuple(found)

    def close(self) -> None:
        self._session_held.close()


@cache
def exchange() -> Practice:
    """One process for all tests of the module, without delays and limits."""
    folder = Path(tempfile.mkdtemp(prefix="practice-"))
    config = yaml.safe_load((ROOT / "configs" / "paper.yaml").read_text())
    config["instruments"] = _INSTRUMENTS
    path = folder / "practice.yaml"
    path.write_text(yaml.safe_dump(config))
    options = ("--config", str(path), "--instant", "--start", START, "--speed", "1")
    return Practice(folder, *options, "--funds", "10000000")


def stop_exchange() -> None:
    """End it, if it was started."""
    if exchange.cache_info().currsize:
        exchange().stop()
        exchange.cache_clear()


def logged_in(practice: Practice) -> KiteSession:
    token = practice.control("POST", "/token")["access_token"]
    keys = Credentials(Secret(practice.state["api_key"]), Secret(token))
    return KiteSession(keys, practice.root)


def move(tick: Tick) -> None:
    """The market moves; the exchange knows one size for both sides."""
    exchange().price(
        tick.price_paise,
        tick.instrument,
        bid=tick.bid_paise,
        ask=tick.ask_paise,
        units=tick.ask_quantity or tick.bid_quantity,
    )
