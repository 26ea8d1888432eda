"""ORD-01 to ORD-25 with the whole engine at the failing exchange: races of a bracket's orders with
their fills, answers, cancels, with the engine's death and with a person's commands. Those that are
not here bear their number in the other files of this folder."""

import pytest

from engine.messages.records import GroupClosed, OrderCancelled, OrderFilled
from engine.messages.values import Leg, Mode, Side
from tests.failures.conftest import Houses
from tests.failures.house import FloorHouse
from tests.failures.market import SHARE

DEEP = 500


def depth(house: FloorHouse, units: int, paise: int = 100_000) -> None:
    """So much is for sale at the price, and as much wanted a tick below."""
    house.move(SHARE, paise, bid=paise - 5, ask=paise, units=units)


@pytest.mark.conformance("ORD-01")
def test_ord_01_when_the_entry_fills_in_parts_then_one_stop_grows_by_modify(
    house: FloorHouse,
) -> None:
    depth(house, 20)
    house.propose()
    for _ in range(3):
        house.run(2)
        depth(house, 20)
    house.run(2)
    depth(house, DEEP)
    house.run(4)
    assert house.facts(Leg.ENTRY).count("OrderFilled") >= 4
    assert (house.net(), len(house.of_leg("S"))) == (90, 1)
    assert [row["quantity"] for row in house.working("S")] == [90]
    assert house.heard("DELETE", "/orders") == [], "never cancelled and placed anew"
    house.settle(naked_s_max=3)


@pytest.mark.conformance("ORD-02", "FLT-17")
def test_ord_02_when_the_fill_is_told_before_the_answer_then_it_is_bound_by_its_tag(
    house: FloorHouse,
) -> None:
    house.arm("FLT-17", 1, method="POST", path="/orders")
    house.arm("FLT-19", 1, count=6, method="GET")  # and the books say nothing for a while
    house.propose()
    house.run(6)
    assert house.facts(Leg.ENTRY)[:1] == ["OrderUnknown"]
    assert len(house.working("S")) == 1, house.story()
    assert not {"alien_order", "orphan_tag"} & house.events()
    house.settle()


@pytest.mark.conformance("ORD-05", "FLT-29")
def test_ord_05_when_the_target_has_filled_then_the_group_ends_with_the_stops_cancel(
    house: FloorHouse,
) -> None:
    house.enter()
    house.run(5, 101_000)
    house.arm("FLT-29", 8)
    house.run(4, 102_000)
    assert (house.net(), house.of(GroupClosed)) == (0, [])
    assert [row["status"] for row in house.orders("S")] == ["CANCEL PENDING"]
    house.run(40)
    assert (len(house.of(GroupClosed)), house.working()) == (1, [])
    house.settle()


@pytest.mark.conformance("ORD-06")
@pytest.mark.parametrize("side", Side)
def test_ord_06_when_the_target_fills_in_part_then_the_stop_shrinks_and_never_rests(
    house: FloorHouse, side: Side
) -> None:
    house.enter(side)
    for _ in range(4):
        house.move(SHARE, 100_000 + side.sign * 1_000, units=10)
        house.run(3)
    assert abs(house.net()) == 50
    assert [row["quantity"] for row in house.working("S")] == [50]
    assert house.heard("DELETE", "/orders") == []
    assert house.naked_s == 0
    house.settle()


@pytest.mark.conformance("ORD-07", "FLT-30")
@pytest.mark.parametrize("side", Side)
def test_ord_07_when_both_legs_fill_then_the_flipped_position_is_flattened_on_the_other_side(
    house: FloorHouse, side: Side
) -> None:
    house.enter(side)
    house.arm("FLT-30")
    house.run(20, 100_000 - side.sign * 1_010)
    exits = [row for row in house.orders("X") if row["filled_quantity"]]
    assert {row["side"] for row in exits} == {side.value}
    assert (house.net(), len(house.of(GroupClosed))) == (0, 1)
    assert "both_legs_filled" in house.events("critical")
    house.settle()


@pytest.mark.conformance("ORD-15")
@pytest.mark.parametrize("after_s", [0.25, 0.5, 1.0])
def test_ord_15_when_the_engine_dies_between_cancels_and_exit_then_its_next_life_ends_it(
    house: FloorHouse, after_s: float
) -> None:
    house.enter()
    house.command("flatten")
    house.run(after_s)
    house.kill9(down_s=5)
    house.run(20)
    assert (house.net(), house.working()) == (0, [])
    house.settle(naked_s_max=12)


@pytest.mark.conformance("ORD-16", "ORD-03")
@pytest.mark.parametrize("fault", ["FLT-16", "FLT-17"])
def test_ord_16_when_a_flatten_meets_a_stop_in_flight_then_it_waits_and_nothing_flips(
    house: FloorHouse, fault: str
) -> None:
    house.propose(price_paise=99_900)
    house.run(2)
    house.arm(fault, 1, method="POST", path="/orders")
    house.move(SHARE, 99_900)
    house.run(0.5)
    house.command("flatten")
    house.run(60)
    assert (house.net(), house.working()) == (0, [])
    sold = sum(row["filled_quantity"] for row in house.orders() if row["side"] == "SELL")
    assert sold == 90, house.story()
    house.settle(naked_s_max=40)


