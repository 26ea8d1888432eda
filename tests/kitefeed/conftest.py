"""The given of the tests of the stream."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.actors.runtime.hosting import ProcessHouse, nothing_left
from tests.kitefeed.stream import Server, Stream


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stream]:
    monkeypatch.setenv("KITE_API_KEY", "test-key")
    monkeypatch.setenv("KITE_ACCESS_TOKEN_FILE", str(tmp_path / "login"))
    house = ProcessHouse()
    yield Stream(house, tmp_path / "login")
    house.end()


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    with nothing_left():
        yield
