"""The real stream against the practice exchange, whose faults are those seen in the wild."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.brokers.kite.credentials import load_credentials
from actors.feeds.kite.fetch import fetch_list
from engine.errors import ConfigInvalid
from engine.market.kite_table import table_of
from engine.messages.broker import StreamHinted
from engine.messages.control import CeilingMoved
from engine.messages.market import LinkChanged, LinkState, MarketFrame
from engine.messages.values import Authority
from supervisors.config import load_config
from supervisors.feeding import practice_clock, practice_of, stream_url
from supervisors.kiteconfig import KiteConfig
from tests.actors.runtime.hosting import nothing_left
from tests.drills.process import PAPER
from tests.exchange.process import INFY, START, Practice
from tests.kitefeed.stream import Stream


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Practice, Path]]:
    folder = tmp_path_factory.mktemp("exchange")
    with nothing_left():
        practice = Practice(folder, "--instant", "--start", START, "--speed", "1")
        yield practice, folder / "exchange.json"
        practice.stop()


@pytest.fixture(autouse=True)
def nothing_is_left() -> None:
    """The exchange outlives each test; nothing is left after the last one (`exchange`)."""


@pytest.fixture
def floor(
    exchange: tuple[Practice, Path], stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> tuple[Practice, Stream]:
    """A feed of all names that ticks."""
    practice, _ = exchange
    practice.control("DELETE", "/faults")
    practice.control("POST", "/market", is_stopped=False)
    monkeypatch.setenv("KITE_API_KEY", practice.state["api_key"])
    stream.write_login(practice.control("POST", "/token")["access_token"])
    text = fetch_list(load_credentials(os.environ), practice.root)
    table, _ = table_of("2024-01-01", text.splitlines())
    names = {str(row.token): row.name for row in table.rows}
    stream.start(practice.ws_root, names=names, limits={"silence_ms_max": 3_000})
    ticking(stream)
    return practice, stream


def ticking(stream: Stream, is_it: Callable[[MarketFrame], bool] = lambda m: bool(m.ticks)) -> Any:
    return stream.of(stream.market, MarketFrame, is_it)


def test_when_the_exchange_ticks_then_times_depth_and_names_are_its_own(
    floor: tuple[Practice, Stream],
) -> None:
    _, stream = floor
    frame = ticking(stream)
    tick = next(tick for tick in frame.ticks if tick.instrument == INFY)
    assert tick.at_ns % 1_000_000_000 == 0
    assert 0 < tick.bid_paise <= tick.ask_paise
    assert min(tick.bid_quantity, tick.ask_quantity, tick.volume_day) > 0


@pytest.mark.parametrize("fault", ["FLT-14", "KITE-45", "FLT-04"])
def test_when_frames_are_spoilt_then_the_connection_stays_and_ticks_go_on(
    floor: tuple[Practice, Stream], fault: str
) -> None:
    practice, stream = floor
    practice.arm(fault, count=2)
    for _ in range(4):
        ticking(stream)
    told = [m for m in heard(stream) if isinstance(m, LinkChanged)]
    assert all(m.state is LinkState.UP for m in told)


def heard(stream: Stream) -> list[Any]:
    """What waits for the market now."""
    found = []
    while not stream.market.is_silent:
        found.append(stream.market.next())
    return found


@pytest.mark.parametrize(("fault", "reason"), [("FLT-03", "connection_lost"), ("FLT-02", "silent")])
def test_when_the_exchange_hangs_up_or_falls_silent_then_it_is_back_and_ticks(
    floor: tuple[Practice, Stream], fault: str, reason: str
) -> None:
    practice, stream = floor
    practice.arm(fault)
    stream.of(stream.market, LinkChanged, lambda m: m.reason == reason)
    stream.of(stream.market, LinkChanged, lambda m: m.state is LinkState.UP)
    ticking(stream)


def test_when_the_session_is_gone_at_a_reconnect_then_a_new_login_brings_it_back(
    floor: tuple[Practice, Stream],
) -> None:
    practice, stream = floor
    practice.control("POST", "/logout")
    practice.control("POST", "/sockets/close")
    stream.of(stream.market, LinkChanged, lambda m: m.state is LinkState.LOGIN_NEEDED)
    reduced = stream.of(
        stream.authority, CeilingMoved, lambda m: m.ceiling.authority is Authority.REDUCE
    )
    assert "log in" in reduced.ceiling.reason
    stream.write_login(practice.control("POST", "/token")["access_token"])
    stream.of(stream.market, LinkChanged, lambda m: m.state is LinkState.UP)
    stream.of(stream.authority, CeilingMoved, lambda m: m.ceiling.authority is Authority.FULL)
    ticking(stream)


def test_when_an_order_changes_at_the_exchange_then_the_watcher_gets_a_hint(
    floor: tuple[Practice, Stream],
) -> None:
    practice, stream = floor
    kite = practice.client()
    stream.write_login(kite.access_token)
    order_id = kite.place_order(
        variety="regular", exchange="NSE", tradingsymbol="INFY", transaction_type="BUY",
        quantity=1, product="MIS", order_type="LIMIT", price=1_400.0, tag="hint1",
    )  # fmt: skip
    kite.reqsession.close()
    hint = stream.of(stream.watcher, StreamHinted, lambda m: bool(m.body))
    body = msgspec.json.decode(hint.body)
    assert (body["type"], body["data"]["order_id"]) == ("order", order_id)


def test_when_an_engine_names_the_exchange_then_its_ports_and_clock_are_taken(
    exchange: tuple[Practice, Path],
) -> None:
    practice, path = exchange
    config = load_config(PAPER)
    market = msgspec.structs.replace(config.market, source="kite", speed=1)
    kite = KiteConfig(practice=str(path))
    config = msgspec.structs.replace(config, market=market, kite=kite)
    found = practice_of(config)
    assert found is not None
    assert stream_url(config) == practice.ws_root
    assert practice_clock(found).mono_at(found.start_ns) == found.origin_ns
    fast = msgspec.structs.replace(config, market=msgspec.structs.replace(market, speed=2))
    with pytest.raises(ConfigInvalid, match="runs at 1"):
        practice_of(fast)
    gone = msgspec.structs.replace(config, kite=KiteConfig(practice=str(path.parent / "none")))
    with pytest.raises(ConfigInvalid, match="no exchange"):
        practice_of(gone)
