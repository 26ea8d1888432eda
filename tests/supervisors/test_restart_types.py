"""Restart type x end reason, quarantine, poison, holding, significant children."""

import pytest

from engine.messages.administration import Admin, Outcome
from engine.messages.base import Message
from engine.messages.control import AlertRaised, GenerationFenced
from engine.messages.supervision import ExitKind, RestartWanted, TimerFired
from supervisors.spec import AutoShutdown, OnIntensity, Restart, Strategy, SupervisorSpec
from tests.supervisors.harness import House

ids = pytest.mark.conformance
ENDS = ["stop", "shutdown", "crash"]


def end(house: House, name: str, how: str) -> None:
    """End a child by itself; `shutdown` is an order that did not come from its supervisor."""
    if how == "shutdown":
        house.shutdown(name)
    else:
        house.tell(name, how)


@ids("SUP-051", "SUP-052", "SUP-053")
@pytest.mark.parametrize("how", ENDS)
def test_when_a_permanent_child_ends_then_it_is_restarted(house: House, how: str) -> None:
    house.tree(house.child("a"))
    end(house, "a", how)
    house.wait_ready("a", 2)


@ids("SUP-054", "SUP-055")
@pytest.mark.parametrize("how", ["stop", "shutdown"])
def test_when_a_transient_child_ends_in_order_then_it_stays_down_and_listed(
    house: House, how: str
) -> None:
    house.tree(house.child("a", restart=Restart.TRANSIENT))
    end(house, "a", how)
    house.wait_state("a", "stopped")
    assert house.counts().specs == 1
    assert house.outcome(Admin.RESTART, "a") is Outcome.OK
    assert house.is_ready("a", 2)


@ids("SUP-056")
def test_when_a_transient_child_crashes_then_it_is_restarted(house: House) -> None:
    house.tree(house.child("a", restart=Restart.TRANSIENT))
    house.kill_until("a", 2)


@ids("SUP-057", "SUP-058", "SUP-059", "SUP-088")
@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("strategy", [s for s in Strategy if s is not Strategy.DYNAMIC])
def test_when_a_temporary_child_ends_then_nothing_of_it_is_kept(
    house: House, how: str, strategy: Strategy
) -> None:
    temporary = house.child("a", restart=Restart.TEMPORARY)
    house.tree(temporary, house.child("b"), strategy=strategy)
    end(house, "a", how)
    house.wait_state("a", "")
    assert house.counts().specs == 1
    assert house.is_ready("b", 1)
    assert house.bring(temporary).outcome is Outcome.OK


@ids("SUP-091")
@pytest.mark.parametrize("auto", list(AutoShutdown))
@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("restart", [Restart.TEMPORARY, Restart.TRANSIENT])
def test_when_an_insignificant_child_ends_then_the_supervisor_lives(
    seeded: House, auto: AutoShutdown, how: str, restart: Restart
) -> None:
    tree = seeded.tree(seeded.child("a", restart=restart), seeded.child("b"), auto_shutdown=auto)
    end(seeded, "a", how)
    seeded.stage.advance(1_000)
    assert not tree.porter.ended.is_set()
    assert seeded.is_ready("b", 1)


@ids("SUP-092")
@pytest.mark.parametrize("how", ["kill", *ENDS])
def test_when_a_significant_temporary_ends_by_itself_then_all_end(house: House, how: str) -> None:
    tree = house.tree(
        house.child("a", restart=Restart.TEMPORARY, significant=True),
        house.child("b"),
        auto_shutdown=AutoShutdown.ANY,
    )
    if how == "kill":
        house.fence("a")
    else:
        end(house, "a", how)
    assert house.ended(tree).kind is ExitKind.SHUTDOWN
    assert house.room("b") is None


@ids("SUP-092", "SUP-093")
@pytest.mark.parametrize("restart", [Restart.TEMPORARY, Restart.TRANSIENT])
def test_when_a_significant_child_is_stopped_by_hand_then_nothing_ends(
    house: House, restart: Restart
) -> None:
    tree = house.tree(
        house.child("a", restart=restart, significant=True), auto_shutdown=AutoShutdown.ANY
    )
    assert house.outcome(Admin.TERMINATE, "a") is Outcome.OK
    assert house.counts().active == 0
    assert not tree.porter.ended.is_set()


@ids("SUP-093")
def test_when_a_significant_transient_crashes_then_it_is_restarted_but_its_end_ends_all(
    house: House,
) -> None:
    tree = house.tree(
        house.child("a", restart=Restart.TRANSIENT, significant=True),
        auto_shutdown=AutoShutdown.ANY,
    )
    house.kill_until("a", 2)
    house.tell("a", "stop")
    assert house.ended(tree).kind is ExitKind.SHUTDOWN


