"""The practice exchange's websocket: the real KiteTicker, and a plain client for the rest."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kiteconnect import KiteConnect

from tests.exchange.process import INFY, ROOT, START, Practice
from tests.exchange.test_faults import eventually
from tests.exchange.test_rest import place
from tests.exchange.wire import Socket

INDEX = "NSE:NIFTY 50"
Sockets = Callable[[], Socket]


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    """With an index among the instruments."""
    state = tmp_path_factory.mktemp("state")
    config = yaml.safe_load((ROOT / "configs" / "paper.yaml").read_text())
    config["instruments"].append({"name": INDEX, "price_inr": 21_700.0})
    (state / "practice.yaml").write_text(yaml.safe_dump(config))
    practice = Practice(state, "--instant", "--start", START, "--speed", "1",
                        "--config", str(state / "practice.yaml"))  # fmt: skip
    yield practice
    practice.stop()


@pytest.fixture
def token(kite: KiteConnect) -> str:
    return str(kite.access_token)


@pytest.fixture
def sockets(practice: Practice, token: str) -> Iterator[Sockets]:
    made: list[Socket] = []

    def connect() -> Socket:
        made.append(Socket(practice.state["ws"], "practice", token))
        return made[-1]

    yield connect
    for one in made:
        one.close()
    assert eventually(lambda: practice.control("GET", "/status")["sockets"] == 0)


class Ticker:
    """The child's lines, as they come."""

    def __init__(self, practice: Practice, token: str, *wanted: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.exchange.ticker", "practice", token, practice.ws_root,
             *wanted],
            stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env={**os.environ, "TZ": "Asia/Kolkata"},
        )  # fmt: skip

    def until(self, event: str, **values: Any) -> dict[str, Any]:
        """The next line of an event with these values; pytest's own time-out is the bound."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said: dict[str, Any] = json.loads(line)
            if said["event"] == event and values.items() <= said.items():
                return said
        raise AssertionError(f"the ticker ended before {event}")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def ticker(practice: Practice, token: str, kite: KiteConnect) -> Iterator[Callable[..., Ticker]]:
    made: list[Ticker] = []

    def start(*wanted: str) -> Ticker:
        made.append(Ticker(practice, token, *wanted))
        made[-1].until("connected")
        return made[-1]

    yield start
    for one in made:
        one.stop()
    assert eventually(lambda: practice.control("GET", "/status")["sockets"] == 0)


def tokens(kite: KiteConnect) -> dict[str, int]:
    return {f"NSE:{x['tradingsymbol']}": x["instrument_token"] for x in kite.instruments("NSE")}


def ticks_of(ticker: Ticker, price: float) -> dict[str, Any]:
    """The first tick that carries the price."""
    while True:
        for tick in ticker.until("ticks")["ticks"]:
            if tick["last_price"] == price:
                return dict(tick)


def test_when_a_full_packet_is_parsed_then_every_field_is_that_of_the_quote(
    practice: Practice, kite: KiteConnect, ticker: Callable[..., Ticker]
) -> None:
    one = ticker(f"full={tokens(kite)[INFY]}")
    practice.price(151_235, bid=151_230, ask=151_240, units=40)
    tick, quote = ticks_of(one, 1_512.35), kite.quote(INFY)[INFY]
    assert tick["tradable"] is True
    assert tick["mode"] == "full"
    assert tick["change"] == pytest.approx(
        (quote["last_price"] - quote["ohlc"]["close"]) * 100 / quote["ohlc"]["close"]
    )
    for ours, theirs in {
        "instrument_token": "instrument_token", "last_price": "last_price",
        "last_traded_quantity": "last_quantity", "average_traded_price": "average_price",
        "volume_traded": "volume", "total_buy_quantity": "buy_quantity",
        "total_sell_quantity": "sell_quantity", "ohlc": "ohlc", "oi": "oi",
        "oi_day_high": "oi_day_high", "oi_day_low": "oi_day_low", "depth": "depth",
    }.items():  # fmt: skip
        assert tick[ours] == quote[theirs], ours
    assert tick["exchange_timestamp"] == str(quote["timestamp"])
    assert tick["last_trade_time"] == str(quote["last_trade_time"])


@pytest.mark.parametrize(
    ("mode", "size", "keys"),
    [("ltp", 8, 4), ("quote", 44, 11), ("full", 184, 17)],
)
def test_when_a_mode_is_set_then_its_packet_has_its_size_and_its_fields(
    practice: Practice, kite: KiteConnect, ticker: Callable[..., Ticker],
    mode: str, size: int, keys: int,
) -> None:  # fmt: skip
    one = ticker(f"{mode}={tokens(kite)['NSE:TCS']}")
    practice.price(311_110, "NSE:TCS")
    assert one.until("frame", is_binary=True, size=size + 4)
    tick = ticks_of(one, 3_111.10)
    assert (tick["mode"], len(tick)) == (mode, keys)


@pytest.mark.parametrize(("mode", "size"), [("quote", 28), ("full", 32)])
def test_when_an_index_is_subscribed_then_it_has_no_volume_and_cannot_be_traded(
    practice: Practice, kite: KiteConnect, ticker: Callable[..., Ticker], mode: str, size: int
) -> None:
    one = ticker(f"{mode}={tokens(kite)[INDEX]}")
    practice.price(2_171_000 + size, INDEX)
    assert one.until("frame", is_binary=True, size=size + 4)
    tick, quote = ticks_of(one, (2_171_000 + size) / 100), kite.quote(INDEX)[INDEX]
    assert (tick["tradable"], tick["ohlc"]) == (False, quote["ohlc"])
    assert tick.get("exchange_timestamp") == (str(quote["timestamp"]) if mode == "full" else None)


def test_when_an_order_fills_in_parts_then_the_stream_says_update_and_complete(
    practice: Practice, kite: KiteConnect, ticker: Callable[..., Ticker]
) -> None:
    one = ticker()
    practice.price(150_000, units=4)
    order_id = place(kite)
    practice.price(150_000, units=50)
    rows = [one.until("order")["data"] for _ in range(3)]
    assert [(row["status"], row["filled_quantity"]) for row in rows] == [
        ("OPEN", 0), ("UPDATE", 4), ("COMPLETE", 10),
    ]  # fmt: skip
    assert {row["order_id"] for row in rows} == {order_id}


def test_kite_7_when_the_token_is_dead_then_the_upgrade_is_403_again_and_again(
    practice: Practice, kite: KiteConnect
) -> None:
    one = Ticker(practice, "dead")
    try:
        for _ in range(2):
            closed = one.until("closed")
            assert closed["code"] == 1006
            assert "403 - Forbidden" in closed["reason"]
    finally:
        one.stop()


def test_kite_6_when_the_server_closes_then_the_ticker_comes_back_and_resubscribes(
    practice: Practice, kite: KiteConnect, ticker: Callable[..., Ticker]
) -> None:
    one = ticker(f"full={tokens(kite)[INFY]}")
    practice.control("POST", "/sockets/close")
    assert one.until("closed")["code"] == 1000
    one.until("connected")
    practice.price(150_505)
    assert ticks_of(one, 1_505.05)


@pytest.mark.conformance("FLT-14")
def test_flt_14_when_a_frame_ends_in_a_length_then_the_ticker_drops_its_connection(
    practice: Practice, kite: KiteConnect, ticker: Callable[..., Ticker]
) -> None:
    """49 bytes: the first of two packets, and half of the second one's length."""
    known = tokens(kite)
    practice.arm("FLT-14", amount=49)
    one = ticker(f"full={known[INFY]},{known['NSE:TCS']}")
    assert one.until("closed")["code"] == 1006
    one.until("ticks")


