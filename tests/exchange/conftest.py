"""One exchange for the module's tests, calm at the begin of each."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kiteconnect import KiteConnect

from tests.exchange.process import START, Practice


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    practice = Practice(tmp_path_factory.mktemp("state"), "--instant", "--start", START,
                        "--speed", "1", "--funds", "10000000")  # fmt: skip
    yield practice
    practice.stop()


@pytest.fixture
def practice(process: Practice) -> Practice:
    process.calm()
    return process


@pytest.fixture
def kite(practice: Practice) -> Iterator[KiteConnect]:
    client = practice.client()
    yield client
    client.reqsession.close()


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "state"
