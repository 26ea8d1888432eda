"""The practice exchange's own clock: tokens at six, days that follow each other, replayed files."""

import heapq
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from kiteconnect import exceptions as kite_errors

from actors.feeds.synthetic import SyntheticInstrument, SyntheticSource
from actors.practice.market import MarketDriver
from actors.runtime.clock import VirtualClock
from engine.messages.values import Product
from engine.session import SegmentClass, ns_from_ist
from engine.units import NS_PER_S
from supervisors.tables import load_sessions
from tests.engine.test_practice import START_NS, World
from tests.exchange.process import Practice
from tests.exchange.test_faults import eventually

BARS = """ts_ist,symbol,open,high,low,close,volume
2024-01-01 09:15:00,NSE:INFY,1500.00,1510.00,1495.00,1505.00,900
2024-01-01 09:16:00,NSE:INFY,1505.00,1506.00,1501.00,1502.00,900
"""


def test_kite_18_when_the_exchanges_clock_passes_six_then_the_token_is_dead(
    tmp_path: Path,
) -> None:
    practice = Practice(tmp_path, "--start", "2024-01-02 05:59:30", "--speed", "60")
    try:
        kite = practice.client()
        assert kite.profile()["user_id"] == "PX0001"
        assert eventually(lambda: practice.control("GET", "/status")["now"] > "2024-01-02 06:00:00")
        with pytest.raises(kite_errors.TokenException):
            kite.profile()
        kite.reqsession.close()
    finally:
        practice.stop()


class StandingLoop:
    """A loop whose time is moved by hand."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._due: list[tuple[int, int, Callable[[], object]]] = []
        self._number = count()

    def call_at(self, market_ns: int, callback: Callable[[], object]) -> None:
        heapq.heappush(self._due, (market_ns, next(self._number), callback))

    def run_to(self, at_ns: int) -> None:
        while self._due and self._due[0][0] <= at_ns:
            due_ns, _, callback = heapq.heappop(self._due)
            self._clock.move_to_mono(max(self._clock.mono_ns(), self._clock.mono_at(due_ns)))
            callback()
        self._clock.move_to_mono(self._clock.mono_at(at_ns))


def test_when_the_clock_passes_close_and_dawn_then_the_next_day_has_empty_books() -> None:
    world, clock = World(), VirtualClock(START_NS)
    loop, exchange = StandingLoop(clock), world.exchange
    exchange.outer.call_at = exchange.around.call_at = loop.call_at
    exchange.around.now_ns = exchange.outer.now_ns = clock.now_ns
    specs = [SyntheticInstrument(name="NSE:INFY", price_paise=150_000)]
    source = SyntheticSource(1, specs, load_sessions())
    driver = MarketDriver(
        loop, clock, source, exchange, load_sessions(), SegmentClass.CASH_OTHER, 10
    )
    driver.prime()
    driver.start()
    loop.run_to(START_NS + 5 * NS_PER_S)
    exchange.strangers.send("NSE:INFY", Product.NRML, 7)
    exchange.strangers.send("NSE:INFY", Product.MIS, 7)
    loop.run_to(ns_from_ist("2024-01-01 15:31:00"))
    ledger = exchange.ledger
    assert ledger.positions == {("NSE:INFY", Product.NRML): 7, ("NSE:INFY", Product.MIS): 0}
    loop.run_to(ns_from_ist("2024-01-02 09:16:00"))
    (net,) = exchange.books.positions()["net"]
    assert (net["quantity"], net["overnight_quantity"]) == (7, 7)
    assert exchange.books.orders() == []
    assert exchange.account.day.trading_day == "2024-01-02"
    assert exchange.quotes["NSE:INFY"].at_ns == ns_from_ist("2024-01-02 09:16:00")


def test_when_a_file_is_replayed_then_its_prices_are_the_market(tmp_path: Path) -> None:
    data = tmp_path / "INFY_1m.csv"
    data.write_text(BARS)
    practice = Practice(
        tmp_path / "state", "--data", str(data), "--start", "2024-01-01 09:15:00", "--speed", "600",
    )  # fmt: skip
    try:
        assert eventually(
            lambda: practice.control("GET", "/status")["last_paise"]["NSE:INFY"] == 150_200
        )
    finally:
        practice.stop()
