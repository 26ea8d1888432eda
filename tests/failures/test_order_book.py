"""Failures 12 to 17, 47, 48 and 49: what the order stream and the books say is late, twice, out of
order or not ours. The book is right in the end, and a position is never left without its stop."""

import pytest

from engine.messages.records import GroupClosed, OrderCancelled, OrderFilled
from engine.messages.values import Leg, Mode, Product, Side
from tests.failures.house import FloorHouse


@pytest.mark.conformance("KITE-12", "FLT-44", "ORD-04")
@pytest.mark.parametrize("silent", ["update_lost", "socket_down"])
def test_kite_12_when_the_fill_is_not_told_then_the_books_are_read_and_the_stop_placed_once(
    house: FloorHouse, silent: str
) -> None:
    house.propose(price_paise=99_900)
    house.run(3)
    if silent == "socket_down":
        house.hang_up()
    else:
        house.arm("FLT-44", count=50)
    house.run(8, 99_900)
    assert len(house.working("S")) == 1
    if silent == "socket_down":
        house.reconnect()
        house.run(5)
    house.settle()
    assert (len(house.of_leg("S")), house.net()) == (1, 90)


@pytest.mark.conformance("KITE-12", "ORD-04")
def test_kite_12_when_the_stream_comes_back_then_the_books_are_read_at_once(
    house: FloorHouse,
) -> None:
    house.enter()
    house.hang_up()
    house.run(1)
    before = len(house.heard("GET", "/orders"))
    house.reconnect()
    house.run(0.5)
    assert len(house.heard("GET", "/orders")) > before
    house.settle()


@pytest.mark.conformance("KITE-13", "FLT-45")
def test_kite_13_when_every_update_comes_twice_then_each_is_one_fact(house: FloorHouse) -> None:
    house.arm("FLT-45", count=100)
    house.enter()
    house.run(10, 101_000)
    house.run(10, 102_000)
    house.run(70)
    assert house.struck["FLT-45"] >= 6
    assert [type(r).__name__ for r in house.of(OrderCancelled)] == ["OrderCancelled"]
    assert sum(f.quantity for f in house.of(OrderFilled)) == 180  # type: ignore[attr-defined]
    assert (house.net(), len(house.of(GroupClosed))) == (0, 1)
    house.settle()


@pytest.mark.conformance("KITE-14", "FLT-46", "BAD-50")
@pytest.mark.parametrize("fault", ["FLT-46", "FLT-47"])
def test_kite_14_when_an_update_comes_after_complete_then_nothing_goes_back(
    house: FloorHouse, fault: str
) -> None:
    house.move("NSE:AAA", 100_000, bid=99_995, ask=100_000, units=40)
    house.arm(fault, None if fault == "FLT-46" else 20, count=100)
    house.propose()
    house.run(3)
    house.move("NSE:AAA", 100_000, bid=99_995, ask=100_000, units=500)
    house.run(60)
    assert house.struck[fault] > 2
    assert (house.net(), [row["quantity"] for row in house.working("S")]) == (90, [90])
    assert house.facts(Leg.ENTRY).count("OrderFilled") == 2
    house.settle()


@pytest.mark.conformance("KITE-15", "FLT-30", "ORD-08")
@pytest.mark.parametrize("side", Side)
def test_kite_15_when_a_cancel_is_refused_because_it_has_filled_then_the_books_are_read(
    house: FloorHouse, side: Side
) -> None:
    """The stop has filled and the target fills in the moment of its cancel: the position is
    flipped, and brought back to flat."""
    house.enter(side)
    house.arm("FLT-30", method="")
    house.run(20, 100_000 - side.sign * 1_010)
    assert house.struck["FLT-30"] == 1
    assert house.net() == 0, house.story()
    assert "both_legs_filled" in house.events("critical")
    house.settle()


@pytest.mark.conformance("KITE-15", "ORD-09")
def test_kite_15_when_a_cancel_has_no_effect_then_it_is_asked_again_only_once_it_is_known(
    house: FloorHouse,
) -> None:
    house.enter()
    house.arm("FLT-29", 20)
    house.run(10, 98_990)
    assert house.net() == 0
    house.run(80)
    assert house.working() == []
    house.settle()


@pytest.mark.conformance("KITE-16", "ORD-24", "FLT-32")
def test_kite_16_when_the_rest_is_cancelled_then_the_filled_part_is_held_and_protected(
    house: FloorHouse,
) -> None:
    house.move("NSE:AAA", 100_000, bid=99_995, ask=100_000, units=40)
    house.propose()
    house.run(4)
    (entry,) = house.orders("E")
    assert entry["filled_quantity"] == 40
    house.control("POST", "/withdraw", order_id=entry["venue_order_id"], text="RMS: cancelled")
    house.run(4)
    assert (house.net(), [row["quantity"] for row in house.working("S")]) == (40, [40])
    assert sum(row["quantity"] for row in [*house.working("A"), *house.working("B")]) == 40
    house.settle()
    house.command("flatten")
    house.run(10)
    house.settle()
    assert house.net() == 0


