"""The comparison: every difference of the table, and nothing where both sides agree."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine.ids import client_order_id
from engine.journal_view import JournalView
from engine.messages.broker import BrokerSnapshot, OrderReport, OrderStatus, PositionReport
from engine.messages.broker import TradeReport as Trade
from engine.messages.records import (
    DayClosed,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderLost,
    Record,
)
from engine.messages.values import Book, Leg, OrderType, Product, Side
from engine.reconcile import Severity, compare, lasting
from tests.risk_samples import NOW, closed_group, fill, intent, opened_group, stop

ENTRY = client_order_id(Book.PAPER, "grp-1", Leg.ENTRY, 0)
STOP = client_order_id(Book.PAPER, "grp-1", Leg.STOP, 0)


def accepted(tag: str, leg: Leg) -> OrderAccepted:
    return OrderAccepted(
        at_ns=NOW, client_order_id=tag, group_id="grp-1", leg=leg, instrument="NSE:INFY"
    )


RECORDS: tuple[Record, ...] = (
    opened_group(),
    intent(ENTRY),
    accepted(ENTRY, Leg.ENTRY),
    fill("T1", 10, client_order_id=ENTRY),
    stop(STOP),
    accepted(STOP, Leg.STOP),
)


def order(tag: str, status: OrderStatus, filled: int = 0, **changes: Any) -> OrderReport:
    values: dict[str, Any] = {
        "venue_order_id": f"v{tag}",
        "instrument": "NSE:INFY",
        "side": Side.SELL,
        "order_type": OrderType.SL,
        "product": Product.MIS,
        "quantity": 10,
        "price_limit_paise": 1,
        "price_trigger_paise": 1,
        "at_ns": NOW,
        **changes,
    }
    return OrderReport(client_order_id=tag, status=status, filled_quantity=filled, **values)


def trade(trade_id: str, tag: str, quantity: int = 10) -> Trade:
    return Trade(
        trade_id=trade_id,
        client_order_id=tag,
        venue_order_id=f"v{tag}",
        instrument="NSE:INFY",
        side=Side.BUY,
        product=Product.MIS,
        quantity=quantity,
        price_paise=150_000,
        at_ns=NOW,
    )


ORDERS = (order(ENTRY, OrderStatus.COMPLETE, 10), order(STOP, OrderStatus.TRIGGER_PENDING))
TRADES = (trade("T1", ENTRY),)
POSITIONS = (PositionReport(instrument="NSE:INFY", product=Product.MIS, quantity=10),)


def kinds(records: tuple[Record, ...] = RECORDS, **changes: Any) -> list[str]:
    values = {"orders": ORDERS, "trades": TRADES, "positions": POSITIONS, **changes}
    snapshot = BrokerSnapshot(request_id=1, at_ns=NOW, **values)
    return [d.kind for d in compare(JournalView(records), snapshot)]


@pytest.mark.conformance("CTL-32")
def test_when_both_sides_agree_then_there_is_no_difference() -> None:
    assert kinds() == []


def test_when_a_working_order_is_not_listed_then_it_vanished() -> None:
    assert kinds(orders=ORDERS[:1]) == ["order_vanished"]


def test_when_an_order_was_planned_but_never_seen_then_the_watcher_has_it() -> None:
    records = (*RECORDS, intent("E2", group_id="grp-2"))
    assert kinds(records) == []


def test_when_our_tag_is_unknown_to_the_journal_then_it_is_orphaned() -> None:
    tag = client_order_id(Book.PAPER, "grp-9", Leg.ENTRY, 0)
    assert kinds(orders=(*ORDERS, order(tag, OrderStatus.COMPLETE, 5))) == ["order_orphaned"]
    assert kinds(orders=(*ORDERS, order(tag, OrderStatus.OPEN))) == ["order_orphaned"]
    assert kinds(orders=(*ORDERS, order(tag, OrderStatus.REJECTED))) == []


@pytest.mark.parametrize(
    ("status", "expected"), [(OrderStatus.OPEN, ["order_alien"]), (OrderStatus.COMPLETE, [])]
)
def test_when_an_order_is_not_ours_then_it_counts_while_it_works(
    status: OrderStatus, expected: list[str]
) -> None:
    assert kinds(orders=(*ORDERS, order("", status))) == expected


def test_flt_24_when_an_order_that_is_over_works_at_the_broker_then_it_is_told() -> None:
    second = order(ENTRY, OrderStatus.OPEN, side=Side.BUY)
    assert kinds(orders=(*ORDERS, second)) == ["order_undead"]


def test_flt_18_when_a_lost_order_works_after_all_then_the_journal_says_so_too() -> None:
    """It stayed undead, and its position unprotected, for as long as it worked."""
    lost = OrderLost(
        at_ns=NOW,
        client_order_id=STOP,
        group_id="grp-1",
        leg=Leg.STOP,
        instrument="NSE:INFY",
        reason="absent",
    )
    assert kinds((*RECORDS, lost)) == ["order_undead", "position_unprotected"]
    assert kinds((*RECORDS, lost, accepted(STOP, Leg.STOP))) == []


def test_when_the_broker_is_ahead_then_it_is_no_alarm() -> None:
    behind = (ORDERS[0], order(STOP, OrderStatus.COMPLETE, 10))
    snapshot = BrokerSnapshot(
        request_id=1, orders=behind, trades=TRADES, positions=POSITIONS, at_ns=NOW
    )
    (found,) = compare(JournalView(RECORDS), snapshot)
    assert (found.kind, found.severity) == ("order_behind", Severity.INFO)


@pytest.mark.conformance("CTL-32")
def test_when_a_trade_is_missing_in_the_journal_then_it_is_told() -> None:
    assert kinds(trades=(*TRADES, trade("T2", ENTRY))) == ["fill_missing"]


def test_when_the_journal_has_a_fill_of_its_own_then_it_is_critical() -> None:
    assert kinds(trades=()) == ["fill_invented"]


@pytest.mark.parametrize(
    ("quantities", "expected"),
    [((10,), []), ((4, 6), []), ((4,), ["fill_invented"]), ((10, 1), ["fill_missing"])],
)
def test_when_a_fill_was_booked_before_its_trades_then_sums_are_compared(
    quantities: tuple[int, ...], expected: list[str]
) -> None:
    booked = tuple(
        replace(r, trade_id="syn-10") if isinstance(r, OrderFilled) else r for r in RECORDS
    )
    trades = tuple(
        replace(trade(f"T{number}", ENTRY), quantity=quantity)
        for number, quantity in enumerate(quantities, 1)
    )
    assert kinds(booked, trades=trades) == expected


@pytest.mark.parametrize("quantity", [9, 11, 0, -10])
def test_when_positions_differ_then_it_is_critical(quantity: int) -> None:
    other = PositionReport(instrument="NSE:INFY", product=Product.MIS, quantity=quantity)
    assert kinds(positions=(other,)) == ["position_differs"]


def test_when_products_differ_then_both_are_told() -> None:
    other = PositionReport(instrument="NSE:INFY", product=Product.NRML, quantity=10)
    assert kinds(positions=(other,)) == ["position_differs", "position_differs"]


@pytest.mark.conformance("INV-17")
def test_when_a_held_group_has_no_exit_then_it_is_unprotected() -> None:
    gone = OrderCancelled(
        at_ns=NOW,
        client_order_id=STOP,
        group_id="grp-1",
        leg=Leg.STOP,
        instrument="NSE:INFY",
        filled_total=0,
        is_asked=False,
        reason="by the exchange",
    )
    orders = (ORDERS[0], order(STOP, OrderStatus.CANCELLED))
    assert kinds((*RECORDS, gone), orders=orders) == ["position_unprotected"]


@pytest.mark.conformance("INV-16", "INV-18")
def test_when_exits_exceed_the_position_then_it_is_told() -> None:
    half = client_order_id(Book.PAPER, "grp-1", Leg.STOP, 1)
    records = (*RECORDS, stop(half, 1), accepted(half, Leg.STOP))
    orders = (*ORDERS, order(half, OrderStatus.TRIGGER_PENDING))
    assert kinds(records, orders=orders) == ["exits_oversized"]


@pytest.mark.conformance("INV-15")
def test_when_a_tag_and_its_book_disagree_then_it_is_critical() -> None:
    records = tuple(
        intent(ENTRY, book=Book.LIVE) if record == intent(ENTRY) else record for record in RECORDS
    )
    assert kinds(records) == ["book_mixed"]


def test_when_the_broker_lists_orders_of_a_closed_day_then_they_are_no_news() -> None:
    tag = client_order_id(Book.PAPER, "grp-9", Leg.ENTRY, 0)
    day = DayClosed(
        at_ns=NOW,
        trading_day="2024-10-04",
        book=Book.PAPER,
        round_trips=1,
        pnl_gross_paise=0,
        charges_paise=0,
        positions_open=0,
    )
    for status, at_ns, expected in (
        (OrderStatus.COMPLETE, NOW, []),
        (OrderStatus.COMPLETE, NOW + 1, ["order_orphaned"]),
        (OrderStatus.OPEN, NOW, ["order_orphaned"]),
    ):
        broker = {
            "orders": (order(tag, status, 10),),
            "trades": (replace(trade("T9", tag), at_ns=at_ns),),
            "positions": (),
        }
        assert kinds((day,), **broker) == expected
    untraded = (order(tag, OrderStatus.COMPLETE, 10),)
    assert kinds((day,), orders=untraded, trades=(), positions=()) == ["order_orphaned"]


@pytest.mark.conformance("INV-17")
def test_when_a_late_fill_reopens_a_closed_group_then_it_is_unprotected() -> None:
    sale = {"side": Side.SELL, "leg": Leg.STOP}
    flat = (*RECORDS, fill("T2", 10, client_order_id=STOP, **sale), closed_group())
    orders = (ORDERS[0], order(STOP, OrderStatus.COMPLETE, 10))
    agreed = {"orders": orders, "trades": (*TRADES, trade("T2", STOP)), "positions": ()}
    assert kinds(flat, **agreed) == []
    late = (*flat, fill("T3", 2, client_order_id=ENTRY, filled_total=12))
    bought = (PositionReport(instrument="NSE:INFY", product=Product.MIS, quantity=2),)
    trades = (*agreed["trades"], trade("T3", ENTRY, 2))
    assert kinds(late, **{**agreed, "positions": bought, "trades": trades}) == [
        "position_unprotected"
    ]


def test_when_a_difference_lasts_then_it_is_in_both_reads() -> None:
    first = compare(
        JournalView(RECORDS),
        BrokerSnapshot(request_id=1, orders=ORDERS, trades=(), positions=(), at_ns=NOW),
    )
    second = compare(
        JournalView(RECORDS),
        BrokerSnapshot(request_id=2, orders=ORDERS, trades=TRADES, positions=(), at_ns=NOW),
    )
    assert [d.kind for d in lasting(first, second)] == ["position_differs"]
