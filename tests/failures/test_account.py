"""Failures 18, 19, 26 to 28, 33, 34 and 39: login, address, rate, quota and margin. Entries stop,
what is held keeps its stop, and whoever must act is told."""

import pytest
from kiteconnect import KiteConnect

from engine.limits import REJECTS_ROW_MAX
from engine.messages.records import GroupClosed
from engine.messages.values import Leg, Mode
from tests.failures.conftest import Houses
from tests.failures.house import FloorHouse


@pytest.mark.conformance("KITE-18", "FLT-21", "CTL-36")
def test_kite_18_when_the_token_dies_then_entries_stop_the_stop_rests_and_a_new_login_goes_on(
    house: FloorHouse,
) -> None:
    house.enter()
    house.control("POST", "/logout")
    house.run(10)
    assert "account_closed" in house.events("critical")
    assert house.authority.mode is not Mode.KILLED
    before = len(house.heard("POST", "/orders"))
    house.propose(name="NSE:SMALL")
    house.run(3)
    assert len(house.heard("POST", "/orders")) == before
    assert len(house.working("S")) == 1
    house.log_in()
    house.run(10, 101_000)
    assert "account_opened" in house.events()
    assert [row["quantity"] for row in house.working("S")] == [45]
    house.settle()


@pytest.mark.conformance("KITE-18")
def test_kite_18_when_the_stop_triggers_while_logged_out_then_it_is_booked_after_the_login(
    house: FloorHouse,
) -> None:
    house.enter()
    house.control("POST", "/logout")
    house.hang_up()
    house.run(20, 98_900)
    assert house.held() == 90
    house.log_in()
    house.run(15)
    assert (house.held(), house.net(), len(house.of(GroupClosed))) == (0, 0, 1)
    house.settle()


@pytest.mark.conformance("KITE-19")
def test_kite_19_when_the_address_is_not_allowed_then_entries_stop_and_the_operator_is_told(
    house: FloorHouse,
) -> None:
    house.enter()
    house.arm("KITE-19", count=1_000)
    house.propose(name="NSE:SMALL")
    house.run(4)
    assert "account_closed" in house.events("critical")
    refused = len(house.of_leg("E"))
    for _ in range(3):
        house.propose(name="NSE:SMALL")
        house.run(2)
    assert len(house.of_leg("E")) == refused == 2
    assert len(house.working("S")) == 1
    house.control("DELETE", "/faults")
    house.run(10, 101_000)
    assert [row["quantity"] for row in house.working("S")] == [45], "exits were tried all the time"
    assert "account_opened" in house.events()
    house.settle()


@pytest.mark.conformance("KITE-26", "FLT-20")
def test_kite_26_when_429_meets_the_stop_then_it_waits_a_second_and_goes_once(
    house: FloorHouse,
) -> None:
    house.propose(price_paise=99_900)
    house.run(2)
    house.arm("FLT-20", 1, method="POST", path="/orders")
    house.run(8, 99_900)
    assert "rate_limited" in house.events()
    assert len(house.working("S")) == 1
    assert len(house.heard("POST", "/orders")) <= 6, house.story()
    house.settle(naked_s_max=4)


@pytest.mark.conformance("KITE-26", "CTL-05")
def test_kite_26_when_many_want_in_at_the_open_then_one_gate_keeps_the_rate(
    house: FloorHouse,
) -> None:
    """The exchange counts by its own seconds and lets ten through in each."""
    house.control("POST", "/limits", scale=1)
    for name in ("NSE:AAA", "NSE:SMALL", "NFO:NIFTYCE"):
        house.propose(name=name, risk_paise=2_000 if name == "NSE:SMALL" else 1_000)
    house.run(10)
    assert house.control("GET", "/status")["limited"] == 0
    assert len(house.working("S")) == len(house.of_leg("E"))
    house.settle()