@ids("SUP-094")
def test_when_all_is_the_mode_then_the_last_significant_end_counts(house: House) -> None:
    tree = house.tree(
        house.child("a", restart=Restart.TEMPORARY, significant=True),
        house.child("b", restart=Restart.TRANSIENT, significant=True),
        house.child("c"),
        auto_shutdown=AutoShutdown.ALL,
    )
    house.tell("a", "stop")
    house.wait_state("a", "")
    assert house.counts().active == 2
    house.tell("b", "stop")
    assert house.ended(tree).kind is ExitKind.SHUTDOWN
    assert house.script.log[-1] == "close c"


@ids("SUP-095")
@pytest.mark.parametrize("auto", [AutoShutdown.ANY, AutoShutdown.ALL])
def test_when_dynamic_significant_children_end_then_the_mode_decides(
    house: House, auto: AutoShutdown
) -> None:
    tree = house.tree(
        house.child("d/", restart=Restart.TRANSIENT, significant=True),
        strategy=Strategy.DYNAMIC,
        auto_shutdown=auto,
    )
    house.want("1")
    house.want("2")
    house.tell("d/1", "stop")
    if auto is AutoShutdown.ALL:
        house.wait_state("d/1", "")
        assert house.counts().active == 1
        house.tell("d/2", "stop")
    assert house.ended(tree).kind is ExitKind.SHUTDOWN


@ids("SUP-096")
def test_when_a_significant_child_stops_with_its_group_then_nothing_ends(house: House) -> None:
    tree = house.tree(
        house.child("a"),
        house.child("t", restart=Restart.TEMPORARY, significant=True),
        house.child("u", restart=Restart.TRANSIENT, significant=True),
        strategy=Strategy.ONE_FOR_ALL,
        auto_shutdown=AutoShutdown.ANY,
    )
    house.tell("a", "crash")
    house.wait_ready("u", 2)
    assert not tree.porter.ended.is_set()


@ids("SUP-097")
@pytest.mark.parametrize("is_significant", [True, False])
def test_when_an_inner_auto_shutdown_happens_then_the_outer_follows_only_if_it_matters(
    house: House, is_significant: bool
) -> None:
    leaf = house.child("leaf", restart=Restart.TEMPORARY, significant=True)
    inner = SupervisorSpec(children=(leaf,), auto_shutdown=AutoShutdown.ANY)
    tree = house.tree(
        house.sup_child("s", inner, restart=Restart.TRANSIENT, significant=is_significant),
        house.child("b"),
        auto_shutdown=AutoShutdown.ANY,
    )
    house.tell("leaf", "stop")
    if is_significant:
        assert house.ended(tree).kind is ExitKind.SHUTDOWN
    else:
        house.wait_state("s", "stopped")
        assert house.is_ready("b", 1)


@ids("PK-26")
def test_when_a_cells_budget_is_spent_then_it_stays_down_and_others_go_on(house: House) -> None:
    alerts = house.listen("alerts")
    gate = house.listen("gate")
    cell = house.child("d/", on_intensity=OnIntensity.QUARANTINE)
    tree = house.tree(
        cell,
        strategy=Strategy.DYNAMIC,
        restarts_max=1,
        window_ms=60_000,
        alerts="alerts",
        fence_listeners=("gate",),
    )
    house.want("ema")
    house.want("rsi")
    house.kill_until("d/ema", 2)
    house.tell("d/ema", "crash")
    house.wait_state("d/ema", "quarantined")
    house.kill_until("d/rsi", 2)
    assert not tree.porter.ended.is_set()
    assert GenerationFenced in {type(m) for m in gate}
    assert max(m.generation for m in gate if m.name == "d/ema") == 2  # type: ignore[attr-defined]
    critical = [m for m in alerts if isinstance(m, AlertRaised) and m.severity == "critical"]
    assert [(m.event, m.subject) for m in critical] == [("actor_quarantined", "d/ema")]
    house.send("root", RestartWanted(child_id="ema", reason="looked at it"))
    house.wait_ready("d/ema", 3)


@ids("PK-24")
def test_when_a_message_kills_two_generations_then_the_third_does_not_get_it(house: House) -> None:
    alerts = house.listen("alerts")
    house.tree(house.child("a"), alerts="alerts")
    for generation in (2, 3):
        house.tell("a", "crash")
        house.wait_ready("a", generation)
    house.tell("a", "crash")
    room = house.room("a")
    assert room is not None
    house.settle(lambda: room.parked_count == 1)
    assert house.is_ready("a", 3)
    parked = [m for m in alerts if isinstance(m, AlertRaised) and m.event == "message_parked"]
    assert len(parked) == 1
    assert parked[0].severity == "critical"


@ids("PK-24")
@pytest.mark.parametrize(
    "message", [TimerFired(key="beat"), GenerationFenced(name="x", generation=1, reason="r")]
)
def test_when_control_or_a_timer_kills_then_it_is_never_parked(
    house: House, message: Message
) -> None:
    house.script.fatal = message
    house.tree(house.child("a"), restarts_max=10)
    for generation in (2, 3, 4):
        house.send("a", message)
        house.wait_ready("a", generation)
