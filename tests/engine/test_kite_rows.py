"""Kite's rows become reports; what does not parse names its field and raises nothing else."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import WireMalformed
from engine.ids import client_order_id
from engine.kite.rows import (
    order_report,
    order_rows,
    order_update,
    position_rows,
    tag_of,
    trade_report,
    trade_rows,
)
from engine.messages.broker import OrderStatus, PositionReport
from engine.messages.values import Book, Leg, OrderType, Product, Side
from engine.session import ns_from_ist
from tests.kite.mocks import mock_data, needs_mocks

OWN = client_order_id(Book.LIVE, "grp-1", Leg.STOP, 0)


def order(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "order_id": "1953341975595868160",
        "status": "OPEN",
        "status_message": None,
        "order_timestamp": "2026-11-20 11:56:33",
        "exchange_update_timestamp": "2026-11-20 11:56:34",
        "exchange": "NSE",
        "tradingsymbol": "M&M",
        "order_type": "SL",
        "transaction_type": "SELL",
        "product": "MIS",
        "quantity": 10,
        "price": 1000.05,
        "trigger_price": 1001,
        "average_price": 0,
        "filled_quantity": 4,
        "pending_quantity": 60,
        "cancelled_quantity": 0,
        "tag": OWN,
        "tags": [OWN],
    }
    return row | changes


def trade(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "trade_id": "10000000",
        "order_id": "200000000000000",
        "exchange": "NSE",
        "tradingsymbol": "SBIN",
        "product": "CNC",
        "average_price": 420.65,
        "quantity": 1,
        "transaction_type": "BUY",
        "fill_timestamp": "2021-05-31 09:16:39",
        "order_timestamp": "09:16:39",
    }
    return row | changes


def test_when_an_order_row_is_whole_then_it_is_in_our_units() -> None:
    report = order_report(order(status_message="x" * 500))
    assert report is not None
    assert (report.client_order_id, report.venue_order_id) == (OWN, "1953341975595868160")
    assert (report.instrument, report.side, report.product) == ("NSE:M&M", Side.SELL, Product.MIS)
    assert (report.quantity, report.filled_quantity) == (10, 4)
    assert (report.price_limit_paise, report.price_trigger_paise) == (100_005, 100_100)
    assert report.at_ns == ns_from_ist("2026-11-20 11:56:34")
    assert report.text == "x" * 200


@pytest.mark.parametrize(
    ("tag", "tags", "found"),
    [
        (OWN, [OWN], OWN),
        (None, ["mktp", "mktp:2.00", OWN], OWN),
        ("mktp", [OWN], OWN),
        (OWN, None, OWN),
        (None, None, ""),
        (None, ["mktp", "mktp:2.00"], ""),
        (None, ["autoslice:5", "theirs"], "theirs"),
        ("theirs", ["theirs", "mktp"], "theirs"),
        (7, [None, 8, {}], ""),
        (OWN[:8], [OWN[:8]], OWN[:8]),
    ],
)
def test_when_the_broker_adds_tags_then_ours_is_found(
    tag: object, tags: object, found: str
) -> None:
    assert tag_of({"tag": tag, "tags": tags}) == found


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("TRIGGER PENDING", OrderStatus.TRIGGER_PENDING),
        ("COMPLETE", OrderStatus.COMPLETE),
        ("MODIFY VALIDATION PENDING", OrderStatus.MODIFY_PENDING),
        ("AMO REQ RECEIVED", OrderStatus.PUT_REQUESTED),
        ("UPDATE", OrderStatus.PUT_REQUESTED),
        ("SOMETHING NEW IN 2027", OrderStatus.PUT_REQUESTED),
    ],
)
def test_when_a_status_is_read_then_an_unlisted_one_ends_nothing(
    text: str, status: OrderStatus
) -> None:
    report = order_report(order(status=text))
    assert report is not None
    assert report.status is status


@pytest.mark.parametrize(
    ("rupees", "paise"),
    [(1000.05, 100_005), (0.29, 29), (1.1, 110), (72, 7_200), (None, 0), (159.82, 15_982)],
)
def test_when_a_price_is_a_float_then_it_is_rounded_not_cut(rupees: object, paise: int) -> None:
    report = order_report(order(price=rupees))
    assert report is not None
    assert report.price_limit_paise == paise


def test_when_the_update_time_is_missing_then_the_order_time_counts() -> None:
    report = order_report(order(exchange_update_timestamp=None))
    assert report is not None
    assert report.at_ns == ns_from_ist("2026-11-20 11:56:33")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("order_id", 1953341975595868160),
        ("order_id", 1.95e18),
        ("order_id", ""),
        ("quantity", "10"),
        ("quantity", True),
        ("quantity", 10.5),
        ("quantity", -1),
        ("quantity", 10**30),
        ("filled_quantity", None),
        ("price", "1000"),
        ("price", -1.0),
        ("price", float("nan")),
        ("price", 1e300),
        ("trigger_price", float("inf")),
        ("transaction_type", "HOLD"),
        ("order_type", "ICEBERG"),
        ("product", "CO"),
        ("exchange", None),
        ("tradingsymbol", ""),
        ("status", None),
        ("exchange_update_timestamp", "yesterday"),
        ("exchange_update_timestamp", 5),
        ("exchange_update_timestamp", "2026-11-20T11:56:33+00:00"),
    ],
)
def test_when_a_field_of_our_order_is_odd_then_the_field_is_named(
    field: str, value: object
) -> None:
    with pytest.raises(WireMalformed, match=f"^{field}: "):
        order_report(order(**{field: value}))


def test_when_a_stranger_trades_a_product_we_do_not_know_then_the_row_is_left_out() -> None:
    theirs = order(product="CO", tag="x", tags=None)
    assert order_rows([theirs, order()]) == (order_report(order()),)


@pytest.mark.parametrize("data", [None, {}, "", [1], [None], [[]], [order(), "x"]])
def test_when_the_book_is_no_list_of_rows_then_nothing_of_it_is_used(data: object) -> None:
    with pytest.raises(WireMalformed):
        order_rows(data)


def test_when_trades_are_read_then_the_tag_comes_from_the_order() -> None:
    rows = trade_rows([trade(), trade(trade_id="2", order_id="9")], {"9": OWN})
    assert [row.client_order_id for row in rows] == ["", OWN]
    assert (rows[0].price_paise, rows[0].at_ns) == (42_065, ns_from_ist("2021-05-31 09:16:39"))


@pytest.mark.parametrize(
    ("field", "value"),
    [("trade_id", None), ("trade_id", ""), ("quantity", 0), ("fill_timestamp", "09:16:39")],
)
def test_when_a_trade_is_odd_then_the_field_is_named(field: str, value: object) -> None:
    with pytest.raises(WireMalformed, match=f"^{field}: "):
        trade_report(trade(**{field: value}), {})


def test_when_positions_are_read_then_the_net_ones_count() -> None:
    row = {"exchange": "NSE", "tradingsymbol": "INFY", "product": "MIS", "quantity": -5}
    data = {"net": [row, row | {"product": "MTF"}], "day": [row | {"quantity": 7}]}
    expected = PositionReport(instrument="NSE:INFY", product=Product.MIS, quantity=-5)
    assert position_rows(data) == (expected,)
    with pytest.raises(WireMalformed, match=r"^net"):
        position_rows({"day": []})


@pytest.mark.parametrize("is_old_form", [False, True])
def test_when_the_socket_tells_of_an_order_then_it_is_the_same_report(is_old_form: bool) -> None:
    frame = json.dumps(order() if is_old_form else {"type": "order", "data": order()})
    assert order_update(frame) == order_update(frame.encode()) == order_report(order())


def test_when_the_socket_tells_of_something_else_then_it_is_no_order() -> None:
    assert order_update('{"type": "message", "data": "market is open"}') is None


@needs_mocks
def test_when_the_official_samples_are_read_then_every_known_product_is_reported() -> None:
    orders = order_rows(mock_data("orders"))
    assert len(orders) == 9, "one of ten is of margin funding"
    protected = next(o for o in orders if o.venue_order_id == "1953341975595868160")
    assert (protected.order_type, protected.price_limit_paise) == (OrderType.LIMIT, 15_982)
    assert protected.client_order_id == ""
    named = {o.client_order_id for o in orders}
    assert {"icebergord", "connect test order1"} <= named
    assert [t.price_paise for t in trade_rows(mock_data("trades"), {})] == [
        42_065,
        7_276,
        485_200,
        485_200,
    ]
    positions = position_rows(mock_data("positions"))
    assert [(p.instrument, p.quantity) for p in positions] == [
        ("MCX:LEADMINI17DECFUT", 1),
        ("MCX:GOLDGUINEA17DECFUT", 0),
    ]
    assert order_rows(mock_data("order_info"))[0].status is not OrderStatus.COMPLETE


VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.lists(st.none() | st.text(max_size=5), max_size=3)
    | st.dictionaries(st.text(max_size=3), st.none(), max_size=2)
)


def faults_of(read: Callable[[], object]) -> list[str]:
    """The one foreseen fault, if there is one; any other exception leaves."""
    try:
        read()
    except WireMalformed as error:
        return [str(error)]
    return []


@settings(max_examples=800, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(sorted(order())), VALUES, max_size=3))
def test_when_any_field_holds_anything_then_only_malformed_is_raised(
    changes: dict[str, object],
) -> None:
    found = faults_of(lambda: order_report(order(**changes)))
    found += faults_of(lambda: trade_report(trade(**changes), {}))
    assert all(": " in fault for fault in found)


@settings(max_examples=300, deadline=None)
@given(frame=st.binary(max_size=100) | st.text(max_size=100))
def test_when_any_frame_comes_then_only_malformed_is_raised(frame: bytes | str) -> None:
    assert all(faults_of(lambda: order_update(frame)) or [True])
