"""A running console and a client; after each test nothing of them is left."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pykka
import pytest

from tests.fixtures.engine import Client, TestEngine, wait_for


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    path = tmp_path / "s"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def engine(state_dir: Path) -> Iterator[TestEngine]:
    threads, actors = set(threading.enumerate()), set(pykka.ActorRegistry.get_all())
    engine = TestEngine(state_dir)
    assert not engine.start_console().is_ended, engine.exits
    yield engine
    engine.close()
    assert set(pykka.ActorRegistry.get_all()) <= actors
    wait_for(lambda: not {t for t in threading.enumerate() if not t.daemon} - threads)
    wait_for(lambda: not [t for t in threading.enumerate() if t.name == "console-sockets"])
    assert not list(state_dir.glob("*.sock"))


@pytest.fixture
def client(engine: TestEngine) -> Iterator[Client]:
    client = Client(engine.state_dir)
    yield client
    client.close()
