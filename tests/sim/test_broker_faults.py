"""What the engine does when broker and order stream go wrong: live, whole tree, fault by fault.

Each test is named by the fault or the race that it is about; all end in the same claims
(`LiveHouse.settle`): equal books, nothing unknown, nothing naked, nothing stray.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine.exchange.account.surroundings import KiteSettings
from engine.messages.records import GroupClosed, OrderDenied, OrderFilled
from engine.messages.values import Leg, Mode, Product, Side
from tests.sim.live_house import DATE, LiveHouse

Houses = Callable[..., LiveHouse]


@pytest.fixture
def houses() -> Iterator[Houses]:
    """Makes engines released to trade live, flat, the market at 1000.00."""
    made: list[LiveHouse] = []

    def make(**settings: Any) -> LiveHouse:
        house = LiveHouse(KiteSettings(**settings))
        made.append(house)
        house.go_live()
        return house

    yield make
    for house in made:
        house.close()


@pytest.fixture
def house(houses: Houses) -> LiveHouse:
    return houses()


@pytest.mark.parametrize("side", Side)
def test_when_nothing_goes_wrong_then_a_live_trade_runs_to_its_targets(
    house: LiveHouse, side: Side
) -> None:
    assert house.enter(side) == side.sign * 90
    house.run(30)
    house.run(10, 100_000 + side.sign * 1_000)
    assert house.broker.net("NSE:AAA") == side.sign * 45
    house.run(10, 100_000 + side.sign * 2_000)
    house.settle()
    assert (house.held(), house.events("critical"), house.naked_s) == (0, set(), 0)


def test_when_only_the_stream_tells_of_fills_and_cancels_then_no_live_exit_is_denied(
    houses: Houses,
) -> None:
    """The gate judged live exits by what it had seen itself, and a stream does not pass it."""
    house = houses(streams_trades=True)
    assert house.enter() == 90
    assert house.naked_s == 0
    house.command("flatten")
    house.run(10)
    house.settle()
    assert (house.held(), house.of(OrderDenied)) == (0, [])


@pytest.mark.conformance("ORD-10")
def test_flt_18_when_a_lost_entry_fills_after_its_group_closed_then_it_is_flattened(
    house: LiveHouse,
) -> None:
    """The group's actor had ended, and nobody was left to look after the position."""
    house.faults.arm("FLT-18", 90)
    house.enter()
    house.run(80)
    assert house.facts(Leg.ENTRY) == ["OrderUnknown", "OrderLost"]
    assert len(house.of(GroupClosed)) == 1
    house.run(30)
    house.settle()
    assert (house.held(), len(house.placed(Leg.EXIT))) == (0, 1)
    assert "late_order" in house.events("critical")
    assert len(house.of(GroupClosed)) == 1
    house.command("flatten")
    house.run(40)
    assert "not_flat" not in house.events()


@pytest.mark.conformance("ORD-10")
def test_flt_18_when_a_lost_exit_surfaces_after_its_group_closed_then_it_is_cancelled(
    house: LiveHouse,
) -> None:
    house.faults.arm("FLT-18", 90, skip=2)
    house.enter()
    house.run(65)
    house.run(20, 98_990)
    assert len(house.of(GroupClosed)) == 1
    house.run(30)
    house.settle()
    assert house.held() == 0


def test_flt_18_when_the_engine_dies_meanwhile_then_the_late_fill_is_still_flattened(
    house: LiveHouse,
) -> None:
    house.faults.arm("FLT-18", 90)
    house.enter()
    house.run(80)
    assert len(house.of(GroupClosed)) == 1
    house.kill9(down_s=20)
    house.run(60)
    house.settle()
    assert house.held() == 0


@pytest.mark.parametrize("fault", ["FLT-44", "FLT-48", "FLT-50"])
def test_when_the_row_of_a_fill_never_comes_then_the_books_are_read_before_long(
    house: LiveHouse, fault: str
) -> None:
    """A position was naked for the half minute until the next routine look."""
    house.faults.arm(fault, *([10] if fault == "FLT-48" else []), skip=fault != "FLT-48")
    house.enter()
    house.run(60)
    house.settle()
    assert house.faults.struck[fault] == 1
    assert (house.held(), house.naked_s <= 6) == (90, True), house.naked_s


