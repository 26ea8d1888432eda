"""How supervisors and children start, ignore, and fail to."""

import random

import pytest

from actors.runtime.behaviour import Behaviour
from engine.messages.administration import Admin, Outcome
from engine.messages.base import Message
from engine.messages.supervision import ChildReady, ChildUnwanted, ChildWanted, ExitKind
from supervisors.spec import ChildSpec, HostKind, Restart, Shutdown, Strategy, SupervisorSpec
from supervisors.supervisor import supervising, supervisor_child
from tests.supervisors.harness import House

ids = pytest.mark.conformance


@ids("SUP-001")
def test_when_an_empty_supervisor_is_stopped_then_it_ends_in_order(house: House) -> None:
    house.tree()
    assert house.stop().kind is ExitKind.SHUTDOWN
    assert house.room("root") is None


@ids("SUP-002")
def test_when_a_sub_supervisor_is_not_needed_then_its_parent_goes_on(house: House) -> None:
    house.script.opening["sup"] = ["ignore"]
    house.tree(house.child("sup"), house.child("b"))
    assert house.room("sup") is None
    assert house.is_ready("b", 1)


@ids("SUP-003")
def test_when_a_permanent_child_ignores_then_its_spec_stays_without_a_life(house: House) -> None:
    house.script.opening["a"] = ["ignore"]
    house.tree(house.child("b"))
    assert house.bring(house.child("a")).outcome is Outcome.IGNORED
    counts = house.counts()
    assert (counts.specs, counts.active) == (2, 1)
    assert house.restarts("a") == 0


@ids("SUP-004", "SUP-005")
def test_when_a_temporary_child_ignores_then_its_spec_goes(house: House) -> None:
    house.script.opening |= {"t": ["ignore"], "u": ["ignore"]}
    house.tree(house.child("t", restart=Restart.TEMPORARY), house.child("b"))
    assert house.bring(house.child("u", restart=Restart.TEMPORARY)).outcome is Outcome.IGNORED
    assert house.counts().specs == 1


@ids("SUP-006", "SUP-007")
@pytest.mark.parametrize("restart", list(Restart))
def test_when_a_dynamic_child_ignores_then_nothing_is_kept(house: House, restart: Restart) -> None:
    house.script.opening["d/1"] = ["ignore"]
    house.tree(house.child("d/", restart=restart), strategy=Strategy.DYNAMIC)
    assert house.outcome(Admin.START, "1") is Outcome.IGNORED
    assert house.counts().specs == 0
    assert house.stop().kind is ExitKind.SHUTDOWN


@ids("SUP-008", "SUP-009")
@pytest.mark.parametrize("strategy", ["nonsense", None])
def test_when_the_spec_is_nonsense_then_the_start_fails_and_names_it(
    house: House, strategy: object
) -> None:
    spec = SupervisorSpec(strategy=strategy, children=(house.child("a"),))  # type: ignore[arg-type]
    tree = house.plant(spec, expect="ended")
    exited = house.ended(tree)
    assert exited.kind is ExitKind.START_FAILED
    assert "strategy" in exited.reason
    assert house.script.log == []


@ids("SUP-010")
def test_when_a_restart_by_hand_fails_then_it_is_answered_and_not_retried(house: House) -> None:
    house.script.opening["a"] = ["", "raise", ""]
    house.tree(house.child("a"), house.child("b"))
    assert house.outcome(Admin.TERMINATE, "a") is Outcome.OK
    answer = house.ask(Admin.RESTART, "a")
    assert answer.outcome is Outcome.FAILED
    assert "no database" in answer.text
    assert house.state("a") == "held"
    house.stage.advance(100)
    assert house.script.starts("a") == 2
    assert house.is_ready("b", 1)


@ids("SUP-011")
@pytest.mark.parametrize("how", ["raise", "exit"])
def test_when_an_added_child_fails_then_its_spec_is_not_kept(house: House, how: str) -> None:
    house.script.opening["a"] = [how]
    house.tree(house.child("b"))
    assert house.bring(house.child("a")).outcome is Outcome.FAILED
    assert house.counts().specs == 1


@ids("SUP-011")
def test_when_a_factory_returns_no_behaviour_then_the_start_fails(house: House) -> None:
    house.tree(house.child("b"))
    spec = ChildSpec(id="a", factory=lambda _: 42)  # type: ignore[arg-type,return-value]
    assert house.bring(spec).outcome is Outcome.FAILED
    assert house.counts().specs == 1


@ids("SUP-012")
def test_when_a_dynamic_child_fails_by_hand_then_nothing_is_kept(house: House) -> None:
    house.script.opening["d/1"] = ["raise"]
    house.tree(house.child("d/"), strategy=Strategy.DYNAMIC)
    assert house.outcome(Admin.START, "1") is Outcome.FAILED
    assert house.counts().specs == 0
    assert house.outcome(Admin.START, "2") is Outcome.OK


@ids("SUP-013")
def test_when_a_minimal_spec_is_read_back_then_defaults_are_filled(house: House) -> None:
    inner = SupervisorSpec()
    house.tree(
        house.child("a"), house.sup_child("s", inner), house.child("k", shutdown=Shutdown(0))
    )
    (line,) = house.ask(Admin.SPEC, "a").lines
    assert (line.restart, line.shutdown_ms, line.kind) == ("permanent", 5_000, "worker")
    assert house.ask(Admin.SPEC, "s").lines[0].shutdown_ms is None
    assert house.ask(Admin.SPEC, "k").lines[0].shutdown_ms == 0
    assert house.outcome(Admin.SPEC, "nobody") is Outcome.NOT_FOUND


