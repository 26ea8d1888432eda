"""Funds, margins and charges: read in paise, asked in numbers, judged with a cushion."""

from typing import Any

import pytest

from engine.errors import WireMalformed
from engine.kite.money import (
    Basket,
    basket_margin,
    funds_paise,
    margin_form,
    note_charges,
    note_form,
    order_margins_paise,
    price_bands,
)
from engine.kite.rows import order_report
from engine.messages.values import OrderType
from engine.portfolio.charge_check import compare_charges
from engine.portfolio.charges import Charges
from engine.risk.margin import margin_refusal
from tests.engine.test_kite_forms import intent
from tests.engine.test_kite_rows import order
from tests.kite.mocks import mock_data, needs_mocks

CHARGES = {
    "transaction_tax": 1.498,
    "transaction_tax_type": "stt",
    "exchange_turnover_charge": 0.055,
    "sebi_turnover_charge": 0.001498,
    "brokerage": 20,
    "stamp_duty": 0.22,
    "gst": {"igst": 3.61, "cgst": 0, "sgst": 0, "total": 3.61},
    "total": 25.38,
}


def test_when_a_margin_is_asked_for_then_prices_are_numbers() -> None:
    assert margin_form(intent(order_type=OrderType.SL, price_trigger_paise=100_010)) == {
        "exchange": "NSE",
        "tradingsymbol": "M&M",
        "transaction_type": "BUY",
        "variety": "regular",
        "product": "MIS",
        "order_type": "SL",
        "quantity": 10,
        "price": 1000.05,
        "trigger_price": 1000.10,
    }


def test_when_charges_are_asked_for_then_the_price_is_the_average_of_the_fills() -> None:
    row = order_report(order())
    assert row is not None
    form = note_form(row, 3, 3 * 100_000 + 100)
    assert form["order_id"] == row.venue_order_id
    assert form["quantity"] == 3
    assert round(float(form["average_price"]) * 3 * 100) == 300_100


@needs_mocks
def test_when_the_official_answers_are_read_then_amounts_are_paise() -> None:
    assert funds_paise(mock_data("margins")) == 9_972_505
    assert order_margins_paise(mock_data("order_margins"), 1) == (149_800,)
    assert basket_margin(mock_data("basket_margins")) == Basket(9_650_498, 3_478_673)
    listed: Any = mock_data("order_margins")
    (charges,) = note_charges(listed, 1)
    assert (charges.stt_paise, charges.stamp_paise, charges.brokerage_paise) == (150, 22, 1)


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"equity": None},
        {"equity": {}},
        {"equity": {"net": "12"}},
        {"equity": {"net": True}},
        {"equity": {"net": float("nan")}},
        {"equity": {"net": 1e300}},
        {"commodity": {"net": 5}},
    ],
)
def test_when_funds_are_unreadable_then_no_amount_comes_of_it(data: object) -> None:
    with pytest.raises(WireMalformed):
        funds_paise(data)


@pytest.mark.parametrize("data", [None, {}, [], [{"total": 1}, {"total": 1}], [None], [{}]])
def test_when_margins_are_not_those_asked_for_then_none_is_taken(data: object) -> None:
    with pytest.raises(WireMalformed):
        order_margins_paise(data, 1)


def test_when_bands_are_read_then_names_without_one_are_left_out() -> None:
    band = {"lower_circuit_limit": 1367.6, "upper_circuit_limit": 1671.4}
    odd = {
        "B": {},
        "C": None,
        "D": band | {"lower_circuit_limit": "x"},
        "E": {"lower_circuit_limit": 0, "upper_circuit_limit": 0},
        "F": {"lower_circuit_limit": 5, "upper_circuit_limit": 4},
    }
    assert price_bands({"A": band, **odd}, [*"ABCDEFG"]) == {"A": (136_760, 167_140)}
    with pytest.raises(WireMalformed):
        price_bands([], ["A"])


@needs_mocks
def test_when_the_official_quote_is_read_then_its_band_is_known() -> None:
    listed: Any = mock_data("quote")
    (name,) = listed
    assert price_bands(listed, [name]) == {name: (125_070, 152_860)}


@pytest.mark.parametrize("part", ["brokerage", "gst", "transaction_tax", "stamp_duty"])
def test_when_a_charge_is_missing_then_the_whole_answer_is_of_no_use(part: str) -> None:
    assert note_charges([{"charges": CHARGES}], 1)[0].gst_paise == 361
    torn = {name: value for name, value in CHARGES.items() if name != part}
    with pytest.raises(WireMalformed, match=part):
        note_charges([{"charges": torn}], 1)


@pytest.mark.parametrize(
    ("needed", "free", "cushion", "rule"),
    [
        (900, 1_000, 1_000, ""),
        (901, 1_000, 1_000, "margin"),
        (1_000, 1_000, 0, ""),
        (1, 0, 0, "margin"),
        (1, -5_000, 1_000, "margin"),
        (0, 1_000, 0, "margin_unknown"),
        (-1, 1_000, 0, "margin_unknown"),
    ],
)
def test_when_an_entry_asks_for_margin_then_the_cushion_stays_untouched(
    needed: int, free: int, cushion: int, rule: str
) -> None:
    refusal = margin_refusal(needed, free, cushion)
    assert (refusal.rule if refusal else "") == rule


def paid(**changes: int) -> Charges:
    return Charges(**({"brokerage_paise": 2_000, "stt_paise": 50_000, "gst_paise": 400} | changes))


@pytest.mark.parametrize(
    ("theirs", "is_close"),
    [
        (paid(), True),
        (paid(gst_paise=500), True),
        (paid(gst_paise=501), False),
        (paid(stt_paise=50_500), True),
        (paid(stt_paise=51_000), False),
        (paid(stt_paise=52_000, brokerage_paise=0), False),
    ],
)
def test_when_charges_are_compared_then_only_rounding_passes(
    theirs: Charges, is_close: bool
) -> None:
    found = compare_charges([(paid(), theirs)])
    assert found.is_close is is_close
    assert found.lines[-1].name == "total"
    assert found.lines[-1].difference_paise == paid().total_paise - theirs.total_paise


def test_when_several_orders_are_compared_then_each_component_is_summed() -> None:
    found = compare_charges([(paid(), paid()), (paid(), paid(stt_paise=49_000))])
    stt = next(line for line in found.lines if line.name == "stt")
    assert (found.order_count, stt.ours_paise, stt.difference_paise) == (2, 100_000, 1_000)
    assert compare_charges([]).is_close
