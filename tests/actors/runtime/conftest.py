"""The given of the tests of real hosts."""

from collections.abc import Iterator

import pytest

from tests.actors.runtime.hosting import ProcessHouse, nothing_left


@pytest.fixture
def house() -> Iterator[ProcessHouse]:
    with nothing_left():
        house = ProcessHouse()
        yield house
        house.end()
