"""What the engine does when broker and order stream go wrong: live, whole tree, fault by fault.

Each test is named by the fault or the race that it is about; all end in the same claims
(`LiveHouse.settle`): equal books, nothing unknown, nothing naked, nothing stray.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine.messages.records import OrderDenied
from engine.messages.values import Side
from scripts.simulation.kite.surroundings import KiteSettings
from tests.sim.live_house import LiveHouse

Houses = Callable[..., LiveHouse]


@pytest.fixture
def houses() -> Iterator[Houses]:
    """Makes engines released to trade live, flat, the market at 1000.00."""
    made: list[LiveHouse] = []

    def make(**settings: Any) -> LiveHouse:
        house = LiveHouse(KiteSettings(**settings))
        made.append(house)
        house.go_live()
        return house

    yield make
    for house in made:
        house.close()


@pytest.fixture
def house(houses: Houses) -> LiveHouse:
    return houses()


@pytest.mark.parametrize("side", Side)
def test_when_nothing_goes_wrong_then_a_live_trade_runs_to_its_targets(
    house: LiveHouse, side: Side
) -> None:
    assert house.enter(side) == side.sign * 90
    house.run(30)
    house.run(10, 100_000 + side.sign * 1_000)
    assert house.broker.net("NSE:AAA") == side.sign * 45
    house.run(10, 100_000 + side.sign * 2_000)
    house.settle()
    assert (house.held(), house.events("critical"), house.naked_s) == (0, set(), 0)


def test_when_only_the_stream_tells_of_fills_and_cancels_then_no_live_exit_is_denied(
    houses: Houses,
) -> None:
    """The gate judged live exits by what it had seen itself, and a stream does not pass it."""
    house = houses(streams_trades=True)
    assert house.enter() == 90
    assert house.naked_s == 0
    house.command("flatten")
    house.run(10)
    house.settle()
    assert (house.held(), house.of(OrderDenied)) == (0, [])
