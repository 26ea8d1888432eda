"""Counts, memory, and that cost grows with size and no faster."""

import random
import sys

import pytest

from actors.runtime.behaviour import Behaviour
from actors.runtime.clock import boot_ns
from engine.messages.administration import Admin, Outcome
from engine.messages.base import Message
from engine.messages.supervision import ChildUnwanted, ChildWanted
from supervisors.spec import (
    Backoff,
    ChildKind,
    ChildSpec,
    Restart,
    Shutdown,
    Strategy,
    SupervisorSpec,
)
from supervisors.supervisor import supervising
from tests.supervisors.harness import Do, House, SeededStage

ids = pytest.mark.conformance


def want_many(house: House, first: int, last: int) -> None:
    for number in range(first, last):
        house.send("root", ChildWanted(child_id=str(number)))
    house.settle(lambda: house.counts().active == last)


@ids("SUP-084")
def test_when_there_are_thousands_then_counts_and_lists_agree(house: House) -> None:
    house.tree(house.child("d/", restart=Restart.TEMPORARY), strategy=Strategy.DYNAMIC)
    for last in (1_000, 2_000):
        want_many(house, last - 1_000, last)
        lines = house.ask(Admin.LIST).lines
        assert len(lines) == last == house.counts().specs
        assert house.counts().workers == last
    for number in range(2_000):
        house.fence(f"d/{number}")
    house.settle(lambda: house.counts().active == 0)
    assert house.counts().specs == 0


@ids("SUP-085")
def test_when_the_children_are_supervisors_then_they_count_as_such(house: House) -> None:
    def factory(_: Message | None) -> Behaviour:
        return supervising(house.runtime, SupervisorSpec(), random.Random(1))(None)

    template = ChildSpec(id="d/", factory=factory, kind=ChildKind.SUPERVISOR, pool="control")
    house.tree(template, strategy=Strategy.DYNAMIC)
    want_many(house, 0, 300)
    counts = house.counts()
    assert (counts.supervisors, counts.workers, counts.active) == (300, 0, 300)


@ids("SUP-086")
def test_when_some_are_restarting_then_they_are_not_active(house: House) -> None:
    slow = Backoff(base_ms=200, cap_ms=200, jitter_bps=0)
    house.tree(house.child("d/"), strategy=Strategy.DYNAMIC, backoff=slow, restarts_max=10)
    for number in range(3):
        house.want(str(number))
    for name in ("d/0", "d/1"):
        house.script.opening[name] = ["raise", ""]
        house.tell(name, "crash")
        house.settle(lambda name=name: house.state(name) == "restarting")  # type: ignore[misc]
    house.settle(lambda: house.script.starts("d/0") == house.script.starts("d/1") == 2)
    if house.stage.is_seeded:
        assert house.counts().active == 1
    house.settle(lambda: house.counts().active == 3)


@ids("SUP-087")
@pytest.mark.parametrize("strategy", [Strategy.DYNAMIC])
def test_when_a_temporary_child_has_started_then_its_argument_is_let_go(
    house: House, strategy: Strategy
) -> None:
    house.tree(house.child("d/", restart=Restart.TEMPORARY), strategy=strategy)
    bag = Do(what="carry", text="x" * 100_000)
    held_before = sys.getrefcount(bag)
    factories: list[object] = []

    def factory(argument: Message | None) -> Behaviour:
        factories.append(type(argument))
        return house.script.factory(None)

    house.bring(
        SupervisorSpec(
            strategy=strategy,
            template=ChildSpec(id="d/", factory=factory, restart=Restart.TEMPORARY),
        )
    )
    house.want("1", bag)
    house.settle(lambda: sys.getrefcount(bag) == held_before)
    assert factories == [Do]


def removal_s(house: House, strategy: Strategy, size: int) -> float:
    """Time to forget `size` temporary children."""
    if strategy is Strategy.DYNAMIC:
        house.tree(house.child("d/", restart=Restart.TEMPORARY), strategy=strategy)
        want_many(house, 0, size)
    else:
        house.tree(strategy=strategy)
        for number in range(size):
            house.trees[0].bring("root", house.child(f"d/{number}", restart=Restart.TEMPORARY))
        house.settle(lambda: house.counts().active == size)
    began_s = boot_ns() / 1e9
    for number in range(size):
        house.send("root", ChildUnwanted(child_id=f"d/{number}"))
    house.settle(lambda: house.counts().specs == 0)
    took_s = boot_ns() / 1e9 - began_s
    house.close()
    return took_s


@ids("SUP-089")
@pytest.mark.parametrize("strategy", [Strategy.DYNAMIC, Strategy.ONE_FOR_ONE])
def test_when_ten_times_as_many_go_then_it_takes_about_ten_times_as_long(
    strategy: Strategy,
) -> None:
    few_s, many_s = (removal_s(House(SeededStage()), strategy, size) for size in (1_000, 10_000))
    assert many_s < 50 * few_s, "ten times is linear, a hundred times is quadratic"


@ids("SUP-090")
def test_when_children_max_is_reached_then_restarting_ones_count(house: House) -> None:
    slow = Backoff(base_ms=30_000, cap_ms=30_000, jitter_bps=0)
    house.tree(house.child("d/"), strategy=Strategy.DYNAMIC, children_max=2, backoff=slow)
    house.want("1")
    house.want("2")
    house.script.opening["d/1"] = ["raise"]
    house.tell("d/1", "crash")
    house.settle(lambda: house.script.starts("d/1") == 2)
    assert house.outcome(Admin.START, "3") is Outcome.MAX_CHILDREN
    alerts = house.listen("alerts")
    house.send("root", ChildWanted(child_id="4"))
    assert house.counts().specs == 2
    assert not alerts


def test_when_a_stopped_time_out_is_short_then_a_thousand_stop_together(seeded: House) -> None:
    seeded.tree(seeded.ender("d/", "never", shutdown=Shutdown(100)), strategy=Strategy.DYNAMIC)
    want_many(seeded, 0, 1_000)
    began_ns = seeded.runtime.clock.mono_ns()
    seeded.stop()
    assert seeded.runtime.clock.mono_ns() - began_ns <= 101 * 1_000_000