@pytest.mark.conformance("FLT-14")
def test_flt_14_when_a_packet_is_cut_then_the_ticker_loses_it_in_silence(
    practice: Practice, kite: KiteConnect, ticker: Callable[..., Ticker]
) -> None:
    one = ticker(f"full={tokens(kite)[INFY]}")
    one.until("frame", is_binary=True, size=188)
    practice.arm("FLT-14", amount=100)
    practice.price(150_505)
    one.until("frame", is_binary=True, size=100)
    practice.price(150_510)
    seen: list[float] = []
    while 1_505.10 not in seen:
        seen += [tick["last_price"] for tick in one.until("ticks")["ticks"]]
    assert 1_505.05 not in seen


def test_kite_11_when_a_fourth_connection_comes_then_it_is_429(sockets: Sockets) -> None:
    assert [sockets().status for _ in range(4)] == [101, 101, 101, 429]


def test_when_nothing_happens_then_a_heartbeat_of_one_byte_comes(sockets: Sockets) -> None:
    assert [sockets().frame()[1] for _ in range(2)] == [b"\x00", b"\x00"]


def test_kite_40_and_42_when_tokens_are_subscribed_then_the_last_known_tick_comes_as_a_quote(
    kite: KiteConnect, sockets: Sockets
) -> None:
    one, number = sockets(), tokens(kite)[INFY]
    one.send(a="subscribe", v=[number])
    assert len(one.market()) == 4 + 44
    one.send(a="mode", v=["full", [number]])
    assert len(one.market()) == 4 + 184
    one.send(a="subscribe", v=[number])
    assert len(one.market()) == 4 + 44


