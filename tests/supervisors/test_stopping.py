"""How children and supervisors stop."""

import pytest

from engine.messages.administration import Admin, Outcome
from engine.messages.supervision import ExitKind
from supervisors.spec import (
    INFINITY,
    KILL,
    ChildSpec,
    HostKind,
    Restart,
    Shutdown,
    Strategy,
    SupervisorSpec,
)
from tests.supervisors.harness import Do, Ender, House

ids = pytest.mark.conformance


@ids("SUP-018")
def test_when_all_wait_for_ever_then_all_end_in_order(house: House) -> None:
    inner = SupervisorSpec(children=(house.child("x"),))
    house.tree(house.child("a", shutdown=INFINITY), house.sup_child("s", inner))
    assert house.stop().kind is ExitKind.SHUTDOWN
    assert house.script.log[-2:] == ["close x", "close a"]


@ids("SUP-019")
def test_when_one_does_not_stop_in_time_then_it_is_fenced_and_the_rest_ends(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("ERROR", logger="pahara")
    house.tree(house.child("a"), house.ender("stuck", "never", shutdown=Shutdown(100)))
    stuck = house.room("stuck")
    assert stuck is not None
    assert house.stop().kind is ExitKind.SHUTDOWN
    assert stuck.is_fenced
    assert house.script.log[-1] == "close a"
    (record,) = [r for r in caplog.records if r.getMessage() == "actor_failed"]
    assert record.fields["context"] == "shutdown_error"  # type: ignore[attr-defined]


@ids("SUP-019")
def test_when_a_thread_is_blocked_then_its_room_is_fenced_in_time(pooled: House) -> None:
    pooled.tree(pooled.child("a"), pooled.child("b", host=HostKind.THREAD, shutdown=Shutdown(50)))
    pooled.tell("b", "block")
    pooled.settle(lambda: any(n == "b" for n, _, _ in pooled.script.heard))
    assert pooled.stop().kind is ExitKind.SHUTDOWN


@ids("SUP-020", "SUP-027")
def test_when_dynamic_children_stop_then_they_share_one_deadline(house: House) -> None:
    def factory(argument: object) -> object:
        assert isinstance(argument, Do)
        return Ender(house.script, argument.what)

    template = ChildSpec(id="d/", factory=factory, shutdown=Shutdown(200))  # type: ignore[arg-type]
    house.tree(template, strategy=Strategy.DYNAMIC)
    for number, how in enumerate(("after:100", "after:100", "after:5000")):
        house.want(str(number), Do(what=how))
    slow = house.room("d/2")
    began_ns = house.runtime.clock.mono_ns()
    assert house.stop().kind is ExitKind.SHUTDOWN
    took_ms = (house.runtime.clock.mono_ns() - began_ns) / 1e6
    assert 190 <= took_ms < (201 if house.stage.is_seeded else 1_000)
    assert slow is not None
    assert slow.is_fenced


@ids("SUP-021", "SUP-022")
def test_when_children_are_marked_kill_then_there_is_no_grace(house: House) -> None:
    house.tree(house.child("d/", shutdown=KILL), strategy=Strategy.DYNAMIC)
    for number in range(10):
        house.want(str(number))
    rooms = [house.room(f"d/{number}") for number in range(10)]
    assert house.stop().kind is ExitKind.SHUTDOWN
    assert all(room is not None and room.is_fenced for room in rooms)


@ids("SUP-023", "SUP-024")
@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ONE, Strategy.REST_FOR_ONE])
def test_when_children_end_oddly_during_the_stop_then_it_completes(
    house: House, strategy: Strategy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("ERROR", logger="pahara")
    hows = ("normal", "shutdown", "after:1", "crash")
    children = [
        house.ender(f"{restart.value}-{how}", how, restart=restart)
        for restart in Restart
        for how in hows
    ]
    house.tree(*children, strategy=strategy)
    starts = len([line for line in house.script.log if line.startswith("open")])
    assert house.stop().kind is ExitKind.SHUTDOWN
    assert len([line for line in house.script.log if line.startswith("open")]) == starts == 12
    odd = [r.fields["kind"] for r in caplog.records if r.getMessage() == "actor_failed"]  # type: ignore[attr-defined]
    assert odd == ["crashed"] * 3


@ids("SUP-024")
@pytest.mark.parametrize("restart", list(Restart))
@pytest.mark.parametrize("how", ["normal", "crash"])
def test_when_dynamic_children_end_oddly_on_stop_then_it_completes(
    house: House, restart: Restart, how: str
) -> None:
    house.tree(house.ender("d/", how, restart=restart), strategy=Strategy.DYNAMIC)
    house.want("1")
    house.want("2")
    assert house.stop().kind is ExitKind.SHUTDOWN


@ids("SUP-026")
def test_when_a_child_ignores_its_supervisor_then_termination_does_not_hang(house: House) -> None:
    house.tree(house.ender("rebel", "never", shutdown=Shutdown(50)), house.child("b"))
    assert house.outcome(Admin.TERMINATE, "rebel") is Outcome.OK
    assert house.state("rebel") == "held"
    house.kill_until("b", 2)


def test_when_close_raises_then_it_is_a_failure_of_that_child_only(house: House) -> None:
    house.script.closing["a"] = "raise"
    house.tree(house.child("a"), house.child("b"))
    assert house.stop().kind is ExitKind.SHUTDOWN


def test_when_close_hangs_then_the_child_is_fenced_and_reported_once(pooled: House) -> None:
    pooled.script.closing["a"] = "block"
    pooled.tree(pooled.child("a", host=HostKind.THREAD, shutdown=Shutdown(50)), pooled.child("b"))
    assert pooled.outcome(Admin.TERMINATE, "a") is Outcome.OK
    pooled.script.gate.set()
    assert pooled.outcome(Admin.RESTART, "a") is Outcome.OK
    assert pooled.is_ready("a", 2)
