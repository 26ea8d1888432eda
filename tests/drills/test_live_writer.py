"""The whole engine with a live account: its writer has a process of its own, which is killed."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from actors.brokers.kite.place import KitePlace
from actors.capture.sessions import Session, find_folder
from actors.replay.player import Player
from actors.replay.ports import ReplayedLedger
from actors.runtime.behaviour import Behaviour
from actors.runtime.runtime import Runtime
from engine.messages.base import Message
from engine.orders.resolve import ResolveSettings
from supervisors.engine import Engine
from supervisors.live import make_parts
from supervisors.replaying import (
    CONTROL_SIDE,
    Outcome,
    ReplayedKeepers,
    config_of,
    replay_tree,
)
from supervisors.wiring import Parts
from tests.drills.house import House, drill_config
from tests.exchange.process import START, Practice

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def with_account(parts: Parts, root: str) -> Parts:
    """A live account beside the paper book, in a recorded life and in its replay alike."""
    return replace(parts, kite=KitePlace(root=root), resolve=ResolveSettings())


class LiveHouse(House):
    """The drill's engine with an account at a practice exchange."""

    root = ""

    def _parts(self, parts: Parts) -> Parts:
        return with_account(parts, self.root)

    def writer_pid(self) -> int:
        hub = self.runtime.hosts.process_hub()
        return hub.pids()[0] if hub is not None and hub.pids() else 0


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Practice]:
    practice = Practice(tmp_path / "exchange", "--instant", "--start", START, "--speed", "1")
    yield practice
    practice.stop()


def logged_in(exchange: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys of a new login are in the environment."""
    token = exchange.control("POST", "/token")["access_token"]
    monkeypatch.setenv("KITE_API_KEY", exchange.state["api_key"])
    monkeypatch.setenv("KITE_ACCESS_TOKEN", token)


@pytest.fixture
def a_live_house(
    state_dir: Path, exchange: Practice, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LiveHouse]:
    """It trades on paper, as always after a start, with a live account beside it."""
    logged_in(exchange, monkeypatch)
    house = LiveHouse(state_dir, drill_config(state_dir / "orders"))
    house.root = exchange.root
    with house:
        house.trade()
        yield house


@pytest.fixture
def a_session(
    state_dir: Path, exchange: Practice, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, str]:
    """Where the captured session of such an engine is, and its account's place."""
    logged_in(exchange, monkeypatch)
    house = LiveHouse(state_dir, drill_config(state_dir / "orders"))
    house.root = exchange.root
    with house:
        house.trade()
        house.settle()
    return state_dir, exchange.root


def _replayed(state_dir: Path, root: str) -> Outcome:
    session = Session(find_folder(state_dir, "last"))
    header = session.header

    def build(runtime: Runtime, player: Player) -> None:
        keepers, extra = ReplayedKeepers(player), dict.fromkeys(CONTROL_SIDE, _never)
        parts = make_parts(config_of(session), header.pace.now_ns, keepers, extra)
        parts = with_account(replace(parts, config_sha=header.config_sha), root)
        Engine(runtime, parts, seed=header.seed, ledger=ReplayedLedger(player))

    return replay_tree(session, build)


def _never(_: Message | None) -> Behaviour:
    raise AssertionError("an actor outside of the recording is never opened")


def test_when_a_session_with_a_live_writer_is_replayed_then_it_is_identical(
    a_session: tuple[Path, str],
) -> None:
    """What the writer's process says is put down like everything from outside."""
    outcome = _replayed(*a_session)
    assert outcome.difference is None
    assert outcome.is_complete
    assert outcome.records


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
