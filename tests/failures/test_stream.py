"""Failures 5 to 11, 29, 42, 45 and 46: the market stream, by the real feed in its own process at
the failing exchange. Dead, silent, refused, flapping, crowded, spoilt: each is told apart and
ended."""

import json
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.brokers.kite.credentials import load_credentials
from actors.feeds.kite.fetch import fetch_list
from actors.feeds.kite.table import TABLE_FILE, write_table
from engine.market.kite_table import InstrumentTable, table_of
from engine.messages.control import AlertRaised
from engine.messages.market import LinkChanged, LinkState, MarketFrame, Tick
from engine.messages.supervision import ChildExited, ExitKind
from tests.actors.runtime.hosting import ProcessHouse, wait_until
from tests.exchange.wire import Socket
from tests.failures.market import OPTION, SHARE
from tests.kitefeed.stream import Stream
from tests.sim.live_house import CLOSES_NS, DATE, OPENS_NS

HASTY = {"silence_ms_max": 2_500, "crowded_ms": 300}


class Market:
    """The feed's side and the exchange's."""

    def __init__(self, floor: dict[str, Any], stream: Stream, folder: Path) -> None:
        self.floor, self.stream, self.folder = floor, stream, folder
        self.root = f"ws://127.0.0.1:{floor['ws']}"
        self.price = 100_000
        self.control("POST", "/day", now_ns=OPENS_NS, opens_at_ns=OPENS_NS, closes_at_ns=CLOSES_NS)
        self.log_in()
        rest = f"http://127.0.0.1:{floor['rest']}"
        text = fetch_list(load_credentials(os.environ), rest)
        self.table, _ = table_of(DATE, text.splitlines())
        self.names = {str(row.token): row.name for row in self.table.rows}

    def control(self, method: str, path: str, /, **body: object) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.floor['control']}{path}",
            method=method,
            data=json.dumps(body).encode() if body else None,
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def log_in(self) -> None:
        self.token = self.control("POST", "/token")["access_token"]
        self.stream.write_login(self.token)

    def start(self, limits: dict[str, int] | None = None, **plan: Any) -> None:
        self.stream.start(self.root, names=self.names, limits={**HASTY, **(limits or {})}, **plan)

    def link(self, state: LinkState, reason: str | None = None) -> LinkChanged:
        stream = self.stream
        return stream.of(
            stream.market, LinkChanged, lambda m: m.state is state and reason in (None, m.reason)
        )

    def alarm(self, event: str) -> AlertRaised:
        return self.stream.of(self.stream.alerts, AlertRaised, lambda m: m.event == event)

    def tick(self) -> Tick:
        """Move the price, and wait until the feed tells of it."""
        self.price += 5
        self.control("POST", "/price", name=SHARE, paise=self.price, units=7)
        frame = self.stream.of(
            self.stream.market,
            MarketFrame,
            lambda m: any(t.price_paise == self.price for t in m.ticks),
        )
        return next(tick for tick in frame.ticks if tick.price_paise == self.price)

    def other(self) -> Socket:
        return Socket(self.floor["ws"], self.floor["api_key"], self.token)


@pytest.fixture
def market(
    floor: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Market]:
    monkeypatch.setenv("KITE_API_KEY", floor["api_key"])
    monkeypatch.setenv("KITE_ACCESS_TOKEN_FILE", str(tmp_path / "login"))
    house = ProcessHouse()
    yield Market(floor, Stream(house, tmp_path / "login"), tmp_path)
    house.end()


@pytest.fixture
def ticking(market: Market) -> Market:
    market.start()
    market.link(LinkState.UP)
    market.tick()
    return market


@pytest.mark.conformance("KITE-5", "FLT-02")
def test_kite_05_when_the_connection_is_half_open_then_it_is_dropped_and_connected_anew(
    ticking: Market,
) -> None:
    ticking.control("POST", "/faults", number=5)
    ticking.control("POST", "/price", name=SHARE, paise=100_500)
    ticking.link(LinkState.DOWN, "silent")
    assert ticking.link(LinkState.UP).connect_count == 2
    ticking.tick()


@pytest.mark.conformance("KITE-6", "FLT-03")
def test_kite_06_when_the_server_flaps_then_connects_of_a_minute_are_bounded(
    market: Market,
) -> None:
    market.control("POST", "/faults", fault="FLT-03", count=1_000)
    market.start({"retry_ms": 1, "retry_ms_max": 1, "connects_minute_max": 4})
    assert "4 connects" in market.alarm("kite_stream_flapping").text
    told = [market.stream.market.next() for _ in range(3)]
    counts = [m.connect_count for m in told if isinstance(m, LinkChanged)]
    assert max(counts, default=0) <= 4


@pytest.mark.conformance("KITE-7", "KITE-46", "FLT-21")
def test_kite_07_when_the_token_is_dead_then_nothing_is_tried_and_nobody_reads_the_token(
    ticking: Market, capfd: pytest.CaptureFixture[str]
) -> None:
    ticking.control("POST", "/logout")
    ticking.control("POST", "/sockets/close")
    refused = ticking.link(LinkState.LOGIN_NEEDED, "login_refused")
    told = ticking.alarm("kite_login_needed")
    assert (told.severity, "403" in told.text) == ("critical", True)
    dead = ticking.token
    ticking.log_in()
    assert ticking.link(LinkState.UP).connect_count == refused.connect_count + 1
    ticking.tick()
    said = capfd.readouterr()
    for secret in (dead, ticking.token):
        assert secret not in said.out + said.err + told.text + refused.reason