def test_when_a_token_is_unsubscribed_then_its_ticks_end(
    practice: Practice, kite: KiteConnect, sockets: Sockets
) -> None:
    one, known = sockets(), tokens(kite)
    one.send(a="subscribe", v=[known[INFY], known["NSE:TCS"]])
    one.market()
    one.send(a="unsubscribe", v=[known[INFY]])
    one.send(a="nonsense", v=[])
    assert one.text()["type"] == "error"
    practice.price(150_505)
    practice.price(311_110, "NSE:TCS")
    assert int.from_bytes(one.market()[4:8], "big") == known["NSE:TCS"]


@pytest.mark.conformance("FLT-02")
def test_kite_5_when_the_socket_goes_silent_then_not_even_heartbeats_come(
    practice: Practice, kite: KiteConnect, sockets: Sockets
) -> None:
    one = sockets()
    one.send(a="subscribe", v=[tokens(kite)[INFY]])
    one.market()
    practice.control("POST", "/faults", number=5)
    practice.price(150_505)
    with pytest.raises(TimeoutError):
        one.frame(timeout_s=1.5)


@pytest.mark.conformance("FLT-44", "FLT-45", "FLT-50")
def test_when_the_order_stream_fails_then_updates_are_lost_doubled_or_torn(
    practice: Practice, kite: KiteConnect, sockets: Sockets
) -> None:
    one = sockets()
    practice.arm("FLT-44")
    place(kite, tag="lost")
    assert one.text()["data"]["status"] == "COMPLETE"
    practice.arm("FLT-45", amount=0)
    place(kite, tag="twice", price=1_400.0)
    assert [one.text()["data"]["tag"] for _ in range(2)] == ["twice", "twice"]
    practice.arm("FLT-50")
    place(kite, tag="torn", price=1_400.0)
    with pytest.raises(json.JSONDecodeError):
        one.text()


def test_kite_45_when_an_odd_packet_comes_then_it_has_a_length_of_no_mode(
    practice: Practice, kite: KiteConnect, sockets: Sockets
) -> None:
    one = sockets()
    one.send(a="subscribe", v=[tokens(kite)[INFY]])
    one.market()
    practice.control("POST", "/faults", number=45)
    practice.price(150_505)
    assert one.market()[-14:-12] == b"\x00\x0c"


def test_when_the_process_ends_then_its_state_file_is_gone(tmp_path: Path) -> None:
    practice = Practice(tmp_path, "--start", START, "--speed", "1")
    assert json.loads((tmp_path / "exchange.json").read_text())["rest"] == practice.state["rest"]
    practice.stop()
    assert list(tmp_path.iterdir()) == []
