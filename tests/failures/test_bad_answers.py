"""BAD-48 to BAD-59 with the whole engine: what stream and books claim that cannot be, and answers
that are none. Nothing of it becomes a fact, and whoever must look is told."""

import msgspec
import pytest

from engine.ids import client_order_id
from engine.messages.values import Book, Leg, Mode
from tests.failures.conftest import Houses
from tests.failures.house import FloorHouse
from tests.failures.market import SHARE

RUBBISH = [
    "null", "[1]", '"x"', "17", "NaN", '{"type":"order","data":"no"}', '{"type":"order"}',
    '{"type":"order","data":{"order_id":1}}', '{"type":"order","data":[[]]}', "[" * 10_000, "\x00",
    '{"type":"order","data":{"order_id":"1","quantity":1e400}}',
]  # fmt: skip


def told(house: FloorHouse, leg: str, **changes: object) -> None:
    """The stream says of our order what the exchange's book does not; `tag` of another one."""
    (row,) = house.orders(leg)[:1]
    body = {
        "order_id": row["venue_order_id"], "exchange": "NSE", "tradingsymbol": "AAA",
        "transaction_type": row["side"], "order_type": row["order_type"], "product": "MIS",
        "status": row["status"], "quantity": row["quantity"], "tag": row["tag"],
        "filled_quantity": row["filled_quantity"], "price": 1_000.0, "trigger_price": 0,
        "average_price": 0, "order_timestamp": "2024-01-01 09:15:06",
        "exchange_update_timestamp": "2024-01-01 09:15:06",
    }  # fmt: skip
    text = msgspec.json.encode({"type": "order", "data": body | changes}).decode()
    house._hint(text)
    house.run(3)


@pytest.mark.conformance("BAD-48")
def test_bad_48_when_the_stream_says_rubbish_then_the_next_word_counts(house: FloorHouse) -> None:
    for text in RUBBISH:
        house._hint(text)
    assert house.enter() == 90
    assert len(house.working("S")) == 1
    assert house.authority.mode is Mode.LIVE
    house.settle()


@pytest.mark.conformance("BAD-49")
def test_bad_49_when_more_is_filled_than_ordered_then_nothing_is_booked_and_it_is_critical(
    house: FloorHouse,
) -> None:
    house.propose(price_paise=99_900)
    house.run(3)
    before = len(house.heard("GET", "/orders"))
    told(house, "E", status="COMPLETE", filled_quantity=200)
    assert (house.held(), house.orders("S")) == (0, [])
    assert "overfilled" in house.events("critical")
    assert len(house.heard("GET", "/orders")) > before, "the books are asked"
    house.run(5, 99_900)
    assert (house.held(), len(house.working("S"))) == (90, 1)
    house.settle()


@pytest.mark.conformance("BAD-50", "KITE-14")
def test_bad_50_when_a_fill_is_taken_back_then_it_is_an_old_message(house: FloorHouse) -> None:
    house.enter()
    told(house, "E", status="OPEN", filled_quantity=10)
    assert (house.held(), [row["quantity"] for row in house.working("S")]) == (90, [90])
    house.settle()


@pytest.mark.conformance("BAD-51")
@pytest.mark.parametrize(
    "changes", [{"tradingsymbol": "SMALL"}, {"transaction_type": "BUY"}, {"product": "NRML"}]
)
def test_bad_51_when_our_tag_names_another_order_then_it_is_a_collision(
    house: FloorHouse, changes: dict[str, object]
) -> None:
    house.enter()
    told(house, "S", order_id="999000111", status="COMPLETE", filled_quantity=90, **changes)
    assert "tag_collision" in house.events("critical")
    assert (house.held(), len(house.working("S"))) == (90, 1)