def test_flt_47_when_the_stream_is_far_behind_the_books_then_what_it_brings_changes_nothing(
    house: LiveHouse,
) -> None:
    house.faults.arm("FLT-47", *[100] * 9, times=9)
    house.enter()
    house.run(20, 101_000)
    house.run(20, 102_000)
    assert house.held() == 0
    house.run(120)
    house.settle()
    assert house.faults.struck["FLT-47"] == 9
    assert len(house.of(OrderFilled)) == 3


@pytest.mark.parametrize("kept", [0, 1])
def test_flt_42_when_the_tag_of_an_exit_is_lost_then_the_gate_knows_it_by_its_venue_id(
    house: LiveHouse, kept: int
) -> None:
    """The gate held a filled exit to be working still, and denied the one for the rest."""
    house.enter()
    house.faults.arm("FLT-42", kept)
    house.command("flatten")
    house.run(60)
    house.settle()
    assert (house.held(), house.of(OrderDenied)) == (0, [])


@pytest.mark.parametrize("skip", range(4))
def test_flt_42_when_the_tag_of_any_order_is_lost_then_the_trade_runs_to_its_stop(
    house: LiveHouse, skip: int
) -> None:
    house.faults.arm("FLT-42", skip=skip)
    house.enter()
    house.run(30)
    house.run(10, 98_990)
    house.run(30)
    house.settle()
    assert (house.held(), house.of(OrderDenied)) == (0, [])


@pytest.mark.parametrize("skip", range(4))
def test_flt_24_when_one_request_makes_two_orders_then_all_that_fills_is_ours_and_goes_flat(
    house: LiveHouse, skip: int
) -> None:
    """The fills of the second order were nobody's: twice the position with half a stop."""
    house.faults.arm("FLT-24", skip=skip)
    house.enter()
    house.run(30)
    house.run(10, 98_990)
    house.run(60)
    house.settle()
    assert house.held() == 0
    assert "duplicate_effect" in house.events("critical")


def test_flt_24_when_the_engine_is_killed_between_the_two_fills_then_it_counts_each_once(
    house: LiveHouse,
) -> None:
    house.faults.arm("FLT-24")
    house.enter()
    house.kill9()
    house.run(60)
    house.settle()
    assert house.held() == 0
    assert sum(fill.quantity for fill in house.broker.trades) == 360


@pytest.mark.conformance("FLT-24", "INV-09")
@pytest.mark.parametrize(("skip", "leg"), [(1, Leg.STOP), (2, Leg.TARGET_1), (3, Leg.TARGET_2)])
def test_flt_24_when_an_exit_is_doubled_then_both_are_called_back_and_one_is_placed_anew(
    house: LiveHouse, skip: int, leg: Leg
) -> None:
    """Both rested for as long as the group did, good for twice its part."""
    house.faults.arm("FLT-24", skip=skip)
    house.enter()
    house.run(10)
    rest = [order for order in house.broker.exchange.working() if not order.is_terminal]
    assert len({order.tag for order in rest}) == len(rest) == 3
    assert len(house.placed(leg)) == 2
    house.run(60, 101_000)
    house.settle()
    assert house.held() == 45


@pytest.mark.conformance("FLT-24")
def test_flt_24_when_a_cancel_takes_the_first_alone_then_the_second_is_asked_for_again(
    house: LiveHouse,
) -> None:
    house.faults.arm("FLT-24", skip=2)
    house.broker._memory.seconds = lambda _: []  # type: ignore[method-assign]
    house.enter()
    house.run(10)
    assert len(house.placed(Leg.TARGET_1)) == 1, "the second is there"
    del house.broker._memory.seconds
    house.run(60)
    rest = [order for order in house.broker.exchange.working() if not order.is_terminal]
    assert len({order.tag for order in rest}) == len(rest) == 3
    assert len(house.placed(Leg.TARGET_1)) == 2
    house.settle()


def test_flt_24_when_an_exit_is_doubled_and_both_fill_then_no_more_is_sold_than_is_held(
    house: LiveHouse,
) -> None:
    house.faults.arm("FLT-24", skip=2)
    house.enter()
    house.run(60, 101_000)
    house.run(60, 102_000)
    house.settle()
    assert house.held() == 0


