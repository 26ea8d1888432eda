"""Prices: on ticks, inside bands, through the market but not too far."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.instruments import Instrument
from engine.messages.values import Side
from engine.orders.pricing import (
    band,
    clamp_price,
    exit_limit,
    resting_trigger,
    stop_limit,
    through_market,
    validate_order_price,
    within_band,
)
from engine.units import BPS

PRICES = st.integers(5, 50_000_000)
TICKS = st.sampled_from([1, 5, 10, 50, 100, 500])
INFY = Instrument(name="NSE:INFY", tick_paise=5, band_bps=1_000)


@given(side=st.sampled_from(Side), mark=PRICES, bps=st.integers(0, 500), tick=TICKS)
def test_when_priced_through_the_market_then_on_a_tick_and_within_protection(
    side: Side, mark: int, bps: int, tick: int
) -> None:
    limit = through_market(side, mark, bps, tick)
    assert limit > 0
    assert limit % tick == 0
    assert side.sign * (limit - mark) >= 0 or limit == tick
    assert abs(limit - mark) <= max(mark * bps // BPS, tick)


@given(mark=st.integers(1_000, 50_000_000), bps=st.integers(1, 3_000), tick=TICKS)
def test_when_a_band_is_computed_then_both_ends_are_within_it(
    mark: int, bps: int, tick: int
) -> None:
    low, high = band(mark, bps, tick)
    assert low % tick == high % tick == 0
    if low <= high and low > tick:
        assert within_band(low, mark, bps)
        assert within_band(high, mark, bps)
        assert not within_band(low - tick, mark, bps)
        assert not within_band(high + tick, mark, bps)


@given(side=st.sampled_from(Side), mark=PRICES, bps=st.integers(1, 5_000))
def test_when_an_exit_is_priced_then_the_instruments_band_holds(
    side: Side, mark: int, bps: int
) -> None:
    limit = exit_limit(INFY, side, mark, bps)
    assert limit % 5 == 0
    low, high = band(mark, INFY.band_bps, 5)
    assert low > high or low <= limit <= high


@pytest.mark.parametrize(
    ("price", "rule"),
    [(0, "price_paise"), (-5, "price_paise"), (100_001, "tick_paise"), (115_000, "band_bps")],
)
def test_when_a_price_is_wrong_then_the_refusal_names_the_rule(price: int, rule: str) -> None:
    refusal = validate_order_price(INFY, price, 100_000)
    assert refusal is not None
    assert refusal.rule == rule


def test_when_a_price_is_right_then_there_is_no_refusal() -> None:
    assert validate_order_price(INFY, 110_000, 100_000) is None
    assert validate_order_price(INFY, 500_000, 0) is None


def test_when_clamped_or_gapped_then_the_bounds_are_met() -> None:
    assert [clamp_price(price, 10, 20) for price in (5, 15, 25)] == [10, 15, 20]
    assert stop_limit(Side.SELL, 99_000, 100, 5) == 98_010
    assert stop_limit(Side.BUY, 101_000, 100, 5) == 102_010


def test_when_the_market_has_passed_a_trigger_then_it_moves_beyond_the_last_price() -> None:
    assert resting_trigger(Side.SELL, 99_000, 99_005, 50, 5) == 99_000
    assert resting_trigger(Side.SELL, 99_000, 99_000, 50, 5) == 98_505
    assert resting_trigger(Side.BUY, 101_000, 102_000, 50, 5) == 102_510
    assert resting_trigger(Side.BUY, 101_000, 0, 50, 5) == 101_000
