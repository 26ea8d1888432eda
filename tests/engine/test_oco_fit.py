"""Exits beside those that may take too much already."""

from typing import Any

import pytest

from engine.messages.records import OrderAccepted, OrderDoubled
from engine.messages.values import Leg, OrderType, Side
from engine.orders.oco_fit import is_odd, within
from engine.orders.oco_plan import Want
from engine.orders.oco_state import Group, fold
from tests.risk_samples import NOW, fill, intent, opened_group, plan, stop

STOP: dict[str, Any] = {
    "at_ns": NOW,
    "client_order_id": "S1",
    "venue_order_id": "1",
    "group_id": "grp-1",
    "leg": Leg.STOP,
    "instrument": "NSE:INFY",
}


def want(leg: Leg, quantity: int) -> Want:
    return Want(
        leg=leg,
        side=Side.SELL,
        quantity=quantity,
        order_type=OrderType.LIMIT,
        price_limit_paise=151_000,
    )


@pytest.fixture
def held() -> tuple[Any, ...]:
    """Ten units, entered, and a stop that works for all of them."""
    return (opened_group(), intent(), fill(), stop(), OrderAccepted(**STOP))


def wanted(group: Group, *wants: Want) -> dict[Leg, int]:
    return {one.leg: one.quantity for one in within(group, wants)}


def test_when_all_fits_then_stop_and_targets_stand_beside_each_other(held: tuple[Any, ...]) -> None:
    asked = (want(Leg.STOP, 10), want(Leg.TARGET_1, 10))
    assert wanted(fold(plan(), held), *asked) == {Leg.STOP: 10, Leg.TARGET_1: 10}


@pytest.mark.conformance("INV-16")
def test_inv_16_when_a_stop_has_not_shrunk_yet_then_no_target_begins_beside_it(
    held: tuple[Any, ...],
) -> None:
    sale: dict[str, Any] = {"side": Side.SELL, "leg": Leg.TARGET_1, "client_order_id": "T1"}
    target = stop("T1", 5, leg=Leg.TARGET_1, order_type=OrderType.LIMIT, price_trigger_paise=0)
    group = fold(plan(), (*held, target, fill("T2", 5, order_quantity=5, **sale)))
    assert group.position == 5
    assert wanted(group, want(Leg.STOP, 5), want(Leg.TARGET_2, 5)) == {Leg.STOP: 5}


@pytest.mark.conformance("FLT-24", "INV-16")
def test_flt_24_when_a_stop_works_twice_then_it_goes_and_nothing_begins_beside_it(
    held: tuple[Any, ...],
) -> None:
    group = fold(plan(), (*held, OrderDoubled(**STOP, second_id="2", quantity=10)))
    order = group.live_of(Leg.STOP)
    assert order is not None
    assert is_odd(group, order)
    assert wanted(group, want(Leg.STOP, 10), want(Leg.TARGET_1, 10)) == {Leg.STOP: 10}
    over = fold(plan(), (*held, OrderDoubled(**STOP, second_id="2", quantity=0)))
    order = over.live_of(Leg.STOP)
    assert order is not None
    assert not is_odd(over, order)
