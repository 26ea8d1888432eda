"""Strategies, budgets and who comes back with whom."""

import pytest

from engine.messages.supervision import ExitKind
from supervisors.spec import Restart, Strategy
from tests.supervisors.harness import House

ids = pytest.mark.conformance


@ids("SUP-062")
def test_when_one_dies_then_only_it_is_replaced(house: House) -> None:
    house.tree(house.child("a"), house.child("b"))
    house.kill_until("a", 2)
    assert house.generation("b") == 1


@ids("SUP-065")
def test_when_one_of_all_dies_then_all_are_new(house: House) -> None:
    house.tree(house.child("a"), house.child("b"), strategy=Strategy.ONE_FOR_ALL)
    house.tell("a", "crash")
    house.wait_ready("b", 2)
    assert house.generation("a") == 2


@ids("SUP-071", "SUP-025")
def test_when_the_middle_dies_then_the_rest_stop_in_reverse_and_start_in_order(
    house: House,
) -> None:
    names = ("z", "m", "a", "q")
    house.tree(*(house.child(name) for name in names), strategy=Strategy.REST_FOR_ONE)
    assert house.script.log == [f"open {name}" for name in names]
    house.script.log.clear()
    house.tell("m", "crash")
    house.wait_ready("q", 2)
    assert house.script.log == [
        "close m", "close q", "close a", "open m", "open a", "open q",
    ]  # fmt: skip
    assert house.generation("z") == 1
    house.script.log.clear()
    assert house.stop().kind is ExitKind.SHUTDOWN
    assert house.script.log == ["close q", "close a", "close m", "close z"]


@ids("SUP-063")
def test_when_different_children_die_then_their_deaths_count_together(house: House) -> None:
    tree = house.tree(*(house.child(name) for name in "abc"), restarts_max=2, window_ms=3_600_000)
    house.kill_until("a", 2)
    house.kill_until("b", 2)
    house.tell("c", "crash")
    exited = house.ended(tree)
    assert exited.kind is ExitKind.EXCEEDED
    assert "child c" in exited.reason
    assert house.room("a") is None


@ids("SUP-060")
@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
def test_when_a_sibling_dies_then_a_temporary_one_is_stopped_for_good(
    house: House, strategy: Strategy
) -> None:
    house.tree(
        house.child("a"),
        house.child("t", restart=Restart.TEMPORARY),
        house.child("b"),
        strategy=strategy,
    )
    house.tell("a", "crash")
    house.wait_ready("b", 2)
    assert house.room("t") is None
    assert house.counts().specs == 2
