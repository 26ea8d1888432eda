"""Given: a house to plant trees in, on each host; nothing may be left of it."""

import threading
from collections.abc import Iterator

import pytest

from tests.supervisors.harness import House, PooledStage, SeededStage


def _close(house: House, threads_before: int) -> None:
    house.close()
    for thread in threading.enumerate():
        if thread.name.startswith("pool-"):
            thread.join(5)
    assert threading.active_count() <= threads_before


@pytest.fixture(params=["pooled", "seeded"])
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    threads_before = threading.active_count()
    stage = PooledStage() if request.param == "pooled" else SeededStage()
    house = House(stage)
    yield house
    _close(house, threads_before)


@pytest.fixture
def seeded() -> Iterator[House]:
    threads_before = threading.active_count()
    house = House(SeededStage())
    yield house
    _close(house, threads_before)


@pytest.fixture
def pooled() -> Iterator[House]:
    threads_before = threading.active_count()
    house = House(PooledStage())
    yield house
    _close(house, threads_before)
