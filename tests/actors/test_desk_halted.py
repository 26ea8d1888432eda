"""What a group that is going out does when the engine is halted halfway."""

import pytest

from engine.messages.broker import Outcome
from engine.messages.records import IntentPlanned
from engine.messages.values import Action, Leg
from engine.orders.lifecycle import Status
from engine.units import NS_PER_S
from tests.desk import World, a_running_world


@pytest.fixture
def caught_naked() -> World:
    """The stop is cancelled for an exit at the market, and then no exit may leave (HALTED)."""
    world = a_running_world()
    world.tick(100_000)
    world.settle()
    world.gate = halted(world)
    world.settings = type(world.settings)(flat_by_at_ns=world.now_ns + NS_PER_S)
    world.start(world.oco_name)
    world.advance(30 * NS_PER_S)
    return world


def halted(world: World):  # noqa: ANN201
    """What HALTED leaves: a stop may be placed, exits may not, nor the cancel of a stop that
    protects; the one that went before the halt is through."""
    cancelled: list[str] = []

    def gate(intent: IntentPlanned) -> Outcome | None:
        if intent.leg is Leg.EXIT:
            return Outcome.DENIED
        if intent.leg is Leg.STOP and intent.action is Action.CANCEL:
            cancelled.append(intent.client_order_id)
            return None if len(cancelled) == 1 else Outcome.DENIED
        return None

    return gate


@pytest.mark.conformance("LIV-09")
def test_when_halted_between_cancel_and_exit_then_a_stop_protects_again(
    caught_naked: World,
) -> None:
    group = caught_naked.oco.group
    stop = group.live_of(Leg.STOP)
    assert stop is not None
    assert (stop.status, stop.remaining) == (Status.WORKING, group.position)
    exits = group.of_leg(Leg.EXIT)
    assert [order.status for order in exits] == [Status.DENIED] * 2


@pytest.mark.conformance("LIV-09")
def test_when_halting_ends_then_the_exit_goes_on(caught_naked: World) -> None:
    caught_naked.gate = lambda _: None
    caught_naked.advance(60 * NS_PER_S)
    assert caught_naked.is_over
    assert caught_naked.position() == 0
