"""An intent as Kite's form fields, and through the client library's own encoding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.kite.forms import FormSettings, modify_fields, place_fields, price_text
from engine.messages.records import IntentPlanned
from engine.messages.values import Action, Book, Leg, OrderType, Product, Side

AUTO = FormSettings()


def intent(**changes: object) -> IntentPlanned:
    values: dict[str, object] = {
        "intent_id": "LE0000000000000012",
        "client_order_id": "LE0000000000000012",
        "group_id": "grp-1",
        "leg": Leg.ENTRY,
        "action": Action.PLACE,
        "book": Book.LIVE,
        "strategy": "ema",
        "instrument": "NSE:M&M",
        "side": Side.BUY,
        "quantity": 10,
        "order_type": OrderType.LIMIT,
        "price_limit_paise": 100_005,
        "price_trigger_paise": 0,
        "product": Product.MIS,
        "reason": "",
        "owner": "test",
        "owner_generation": 1,
        "mode_seq": 1,
        "at_ns": 1,
    }
    return IntentPlanned(**(values | changes))  # type: ignore[arg-type]


def test_when_a_limit_is_placed_then_all_fields_are_kites() -> None:
    assert place_fields(intent(), AUTO) == {
        "variety": "regular",
        "exchange": "NSE",
        "tradingsymbol": "M&M",
        "transaction_type": "BUY",
        "quantity": 10,
        "product": "MIS",
        "order_type": "LIMIT",
        "validity": "DAY",
        "price": "1000.05",
        "tag": "LE0000000000000012",
    }


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (OrderType.LIMIT, {"price": "1000.05"}),
        (OrderType.MARKET, {"market_protection": "-1"}),
        (OrderType.SL, {"price": "1000.05", "trigger_price": "999.00"}),
        (OrderType.SL_M, {"trigger_price": "999.00", "market_protection": "-1"}),
    ],
)
def test_when_a_type_has_no_price_then_none_is_sent(
    kind: OrderType, fields: dict[str, str]
) -> None:
    sent = place_fields(intent(order_type=kind, price_trigger_paise=99_900), AUTO)
    told = {"price", "trigger_price", "market_protection"}
    assert {key: value for key, value in sent.items() if key in told} == fields
    assert sent["order_type"] == kind.value


@pytest.mark.parametrize(
    ("bps", "text"), [(0, "-1"), (200, "2.00"), (50, "0.50"), (10_000, "100.00")]
)
def test_when_a_protection_is_configured_then_it_is_a_percentage(bps: int, text: str) -> None:
    sent = place_fields(intent(order_type=OrderType.MARKET), FormSettings(protection_bps=bps))
    assert sent["market_protection"] == text


def test_when_an_algo_id_is_registered_then_it_is_sent_with_placements_only() -> None:
    settings = FormSettings(algo_id="ALG-7")
    assert place_fields(intent(), settings)["algo_id"] == "ALG-7"
    assert "algo_id" not in modify_fields(intent(), "5", settings)


def test_when_an_order_is_changed_then_all_its_terms_are_sent() -> None:
    stop = intent(order_type=OrderType.SL, price_trigger_paise=100_100)
    assert modify_fields(stop, "1953341975595868160", AUTO) == {
        "variety": "regular",
        "order_id": "1953341975595868160",
        "quantity": 10,
        "order_type": "SL",
        "validity": "DAY",
        "price": "1000.05",
        "trigger_price": "1001.00",
    }


@pytest.mark.parametrize("name", ["CDS:USDINR26DECFUT", "NSE:", "INFY", ""])
def test_when_a_name_is_not_tradable_then_it_is_our_bug(name: str) -> None:
    with pytest.raises(AssertionError):
        place_fields(intent(instrument=name), AUTO)


@given(st.integers(0, 10**12))
def test_when_a_price_is_written_then_it_reads_back_exactly(paise: int) -> None:
    whole, _, rest = price_text(paise).partition(".")
    assert int(whole) * 100 + int(rest) == paise
    assert len(rest) == 2