@pytest.mark.conformance("ORD-17", "FLT-18")
def test_ord_17_when_a_kill_meets_an_entry_in_flight_then_it_is_cancelled_when_it_appears(
    house: FloorHouse,
) -> None:
    house.arm("FLT-18", 20, method="POST", path="/orders")
    house.propose(price_paise=99_000)
    house.run(2)
    house.command("kill")
    house.run(10)
    assert house.orders() == []
    house.run(60)
    assert [row["status"] for row in house.orders()] == ["CANCELLED"], house.story()
    assert house.authority.mode is Mode.KILLED
    house.settle()


@pytest.mark.conformance("ORD-18")
def test_ord_18_when_a_second_engine_takes_over_then_the_first_sends_nothing_more(
    house: FloorHouse, houses: Houses
) -> None:
    """Both live, on one account and one journal; the leader's epoch has moved on."""
    house.enter()
    rival = houses(is_live=False, joins=house)
    rival.run(15)
    before = len(house.heard("PUT", "/orders"))
    house.clock.move_to(rival.clock.now_ns())
    house.move(SHARE, 101_000)
    house.run(5)
    rival.clock.move_to(house.clock.now_ns())
    rival.run(5)
    assert rival.held() == 45
    assert len(house.heard("PUT", "/orders")) - before == 1, "one of them has moved the stop"
    assert [row["quantity"] for row in house.working("S")] == [45]
    house.propose()
    house.run(3)
    assert len(house.of_leg("E")) == 1
    rival.settle()


@pytest.mark.conformance("ORD-18")
def test_ord_18_when_a_stranger_engine_shares_the_account_then_ours_enters_no_more(
    house: FloorHouse, houses: Houses
) -> None:
    """Another copy, with a journal of its own: its tags are like ours, in no intent of ours."""
    house.enter()
    other = houses(is_live=False, joins=house, shares_journal=False)
    other.run(75)
    assert {"orphan_tag", "reconcile_order_orphaned"} & other.events("critical")
    writes = len([one for one in house.heard() if one["method"] != "GET"])
    other.command("mode", f"live {other.authority.mode_seq}")
    other.propose()
    other.run(5)
    assert len([one for one in house.heard() if one["method"] != "GET"]) == writes
    assert len(house.working("S")) == 1, "and touches no order of the other's"


@pytest.mark.conformance("ORD-22", "FLT-45")
def test_ord_22_when_a_fill_is_told_by_stream_books_and_after_a_restart_then_it_counts_once(
    house: FloorHouse,
) -> None:
    house.arm("FLT-45", count=50)
    house.enter()
    house.kill9(down_s=3)
    house.run(70)
    fills = [r for r in house.of(OrderFilled) if isinstance(r, OrderFilled)]
    assert [(fill.quantity, fill.leg) for fill in fills] == [(90, Leg.ENTRY)]
    assert (house.held(), [row["quantity"] for row in house.working("S")]) == (90, [90])
    house.settle()


@pytest.mark.conformance("ORD-23", "FLT-41")
def test_ord_23_when_two_orders_have_trades_of_one_number_then_both_count(
    house: FloorHouse,
) -> None:
    house.arm("FLT-41", count=50)
    house.enter()
    house.run(5, 101_000)
    house.run(5, 102_000)
    numbers = [trade["trade_id"] for trade in house.truth()["trades"]]
    assert len(numbers) == 3
    assert house.struck["FLT-41"] > 0
    assert (house.net(), house.held()) == (0, 0)
    house.settle()


@pytest.mark.conformance("ORD-25")
def test_ord_25_when_a_fill_has_no_price_yet_then_its_units_count_and_its_price_is_the_trades(
    house: FloorHouse,
) -> None:
    house.arm("FLT-19", 1, count=8, method="GET", path="/trades")
    house.enter()
    house.run(20)
    fills = [r for r in house.of(OrderFilled) if isinstance(r, OrderFilled)]
    assert [(fill.quantity, fill.price_paise) for fill in fills] == [(90, 100_000)], house.story()
    assert len(house.working("S")) == 1
    house.settle(naked_s_max=10)


@pytest.mark.conformance("ORD-08", "ORD-10", "FLT-35")
def test_ord_10_when_a_cancelled_stop_trades_after_all_then_the_position_is_brought_back(
    house: FloorHouse,
) -> None:
    """Shown as cancelled, asleep at the exchange: it sells what is sold already."""
    house.enter()
    house.run(5, 101_000)
    house.arm("FLT-35", 30)
    house.run(5, 102_000)
    assert (house.net(), len(house.of(OrderCancelled))) == (0, 1)
    house.run(60, 98_000)
    assert house.net() == 0, house.story()
    assert house.held() == 0
    house.settle()
