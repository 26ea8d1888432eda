"""The fault menu over real sockets: what the client sees and what is truly in the book."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kite_errors

from engine.exchange.practice.faults import BY_NUMBER, KNOWN
from tests.exchange.process import Practice
from tests.exchange.test_rest import place, row


def tags(practice: Practice) -> list[str]:
    return [order["tag"] for order in practice.truth()["orders"]]


@pytest.fixture
def hasty(practice: Practice) -> KiteConnect:
    """A client that waits a third of a second."""
    return practice.client(timeout=0.3)


@pytest.mark.conformance("FLT-17")
@pytest.mark.parametrize(
    ("amount", "seen"),
    [(0, requests.exceptions.ReadTimeout), (1, requests.exceptions.ConnectionError)],
)
def test_kite_1_and_3_when_the_answer_is_lost_then_exactly_one_order_is_live(
    practice: Practice, hasty: KiteConnect, amount: int, seen: type[Exception]
) -> None:
    practice.arm("FLT-17", amount=amount)
    with pytest.raises(seen):
        place(hasty, price=1_400.0)
    assert tags(practice) == ["a1"]
    assert [order["status"] for order in hasty.orders()] == ["OPEN"]


@pytest.mark.conformance("FLT-17")
def test_kite_1_when_200_answers_in_a_row_are_lost_then_each_order_is_there_once_with_its_tag(
    practice: Practice, kite: KiteConnect
) -> None:
    practice.arm("FLT-17", count=200, amount=1)
    sent = [f"lost{number}" for number in range(200)]
    for tag in sent:
        with pytest.raises(requests.exceptions.ConnectionError):
            place(kite, price=1_400.0, quantity=1, tag=tag)
    assert [order["tag"] for order in kite.orders()] == sent
    assert practice.truth()["duplicates"] == {}


@pytest.mark.conformance("FLT-16")
@pytest.mark.parametrize("amount", [0, 1])
def test_flt_16_when_a_request_is_lost_on_its_way_then_nothing_is_placed(
    practice: Practice, hasty: KiteConnect, amount: int
) -> None:
    practice.arm("FLT-16", amount=amount)
    with pytest.raises(requests.exceptions.RequestException):
        place(hasty)
    assert tags(practice) == []


@pytest.mark.conformance("FLT-18")
def test_flt_18_when_a_request_is_processed_late_then_the_order_appears_after_the_time_out(
    practice: Practice, hasty: KiteConnect
) -> None:
    practice.arm("FLT-18", amount=1)
    with pytest.raises(requests.exceptions.ReadTimeout):
        place(hasty, price=1_400.0)
    assert tags(practice) == []
    assert eventually(lambda: tags(practice) == ["a1"])


def test_kite_2_when_the_order_system_times_out_then_it_is_a_400_and_the_order_comes(
    practice: Practice, kite: KiteConnect
) -> None:
    practice.control("POST", "/faults", number=2, amount=0)
    with pytest.raises(kite_errors.OrderException, match="check the order book") as caught:
        place(kite, price=1_400.0)
    assert caught.value.code == 400
    assert eventually(lambda: tags(practice) == ["a1"])


@pytest.mark.conformance("FLT-24")
def test_flt_24_when_one_post_is_processed_twice_then_the_truth_names_both(
    practice: Practice, kite: KiteConnect
) -> None:
    practice.arm("FLT-24")
    place(kite, price=1_400.0)
    assert len(practice.truth()["duplicates"]["a1"]) == 2


PAGES: dict[int, type[Exception]] = {
    0: kite_errors.GeneralException,
    1: kite_errors.DataException,
    2: kite_errors.NetworkException,
    3: kite_errors.DataException,
    4: kite_errors.DataException,
    5: kite_errors.DataException,
    6: kite_errors.DataException,
}


@pytest.mark.conformance("FLT-19")
@pytest.mark.parametrize("is_processed", [False, True])
@pytest.mark.parametrize(("number", "seen"), PAGES.items())
def test_kite_24_when_an_error_page_comes_then_only_the_book_knows(
    practice: Practice, kite: KiteConnect, number: int, seen: type[Exception], is_processed: bool
) -> None:
    practice.arm("FLT-19", amount=number + 7 * is_processed)
    with pytest.raises(seen):
        place(kite, price=1_400.0)
    assert tags(practice) == ["a1"] * is_processed


@pytest.mark.parametrize("number", range(6))
def test_kite_25_when_the_body_is_odd_then_the_order_is_in_the_book_all_the_same(
    practice: Practice, kite: KiteConnect, number: int
) -> None:
    practice.control("POST", "/faults", number=25, amount=number)
    try:
        order_id = place(kite, price=1_400.0)
    except (KeyError, TypeError, AttributeError):
        order_id = "unknown"
    assert order_id in ("unknown", "None")
    assert tags(practice) == ["a1"]


@pytest.mark.conformance("FLT-20")
def test_flt_20_when_429_strikes_then_reads_and_writes_are_refused_until_it_ends(
    practice: Practice, kite: KiteConnect
) -> None:
    practice.arm("FLT-20", amount=60)
    with pytest.raises(kite_errors.NetworkException) as caught:
        place(kite)
    assert caught.value.code == 429
    with pytest.raises(kite_errors.NetworkException):
        kite.orders()
    practice.control("DELETE", "/faults")
    assert kite.orders() == []


@pytest.mark.conformance("FLT-21")
def test_kite_18_when_the_token_dies_then_every_call_is_403(
    practice: Practice, kite: KiteConnect
) -> None:
    practice.control("POST", "/faults", number=18)
    for _ in range(2):
        with pytest.raises(kite_errors.TokenException):
            place(kite)
    assert tags(practice) == []


def test_kite_19_when_the_address_is_not_listed_then_orders_are_refused_and_reads_are_not(
    practice: Practice, kite: KiteConnect
) -> None:
    practice.control("POST", "/faults", number=19)
    with pytest.raises(kite_errors.PermissionException, match="not allowed to place orders"):
        place(kite)
    assert kite.orders() == []


@pytest.mark.conformance("FLT-22")
def test_flt_22_when_a_post_is_redirected_then_the_client_follows_and_nothing_is_placed(
    practice: Practice, kite: KiteConnect
) -> None:
    practice.arm("FLT-22")
    with pytest.raises(kite_errors.GeneralException, match="Route not found"):
        place(kite)
    assert tags(practice) == []


@pytest.mark.conformance("FLT-23")
def test_flt_23_when_an_answer_drips_then_the_clients_own_time_out_does_not_end_it(
    practice: Practice, kite: KiteConnect
) -> None:
    practice.arm("FLT-23")
    answer = requests.post(
        f"{practice.root}/orders/regular",
        data={"exchange": "NSE", "tradingsymbol": "INFY", "transaction_type": "BUY",
              "quantity": "1", "product": "MIS", "order_type": "LIMIT", "price": "1400"},
        headers={"X-Kite-Version": "3", "Authorization": f"token practice:{kite.access_token}"},
        timeout=2,
        stream=True,
    )  # fmt: skip
    with answer:
        assert answer.raw.read(2) == b'{"'
    assert len(tags(practice)) == 1


def test_net_reset_when_the_connection_is_cut_in_the_body_then_the_outcome_is_unknown(
    practice: Practice, kite: KiteConnect
) -> None:
    practice.arm("NET-RESET", amount=10)
    with pytest.raises(requests.exceptions.RequestException):
        place(kite, price=1_400.0)
    assert tags(practice) == ["a1"]


def test_net_slow_when_the_answer_is_slow_then_it_comes(
    practice: Practice, kite: KiteConnect
) -> None:
    practice.arm("NET-SLOW", amount=20)
    assert place(kite, price=1_400.0)


@pytest.mark.conformance("FLT-26")
def test_flt_26_when_the_books_are_frozen_then_a_new_order_is_not_in_them(
    practice: Practice, kite: KiteConnect
) -> None:
    practice.arm("FLT-26", amount=600)
    assert kite.orders() == []
    place(kite)
    assert (kite.orders(), kite.trades(), kite.positions()) == ([], [], {"net": [], "day": []})
    practice.control("DELETE", "/faults")
    assert [x["quantity"] for x in kite.positions()["net"]] == [10]


@pytest.mark.conformance("FLT-36")
def test_kite_21_when_the_market_leaves_a_protected_exit_then_it_rests(
    practice: Practice, kite: KiteConnect
) -> None:
    practice.control("POST", "/faults", number=21, amount=100)
    order = row(kite, place(kite, order_type="MARKET", price=None, market_protection=-1))
    assert (order["status"], order["price"]) == ("OPEN", 1_495.0)


def test_kite_39_when_cash_reads_zero_then_net_is_right(
    practice: Practice, kite: KiteConnect
) -> None:
    practice.control("POST", "/faults", number=39)
    equity = kite.margins()["equity"]
    assert (equity["available"]["cash"], equity["net"]) == (0, 10_000_000)


def test_kite_44_when_a_key_is_lacking_then_the_others_come(
    practice: Practice, kite: KiteConnect
) -> None:
    practice.control("POST", "/faults", number=44)
    assert list(kite.quote("NSE:INFY", "NSE:TCS")) == ["NSE:INFY"]


def test_kite_48_when_a_history_is_misordered_then_it_begins_with_its_end(
    practice: Practice, kite: KiteConnect
) -> None:
    order_id = place(kite)
    practice.control("POST", "/faults", number=48)
    assert kite.order_history(order_id)[0]["status"] == "COMPLETE"


def test_kite_49_when_a_stranger_trades_then_the_books_show_an_order_without_a_tag(
    practice: Practice, kite: KiteConnect
) -> None:
    place(kite)
    practice.control("POST", "/stranger", name="NSE:INFY", units=-10)
    assert [order["tag"] for order in kite.orders()] == ["a1", None]
    assert kite.positions()["net"][0]["quantity"] == 0
    resting = place(kite, price=1_400.0, tag="a2")
    practice.control("POST", "/withdraw", order_id=resting, text="RMS: blocked")
    assert row(kite, resting)["status_message"] == "RMS: blocked"


def test_when_an_unknown_fault_is_armed_then_the_control_port_says_so(practice: Practice) -> None:
    with pytest.raises(OSError, match="400"):
        practice.arm("FLT-99")


def test_when_a_failure_has_a_number_then_its_fault_is_one_of_the_menu() -> None:
    assert {fault for fault, _ in BY_NUMBER.values()} <= KNOWN


def eventually(holds: Callable[[], Any], patience_s: float = 5.0) -> bool:
    """Asks again every 20 ms until it holds or patience ends."""
    pause = threading.Event()
    for _ in range(int(patience_s / 0.02)):
        if holds():
            return True
        pause.wait(0.02)
    return False
