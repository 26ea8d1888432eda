"""Any one actor fails while positions are open: it alone is replaced, reported once, and the
engine trades on with every position protected."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drills.house import House, drill_config
from tests.drills.ideas import RELEASED
from tests.drills.process import note

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

READY_S = 8.0
TRADES_S = 25.0
CORE = (
    "journal",
    "calendar",
    "authority",
    "writer",
    "watcher",
    "book",
    "reconciler",
    "guard",
    "custodian",
    "source",
)
LEAVES = ("market", "feed/NSE:TCS", "strategy/orb", "strategy/eager", "console", "metrics")


@pytest.fixture
def a_trading_house(state_dir: Path) -> Iterator[House]:
    """An engine on threads that holds positions."""
    with House(state_dir, drill_config(state_dir / "orders")) as house:
        house.trade()
        yield house


@pytest.mark.parametrize("name", [*CORE, *LEAVES, "oco"])
def test_when_one_actor_dies_of_a_bug_then_it_alone_is_replaced(
    a_trading_house: House, name: str
) -> None:
    house = a_trading_house
    if name == "oco":
        name = f"oco/{min(house.books.groups_held())}"
    scope, before = house.restarted_with(name), house.rooms()

    generation = house.upset(name)

    ready_s = house.wait(lambda: _is_back(house, name, generation), READY_S, f"{name} is back")
    paper_s = house.wait(lambda: house.mode == "PAPER", 20, "PAPER again")
    trades_s = house.trades_on(TRADES_S)
    house.wait(lambda: house.books.failures()[name, generation], 5, "its failure is recorded")
    assert house.books.failures()[name, generation] == 1
    assert house.reports()[name, generation] == 1
    assert sum(house.reports().values()) == 1, "nobody else failed"
    after = house.rooms()
    spared = {n for n in before if n not in scope and (n in after or not n.startswith("oco/"))}
    assert [n for n in spared if after.get(n) is not before[n]] == []
    house.settle()
    note(
        f"{name}: ready {ready_s:.2f} s, PAPER {paper_s:.2f} s, trades {trades_s:.2f} s,"
        f" naked at most {house.naked_ns_max / 1e9:.2f} s"
    )


def _is_back(house: House, name: str, generation: int) -> bool:
    """A newer generation is READY; a group may instead have come to its end."""
    is_over = name.removeprefix("oco/") in house.books.groups_closed()
    return house.generation(name) > generation or is_over


def test_when_a_strategy_hangs_then_it_is_fenced_and_its_position_keeps_its_stop(
    a_trading_house: House,
) -> None:
    house, name = a_trading_house, "strategy/eager"
    held, others = house.books.groups_held(), house.rooms()
    generation = house.generation(name)

    house.orders.write_text("hang")

    back_s = house.wait(lambda: house.generation(name) > generation, READY_S, "it is replaced")
    trades_s = house.trades_on(TRADES_S)
    house.wait(lambda: house.books.failures()[name, generation], 5, "its failure is recorded")
    (report,) = [line for line in house.events("actor_failed") if line["name"] == name]
    assert report["kind"] == "stuck"
    assert held <= house.books.groups_open() | house.books.groups_closed(), "none was dropped"
    after = house.rooms()
    spared = {n for n in others if n != name and (n in after or not n.startswith("oco/"))}
    assert [n for n in spared if after.get(n) is not others[n]] == []
    RELEASED.set()
    house.settle()
    note(f"hang: replaced after {back_s:.2f} s, trades {trades_s:.2f} s")


@pytest.mark.parametrize(
    ("order", "kind"),
    [("segfault", "killed"), ("exit", "killed"), ("sys_exit", "crashed"), ("leak", "resource")],
)
def test_when_a_strategy_in_its_own_process_fails_then_the_engine_goes_on(
    state_dir: Path, order: str, kind: str
) -> None:
    name = "strategy/eager"
    with House(state_dir, drill_config(state_dir / "orders", host="process")) as house:
        house.trade()
        others, generation = house.rooms(), house.generation(name)

        house.orders.write_text(order)

        back_s = house.wait(lambda: house.generation(name) > generation, 20, "it is replaced")
        trades_s = house.trades_on(TRADES_S)
        house.wait(lambda: house.books.failures()[name, generation], 5, "it is recorded")
        (report,) = house.events("actor_failed")
        assert (report["name"], report["generation"]) == (name, generation)
        assert report["kind"] == kind, report["reason"]
        assert house.books.failures()[name, generation] == 1
        after = house.rooms()
        spared = {n for n in others if n != name and (n in after or not n.startswith("oco/"))}
        assert [n for n in spared if after.get(n) is not others[n]] == []
        house.settle()
        note(f"{order}: back after {back_s:.2f} s, trades {trades_s:.2f} s")
