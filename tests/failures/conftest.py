"""One exchange process for a module; each test has a day and an account of its own."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.failures.house import FloorHouse

ROOT = Path(__file__).resolve().parents[2]
Houses = Callable[..., FloorHouse]


@pytest.fixture(scope="module")
def floor() -> Iterator[dict[str, Any]]:
    """Where the exchange listens. Ends well, or something in it failed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.failures.floor"], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    yield json.loads(process.stdout.readline())
    process.send_signal(signal.SIGTERM)
    code = process.wait(10)
    process.stdout.close()
    assert code == 0


@pytest.fixture
def houses(floor: dict[str, Any]) -> Iterator[Houses]:
    """Makes an engine that is released to trade live (unless told not to) and holds nothing."""
    made: list[FloorHouse] = []

    def make(*, is_live: bool = True, **given: Any) -> FloorHouse:
        house = FloorHouse(floor, **given)
        made.append(house)
        if is_live:
            house.run(15)
            house.release()
        return house

    yield make
    for house in made:
        house.close()


@pytest.fixture
def house(houses: Houses) -> FloorHouse:
    return houses()
