"""A whole engine on paper whose market is the stream: what an operator sees when it breaks."""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.feeds.kite.table import TABLE_FILE, write_table
from actors.stores.embedded import EmbeddedPostgres
from engine.market.kite_table import InstrumentTable, TableRow
from engine.messages.market import FeedBlocked
from engine.messages.values import FeedState
from engine.session import ist_day
from engine.units import NS_PER_S
from supervisors.config import EngineConfig, load_config
from supervisors.feeding import check_source
from supervisors.kiteconfig import KiteConfig
from tests.drills.house import House
from tests.drills.process import PAPER
from tests.fixtures.postgres import remove_server
from tests.kitefeed.stream import Server
from tests.kitefeed.test_frames import frame_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
NAMES = ("NSE:INFY", "NSE:TCS")
TOKENS = {"NSE:INFY": 408_065, "NSE:TCS": 2_953_217}
DAY = "2024-01-01"
STRANGE: dict[str, Any] = {"instrument": "X", "is_blocked": True, "reason": "", "at_ns": 0}
"""Of a message that a stream does not understand: a bug, of which it dies."""


def configured(port: int) -> EngineConfig:
    """The paper configuration with two names, on the stream, at real speed from an open on."""
    config = load_config(PAPER)
    market = msgspec.structs.replace(config.market, source="kite", speed=1, session_date=DAY)
    items = tuple(item for item in config.instruments if item.name in NAMES)
    kite = KiteConfig(stream_url=f"ws://127.0.0.1:{port}", silence_ms_max=8_000)
    return msgspec.structs.replace(
        config, market=market, instruments=items, kite=kite, strategies=config.strategies[:1]
    )


def table_of(tokens: dict[str, int]) -> InstrumentTable:
    rows = tuple(TableRow(name, token, 1, 5, "EQ", "") for name, token in sorted(tokens.items()))
    return InstrumentTable(day=DAY, rows=rows)


class Floor:
    """The engine and the stream it lives on."""

    def __init__(self, house: House, server: Server) -> None:
        self.house, self.server = house, server
        self.ticking: tuple[str, ...] = NAMES
        self._number = 0

    def tick(self) -> None:
        """A full packet of each ticking name, now."""
        self._number += 1
        second = self.house.runtime.clock.now_ns() // NS_PER_S
        packets = [
            struct.pack(
                ">II36x5I120x", TOKENS[name], 150_000 + self._number, second, 0, 0, 0, second
            )
            for name in self.ticking
        ]
        self.server.frame(frame_of(*packets) if packets else b"\0")

    def wait(self, is_true: Callable[[], Any], seconds: float, what: str) -> None:
        """Wait; the stream goes on."""

        def look() -> bool:
            self.tick()
            return bool(is_true())

        self.house.wait(look, seconds, what)

    def states(self) -> dict[str, str]:
        rows = self.house.seen.views.get("feeds", {}).get("feeds", [])
        return {row["instrument"]: f"{row['state']} {' '.join(row['reasons'])}" for row in rows}

    def link(self) -> str:
        links = self.house.seen.views.get("feeds", {}).get("links", {})
        return str(links.get("kitefeed/1", {}).get("state"))

    def are(self, state: FeedState, reason: str = "") -> bool:
        return set(self.states().values()) == {f"{state.value} {reason}"}


@pytest.fixture
def floor(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Floor]:
    monkeypatch.setenv("KITE_API_KEY", "test-key")
    login = tmp_path / "login"
    login.touch(0o600)
    login.write_text("secret-token")
    monkeypatch.setenv("KITE_ACCESS_TOKEN_FILE", str(login))
    state_dir = tmp_path / "state"
    state_dir.mkdir(mode=0o700)
    write_table(state_dir / TABLE_FILE, table_of(TOKENS))
    try:
        with House(state_dir, configured(server.port)) as house:
            yield Floor(house, server)
    finally:
        remove_server(EmbeddedPostgres(state_dir))


def test_when_the_stream_breaks_in_each_way_then_the_feeds_say_which(floor: Floor) -> None:
    house, server = floor.house, floor.server
    check_source(configured(server.port), house.state_dir, house.runtime.clock.now_ns())
    assert ist_day(house.runtime.clock.now_ns()).isoformat() == DAY
    floor.wait(lambda: floor.are(FeedState.FRESH), 20, "both feeds are fresh")
    assert floor.link() == "up"

    floor.ticking = NAMES[:1]
    muted = {NAMES[0]: "fresh ", NAMES[1]: "mute mute"}
    floor.wait(lambda: floor.states() == muted, 30, "one instrument is mute")
    floor.ticking = NAMES
    floor.wait(lambda: floor.are(FeedState.FRESH), 10, "both are fresh again")

    house.wait(lambda: floor.are(FeedState.STALE, "source_silent"), 10, "silence is stale")
    floor.wait(lambda: floor.are(FeedState.FRESH), 15, "fresh after it was dropped or spoke")

    server.do("refuse", status=403)
    server.do("abort")
    house.wait(lambda: floor.are(FeedState.DEAD, "login_needed"), 10, "a dead token is dead")
    alerts = {alert["alert"]: alert["severity"] for alert in house.events("alert_raised")}
    assert alerts["kite_login_needed"] == "critical"

    server.do("refuse", status=0)
    (house.state_dir.parent / "login").write_text("new-token")
    floor.wait(lambda: floor.are(FeedState.FRESH), 20, "fresh after a new login")

    generation = house.generation("kitefeed/1")
    assert house.directory.deliver("kitefeed/1", FeedBlocked(**STRANGE), "test")
    house.wait(lambda: house.generation("kitefeed/1") > generation, 10, "the feed is replaced")
    floor.wait(lambda: floor.link() == "up", 10, "it is up again")
    floor.wait(lambda: floor.are(FeedState.FRESH), 10, "fresh in the new process")
    assert "secret-token" not in (house.state_dir / "engine.jsonl").read_text()
