"""Indicators against naive exact recomputation."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.indicators import E4, Atr, Ema, OpeningRange, RollingStd, Vwap, div_nearest
from engine.messages.market import BarClosed
from engine.units import NS_PER_MINUTE
from tests.ideas import OPENS_NS, bar

prices = st.lists(st.integers(100, 50_000_00), min_size=1, max_size=80)


@st.composite
def bar_lists(draw: st.DrawFn, volume_max: int = 10_000) -> list[BarClosed]:
    bars = []
    for number, close in enumerate(draw(prices)):
        high = close + draw(st.integers(0, 5_000))
        low = max(1, close - draw(st.integers(0, 5_000)))
        volume = draw(st.integers(0, volume_max))
        bars.append(bar(number, close, high, low, volume=volume))
    return bars


@given(st.integers(-(10**15), 10**15), st.integers(1, 10**9))
def test_when_dividing_then_the_nearest_whole_number_is_taken(number: int, divisor: int) -> None:
    assert abs(Fraction(number, divisor) - div_nearest(number, divisor)) <= Fraction(1, 2)


@given(prices, st.integers(1, 25))
def test_when_prices_come_then_ema_is_the_naive_one(values: list[int], period: int) -> None:
    ema = Ema(period)
    expected: Fraction | None = None
    for count, price in enumerate(values, 1):
        ema.update(price)
        if expected is not None:
            expected += Fraction(2, period + 1) * (price - expected)
        elif count == period:
            expected = Fraction(sum(values[:period]), period)
        if expected is None:
            assert ema.value_e4 is None
        else:
            assert ema.value_e4 is not None
            assert abs(Fraction(ema.value_e4, E4) - expected) <= Fraction(period + 1, 4 * E4) + 1


@given(bar_lists(), st.integers(1, 20))
def test_when_bars_come_then_atr_is_the_naive_one(bars: list[BarClosed], period: int) -> None:
    atr = Atr(period)
    ranges: list[int] = []
    expected: Fraction | None = None
    for index, item in enumerate(bars):
        last = bars[index - 1].close_paise if index else item.close_paise
        ends = (item.high_paise, item.low_paise)
        close_ends = ends if not index else (*ends, last)
        ranges.append(max(close_ends) - min(close_ends))
        atr.update(item)
        if expected is not None:
            expected = (expected * (period - 1) + ranges[-1]) / period
        elif len(ranges) == period:
            expected = Fraction(sum(ranges), period)
        assert (atr.value_e4 is None) == (expected is None)
        if expected is not None and atr.value_e4 is not None:
            assert abs(Fraction(atr.value_e4, E4) - expected) <= Fraction(period, E4)


def test_when_a_session_starts_then_the_night_is_no_range() -> None:
    atr = Atr(1)
    atr.update(bar(0, 1_000, 1_010, 990))
    atr.restart()
    atr.update(bar(1, 5_000, 5_010, 4_990))
    assert atr.value_e4 == 20 * E4


@given(bar_lists())
def test_when_bars_come_then_vwap_is_the_naive_one(bars: list[BarClosed]) -> None:
    vwap = Vwap()
    assert vwap.value_e4 is None
    for item in bars:
        vwap.update(item)
    typical = [Fraction(b.high_paise + b.low_paise + b.close_paise, 3) for b in bars]
    weights = [b.volume for b in bars]
    assert vwap.is_weighted == any(weights)
    if not any(weights):
        weights = [1] * len(bars)
    expected = sum(p * w for p, w in zip(typical, weights, strict=True)) / sum(weights)
    assert vwap.value_e4 is not None
    assert abs(Fraction(vwap.value_e4, E4) - expected) <= Fraction(1, 2 * E4)


@given(bar_lists(volume_max=0))
def test_when_nothing_has_volume_then_vwap_says_that_time_weighs(bars: list[BarClosed]) -> None:
    vwap = Vwap()
    for item in bars:
        vwap.update(item)
    assert not vwap.is_weighted
    assert vwap.value_e4 is not None
    vwap.restart()
    assert vwap.value_e4 is None


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=60), st.integers(2, 20))
def test_when_numbers_come_then_rolling_std_is_the_naive_one(
    numbers: list[int], period: int
) -> None:
    std = RollingStd(period)
    for number in numbers:
        std.update(number)
    window = numbers[-period:]
    if len(window) < period:
        assert std.value_e4 is None
        assert std.mean_e4 is None
        return
    mean = Fraction(sum(window), period)
    variance = sum((n - mean) ** 2 for n in window) / period
    value = std.value_e4
    assert value is not None
    assert std.mean_e4 is not None
    assert abs(Fraction(std.mean_e4, E4) - mean) <= Fraction(1, 2 * E4)
    assert Fraction(value, E4) ** 2 <= variance < Fraction(value + 1, E4) ** 2


def test_when_the_range_is_over_then_its_ends_are_final() -> None:
    opening = OpeningRange(15 * NS_PER_MINUTE)
    opening.restart(OPENS_NS)
    for number in range(15):
        assert not opening.is_complete
        opening.update(bar(number, 1_000, 1_000 + number, 1_000 - number))
    assert opening.is_complete
    opening.update(bar(15, 2_000, 2_000, 2_000))
    assert (opening.low_paise, opening.high_paise) == (986, 1_014)


@pytest.mark.parametrize(("missing", "is_complete"), [(3, True), (4, False)])
def test_when_minutes_are_missing_then_a_thin_range_never_completes(
    missing: int, is_complete: bool
) -> None:
    opening = OpeningRange(15 * NS_PER_MINUTE)
    opening.restart(OPENS_NS)
    for number in range(missing, 20):
        opening.update(bar(number, 1_000))
    assert opening.is_complete is is_complete


def test_when_no_session_is_known_then_no_range_completes() -> None:
    opening = OpeningRange(15 * NS_PER_MINUTE)
    for number in range(30):
        opening.update(bar(number, 1_000))
    assert not opening.is_complete
