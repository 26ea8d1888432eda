"""Failing restart loops: what is seen of them, how they are ended."""

import pytest

from engine.messages.administration import Admin, Outcome
from engine.messages.supervision import ChildDue, ChildReady, ChildUnwanted, Due, ExitKind
from supervisors.spec import Backoff, Strategy, SupervisorSpec
from tests.supervisors.harness import House

ids = pytest.mark.conformance
SLOW = Backoff(base_ms=30_000, cap_ms=30_000, jitter_bps=0)


def in_a_loop(house: House, name: str) -> None:
    """Let `name` die and fail to come back; the next try is far away."""
    house.script.opening[name] = ["raise"]
    house.tell(name, "crash")
    house.settle(lambda: house.script.starts(name) == 2 and house.state(name) == "restarting")
    house.settle(lambda: house.room(name) is None)


@ids("SUP-078", "SUP-079")
@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ONE, Strategy.REST_FOR_ONE])
def test_when_a_child_is_in_a_loop_then_it_is_busy_until_terminated(
    house: House, strategy: Strategy
) -> None:
    house.tree(house.child("a"), house.child("b"), strategy=strategy, backoff=SLOW)
    in_a_loop(house, "b")
    house.settle(lambda: house.state("b") == "restarting")
    assert house.bring(house.child("b")).outcome is Outcome.ALREADY_PRESENT
    assert house.outcome(Admin.RESTART, "b") is Outcome.RESTARTING
    assert house.outcome(Admin.DELETE, "b") is Outcome.RESTARTING
    lines = {line.name: line.state for line in house.ask(Admin.LIST).lines}
    assert lines == {"a": "ready", "b": "restarting"}
    assert house.counts().active == 1
    assert house.outcome(Admin.TERMINATE, "b") is Outcome.OK
    house.script.opening["b"] = [""]
    answer = house.ask(Admin.RESTART, "b")
    assert (answer.outcome, answer.generation) == (Outcome.OK, 3)


@ids("SUP-080")
@pytest.mark.parametrize("strategy", list(Strategy))
def test_when_stopped_during_a_loop_then_it_ends_promptly(house: House, strategy: Strategy) -> None:
    if strategy is Strategy.DYNAMIC:
        house.tree(house.child("d/"), strategy=strategy, backoff=SLOW)
        house.want("1")
    else:
        house.tree(house.child("d/1"), strategy=strategy, backoff=SLOW)
    in_a_loop(house, "d/1")
    began_ns = house.runtime.clock.mono_ns()
    assert house.stop().kind is ExitKind.SHUTDOWN
    assert house.runtime.clock.mono_ns() - began_ns < 1e9


@ids("SUP-081")
def test_when_the_loop_is_in_the_rest_then_later_ones_wait_and_earlier_ones_live(
    house: House,
) -> None:
    house.tree(*(house.child(name) for name in "abc"), strategy=Strategy.REST_FOR_ONE, backoff=SLOW)
    in_a_loop(house, "b")
    assert house.is_ready("a", 1)
    assert house.room("c") is None
    assert house.counts().active == 1
    house.script.opening["b"] = [""]
    assert house.outcome(Admin.TERMINATE, "b") is Outcome.OK
    house.wait_ready("c", 2)
    assert house.state("b") == "held"


@ids("SUP-082")
def test_when_a_dynamic_child_is_in_a_loop_then_it_can_be_unwanted(house: House) -> None:
    house.tree(house.child("d/"), strategy=Strategy.DYNAMIC, backoff=SLOW)
    house.want("1")
    house.want("2")
    in_a_loop(house, "d/1")
    assert house.outcome(Admin.START, "1") is Outcome.ALREADY_PRESENT
    counts = house.counts()
    assert (counts.specs, counts.active) == (2, 1)
    house.send("root", ChildUnwanted(child_id="1"))
    house.wait_state("d/1", "")
    assert house.counts().specs == 1


@ids("SUP-083")
def test_when_a_retry_note_is_stale_then_it_is_ignored(house: House) -> None:
    house.tree(house.child("a"), house.child("b"), backoff=SLOW)
    in_a_loop(house, "a")
    house.script.opening["a"] = [""]
    house.ask(Admin.TERMINATE, "a")
    house.send("root", ChildDue(what=Due.RETRY, name="a", generation=2))
    assert house.counts().active == 1
    assert house.outcome(Admin.RESTART, "a") is Outcome.OK
    house.send("root", ChildDue(what=Due.RETRY, name="a", generation=2))
    house.send("root", ChildDue(what=Due.RETRY, name="", generation=0, count=1))
    house.send("root", ChildDue(what=Due.START, name="a", generation=2))
    house.send("root", ChildDue(what=Due.STOP, name="gone", generation=2))
    assert house.counts().active == 2
    assert house.is_ready("a", 3)


@ids("SUP-083")
def test_when_an_older_retry_note_comes_then_the_present_delay_holds(house: House) -> None:
    house.tree(house.child("a"), backoff=SLOW)
    in_a_loop(house, "a")
    house.send("root", ChildDue(what=Due.RETRY, name="a", generation=1))
    assert house.counts().active == 0
    assert house.script.starts("a") == 2


@ids("PK-03")
def test_when_an_older_generation_says_ready_then_it_is_not_believed(house: House) -> None:
    house.script.opening["a"] = ["", "defer"]
    house.tree(house.child("a"))
    house.tell("a", "crash")
    house.settle(lambda: house.script.starts("a") == 2)
    house.send("root", ChildReady(name="a", generation=1))
    assert house.counts().active == 0


@ids("PK-28")
def test_when_the_core_is_in_a_loop_then_control_answers_and_takes_orders(house: House) -> None:
    control = SupervisorSpec(children=(house.child("console"),))
    core = SupervisorSpec(children=(house.child("journal"),), backoff=SLOW)
    house.tree(house.sup_child("control", control), house.sup_child("core", core))
    in_a_loop(house, "journal")
    rows = {row.name: row.state for row in house.runtime.board.rows()}
    assert rows["journal"] == "restarting"
    assert rows["console"] == "ready"
    before = len(house.script.heard)
    house.tell("console", "kill")
    house.settle(lambda: len(house.script.heard) > before)
