"""The whole engine with a live account: its writer has a process of its own, which is killed."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from actors.brokers.kite.place import KitePlace
from engine.orders.resolve import ResolveSettings
from supervisors.wiring import Parts
from tests.drills.house import House, drill_config
from tests.exchange.process import START, Practice

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


class LiveHouse(House):
    """The drill's engine with an account at a practice exchange."""

    root = ""

    def _parts(self, parts: Parts) -> Parts:
        return replace(parts, kite=KitePlace(root=self.root), resolve=ResolveSettings())

    def writer_pid(self) -> int:
        hub = self.runtime.hosts.process_hub()
        return hub.pids()[0] if hub is not None and hub.pids() else 0


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Practice]:
    practice = Practice(tmp_path / "exchange", "--instant", "--start", START, "--speed", "1")
    yield practice
    practice.stop()


@pytest.fixture
def a_live_house(
    state_dir: Path, exchange: Practice, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LiveHouse]:
    """It trades on paper, as always after a start, with a live account beside it."""
    token = exchange.control("POST", "/token")["access_token"]
    monkeypatch.setenv("KITE_API_KEY", exchange.state["api_key"])
    monkeypatch.setenv("KITE_ACCESS_TOKEN", token)
    house = LiveHouse(state_dir, drill_config(state_dir / "orders"))
    house.root = exchange.root
    with house:
        house.trade()
        yield house


def test_when_the_writers_process_is_killed_then_the_engine_trades_on(
    a_live_house: LiveHouse,
) -> None:
    house = a_live_house
    generation, pid = house.generation("writer"), house.writer_pid()
    assert pid

    os.kill(pid, signal.SIGKILL)

    house.wait(lambda: house.generation("writer") > generation, 15, "the writer is back")
    house.wait(lambda: house.mode == "PAPER", 20, "PAPER again")
    house.trades_on(25.0)
    assert house.reports()["writer", generation] == 1