@pytest.mark.conformance("KITE-26", "FLT-20")
def test_kite_26_when_429_meets_the_entry_then_it_is_not_sent_again(house: FloorHouse) -> None:
    house.arm("FLT-20", 1, method="POST", path="/orders")
    house.propose()
    house.run(20)
    assert (len(house.heard("POST", "/orders")), house.orders()) == (1, [])
    house.settle()


@pytest.mark.conformance("KITE-27", "FLT-25", "CTL-06")
def test_kite_27_when_every_order_is_rejected_then_the_loop_ends_and_the_quota_is_kept(
    house: FloorHouse,
) -> None:
    house.arm("FLT-25", count=10_000)
    for _ in range(3 * REJECTS_ROW_MAX):
        house.propose()
        house.run(3)
    assert len(house.orders()) == REJECTS_ROW_MAX
    assert {row["status"] for row in house.orders()} == {"REJECTED"}
    assert "entries_rejected" in house.events("critical")
    house.control("DELETE", "/faults")
    house.run(300)
    assert house.enter() == 90, "one more may try, and trades"
    house.settle()


@pytest.mark.conformance("KITE-28", "ORD-12")
def test_kite_28_when_no_modification_is_left_then_the_stop_is_replaced_after_its_cancel(
    house: FloorHouse,
) -> None:
    """A person has used them up in the app."""
    house.enter()
    (stop,) = house.working("S")
    for number in range(25):
        house.live._session.modify(
            {"variety": "regular", "order_id": stop["venue_order_id"], "order_type": "SL",
             "quantity": 90, "trigger_price": "990.00", "price": f"980.{5 * (number % 2):02d}"}
        )  # fmt: skip
        house.run(0.25)
    house.run(20, 101_000)
    stops = house.orders("S")
    assert [row["status"] for row in stops] == ["CANCELLED", "TRIGGER PENDING"], house.story()
    assert (stops[1]["quantity"], house.net()) == (45, 45)
    house.settle(naked_s_max=2)


@pytest.mark.conformance("KITE-33")
def test_kite_33_when_the_margin_error_leaves_a_rejected_row_then_both_are_one_refusal(
    houses: Houses,
) -> None:
    house = houses(funds_paise=1_000_00)
    house.propose()
    house.run(10)
    assert [row["status"] for row in house.orders()] == ["REJECTED"]
    assert house.facts(Leg.ENTRY) == ["OrderRejected"]
    assert [r.reason for r in house.of(GroupClosed)] == ["entry_rejected"]  # type: ignore[attr-defined]
    house.run(130)
    assert not [event for event in house.events() if event.startswith("reconcile")]
    house.settle()


@pytest.mark.conformance("KITE-34", "FLT-38", "ORD-13")
def test_kite_34_when_funds_lack_for_an_exit_then_it_is_tried_until_it_goes_and_a_person_knows(
    house: FloorHouse,
) -> None:
    """The stop rests beside the targets: a second exit is where the broker asks for margin."""
    house.propose(price_paise=99_900)
    house.run(2)
    house.arm("FLT-38", count=3)
    house.run(20, 99_900)
    assert house.struck["FLT-38"] == 3
    assert [row["quantity"] for row in house.working("S")] == [90], house.story()
    assert sum(row["quantity"] for row in [*house.working("A"), *house.working("B")]) == 90
    house.command("flatten")
    house.run(10)
    assert house.net() == 0
    house.settle()


@pytest.mark.conformance("KITE-39")
def test_kite_39_when_cash_reads_zero_then_trading_goes_on(house: FloorHouse) -> None:
    """A glitch: what is free is in `net`. Nobody may take the reading for the account's end."""
    house.arm("KITE-39", count=1_000)
    kite = KiteConnect(house.state["api_key"], root=f"http://127.0.0.1:{house.state['rest']}")
    kite.set_access_token(house.token)
    assert kite.margins()["equity"]["available"]["cash"] == 0
    kite.reqsession.close()
    assert house.enter() == 90
    house.run(10, 101_000)
    house.run(10, 102_000)
    assert (house.net(), house.authority.mode) == (0, Mode.LIVE)
    house.settle()