@pytest.mark.conformance("KITE-17", "FLT-34")
@pytest.mark.parametrize("where", ["entry", "stop", "exit"])
def test_kite_17_when_an_order_hangs_before_the_exchange_then_it_is_told_and_not_sent_again(
    house: FloorHouse, where: str
) -> None:
    if where != "entry":
        house.propose(price_paise=99_900)
        house.run(2)
    if where == "exit":
        house.run(3, 99_900)
    house.arm("FLT-34", 40)
    if where == "entry":
        house.propose()
    elif where == "stop":
        house.move("NSE:AAA", 99_900)
    else:
        house.arm("FLT-20", 1, method="PUT")  # the stop may not be moved: an exit of its own leaves
        house.command("flatten")
    house.run(14)
    letter = {"entry": "E", "stop": "S", "exit": "X"}[where]
    assert len(house.of_leg(letter)) == 1, house.story()
    if where != "entry":
        assert {"protect_failed", "exit_hanging"} & house.events("critical")
    house.propose()
    house.run(1)
    assert len(house.of_leg("E")) == 1, "nothing else is opened on the instrument"
    house.run(60)
    house.settle(naked_s_max=61)
    assert house.net() == (0 if where == "exit" else 90)


@pytest.mark.conformance("KITE-47", "FLT-35", "ORD-10")
def test_kite_47_when_a_cancelled_order_trades_later_then_it_is_counted_and_flattened(
    house: FloorHouse,
) -> None:
    house.propose(price_paise=99_000)
    house.run(3)
    house.arm("FLT-35", 60)
    house.command("flatten")
    house.run(5)
    assert [row["status"] for row in house.orders("E")] == ["CANCELLED"]
    house.run(60, 98_900)
    house.run(20)
    assert house.facts(Leg.ENTRY).count("OrderFilled") == 1, house.story()
    assert house.net() == 0
    house.settle()


@pytest.mark.conformance("KITE-48")
def test_kite_48_when_the_books_are_not_in_order_then_they_say_the_same(house: FloorHouse) -> None:
    house.move("NSE:AAA", 100_000, bid=99_995, ask=100_000, units=40)
    house.arm("KITE-48", count=1_000)
    house.hang_up()
    house.propose()
    house.run(6)
    house.move("NSE:AAA", 100_000, bid=99_995, ask=100_000, units=500)
    house.run(10, 101_000)
    house.run(10, 102_000)
    assert house.struck["KITE-48"] > 3
    assert (house.net(), len(house.of(GroupClosed))) == (0, 1)
    house.settle()


@pytest.mark.conformance("KITE-49", "ORD-14", "FLT-40", "BAD-52")
@pytest.mark.parametrize("side", Side)
def test_kite_49_when_a_person_closes_by_hand_then_our_exits_go_and_the_strategy_is_paused(
    house: FloorHouse, side: Side
) -> None:
    held = house.enter(side)
    house.control("POST", "/stranger", name="NSE:AAA", units=-held)
    house.run(10)
    assert (house.net(), house.working()) == (0, [])
    assert {"alien_exit", "strategy_paused"} <= house.events("critical")
    entries = len(house.of_leg("E"))
    house.propose(side)
    house.run(3)
    assert len(house.of_leg("E")) == entries, "no live entry of that strategy"
    house.command("unpause", "s1")
    assert abs(house.enter(side)) == 90
    house.settle()


@pytest.mark.conformance("KITE-49", "ORD-14")
def test_kite_49_when_a_person_sells_a_part_then_the_stop_shrinks_and_never_flips(
    house: FloorHouse,
) -> None:
    house.enter()
    house.control("POST", "/stranger", name="NSE:AAA", units=-60)
    house.run(10)
    assert [row["quantity"] for row in house.working("S")] == [30]
    house.run(20, 98_900)
    assert house.net() == 0
    house.settle()


@pytest.mark.conformance("KITE-49")
def test_kite_49_when_a_person_buys_in_another_product_then_entries_stop_and_ours_is_left_alone(
    house: FloorHouse,
) -> None:
    house.enter()
    house.control("POST", "/stranger", name="NSE:AAA", units=50, product=Product.CNC.value)
    house.run(70)
    assert [row["quantity"] for row in house.working("S")] == [90]
    assert house.held() == 90
    assert "alien_order" in house.events("warning")
    assert house.authority.mode is Mode.REDUCE


@pytest.mark.conformance("KITE-12", "KITE-24", "FLT-26", "INV-17")
@pytest.mark.parametrize("books", ["unreadable", "frozen"])
def test_kite_24_when_only_the_stream_tells_of_a_fill_then_it_is_protected_and_booked_once(
    house: FloorHouse, books: str
) -> None:
    """Nothing was booked until the books could be read again, and the position stood bare."""
    house.propose(price_paise=99_900)
    house.run(3)
    if books == "frozen":
        house.arm("FLT-26", 60)
        house.run(7)
    else:
        house.arm("FLT-19", 1, count=1_000, method="GET")
    house.run(10, 99_900)
    assert [row["quantity"] for row in house.working("S")] == [90], house.story()
    assert "fill_believed" in house.events("warning")
    house.run(60)
    house.control("DELETE", "/faults")
    house.run(30)
    assert len(house.of(OrderFilled)) == 1
    house.run(10, 98_800)
    assert (house.net(), house.held()) == (0, 0)
    house.settle(naked_s_max=4)
