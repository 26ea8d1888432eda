"""Live reconfiguration."""

import msgspec
import pytest

from engine.messages.administration import Admin, Outcome
from engine.messages.supervision import ExitKind
from supervisors.spec import AutoShutdown, Restart, Shutdown, Strategy, SupervisorSpec
from tests.supervisors.harness import House

ids = pytest.mark.conformance


def spec_of(house: House, *names: str, **fields: object) -> SupervisorSpec:
    return SupervisorSpec(children=tuple(house.child(name) for name in names), **fields)  # type: ignore[arg-type]


@ids("SUP-098")
def test_when_flags_change_then_in_place_and_only_if_faultless(house: House) -> None:
    tree = house.tree(house.child("a"))
    assert house.bring(spec_of(house, "a", restarts_max=-1)).outcome is Outcome.REFUSED
    house.kill_until("a", 2)
    assert house.bring(spec_of(house, "a", restarts_max=0)).outcome is Outcome.OK
    house.tell("a", "crash", "again")
    assert house.ended(tree).kind is ExitKind.EXCEEDED


@ids("SUP-099")
def test_when_specs_change_then_new_ones_wait_and_missing_ones_stay(house: House) -> None:
    house.tree(house.child("a"), house.child("b"))
    changed = SupervisorSpec(children=(house.child("a", shutdown=Shutdown(77)), house.child("new")))
    assert house.bring(changed).outcome is Outcome.OK
    lines = {line.name: line for line in house.ask(Admin.LIST).lines}
    assert lines["a"].shutdown_ms == 77
    assert lines["b"].state == "ready"
    assert lines["new"].state == "stopped"
    assert house.script.starts("new") == 0
    assert house.outcome(Admin.RESTART, "new") is Outcome.OK


@ids("SUP-100")
def test_when_the_template_changes_then_it_holds_from_now_on_but_stays_one(house: House) -> None:
    house.tree(house.child("d/"), strategy=Strategy.DYNAMIC)
    house.want("1")
    other = house.child("d/", restart=Restart.TEMPORARY)
    assert (
        house.bring(SupervisorSpec(strategy=Strategy.DYNAMIC, template=other)).outcome is Outcome.OK
    )
    assert house.ask(Admin.SPEC, "1").lines[0].restart == "temporary"
    assert house.bring(spec_of(house, "a")).outcome is Outcome.REFUSED
    renamed = house.child("e/")
    answer = house.bring(SupervisorSpec(strategy=Strategy.DYNAMIC, template=renamed))
    assert answer.outcome is Outcome.REFUSED


@ids("SUP-101")
@pytest.mark.parametrize("old", list(AutoShutdown))
@pytest.mark.parametrize("new", list(AutoShutdown))
def test_when_auto_shutdown_changes_then_the_new_mode_holds(
    seeded: House, old: AutoShutdown, new: AutoShutdown
) -> None:
    def spec(auto: AutoShutdown) -> SupervisorSpec:
        children = tuple(
            seeded.child(
                name, restart=Restart.TRANSIENT, significant=auto is not AutoShutdown.NEVER
            )
            for name in "ab"
        )
        return SupervisorSpec(children=children, auto_shutdown=auto)

    tree = seeded.plant(spec(old))
    assert seeded.bring(spec(new)).outcome is Outcome.OK
    seeded.tell("a", "stop")
    seeded.stage.advance(10)
    assert tree.porter.ended.is_set() == (new is AutoShutdown.ANY)
    if new is not AutoShutdown.ANY:
        seeded.tell("b", "stop")
        seeded.stage.advance(10)
        assert tree.porter.ended.is_set() == (new is AutoShutdown.ALL)


@ids("SUP-101")
def test_when_the_mode_does_not_allow_it_then_no_child_becomes_significant(house: House) -> None:
    house.tree(house.child("a", restart=Restart.TRANSIENT))
    significant = house.child("a", restart=Restart.TRANSIENT, significant=True)
    spec = SupervisorSpec(children=(significant,))
    assert house.bring(spec).outcome is Outcome.REFUSED
    allowed = msgspec.structs.replace(spec, auto_shutdown=AutoShutdown.ANY)
    assert house.bring(allowed).outcome is Outcome.OK
