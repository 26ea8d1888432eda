"""Failures 1 to 4, 24 and 25: the answer to a write is lost, odd or a lie. Whatever it was, each
order is at the exchange once, found by its tag, and what is held is protected."""

import pytest

from engine.messages.values import Leg
from tests.failures.house import FloorHouse

UNCLEAR = [
    pytest.param("FLT-17", 0, marks=pytest.mark.conformance("KITE-1"), id="1-no-answer"),
    pytest.param("FLT-17", 1, marks=pytest.mark.conformance("KITE-1", "KITE-3"), id="3-cut"),
    pytest.param("KITE-02", 4, marks=pytest.mark.conformance("KITE-2"), id="2-oms-timeout"),
    *(
        pytest.param("FLT-19", 7 + page, marks=pytest.mark.conformance("KITE-24"), id=f"24-{page}")
        for page in range(7)
    ),
    *(
        pytest.param("KITE-25", body, marks=pytest.mark.conformance("KITE-25"), id=f"25-{body}")
        for body in range(6)
    ),
]


@pytest.mark.parametrize("where", ["entry", "exits"])
@pytest.mark.parametrize(("fault", "amount"), UNCLEAR)
def test_when_the_answer_to_a_placement_is_unclear_then_it_is_there_once_and_bound_by_its_tag(
    house: FloorHouse, fault: str, amount: int, where: str
) -> None:
    if where == "entry":
        house.arm(fault, amount, method="POST", path="/orders")
        house.propose()
    else:
        house.propose(price_paise=99_900)
        house.run(2)
        house.arm(fault, amount, count=3, method="POST", path="/orders")
        house.move("NSE:AAA", 99_900)
    house.run(20)
    assert house.struck[fault] >= (1 if where == "entry" else 2)
    assert house.net() == 90
    assert [row["quantity"] for row in house.working("S")] == [90], house.story()
    assert sum(house.sent().values()) == len(house.orders()) == 4, house.story()
    leg = Leg.ENTRY if where == "entry" else Leg.STOP
    assert house.facts(leg)[:2] == ["OrderUnknown", "OrderAccepted"], house.story()
    house.settle()


@pytest.mark.conformance("KITE-3", "KITE-24", "ORD-03")
@pytest.mark.parametrize(("fault", "amount"), [("FLT-16", 1), ("FLT-19", 1), ("FLT-22", None)])
def test_kite_03_when_a_lost_entry_never_arrived_then_it_is_given_up_and_not_sent_again(
    house: FloorHouse, fault: str, amount: int | None
) -> None:
    house.arm(fault, amount, method="POST", path="/orders")
    house.propose()
    house.run(90)  # 30 s and three looks at most 15 s apart
    assert house.facts(Leg.ENTRY) == ["OrderUnknown", "OrderLost"]
    assert (house.orders(), len(house.heard("POST", "/orders"))) == ([], 1)
    house.settle()


@pytest.mark.conformance("KITE-1", "KITE-3", "ORD-03", "INV-17")
def test_kite_03_when_a_lost_stop_never_arrived_then_a_person_knows_and_another_follows(
    house: FloorHouse,
) -> None:
    """While its fate is open a second one could flip the position: after 10 s somebody is told,
    after 30 s and three looks at the books it is proven absent and placed anew."""
    house.propose(price_paise=99_900)
    house.run(2)
    house.arm("FLT-16", 1, method="POST", path="/orders")
    house.run(11, 99_900)
    assert house.naked_s < 12
    assert "protect_failed" in house.events("critical")
    assert len(house.of_leg("S")) == 1
    house.run(30)
    assert len(house.of_leg("S")) == 2, house.story()
    house.settle(naked_s_max=37)


@pytest.mark.conformance("KITE-4")
@pytest.mark.parametrize(("fault", "amount"), [("FLT-17", 1), ("FLT-17", 0), ("FLT-19", 8)])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_kite_04_when_the_answer_to_a_change_is_lost_then_it_is_not_repeated(
    house: FloorHouse, method: str, fault: str, amount: int
) -> None:
    house.enter()
    house.arm(fault, amount, method=method, path="/orders")
    house.run(10, 101_000)
    assert house.net() == 45
    if method == "DELETE":
        house.run(10, 102_000)
    assert house.struck == {fault: 1}
    changes = [one["path"] for one in house.heard(method, "/orders")]
    assert len(changes) == len(set(changes)) == 1, house.story()
    house.settle()
    assert house.net() == (45 if method == "PUT" else 0)


@pytest.mark.conformance("KITE-24")
def test_kite_24_when_the_books_cannot_be_read_then_reads_back_off_and_the_stop_stays(
    house: FloorHouse,
) -> None:
    house.enter()
    before = len(house.heard("GET", "/orders"))
    house.arm("FLT-19", 1, count=1_000, method="GET", path="/orders")
    house.run(60)
    asked = len(house.heard("GET", "/orders")) - before
    assert 4 <= asked <= 40, asked
    assert len(house.working("S")) == 1
    assert house.facts(Leg.STOP) == ["OrderAccepted"]
    house.control("DELETE", "/faults")
    house.run(20, 98_900)
    house.settle()
    assert house.net() == 0


@pytest.mark.conformance("KITE-25", "BAD-56")
def test_kite_25_when_the_client_library_would_stumble_then_no_actor_dies(
    house: FloorHouse,
) -> None:
    house.arm("KITE-25", 3, count=50)
    house.enter()
    house.run(10, 101_000)
    house.control("DELETE", "/faults")
    house.run(20, 98_900)
    house.settle()
    assert house.net() == 0
    assert not {e for e in house.events() if "died" in e or "crash" in e}