@pytest.mark.conformance("ORD-14")
@pytest.mark.parametrize("side", Side)
def test_flt_40_when_a_person_closes_the_position_by_hand_then_our_exits_are_taken_off(
    house: LiveHouse, side: Side
) -> None:
    """The stop and the targets went on working, and would have opened a position of their own."""
    house.faults.arm("FLT-40", 5, 0)
    house.enter(side)
    house.run(10)
    house.settle()
    assert (house.held(), len(house.of(GroupClosed))) == (0, 1)
    assert "alien_exit" in house.events("critical")
    house.run(180)
    assert house.authority.mode is Mode.LIVE


@pytest.mark.conformance("ORD-14")
def test_flt_40_when_a_person_closes_a_part_then_the_exits_shrink_to_the_rest(
    house: LiveHouse,
) -> None:
    house.enter()
    house.broker.strangers.send("NSE:AAA", Product.MIS, -60)
    house.run(30)
    house.settle()
    assert house.held() == 30
    house.kill9()
    house.run(90)
    house.settle()
    assert house.held() == 30


def test_flt_40_when_a_person_trades_for_himself_then_closing_that_leaves_our_exits_alone(
    house: LiveHouse,
) -> None:
    house.enter()
    house.broker.strangers.send("NSE:AAA", Product.MIS, 60)
    house.run(10)
    house.broker.strangers.send("NSE:AAA", Product.MIS, -60)
    house.run(30)
    house.settle()
    assert (house.held(), "alien_exit" in house.events()) == (90, False)


@pytest.mark.conformance("ORD-21")
def test_flt_39_when_the_broker_squares_off_early_then_the_group_ends_with_it(
    house: LiveHouse,
) -> None:
    """The group tried to sell what was sold, until the close and again the next morning."""
    house.enter()
    house.broker.strangers.square_off(DATE)
    house.run(60)
    house.settle()
    assert (house.held(), len(house.of(GroupClosed))) == (0, 1)


def test_flt_42_when_tag_and_answer_are_both_lost_then_it_is_told_as_somebody_elses(
    house: LiveHouse,
) -> None:
    house.faults.arm("FLT-42")
    house.faults.arm("FLT-17")
    house.enter()
    house.run(120)
    assert house.unresolved() == []
    assert {"reconcile_position_differs"} <= house.events("critical")
    assert house.authority.mode is Mode.REDUCE


def test_when_the_books_are_read_after_the_close_then_the_day_is_no_alarm(
    house: LiveHouse,
) -> None:
    """Kite lists the day's orders until the night; ours were forgotten at the close."""
    house.enter()
    house.run_to("10:14:30")
    house.command("reduce")
    house.run_to("10:15:10")
    house.kill9()
    house.run(60)
    house.settle()
    assert house.held() == 0
    assert house.events("critical") == set()


def test_flt_34_when_an_exit_hangs_at_the_exchange_gate_then_a_person_is_told_in_time(
    house: LiveHouse,
) -> None:
    """Only a stop that hung was told; an exit could be OPEN PENDING for hours in silence. It leaves
    on its own where the stop cannot be moved to the market."""
    house.enter()
    house.faults.arm("FLT-20", 1, skip=3)  # the change of the stop is refused
    house.faults.arm("FLT-34", 600)
    house.command("flatten")
    house.run(15)
    assert "exit_hanging" in house.events("critical")
    assert len(house.placed(Leg.EXIT)) == 1
    house.run(600)
    house.settle()
    assert house.held() == 0


def test_flt_29_when_a_cancel_has_no_effect_then_a_person_is_told_and_it_is_asked_again(
    house: LiveHouse,
) -> None:
    house.enter()
    house.faults.arm("FLT-29", 60)
    house.run(10, 98_990)
    assert house.held() == 0
    house.run(35)
    assert "cancel_hanging" in house.events("critical")
    house.run(120)
    house.settle()


def test_flt_21_when_the_token_is_dead_until_after_the_close_then_the_square_off_is_adopted(
    house: LiveHouse,
) -> None:
    """The day's end forgot what the group held, so that nobody's trade could close it."""
    house.enter()
    house.faults.arm("FLT-21")
    house.run_to("10:17:00")
    assert (house.held(), house.broker.net("NSE:AAA")) == (90, 0)
    assert "not_flat" in house.events("critical")
    house.broker.log_in()
    house.run(120)
    house.settle()
    assert (house.held(), len(house.of(GroupClosed))) == (0, 1)