@pytest.mark.conformance("KITE-8")
def test_kite_08_when_the_reader_is_slow_then_the_socket_is_not_and_the_newest_price_comes(
    market: Market,
) -> None:
    market.start(factory="tests.kitefeed.broken:make_with_a_slow_reader")
    market.link(LinkState.UP)
    for step in range(150):
        market.control("POST", "/price", name=SHARE, paise=100_000 + 5 * step)
    market.price = 101_000
    market.tick()
    assert market.control("GET", "/status")["sockets"] == 1
    late = []
    while not market.stream.market.is_silent:
        late.append(market.stream.market.next())
    assert not [m for m in late if isinstance(m, LinkChanged) and m.state is not LinkState.UP]


@pytest.mark.conformance("KITE-9")
def test_kite_09_when_a_feed_is_killed_twice_then_each_successor_connects(ticking: Market) -> None:
    ticking.stream.house.boss.next()
    for _ in range(2):
        ticking.stream.room.fence(ExitKind.STUCK, "test")
        assert isinstance(ticking.stream.house.boss.next(), ChildExited)
        wait_until(lambda: ticking.control("GET", "/status")["sockets"] == 0, "let go")
        ticking.start()
        ticking.stream.house.boss.next()
        ticking.link(LinkState.UP)
        ticking.tick()


@pytest.mark.conformance("KITE-10")
def test_kite_10_when_a_callback_fails_then_the_feed_ends_instead_of_connecting_for_ever(
    market: Market,
) -> None:
    market.start(factory="tests.kitefeed.broken:make_with_a_failing_callback")
    market.stream.house.boss.next()
    exited = market.stream.house.boss.next()
    assert isinstance(exited, ChildExited)
    assert (exited.kind, "the callback is broken" in exited.reason) == (ExitKind.CRASHED, True)
    wait_until(lambda: market.control("GET", "/status")["sockets"] == 0, "let go")


@pytest.mark.conformance("KITE-11")
def test_kite_11_when_three_connections_are_up_then_the_fourth_waits_for_a_place(
    market: Market,
) -> None:
    others = [market.other() for _ in range(3)]
    assert {one.status for one in others} == {101}
    market.start()
    market.link(LinkState.DOWN, "too_many_connections")
    for one in others:
        one.close()
    market.link(LinkState.UP)
    market.tick()


@pytest.mark.conformance("KITE-29")
def test_kite_29_when_tokens_have_changed_hands_then_no_price_goes_to_another_name(
    market: Market,
) -> None:
    """The list on disk is yesterday's: the cash name may keep its token, the option may not."""
    path = market.folder / TABLE_FILE
    fields: dict[str, Any] = {"table": str(path), "hint_to": "", "limits": HASTY}
    old = InstrumentTable(day="2023-12-31", rows=tuple(
        row if row.name != OPTION else type(row)(
            row.name, row.token, row.lot, row.tick_paise, row.kind, "2024-01-25")
        for row in market.table.rows
    ))  # fmt: skip
    write_table(path, old)
    market.stream.start(
        market.root, factory="tests.kitefeed.broken:make_on_a_day", day=DATE,
        wanted=[SHARE, OPTION], **fields,
    )  # fmt: skip
    exited = market.stream.house.boss.next()
    assert isinstance(exited, ChildExited)
    assert f"{OPTION}: its token may be another's" in exited.reason
    write_table(path, market.table)
    market.stream.start(
        market.root, factory="tests.kitefeed.broken:make_on_a_day", day=DATE,
        wanted=[SHARE], **fields,
    )  # fmt: skip
    market.link(LinkState.UP)
    market.control("POST", "/price", name=OPTION, paise=12_345)
    assert market.tick().instrument == SHARE


@pytest.mark.conformance("KITE-42")
def test_kite_42_when_it_has_reconnected_then_packets_are_full_again(ticking: Market) -> None:
    ticking.control("POST", "/sockets/close")
    ticking.link(LinkState.DOWN)
    ticking.link(LinkState.UP)
    tick = ticking.tick()
    assert tick.at_ns == OPENS_NS
    assert (tick.bid_paise, tick.ask_quantity) == (tick.price_paise, 7)


@pytest.mark.conformance("KITE-45", "BAD-45", "FLT-04", "FLT-14")
@pytest.mark.parametrize("fault", ["KITE-45", "FLT-14", "FLT-04"])
def test_kite_45_when_packets_are_odd_then_the_good_ones_count_and_the_connection_stays(
    ticking: Market, fault: str
) -> None:
    ticking.control("POST", "/faults", fault=fault, count=3)
    for _ in range(3):
        ticking.control("POST", "/price", name=SHARE, paise=100_000)
    assert ticking.control("GET", "/faults")["struck"] == {fault: 3}
    ticking.tick()
    assert ticking.control("GET", "/status")["sockets"] == 1
