"""Reduce-only: no resolution of what is unknown lets a reducing order grow or flip a position."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.messages.values import Leg, Side
from engine.risk.reduce_only import (
    Interval,
    WorkingExit,
    is_leg_reducing,
    is_reducing,
    widened,
    working_quantity,
)

UNITS = st.integers(0, 30)
SIDES = st.sampled_from(Side)


def exit_order(leg: Leg, remaining: int, group: str = "g", side: Side = Side.SELL) -> WorkingExit:
    return WorkingExit(group, leg, side, remaining)


@given(
    certain=st.integers(-40, 40),
    unknown=st.lists(st.tuples(SIDES, UNITS), max_size=4),
    known=st.lists(st.tuples(SIDES, UNITS), max_size=4),
    side=SIDES,
    quantity=st.integers(-5, 60),
    data=st.data(),
)
def test_when_reducing_then_no_resolution_of_unknowns_flips_or_grows(
    certain: int,
    unknown: list[tuple[Side, int]],
    known: list[tuple[Side, int]],
    side: Side,
    quantity: int,
    data: st.DataObject,
) -> None:
    working = sum(q for s, q in known if s is side)
    if not is_reducing(side, quantity, widened(certain, unknown), working):
        return
    true = certain
    for other, units in unknown:
        true += other.sign * data.draw(st.integers(0, units))
    before = true
    for other, units in known:
        if other is side:
            true += other.sign * data.draw(st.integers(0, units))
    after = true + side.sign * data.draw(st.integers(0, quantity))
    assert abs(after) <= abs(before)
    assert after * before >= 0


@given(
    position=st.integers(1, 40),
    stops=st.lists(UNITS, max_size=2),
    targets=st.lists(UNITS, max_size=2),
    leg=st.sampled_from([Leg.STOP, Leg.TARGET_1, Leg.EXIT]),
    quantity=st.integers(-3, 50),
)
def test_when_a_leg_is_allowed_then_each_way_the_group_can_go_stays_on_its_side(
    position: int, stops: list[int], targets: list[int], leg: Leg, quantity: int
) -> None:
    others = [exit_order(Leg.STOP, q) for q in stops] + [
        exit_order(Leg.TARGET_2, q) for q in targets
    ]
    if not is_leg_reducing(exit_order(leg, quantity), Interval(position, position), others):
        return
    by_stop = sum(stops) + (quantity if leg is not Leg.TARGET_1 else 0)
    by_targets = sum(targets) + (quantity if leg is not Leg.STOP else 0)
    assert quantity > 0
    assert position - by_stop >= 0
    assert position - by_targets >= 0


@pytest.mark.parametrize(
    ("side", "quantity", "position", "working", "is_ok"),
    [
        (Side.SELL, 10, Interval(10, 10), 0, True),
        (Side.SELL, 11, Interval(10, 10), 0, False),
        (Side.SELL, 6, Interval(10, 10), 4, True),
        (Side.SELL, 7, Interval(10, 10), 4, False),
        (Side.BUY, 10, Interval(-10, -10), 0, True),
        (Side.BUY, 11, Interval(-10, -10), 0, False),
        (Side.SELL, 1, Interval(0, 0), 0, False),
        (Side.BUY, 1, Interval(0, 0), 0, False),
        (Side.SELL, 1, Interval(0, 10), 0, False),
        (Side.BUY, 1, Interval(-10, 0), 0, False),
        (Side.BUY, 5, Interval(10, 10), 0, False),
        (Side.SELL, 0, Interval(10, 10), 0, False),
        (Side.SELL, -1, Interval(10, 10), 0, False),
        (Side.SELL, float("nan"), Interval(10, 10), 0, False),
    ],
)
def test_when_at_the_boundary_then_the_last_unit_decides(
    side: Side, quantity: int, position: Interval, working: int, is_ok: bool
) -> None:
    assert is_reducing(side, quantity, position, working) is is_ok


def test_when_stop_and_targets_stand_together_then_the_larger_counts() -> None:
    legs = [exit_order(Leg.STOP, 10), exit_order(Leg.TARGET_1, 5), exit_order(Leg.TARGET_2, 5)]
    assert working_quantity(legs, Side.SELL) == 10
    assert working_quantity(legs, Side.BUY) == 0
    assert working_quantity([*legs, exit_order(Leg.EXIT, 3)], Side.SELL) == 13
    assert working_quantity([*legs, exit_order(Leg.STOP, 4, "other")], Side.SELL) == 14
