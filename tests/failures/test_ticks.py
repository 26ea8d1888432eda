"""Failures 40, 41 and 44, BAD-43, 44 and 47: prices that are old, of another hour, absent or absurd
are nothing to enter on, and no reason to leave."""

import time
from collections.abc import Iterator

import pytest
from kiteconnect import KiteConnect

from engine.messages.records import DecisionRecorded
from engine.messages.values import Mode
from tests.failures.conftest import Houses
from tests.failures.house import FloorHouse
from tests.failures.market import SHARE, SMALL
from tests.failures.ticking import WireMarket
from tests.sim.live_house import OPENS_NS


def refusals(house: FloorHouse) -> list[str]:
    """Rules that the guard has refused proposals by."""
    found = house.of(DecisionRecorded)
    return [r.refusal.rule for r in found if isinstance(r, DecisionRecorded) and r.refusal]


@pytest.fixture
def wired(houses: Houses) -> Iterator[tuple[FloorHouse, WireMarket]]:
    """An engine whose market is the websocket's, and trades."""
    house = houses(is_live=False)
    wire = WireMarket(house)
    wire.is_trading = True
    house.run(15)
    house.release()
    yield house, wire
    wire.socket.close()


@pytest.mark.conformance("KITE-40", "BAD-44")
@pytest.mark.parametrize("mode", ["full", "ltp"])
def test_kite_40_when_the_first_tick_is_cached_then_it_is_no_price_to_enter_on(
    houses: Houses, mode: str
) -> None:
    """The market has stood still for minutes; a subscription is answered with its last price."""
    house = houses(is_live=False)
    house.market = lambda: None
    house.run(100)
    house.release()
    wire = WireMarket(house, mode)
    house.run(2)
    house.propose()
    house.run(3)
    assert house.heard("POST", "/orders") == []
    assert refusals(house), "and it is told why"
    wire.is_trading = mode == "full"
    house.run(3)
    assert house.enter() == (90 if mode == "full" else 0)
    assert (wire.frames.skipped["time_missing"] > 0) is True, "quote mode after the subscribe"
    wire.socket.close()
    house.settle()


@pytest.mark.conformance("KITE-41")
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
def test_kite_41_when_the_host_is_in_another_zone_then_ticks_and_books_have_the_same_time(
    wired: tuple[FloorHouse, WireMarket], zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, wire = wired
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert house.enter() == 90
        house.control("POST", "/price", name=SHARE, paise=100_005)
        seen = []
        house.market = lambda: seen.extend(wire.take(wire.socket.market()))
        house.run(1)
        assert seen[0].at_ns // 10**9 in range(OPENS_NS // 10**9, house.clock.now_ns() // 10**9 + 1)
        books = house.live.snapshot(1, house.clock.now_ns())
    finally:
        monkeypatch.undo()
        time.tzset()
    assert books is not None
    for row in (*books.orders, *books.trades):
        assert OPENS_NS <= row.at_ns <= house.clock.now_ns()
    house.settle()


@pytest.mark.conformance("KITE-44")
def test_kite_44_when_there_is_no_data_of_a_name_then_it_is_not_traded_and_others_are(
    wired: tuple[FloorHouse, WireMarket],
) -> None:
    house, wire = wired
    kite = KiteConnect(house.state["api_key"], root=f"http://127.0.0.1:{house.state['rest']}")
    kite.set_access_token(house.token)
    house.control("POST", "/faults", number=44)
    assert list(kite.quote(SHARE, SMALL)) == [SHARE], "its key is left out"
    kite.reqsession.close()
    del house.prices[SMALL]
    house.run(70)
    house.prices[SMALL] = 100_000
    wire.is_trading = False
    house.propose(name=SMALL)
    house.run(2)
    assert (house.of_leg("E"), bool(refusals(house))) == ([], True)
    wire.is_trading = True
    house.run(2)
    assert house.enter() == 90
    house.settle()


@pytest.mark.conformance("BAD-43", "KITE-45")
@pytest.mark.parametrize("paise", [0, 2**32 - 1, 300_000, 1])
def test_bad_43_when_a_price_is_absurd_then_it_moves_nothing(
    wired: tuple[FloorHouse, WireMarket], paise: int
) -> None:
    house, wire = wired
    assert house.enter() == 90
    wire.odd(SHARE, last_paise=paise)
    house.run(3)
    assert house.authority.mode is Mode.LIVE
    assert (house.held(), len(house.working("S"))) == (90, 1), house.story()
    assert len(house.heard("POST", "/orders")) == 4
    house.settle()


@pytest.mark.conformance("BAD-44")
@pytest.mark.parametrize("at_s", [0, 2**32 - 1, 300, -70])
def test_bad_44_when_a_time_is_absurd_then_the_price_is_no_news(
    wired: tuple[FloorHouse, WireMarket], at_s: int
) -> None:
    house, wire = wired
    assert house.enter() == 90
    now_s = house.clock.now_ns() // 10**9
    at_s = at_s if at_s in (0, 2**32 - 1) else now_s + at_s
    wire.is_trading = False
    wire.odd(SHARE, last_paise=98_000, at_ns=at_s * 10**9)
    house.run(3)
    assert len(house.heard("POST", "/orders")) == 4
    for _ in range(8):  # nor does it keep the feed fresh
        wire.odd(SHARE, at_ns=at_s * 10**9)
        house.run(10)
    house.propose(name=SMALL)
    house.run(2)
    assert len(house.of_leg("E")) == 1
    house.settle()


@pytest.mark.conformance("BAD-47")
def test_bad_47_when_the_book_is_crossed_then_nothing_enters_and_exits_go_by_their_collar(
    wired: tuple[FloorHouse, WireMarket],
) -> None:
    house, wire = wired
    assert house.enter() == 90
    wire.is_trading = False
    wire.odd(SMALL, bid_paise=101_000)
    house.run(0.25)
    house.propose(name=SMALL)
    house.run(0.25)
    wire.odd(SHARE, bid_paise=101_000)
    house.command("flatten")
    house.run(5)
    assert len(house.of_leg("E")) == 1
    assert house.net() == 0
    exits = [one["form"] for one in house.heard("POST") if one["form"]["tag"][1] == "X"]
    assert all(990 <= float(form["price"]) <= 1_010 for form in exits)
    house.settle()
