"""Strategies, budgets and who comes back with whom."""

import pytest

from actors.runtime.behaviour import Behaviour
from engine.messages.administration import Admin, Outcome
from engine.messages.base import Message
from engine.messages.control import GenerationFenced
from engine.messages.supervision import ExitKind, RestartWanted
from supervisors.root import Tree
from supervisors.spec import ChildSpec, Restart, Strategy, SupervisorSpec
from supervisors.supervisor import Supervisor
from tests.supervisors.harness import Do, House

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


@ids("SUP-061", "PK-23")
def test_when_deaths_are_further_apart_than_the_window_then_it_never_escalates(
    house: House,
) -> None:
    house.tree(house.child("a"), restarts_max=1, window_ms=60)
    for generation in range(2, 6):
        house.kill_until("a", generation)
        house.stage.advance(126)


@ids("SUP-064")
def test_when_a_restart_always_fails_then_attempts_are_counted_and_siblings_stop(
    house: House,
) -> None:
    house.script.opening["a"] = ["", "raise"]
    tree = house.tree(house.child("a"), house.child("b"), restarts_max=4)
    house.tell("a", "crash")
    assert house.ended(tree).kind is ExitKind.EXCEEDED
    assert house.script.starts("a") == 1 + 4
    assert house.script.log[-1] == "close b"


@ids("SUP-066", "SUP-069", "SUP-072")
@pytest.mark.parametrize(
    "strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE, Strategy.DYNAMIC]
)
def test_when_a_child_cannot_come_back_then_the_supervisor_ends(
    house: House, strategy: Strategy
) -> None:
    if strategy is Strategy.DYNAMIC:
        tree = house.tree(house.child("d/"), strategy=strategy)
        house.want("1")
        house.want("2")
        victim = "d/2"
    else:
        tree = house.tree(house.child("d/1"), house.child("d/2"), strategy=strategy)
        victim = "d/2"
    house.script.opening[victim] = ["raise"]
    house.tell(victim, "crash")
    assert house.ended(tree).kind is ExitKind.EXCEEDED
    assert not [name for name in house.runtime.directory.rooms if name.startswith("d/")]


@ids("SUP-067")
def test_when_all_restart_and_one_fails_then_those_up_stop_and_all_retry(house: House) -> None:
    house.script.opening["b"] = ["", "raise", ""]
    house.tree(house.child("a"), house.child("b"), strategy=Strategy.ONE_FOR_ALL)
    house.script.log.clear()
    house.tell("a", "crash")
    house.wait_ready("b", 3)
    assert house.script.log == [
        "close a", "close b", "open a", "open b", "close b", "close a", "open a", "open b",
    ]  # fmt: skip


@ids("SUP-073", "SUP-081")
def test_when_the_rest_restart_and_one_fails_then_only_it_and_later_ones_retry(
    house: House,
) -> None:
    house.script.opening["b"] = ["", "raise", "raise", ""]
    house.tree(*(house.child(name) for name in "abc"), strategy=Strategy.REST_FOR_ONE)
    house.tell("a", "crash")
    house.wait_ready("c", 2)
    assert house.generation("a") == 2
    assert house.generation("b") == 4


@ids("SUP-068", "SUP-070")
def test_when_a_dynamic_child_dies_then_only_it_is_replaced_with_its_argument(
    house: House,
) -> None:
    tree = house.tree(
        house.child("d/"), strategy=Strategy.DYNAMIC, restarts_max=2, window_ms=60_000
    )
    seen: list[object] = []
    original = house.script.factory

    def factory(argument: Message | None = None) -> Behaviour:
        seen.append(argument)
        return original(argument)

    house.bring(
        SupervisorSpec(
            strategy=Strategy.DYNAMIC,
            template=ChildSpec(id="d/", factory=factory),
            restarts_max=2,
            window_ms=60_000,
        )
    )
    house.want("1", Do(what="extra"))
    house.want("2")
    house.kill_until("d/1", 2)
    assert seen == [Do(what="extra"), None, Do(what="extra")]
    assert house.generation("d/2") == 1
    house.kill_until("d/2", 2)
    house.tell("d/2", "crash")
    assert house.ended(tree).kind is ExitKind.EXCEEDED


def two_levels(house: House) -> Tree:
    left = SupervisorSpec(children=(house.child("l1"), house.child("l2")), restarts_max=1)
    right = SupervisorSpec(children=(house.child("r1"),))
    return house.tree(
        house.sup_child("left", left),
        house.sup_child("right", right),
        strategy=Strategy.ONE_FOR_ALL,
    )


@ids("SUP-074")
def test_when_a_grandchild_dies_then_its_cousins_do_not_notice(house: House) -> None:
    two_levels(house)
    house.kill_until("l1", 2)
    assert [house.generation(name) for name in ("l2", "r1", "left", "right")] == [1, 1, 1, 1]


