"""Administration: every request in every state has one outcome."""

import random

import pytest

from engine.messages.administration import Admin, Outcome
from engine.messages.supervision import ChildUnwanted, ChildWanted, RestartWanted
from supervisors.spec import Strategy
from tests.supervisors.harness import House, SeededStage

ids = pytest.mark.conformance


@ids("SUP-028")
def test_when_a_running_id_is_started_then_it_is_refused(house: House) -> None:
    house.tree(house.child("a"))
    answer = house.bring(house.child("a"))
    assert (answer.outcome, answer.name, answer.generation) == (Outcome.ALREADY_STARTED, "a", 1)
    assert house.script.starts("a") == 1


@ids("SUP-029", "SUP-036", "SUP-038")
@pytest.mark.parametrize("action", [Admin.TERMINATE, Admin.RESTART, Admin.DELETE])
def test_when_the_id_is_unknown_then_it_is_not_found(house: House, action: Admin) -> None:
    house.tree(house.child("a"))
    assert house.outcome(action, "nobody") is Outcome.NOT_FOUND


@ids("SUP-030")
def test_when_the_supervisor_does_not_exist_then_the_caller_gets_an_error(house: House) -> None:
    house.tree()
    with pytest.raises(LookupError):
        house.trees[0].post("nowhere", Admin.COUNT)


@ids("SUP-031", "SUP-032", "SUP-033", "SUP-034")
def test_when_terminated_then_it_stays_listed_until_started_by_hand(house: House) -> None:
    house.tree(house.child("a"))
    assert house.outcome(Admin.TERMINATE, "a") is Outcome.OK
    assert house.room("a") is None
    counts = house.counts()
    assert (counts.specs, counts.active) == (1, 0)
    assert house.outcome(Admin.TERMINATE, "a") is Outcome.OK
    assert house.bring(house.child("a")).outcome is Outcome.ALREADY_PRESENT
    answer = house.ask(Admin.RESTART, "a")
    assert (answer.outcome, answer.generation) == (Outcome.OK, 2)


@ids("SUP-035", "SUP-037")
@pytest.mark.parametrize("action", [Admin.RESTART, Admin.DELETE])
def test_when_it_runs_then_it_is_neither_restarted_nor_deleted(house: House, action: Admin) -> None:
    house.tree(house.child("a"))
    assert house.outcome(action, "a") is Outcome.RUNNING
    assert house.is_ready("a", 1)


@ids("SUP-039")
def test_when_terminated_and_deleted_then_it_is_gone_and_can_come_anew(house: House) -> None:
    house.tree(house.child("a"))
    house.ask(Admin.TERMINATE, "a")
    assert house.outcome(Admin.DELETE, "a") is Outcome.OK
    assert house.outcome(Admin.RESTART, "a") is Outcome.NOT_FOUND
    assert house.bring(house.child("a")).outcome is Outcome.OK
    assert house.generation("a") == 2


@ids("SUP-040")
def test_when_a_static_child_is_terminated_by_reference_then_it_is_untouched(house: House) -> None:
    house.tree(house.child("a"))
    assert house.outcome(Admin.TERMINATE, "a", generation=1) is Outcome.NOT_FOUND
    assert house.is_ready("a", 1)


@ids("SUP-041")
def test_when_a_dynamic_child_is_terminated_then_only_by_reference(house: House) -> None:
    house.tree(house.child("d/"), strategy=Strategy.DYNAMIC)
    house.tree(house.child("other"), name="elsewhere")
    house.want("1")
    assert house.outcome(Admin.TERMINATE, "1") is Outcome.UNSUPPORTED
    assert house.outcome(Admin.TERMINATE, "1", generation=1) is Outcome.OK
    assert house.outcome(Admin.TERMINATE, "1", generation=1) is Outcome.OK
    assert house.outcome(Admin.TERMINATE, "other", generation=1) is Outcome.NOT_FOUND
    assert house.is_ready("other", 1)


@ids("SUP-042")
@pytest.mark.parametrize("action", [Admin.RESTART, Admin.DELETE])
def test_when_the_supervisor_is_dynamic_then_ids_are_no_handles(
    house: House, action: Admin
) -> None:
    house.tree(house.child("d/"), strategy=Strategy.DYNAMIC)
    house.want("1")
    assert house.outcome(action, "1") is Outcome.UNSUPPORTED


def test_when_asked_while_ending_then_the_answer_says_so(house: House) -> None:
    house.tree(house.ender("slow", "after:200"))
    tree = house.trees[0]
    tree.stop("test")
    request_id = tree.post("root", Admin.COUNT)
    house.settle(lambda: request_id in tree.porter.answers)
    assert tree.porter.answers[request_id].outcome is Outcome.ENDING


def one_order(house: House, rng: random.Random, name: str) -> None:
    """Something that may happen to a child at any moment."""
    orders = (
        lambda: house.tell(name, "crash", str(rng.random())),
        lambda: house.tell(name, "crash"),
        lambda: house.tell(name, "stop"),
        lambda: house.send("root", ChildWanted(child_id=name)),
        lambda: house.send("root", RestartWanted(child_id=name, reason="test")),
        lambda: house.trees[0].post("root", Admin.TERMINATE, name),
        lambda: house.trees[0].post("root", Admin.RESTART, name),
        lambda: house.send("root", ChildUnwanted(child_id=name)),
    )
    rng.choice(orders)()


@pytest.mark.parametrize("seed", range(30))
def test_when_random_orders_come_then_the_table_and_the_world_agree(seed: int) -> None:
    rng = random.Random(seed)
    house = House(SeededStage(seed))
    strategy = rng.choice(list(Strategy))
    children = (
        [house.child("d/")]
        if strategy is Strategy.DYNAMIC
        else [house.child(name) for name in "abcde"]
    )
    house.tree(*children, strategy=strategy, restarts_max=10_000, window_ms=60_000)
    names = [f"d/{n}" for n in range(5)] if strategy is Strategy.DYNAMIC else list("abcde")
    for name in names:
        house.script.opening[name] = [rng.choice(["", "", "raise", "ignore"]) for _ in range(6)]
        house.script.opening[name].append("")
    for _ in range(200):
        one_order(house, rng, rng.choice(names))
        for _ in range(rng.randrange(6)):
            house.stage.pool.step()  # type: ignore[union-attr]
    house.stage.advance(60_000)
    lines = house.ask(Admin.LIST).lines
    for line in lines:
        assert (line.generation > 0) == (line.name in house.runtime.directory.rooms)
        assert line.state in {"ready", "held", "stopped"}
        assert house.generation(line.name) == line.generation
    listed = {line.name for line in lines}
    living = {name for name in house.runtime.directory.rooms if name in names}
    assert living <= listed
    house.close()
