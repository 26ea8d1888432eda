"""The real kiteconnect client against the practice exchange over real sockets."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
import requests
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kite_errors

from tests.exchange.process import INFY, Practice


def place(kite: KiteConnect, **changes: Any) -> str:
    form: dict[str, Any] = {
        "variety": "regular", "exchange": "NSE", "tradingsymbol": "INFY",
        "transaction_type": "BUY", "quantity": 10, "product": "MIS", "order_type": "LIMIT",
        "price": 1_500.0, "tag": "a1",
    }  # fmt: skip
    return str(kite.place_order(**(form | changes)))


def row(kite: KiteConnect, order_id: str) -> dict[str, Any]:
    return next(order for order in kite.orders() if order["order_id"] == order_id)


def test_when_a_marketable_limit_is_placed_then_books_and_history_tell_one_story(
    kite: KiteConnect,
) -> None:
    order_id = place(kite)
    order = row(kite, order_id)
    assert (order["status"], order["filled_quantity"], order["average_price"]) == (
        "COMPLETE", 10, 1_500.0,
    )  # fmt: skip
    assert (order["tag"], order["tags"]) == ("a1", ["a1"])
    assert [trade["quantity"] for trade in kite.order_trades(order_id)] == [10]
    assert kite.trades() == kite.order_trades(order_id)
    net = kite.positions()["net"]
    assert [(x["tradingsymbol"], x["product"], x["quantity"]) for x in net] == [("INFY", "MIS", 10)]
    states = [state["status"] for state in kite.order_history(order_id)]
    assert states == [
        "PUT ORDER REQ RECEIVED", "VALIDATION PENDING", "OPEN PENDING", "OPEN", "COMPLETE",
    ]  # fmt: skip


def test_when_the_depth_is_thin_then_the_order_fills_in_parts(
    practice: Practice, kite: KiteConnect
) -> None:
    practice.price(150_000, units=4)
    order_id = place(kite)
    order = row(kite, order_id)
    assert (order["status"], order["filled_quantity"], order["pending_quantity"]) == ("OPEN", 4, 6)
    practice.price(150_000, units=50)
    assert row(kite, order_id)["status"] == "COMPLETE"
    assert [trade["quantity"] for trade in kite.order_trades(order_id)] == [4, 6]


def test_when_the_last_price_reaches_a_trigger_then_the_stop_works_as_a_limit(
    practice: Practice, kite: KiteConnect
) -> None:
    place(kite)
    stop = place(kite, transaction_type="SELL", order_type="SL", trigger_price=1_490.0,
                 price=1_480.0, tag="a2")  # fmt: skip
    assert row(kite, stop)["status"] == "TRIGGER PENDING"
    practice.price(148_900)
    order = row(kite, stop)
    assert (order["status"], order["average_price"]) == ("COMPLETE", 1_489.0)
    assert kite.positions()["net"][0]["quantity"] == 0


def test_when_a_resting_order_is_modified_then_the_new_values_stand(kite: KiteConnect) -> None:
    order_id = place(kite, price=1_400.0)
    assert kite.modify_order("regular", order_id, quantity=20, price=1_410.0) == order_id
    order = row(kite, order_id)
    assert (order["status"], order["quantity"], order["price"], order["modified"]) == (
        "OPEN", 20, 1_410.0, True,
    )  # fmt: skip
    assert "MODIFIED" in [state["status"] for state in kite.order_history(order_id)]


def test_when_an_order_is_modified_a_26th_time_then_it_is_refused(kite: KiteConnect) -> None:
    order_id = place(kite, price=1_400.0)
    for number in range(25):
        kite.modify_order("regular", order_id, price=1_400.0 + number)
    with pytest.raises(kite_errors.InputException, match="Maximum allowed order modifications"):
        kite.modify_order("regular", order_id, price=1_399.0)


def test_when_a_cancelled_order_is_cancelled_again_then_it_is_in_flux(kite: KiteConnect) -> None:
    order_id = place(kite, price=1_400.0)
    kite.cancel_order("regular", order_id)
    order = row(kite, order_id)
    assert (order["status"], order["cancelled_quantity"]) == ("CANCELLED", 10)
    with pytest.raises(kite_errors.InputException, match="as it is being processed"):
        kite.cancel_order("regular", order_id)


def test_when_an_ioc_order_cannot_fill_then_its_rest_is_cancelled(
    practice: Practice, kite: KiteConnect
) -> None:
    practice.price(150_000, units=3)
    order = row(kite, place(kite, validity="IOC"))
    assert (order["status"], order["filled_quantity"], order["validity"]) == ("CANCELLED", 3, "IOC")


def test_when_a_market_order_is_protected_then_it_reads_back_as_a_limit(
    practice: Practice, kite: KiteConnect
) -> None:
    practice.price(150_000, bid=149_900, ask=150_000, units=4)
    order = row(kite, place(kite, order_type="MARKET", price=None, market_protection=2))
    assert (order["order_type"], order["price"], order["status"]) == ("LIMIT", 1_530.0, "OPEN")
    assert order["tags"] == ["a1", "mktp", "mktp:2.00"]


def test_when_the_broker_squares_off_then_mis_is_flat_and_the_rest_stays(
    practice: Practice, kite: KiteConnect
) -> None:
    place(kite)
    resting = place(kite, price=1_400.0, product="CNC", tag="a2")
    practice.control("POST", "/square-off")
    assert [x["quantity"] for x in kite.positions()["net"]] == [0]
    assert [x["tag"] for x in kite.orders() if x["status"] == "COMPLETE"] == ["a1", None]
    assert row(kite, resting)["status"] == "OPEN"


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "market": ({"order_type": "MARKET", "price": None}, "without market protection"),
    "zero": ({"order_type": "MARKET", "market_protection": 0}, "without market protection"),
    "bool": ({"order_type": "MARKET", "market_protection": "true"}, "cannot decode to decimal"),
    "tick": ({"price": 1_500.03}, "Tick size"),
    "symbol": ({"tradingsymbol": "NOBODY"}, "expired or does not exist"),
    "tag": ({"tag": "x" * 21}, "20 characters"),
    "quantity": ({"quantity": 0}, "above zero"),
    "mis": ({"quantity": 30_001}, "maximum quantity of an MIS order"),
    "variety": ({"variety": "iceberg"}, "variety iceberg"),
    "trigger": (
        {"order_type": "SL", "trigger_price": 1_400.0, "price": 1_401.0},
        "should be higher than the last price",
    ),
}


@pytest.mark.parametrize(("changes", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_when_a_form_is_bad_then_it_is_an_input_exception_and_nothing_is_placed(
    practice: Practice, kite: KiteConnect, changes: dict[str, Any], text: str
) -> None:
    with pytest.raises(kite_errors.InputException, match=text) as caught:
        place(kite, **changes)
    assert caught.value.code == 400
    assert practice.truth()["orders"] == []


def test_when_funds_do_not_reach_then_it_is_a_margin_exception_and_a_rejected_row(
    practice: Practice, kite: KiteConnect
) -> None:
    with pytest.raises(kite_errors.GeneralException, match="Insufficient funds") as caught:
        place(kite, quantity=600_000, product="NRML", price=1_500.0)
    assert caught.value.code == 400
    assert [order["status"] for order in kite.orders()] == ["REJECTED"]


def test_when_the_eleventh_order_of_a_second_comes_then_it_is_429(
    practice: Practice, kite: KiteConnect
) -> None:
    practice.control("POST", "/limits", scale=1)
    codes = []
    for number in range(24):
        try:
            place(kite, price=1_400.0, tag=f"t{number}")
        except kite_errors.NetworkException as error:
            codes.append((error.code, str(error)))
    assert set(codes) == {(429, "Too many requests")}
    assert len(practice.truth()["orders"]) <= 20


def test_when_another_login_happens_then_the_older_token_is_dead(
    practice: Practice, kite: KiteConnect
) -> None:
    expired: list[bool] = []
    kite.set_session_expiry_hook(lambda: expired.append(True))
    other = KiteConnect("practice", root=practice.root)
    request_token = practice.control("POST", "/login")["request_token"]
    session = other.generate_session(request_token, practice.state["api_secret"])
    assert other.profile()["user_id"] == session["user_id"]
    with pytest.raises(kite_errors.TokenException) as caught:
        kite.profile()
    assert (caught.value.code, expired) == (403, [True])
    with pytest.raises(kite_errors.TokenException):
        other.generate_session(request_token, practice.state["api_secret"])
    other.invalidate_access_token()
    with pytest.raises(kite_errors.TokenException):
        other.profile()
    other.reqsession.close()


def test_when_the_checksum_is_wrong_then_there_is_no_session(practice: Practice) -> None:
    token = practice.control("POST", "/login")["request_token"]
    form = {"api_key": "practice", "request_token": token,
            "checksum": hashlib.sha256(b"wrong").hexdigest()}  # fmt: skip
    answer = requests.post(
        f"{practice.root}/session/token", data=form, headers={"X-Kite-Version": "3"}, timeout=5
    )
    assert (answer.status_code, answer.json()["error_type"]) == (403, "TokenException")


def test_when_the_version_header_is_missing_or_the_path_unknown_then_it_is_refused(
    practice: Practice,
) -> None:
    plain = requests.get(f"{practice.root}/orders", timeout=5)
    assert (plain.status_code, plain.json()["error_type"]) == (400, "InputException")
    lost = requests.get(f"{practice.root}/nowhere", timeout=5)
    wrong = requests.post(f"{practice.root}/trades", timeout=5)
    assert (lost.status_code, wrong.status_code) == (404, 405)


READS: dict[str, Callable[[KiteConnect], Any]] = {
    "ltp": lambda kite: kite.ltp(INFY)[INFY]["last_price"] == 1_500.0,
    "ohlc": lambda kite: kite.ohlc([INFY])[INFY]["ohlc"]["high"] >= 1_500.0,
    "quote": lambda kite: len(kite.quote(INFY, "NSE:NOBODY")) == 1,
    "instruments": lambda kite: {x["exchange"] for x in kite.instruments("NSE")} == {"NSE"},
    "margins": lambda kite: kite.margins("equity")["net"] == 10_000_000.0,
    "holdings": lambda kite: kite.holdings() == [],
}


@pytest.mark.parametrize("holds", READS.values(), ids=READS.keys())
def test_when_something_is_read_then_the_client_understands_it(
    kite: KiteConnect, holds: Callable[[KiteConnect], Any]
) -> None:
    assert holds(kite)


def trigger(kite: KiteConnect, *values: float, kind: str = "single", price: float = 1_480.0) -> int:
    orders = [{"transaction_type": "SELL", "quantity": 5, "order_type": "LIMIT", "product": "CNC",
               "price": price}] * len(values)  # fmt: skip
    made = kite.place_gtt(kind, "INFY", "NSE", list(values), 1_500.0, orders)
    return int(made["trigger_id"])


def test_when_a_trigger_fires_then_its_order_is_placed_once_and_its_row_says_so(
    practice: Practice, kite: KiteConnect
) -> None:
    number = trigger(kite, 1_480.0, 1_520.0, kind="two-leg")
    assert [row["status"] for row in kite.get_gtts()] == ["active"]
    practice.price(151_000)
    assert kite.orders() == []
    for paise in (147_900, 147_000):
        practice.price(paise)
    found = kite.get_gtt(number)
    result = found["orders"][0]["result"]["order_result"]
    assert (found["status"], result["status"]) == ("triggered", "success")
    assert [order["order_id"] for order in kite.orders()] == [result["order_id"]]
    kite.delete_gtt(trigger(kite, 1_600.0))
    assert [row["status"] for row in kite.get_gtts()] == ["triggered", "deleted"]


def test_when_a_trigger_is_too_near_or_not_a_limit_then_it_is_refused(kite: KiteConnect) -> None:
    with pytest.raises(kite_errors.InputException, match="too close"):
        trigger(kite, 1_499.0)
    order = {"transaction_type": "SELL", "quantity": 5, "order_type": "MARKET", "product": "CNC",
             "price": 0}  # fmt: skip
    with pytest.raises(kite_errors.InputException, match="Only LIMIT"):
        kite.place_gtt("single", "INFY", "NSE", [1_400.0], 1_500.0, [order])
    assert kite.get_gtts() == []