@ids("SUP-075")
def test_when_the_top_rebuilds_then_only_static_grandchildren_come_back(house: House) -> None:
    two_levels(house)
    assert house.bring(house.child("added"), at="left").outcome is Outcome.OK
    house.tell("l1", "crash")
    house.wait_ready("l1", 2)
    house.tell("l1", "crash")
    house.wait_ready("r1", 2)
    house.wait_ready("right", 2)
    assert house.generation("left") == 2
    assert house.is_ready("l2", 2)
    assert house.room("added") is None
    assert house.state("added") == ""


@ids("SUP-076")
def test_when_an_operator_stopped_a_child_then_a_group_restart_leaves_it_down(
    house: House,
) -> None:
    house.tree(*(house.child(name) for name in "abc"), strategy=Strategy.ONE_FOR_ALL)
    house.ask(Admin.TERMINATE, "b")
    house.tell("a", "crash")
    house.wait_ready("c", 2)
    assert house.state("b") == "held"
    assert house.outcome(Admin.RESTART, "b") is Outcome.OK


@ids("SUP-077", "PK-19")
def test_when_a_sub_supervisor_is_killed_then_its_subtree_ends_before_the_rebuild(
    house: House,
) -> None:
    gate = house.listen("gate")
    deep = SupervisorSpec(children=(house.child("x"), house.child("y")))
    middle = SupervisorSpec(children=(house.sup_child("deep", deep), house.child("z")))
    house.tree(house.sup_child("middle", middle), house.child("b"), fence_listeners=("gate",))
    old = [house.room(name) for name in ("middle", "deep", "x", "y", "z")]
    house.fence("middle", ExitKind.STUCK)
    house.wait_ready("middle", 2)
    for name in ("deep", "x", "y", "z"):
        assert house.is_ready(name, 2)
    assert all(room is not None and (room.is_fenced or room.is_ended) for room in old)
    assert {m.name for m in gate if isinstance(m, GenerationFenced)} >= {"x", "y", "z"}
    assert house.generation("b") == 1


@ids("SUP-077")
def test_when_a_dead_supervisor_closes_late_then_only_what_it_started_itself_ends(
    house: House,
) -> None:
    house.tree(house.sup_child("s", SupervisorSpec(children=(house.child("x"),))))
    room = house.room("s")
    assert room is not None
    late = room._behaviour
    assert isinstance(late, Supervisor)
    house.fence("s")
    house.wait_ready("s", 2)
    stray = House(type(house.stage)())
    stray.tree(stray.child("x"))
    late._office.children["x"].room = stray.room("x")
    late.close("late")
    assert house.is_ready("x", 2)
    stray.wait_ready("x", 2)
    stray.close(is_last=False)


@ids("SUP-077")
def test_when_a_supervisor_itself_has_a_bug_then_it_leaves_no_orphans(house: House) -> None:
    deep = SupervisorSpec(children=(house.child("x"),))
    middle = SupervisorSpec(children=(house.sup_child("deep", deep), house.child("z")))
    house.tree(house.sup_child("middle", middle))
    room = house.room("middle")
    assert room is not None
    bug = RuntimeError("a bug of the supervisor")

    def broken(_: Message) -> None:
        raise bug

    room._receive = broken
    house.tell("middle", "anything")
    house.wait_ready("middle", 2)
    assert [house.generation(name) for name in ("deep", "x", "z")] == [2, 2, 2]


def test_when_a_transient_sub_supervisor_exceeds_then_its_parent_restarts_it(
    house: House,
) -> None:
    inner = SupervisorSpec(children=(house.child("x"),), restarts_max=0)
    house.tree(house.sup_child("s", inner, restart=Restart.TRANSIENT))
    house.tell("x", "crash")
    house.wait_ready("s", 2)
    assert house.is_ready("x", 2)


def test_when_dependants_fall_over_with_it_then_the_budget_pays_once(house: House) -> None:
    house.tree(
        *(house.child(name) for name in "abcd"),
        strategy=Strategy.REST_FOR_ONE,
        restarts_max=1,
    )
    for name in "abcd":
        house.tell(name, "crash")
    if house.stage.is_seeded:
        house.wait_ready("d", 2)
    else:
        house.settle(lambda: house.is_ready("d", 2) or house.trees[0].porter.ended.is_set())


def test_when_an_operator_restarts_a_group_member_then_the_group_follows(house: House) -> None:
    house.tree(*(house.child(name) for name in "abc"), strategy=Strategy.REST_FOR_ONE)
    house.send("root", RestartWanted(child_id="b", reason="new certificate"))
    house.wait_ready("c", 2)
    assert [house.generation(name) for name in "abc"] == [1, 2, 2]