@ids("SUP-014")
def test_when_a_dynamic_child_is_asked_for_by_reference_then_the_template_answers(
    house: House,
) -> None:
    template = house.child("d/", restart=Restart.TRANSIENT)
    house.tree(template, strategy=Strategy.DYNAMIC)
    house.want("1")
    assert house.ask(Admin.SPEC, "1", generation=1).lines[0].restart == "transient"
    assert house.outcome(Admin.SPEC, "1", generation=7) is Outcome.NOT_FOUND


@ids("SUP-015")
def test_when_a_spec_is_faulty_then_the_fault_has_a_name(house: House) -> None:
    house.tree()
    with pytest.raises(TypeError, match="id"):
        ChildSpec(factory=house.script.factory)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="factory"):
        ChildSpec(id="a")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="colour"):
        ChildSpec(id="a", factory=house.script.factory, colour=1)  # type: ignore[call-arg]
    answer = house.bring("no spec at all")
    assert answer.outcome is Outcome.REFUSED
    assert "not a ChildSpec" in answer.text


@ids("SUP-016")
def test_when_a_child_two_levels_down_fails_at_boot_then_the_reason_names_it(
    house: House,
) -> None:
    house.script.opening["leaf"] = ["raise"]
    inner = SupervisorSpec(children=(house.child("leaf"),))
    middle = SupervisorSpec(children=(house.sup_child("inner", inner),))
    tree = house.tree(house.child("a"), house.sup_child("middle", middle), expect="ended")
    exited = house.ended(tree)
    assert exited.kind is ExitKind.START_FAILED
    assert "child leaf" in exited.reason
    assert "no database" in exited.reason
    assert "OSError" in exited.trace
    assert not [name for name in house.runtime.directory.rooms if not name.startswith("porter")]


@ids("SUP-017")
def test_when_the_third_fails_at_boot_then_the_second_and_the_first_stop(house: House) -> None:
    house.script.opening["c"] = ["raise"]
    tree = house.tree(*(house.child(name) for name in "abc"), expect="ended")
    assert "child c" in house.ended(tree).reason
    assert house.script.log == ["open a", "open b", "open c", "close c", "close b", "close a"]


@ids("PK-03")
def test_when_ready_never_comes_then_the_generation_is_fenced(house: House) -> None:
    house.script.opening["a"] = ["", "defer", ""]
    house.tree(house.child("a", start_timeout_ms=50))
    house.tell("a", "crash")
    house.settle(lambda: house.script.starts("a") == 2)
    late = house.room("a")
    house.wait_ready("a", 3)
    assert late is not None
    assert late.is_fenced
    late.become_ready()
    assert house.is_ready("a", 3)


@ids("PK-02", "PK-01", "SUP-113")
@pytest.mark.parametrize("how", ["raise", "exit"])
@pytest.mark.parametrize("host", [HostKind.POOLED, HostKind.THREAD])
def test_when_open_raises_anything_then_the_supervisor_gets_start_failed(
    house: House, how: str, host: HostKind
) -> None:
    house.script.opening["a"] = [how]
    tree = house.tree(house.child("a", host=host), expect="ended")
    assert "child a: start_failed" in house.ended(tree).reason


@ids("PK-01")
def test_when_the_constructor_raises_then_it_is_a_failed_start(house: House) -> None:
    def broken(_: object) -> object:
        raise KeyboardInterrupt

    tree = house.tree(
        ChildSpec(id="a", factory=broken),  # type: ignore[arg-type]
        expect="ended",
    )
    assert "KeyboardInterrupt" in house.ended(tree).reason


@ids("PK-01")
def test_when_the_pool_does_not_exist_then_it_is_a_failed_start(pooled: House) -> None:
    tree = pooled.tree(pooled.child("a", pool="moon"), expect="ended")
    assert "moon" in pooled.ended(tree).reason


def test_when_a_wanted_child_fails_at_first_then_it_is_retried(house: House) -> None:
    house.script.opening["d/1"] = ["raise", ""]
    house.tree(house.child("d/"), strategy=Strategy.DYNAMIC)
    house.send("root", ChildWanted(child_id="1"))
    house.wait_ready("d/1", 2)


def test_when_unwanted_and_wanted_again_at_once_then_a_new_one_comes(house: House) -> None:
    house.tree(house.child("d/"), strategy=Strategy.DYNAMIC)
    house.want("1")
    house.send("root", ChildUnwanted(child_id="1"))
    house.send("root", ChildWanted(child_id="1"))
    house.wait_ready("d/1", 2)


@pytest.mark.parametrize("second", ["", "defer"])
def test_liv06_when_a_void_supervisor_goes_on_then_it_starts_and_shows_nothing(
    seeded: House, second: str
) -> None:
    seeded.script.opening["y"] = ["defer", second]
    spec = SupervisorSpec(children=tuple(seeded.child(name) for name in "xyz"))
    make, made = supervising(seeded.runtime, spec, random.Random(1)), []

    def factory(argument: Message | None) -> Behaviour:
        made.append(make(argument))
        return made[-1]

    seeded.tree(supervisor_child("s", factory), expect="")
    seeded.stage.advance(100)
    crowd = ChildReady(name="s", generation=1)
    seeded.send("root", crowd)  # its start was through
    seeded.stage.advance(100)
    seeded.fence("s", ExitKind.STUCK)
    seeded.stage.advance(100)
    rows = seeded.runtime.board.rows()
    made[0].receive(ChildReady(name="y", generation=1))
    assert seeded.runtime.board.rows() == rows
    assert seeded.generation("y") == 2
    assert seeded.generation("z") == (0 if second else 1)
