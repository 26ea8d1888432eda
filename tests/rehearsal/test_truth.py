"""The comparison of exchange and journal sees what must not be missed."""

from typing import Any

import pytest

from scripts.rehearsal.truth import Journal, JournalOrder, JournalTrade, compare

ROW = {"venue_order_id": "1", "status": "COMPLETE", "filled_quantity": 10}
TRADE = {"venue_order_id": "1", "trade_id": "t1", "quantity": 10, "price_paise": 100}


def truth(**changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "orders": [
            {"tag": "LE1", "row": ROW},
            {"tag": "LS1", "row": {**ROW, "venue_order_id": "2"}},
        ],
        "trades": [TRADE, {**TRADE, "venue_order_id": "2", "trade_id": "t2"}],
        "positions": [{"name": "NSE:A", "units": 0}],
        "duplicates": {},
    }  # fmt: skip
    return made | changes


def order(tag: str, number: str, side: str, **changes: Any) -> JournalOrder:
    leg = "entry" if tag.startswith("LE") else "stop"
    made = JournalOrder(tag, number, "filled", 10, "NSE:A", side, leg, "")
    return made._replace(**changes)


def fill(number: str, trade: str, side: str, **changes: Any) -> JournalTrade:
    return JournalTrade(number, trade, "NSE:A", side, 10, 100)._replace(**changes)


ENTRY, STOP = order("LE1", "1", "BUY"), order("LS1", "2", "SELL")
IN, OUT = fill("1", "t1", "BUY"), fill("2", "t2", "SELL")


def test_when_both_agree_and_are_flat_then_they_are_equal() -> None:
    found = compare(truth(), Journal((ENTRY, STOP), (IN, OUT)))
    assert found.is_equal
    assert (found.orders_exchange, found.fills_journal) == (2, 2)
    assert found.by_leg == {"entry": 1, "stop": 1}


@pytest.mark.parametrize(
    ("orders", "trades", "changes", "text"),
    [
        ((ENTRY,), (IN, OUT), {}, "LS1 (2) is not in the journal"),
        ((ENTRY, STOP), (IN,), {}, "fills of 2: exchange 10, journal 0"),
        ((ENTRY, STOP), (IN, OUT, fill("9", "t9", "BUY")), {}, "fills of 9"),
        ((ENTRY, STOP), (IN, OUT._replace(price_paise=101)), {}, "value of 2"),
        ((ENTRY, STOP), (IN, OUT), {"duplicates": {"LE1": ["1", "3"]}}, "2 times"),
        ((ENTRY, STOP), (IN, OUT), {"positions": [{"name": "NSE:A", "units": 5}]}, "net of"),
        ((ENTRY, STOP._replace(status="working")), (IN, OUT), {}, "journal working"),
        ((ENTRY, STOP._replace(filled=4)), (IN, OUT), {}, "journal 4"),
        ((ENTRY, STOP, order("LX1", "7", "SELL")), (IN, OUT), {}, "never seen"),
        ((ENTRY, STOP._replace(venue_order_id="8")), (IN, OUT), {}, "number 2"),
    ],
)
def test_when_one_thing_differs_then_it_is_named(
    orders: tuple[JournalOrder, ...],
    trades: tuple[JournalTrade, ...],
    changes: dict[str, Any],
    text: str,
) -> None:
    found = compare(truth(**changes), Journal(orders, trades))
    assert not found.is_equal
    assert text in " | ".join(found.differences)


def test_when_something_is_still_held_then_it_is_not_over() -> None:
    held = truth(
        orders=[{"tag": "LE1", "row": ROW}], trades=[TRADE],
        positions=[{"name": "NSE:A", "units": 10}],
    )  # fmt: skip
    journal = Journal((ENTRY,), (IN,))
    assert not compare(held, journal).is_equal
    assert compare(held, journal, is_flat=False).is_equal


def test_when_an_order_was_refused_then_the_exchange_need_not_know_it() -> None:
    denied = order("LE2", "", "BUY", status="denied", filled=0)
    adopted = order("LX9", "", "SELL", reason="adopted:77", status="filled", filled=0)
    assert compare(truth(), Journal((ENTRY, STOP, denied, adopted), (IN, OUT))).is_equal
