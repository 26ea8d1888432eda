"""What a group that is going out does when the engine is halted halfway."""

import pytest
from msgspec.structs import replace

from engine.messages.broker import Outcome
from engine.messages.records import IntentPlanned
from engine.messages.values import Action, Leg
from engine.orders.late_stop import late_trigger
from engine.orders.oco import decide
from engine.orders.oco_state import OcoSettings
from engine.orders.oco_view import View
from engine.orders.oco_want import Situation
from engine.orders.order import Status
from engine.units import NS_PER_S
from tests.desk import INFY, World, a_running_world


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


@pytest.mark.conformance("LIV-01")
def test_when_halted_with_a_stop_that_is_too_large_then_it_is_cut_to_the_position() -> None:
    world = a_running_world()
    world.tick(100_000)
    world.settle()
    group = world.oco.group
    stop = group.live_of(Leg.STOP)
    assert stop is not None
    caught = replace(stop, quantity=stop.quantity + 5, cancel_count=2, refused_count=2)
    at = Situation(
        group=replace(group, orders=(*group.of_leg(Leg.ENTRY), caught), exit_reason="advised"),
        view=View(owner="oco/grp-1", generation=1),
        instrument=INFY,
        settings=OcoSettings(),
        now_ns=world.now_ns + NS_PER_S,
    )
    asked = [output for output in decide(at) if isinstance(output, IntentPlanned)]
    assert [(i.action, i.quantity) for i in asked] == [(Action.MODIFY, group.position)]
    refused_again = replace(caught, refused_count=3)
    orders = (*group.of_leg(Leg.ENTRY), refused_again)
    again = replace(at, group=replace(at.group, orders=orders), now_ns=at.now_ns + 60 * NS_PER_S)
    asked = [output for output in decide(again) if isinstance(output, IntentPlanned)]
    assert [i.action for i in asked] == [Action.CANCEL]


@pytest.mark.conformance("LIV-09")
@pytest.mark.parametrize("is_passed", [False, True])
def test_when_targets_hold_the_place_of_the_exit_then_a_stop_rests_beside_them(
    is_passed: bool,
) -> None:
    world = a_running_world()
    world.tick(100_000)
    world.settle()
    group = world.oco.group
    stop = group.live_of(Leg.STOP)
    assert stop is not None
    held = [
        replace(o, cancel_count=2, refused_count=2) for o in group.live if o.leg is not Leg.STOP
    ]
    level = stop.price_trigger_paise
    at = Situation(
        group=replace(group, orders=(*group.of_leg(Leg.ENTRY), *held), exit_reason="advised"),
        view=View(
            owner="oco/grp-1",
            generation=1,
            price_paise=level - 500 if is_passed else level + 500,
        ),
        instrument=INFY,
        settings=OcoSettings(),
        now_ns=world.now_ns,
    )
    asked = [output for output in decide(at) if isinstance(output, IntentPlanned)]
    placed = [i for i in asked if i.action is Action.PLACE]
    assert [(i.leg, i.quantity) for i in placed] == [(Leg.STOP, group.position)]
    trigger = placed[0].price_trigger_paise
    assert trigger < level - 500 if is_passed else trigger == level
    assert placed[0].price_limit_paise < trigger


@pytest.mark.conformance("LIV-09")
def test_when_halted_and_the_market_has_passed_the_stop_then_a_stop_rests_beyond_it(
    caught_naked: World,
) -> None:
    group = caught_naked.oco.group
    stop = group.live_of(Leg.STOP)
    assert stop is not None
    naked = tuple(order for order in group.orders if order is not stop)
    last_paise = stop.price_trigger_paise - 1_000
    at = Situation(
        group=replace(group, orders=naked),
        view=View(owner="oco/grp-1", generation=1, price_paise=last_paise),
        instrument=INFY,
        settings=OcoSettings(),
        now_ns=caught_naked.now_ns + NS_PER_S,
    )
    asked = [output for output in decide(at) if isinstance(output, IntentPlanned)]
    assert [(i.action, i.leg, i.quantity) for i in asked] == [
        (Action.PLACE, Leg.STOP, group.position)
    ]
    assert asked[0].price_limit_paise < asked[0].price_trigger_paise < last_paise


@pytest.mark.conformance("LIV-09")
@pytest.mark.parametrize(
    ("refused_bps", "price_bps", "expected_bps"),
    [
        ((), 0, 0),
        ((0, 0, 0), 0, 50),
        ((0, 50), 0, 100),
        ((0, 280), 0, 330),
        ((0, 900), 0, 350),  # it may refuse for another reason
        ((0, 50), 200, 250),
        ((0, 50), -100, 0),
    ],
)
def test_liv_09_when_no_price_is_known_then_a_stop_goes_beyond_what_was_refused(
    caught_naked: World, refused_bps: tuple[int, ...], price_bps: int, expected_bps: int
) -> None:
    """After a restart into a market that did not trade, halted: the planned stop was asked for and
    refused for good."""
    group = caught_naked.oco.group
    stop = group.live_of(Leg.STOP)
    assert stop is not None
    level = stop.price_trigger_paise

    def beyond(bps: int) -> int:
        return level * (10_000 - bps) // 10_000

    refused = tuple(
        replace(stop, price_trigger_paise=beyond(bps), status=Status.REJECTED)
        for bps in refused_bps
    )
    price = beyond(price_bps) if price_bps else 0
    trigger = late_trigger(replace(group, orders=refused), OcoSettings(), level, price)
    assert abs(trigger - beyond(expected_bps)) <= level // 5_000