@pytest.mark.conformance("BAD-52", "BAD-53")
@pytest.mark.parametrize("tag", ["", "mytool", "forged"])
def test_bad_53_when_a_tag_is_not_ours_then_the_order_is_somebody_elses(
    house: FloorHouse, tag: str
) -> None:
    house.enter()
    if tag == "forged":  # of our form, with other check characters
        own = client_order_id(Book.LIVE, "grp-1", Leg.STOP, 0)
        tag = own[:-2] + ("00" if own[-2:] != "00" else "11")
    told(house, "S", order_id="999000111", tag=tag, status="COMPLETE", filled_quantity=90)
    assert (house.held(), len(house.working("S"))) == (90, 1)
    assert "orphan_tag" not in house.events()


@pytest.mark.conformance("BAD-54", "BAD-56", "BAD-58")
@pytest.mark.parametrize(
    ("fault", "amount"),
    [("FLT-19", 11), ("FLT-19", 8), ("KITE-25", 3), ("KITE-25", 5), ("FLT-23", None)],
    ids=["empty", "html", "no-data", "null-id", "endless-drip"],
)
def test_bad_54_when_a_change_is_answered_with_nothing_usable_then_it_is_unknown_and_looked_up(
    house: FloorHouse, fault: str, amount: int | None
) -> None:
    house.enter()
    house.arm(fault, amount, method="PUT", path="/orders")
    house.run(10, 101_000)
    assert house.struck == {fault: 1}
    assert len(house.heard("PUT", "/orders")) == 1
    assert [row["quantity"] for row in house.working("S")] == [45]
    house.settle()


@pytest.mark.conformance("BAD-55", "FLT-22")
def test_bad_55_when_who_answers_sends_us_elsewhere_then_entries_stop_and_a_person_is_paged(
    house: FloorHouse,
) -> None:
    house.enter()
    house.arm("FLT-22", count=1_000, method="GET")
    house.arm("FLT-22", count=1_000)
    house.propose(name="NSE:SMALL")
    house.run(3)
    assert "account_closed" in house.events("critical")
    sent = len(house.heard("POST", "/orders"))
    house.propose(name="NSE:SMALL")
    house.run(3)
    assert len(house.heard("POST", "/orders")) == sent
    house.control("DELETE", "/faults")
    house.run(60)
    assert "account_opened" in house.events()
    assert len(house.working("S")) == 1
    house.settle()


@pytest.mark.conformance("BAD-57", "FLT-27")
def test_bad_57_when_the_book_is_shorter_than_before_then_it_proves_nothing(
    house: FloorHouse,
) -> None:
    house.enter()
    house.arm("FLT-27", 60)
    house.run(40)
    assert house.struck == {"FLT-27": 1}
    assert house.held() == 90
    assert (len(house.of_leg("S")), len(house.of_leg("E"))) == (1, 1), "nothing is placed anew"
    house.control("DELETE", "/faults")
    house.run(10)
    house.settle()


@pytest.mark.conformance("BAD-57", "REC-R4")
def test_bad_57_when_the_new_token_is_of_another_account_then_nothing_is_sent_with_it(
    houses: Houses,
) -> None:
    """The new login comes while a position is held: a person has logged in as somebody else."""
    house = houses(user_id="PX0001")
    house.enter()
    house.control("POST", "/logout")
    house.run(6)
    house.control("POST", "/user", user_id="ZZ9999")
    house.log_in()
    house.run(6)
    writes = len([one for one in house.heard() if one["method"] != "GET"])
    books = len(house.heard("GET", "/orders"))
    house.command("flatten")
    house.run(10)
    assert len([one for one in house.heard() if one["method"] != "GET"]) == writes
    assert len(house.heard("GET", "/orders")) == books, "its books are not ours"
    assert house.held() == 90
    assert any("another account" in alert.text for alert in house.alerts)
    house.control("POST", "/user", user_id="PX0001")
    house.run(40)
    assert (house.net(SHARE), house.held()) == (0, 0)
    house.settle(naked_s_max=60)
    assert "account_opened" in house.events()
