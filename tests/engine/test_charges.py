"""Hand-computed examples; turnover of 1,00,000 rupees is 10,000,000 paise."""

import datetime as dt
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigInvalid
from engine.messages.values import Side
from engine.portfolio.charges import (
    Charges,
    ChargeSegment,
    ChargeTable,
    charges_between,
    order_charges,
)
from tests.markets import ROOT

DATA: dict[str, Any] = yaml.safe_load((ROOT / "configs/charges.yaml").read_text())
TABLE = ChargeTable(DATA)
INTRADAY, DELIVERY = ChargeSegment.EQUITY_INTRADAY, ChargeSegment.EQUITY_DELIVERY
FUTURES, OPTIONS = ChargeSegment.FUTURES, ChargeSegment.OPTIONS
BUY, SELL = Side.BUY, Side.SELL
LAKH = 10_000_000
NOV = "2026-11-20"


def charge(segment: ChargeSegment, side: Side, turnover: int, day: str = NOV) -> Charges:
    return order_charges(segment, side, turnover, dt.date.fromisoformat(day), TABLE)


@pytest.mark.parametrize(
    ("segment", "side", "turnover", "brokerage", "stt", "exchange", "sebi", "stamp", "gst"),
    [
        # 0.03 % of 1 lakh is 30 rupees: capped at 20. GST: 18 % of 2000 + 307 + 10 = 417.06
        (INTRADAY, BUY, LAKH, 2000, 0, 307, 10, 300, 417),
        (INTRADAY, SELL, LAKH, 2000, 2500, 307, 10, 0, 417),
        # 10,000 rupees: brokerage 3 rupees; exchange 30.7 -> 31, GST 18 % of 332 = 59.76 -> 60
        (INTRADAY, SELL, 1_000_000, 300, 250, 31, 1, 0, 60),
        # GST 18 % of 317 = 57.06
        (DELIVERY, BUY, LAKH, 0, 10_000, 307, 10, 1500, 57),
        (DELIVERY, SELL, LAKH, 0, 10_000, 307, 10, 0, 57),
        # one NIFTY lot, 65 x 25,000 rupees = 16.25 lakh; GST 18 % of 2000 + 2974 + 163 = 924.66
        (FUTURES, BUY, 162_500_000, 2000, 0, 2974, 163, 3250, 925),
        (FUTURES, SELL, 162_500_000, 2000, 81_250, 2974, 163, 0, 925),
        # premium 65 x 200 rupees = 13,000; exchange 461.89, GST 18 % of 2000 + 462 + 1 = 443.34
        (OPTIONS, BUY, 1_300_000, 2000, 0, 462, 1, 39, 443),
        (OPTIONS, SELL, 1_300_000, 2000, 1950, 462, 1, 0, 443),
    ],
)
def test_when_an_order_is_executed_then_each_component_is_charged(
    segment: ChargeSegment, side: Side, turnover: int, brokerage: int, stt: int, exchange: int,
    sebi: int, stamp: int, gst: int,
) -> None:  # fmt: skip
    found = charge(segment, side, turnover)
    assert found == Charges(
        brokerage_paise=brokerage, stt_paise=stt, exchange_paise=exchange, sebi_paise=sebi,
        stamp_paise=stamp, gst_paise=gst,
    )  # fmt: skip
    assert found.total_paise == brokerage + stt + exchange + sebi + stamp + gst


@pytest.mark.parametrize(
    ("segment", "before", "after"),
    [(FUTURES, 2_000, 5_000), (OPTIONS, 10_000, 15_000), (INTRADAY, 2_500, 2_500)],
)
def test_when_april_2026_begins_then_stt_of_derivatives_rises(
    segment: ChargeSegment, before: int, after: int
) -> None:
    assert charge(segment, SELL, LAKH, "2026-03-31").stt_paise == before
    assert charge(segment, SELL, LAKH, "2026-04-01").stt_paise == after
    assert charge(segment, BUY, LAKH, "2026-04-01").stt_paise == 0


@pytest.mark.parametrize(
    ("segment", "before", "after", "total"),
    [
        (INTRADAY, (29_700, 1_000), (30_699, 1), 30_700),
        (FUTURES, (17_300, 1_000), (18_299, 1), 18_300),
        (OPTIONS, (350_300, 5_000), (355_200, 100), 355_300),
    ],
)
def test_when_march_2026_begins_then_the_exchange_splits_differently_but_costs_the_same(
    segment: ChargeSegment, before: tuple[int, int], after: tuple[int, int], total: int
) -> None:
    for day, parts in (("2026-02-27", before), ("2026-02-28", before), ("2026-03-01", after)):
        rates = TABLE.rates(segment, dt.date.fromisoformat(day))
        assert (rates.exchange_ppb, rates.ipft_ppb) == parts
        assert sum(parts) == total


def test_when_a_component_is_half_a_paisa_then_it_is_rounded_up() -> None:
    assert charge(INTRADAY, SELL, 1_999).stt_paise == 0  # 0.49975
    assert charge(INTRADAY, SELL, 2_000).stt_paise == 1  # 0.5


def test_when_the_brokerage_cap_is_reached_then_it_holds() -> None:
    assert charge(FUTURES, BUY, 6_666_666).brokerage_paise == 2000
    assert charge(FUTURES, BUY, 6_660_000).brokerage_paise == 1998
    assert charge(FUTURES, BUY, 10**12).brokerage_paise == 2000


@pytest.mark.parametrize("segment", list(ChargeSegment))
@pytest.mark.parametrize("side", list(Side))
def test_when_nothing_is_executed_then_nothing_is_charged(
    segment: ChargeSegment, side: Side
) -> None:
    assert charge(segment, side, 0) == Charges()


@given(
    st.sampled_from(list(ChargeSegment)),
    st.sampled_from(list(Side)),
    st.lists(st.integers(1, 10**9), min_size=1, max_size=6),
)
def test_when_an_order_fills_in_parts_then_the_parts_sum_to_the_whole(
    segment: ChargeSegment, side: Side, fills: list[int]
) -> None:
    turnover, charged, parts = 0, Charges(), []
    for fill in fills:
        turnover += fill
        after = charge(segment, side, turnover)
        parts.append(charges_between(charged, after))
        charged = after
    assert sum(part.total_paise for part in parts) == charge(segment, side, sum(fills)).total_paise
    assert min(part.total_paise for part in parts) >= 0


def test_when_a_day_is_older_than_the_table_then_the_first_rates_are_used() -> None:
    assert charge(FUTURES, SELL, LAKH, "2016-08-16") == charge(FUTURES, SELL, LAKH, "2024-10-01")


@pytest.mark.parametrize(
    "change",
    [
        {"gst_ppb": -1},
        {"unknown": 1},
        {"segments": {}},
        {"segments": DATA["segments"] | {"futures": DATA["segments"]["futures"][::-1]}},
        {"segments": DATA["segments"]
         | {"futures": [DATA["segments"]["futures"][0] | {"sebi_ppb": -1}]}},
        {"segments": DATA["segments"] | {"currency": []}},
    ],
)  # fmt: skip
def test_when_the_rates_have_a_fault_then_boot_refuses(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigInvalid):
        ChargeTable(DATA | change)
