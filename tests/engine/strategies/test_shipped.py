"""The shipped strategies on constructed bars and on a recorded half-year."""

import os
import subprocess
import sys
from hashlib import sha256
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.instruments import Instrument
from engine.messages.market import BarClosed
from engine.messages.values import Side, Target
from engine.strategies.base import Parameters, Proposal, Strategy
from engine.strategies.ema_trend import EmaTrend, EmaTrendParameters
from engine.strategies.opening_range_breakout import (
    OpeningRangeBreakout,
    OpeningRangeParameters,
)
from engine.strategies.registry import SHIPPED
from engine.strategies.vwap_reversion import VwapReversion, VwapReversionParameters
from engine.units import NS_PER_MINUTE
from tests.ideas import NAME, OPENS_NS, Play, a_closing, bar, per_day, recorded_bars
from tests.markets import ROOT, needs_data


def an_opening_range() -> list[BarClosed]:
    """High 100.40, low 99.60 in the first 15 minutes; then quiet inside."""
    swings = [bar(n, 10_000, 10_040 if n == 3 else 10_010, 9_960 if n == 7 else 9_990)
              for n in range(15)]  # fmt: skip
    return [*swings, bar(15, 10_000)]


def test_when_a_close_leaves_the_range_then_the_breakout_is_bought() -> None:
    proposals = Play(OpeningRangeBreakout).run([*an_opening_range(), bar(16, 10_050)])
    assert proposals == [
        Proposal(
            instrument=NAME,
            side=Side.BUY,
            price_limit_paise=10_055,
            price_stop_paise=10_010,
            targets=(
                Target(price_paise=10_090, share_bps=5_000),
                Target(price_paise=10_130, share_bps=5_000),
            ),
            trail_paise=40,
            score_bps=1_250,
            features=proposals[0].features,
            idea_at_ns=OPENS_NS + 17 * NS_PER_MINUTE,
            expires_at_ns=OPENS_NS + 18 * NS_PER_MINUTE,
        )
    ]
    assert {f.name: f.value_e4 for f in proposals[0].features} == {
        "range_bps": 800_000,
        "beyond_range_bps": 12_500_000,
    }


def test_when_a_close_falls_out_of_the_range_then_the_breakdown_is_sold() -> None:
    (proposal,) = Play(OpeningRangeBreakout).run([*an_opening_range(), bar(16, 9_950)])
    assert proposal.side is Side.SELL
    assert (proposal.price_limit_paise, proposal.price_stop_paise) == (9_950, 9_990)
    assert [t.price_paise for t in proposal.targets] == [9_910, 9_870]


@pytest.mark.parametrize(
    ("rules", "tail"),
    [
        ({}, [bar(16, 10_042)]),  # inside the buffer
        ({"range_bps_min": 81}, [bar(16, 10_050)]),  # range too narrow
        ({"range_bps_max": 79}, [bar(16, 10_050)]),  # range too wide
        ({"entry_from_min": 60}, [bar(16, 10_050)]),  # before the window
        ({"entry_for_min": 16}, [bar(16, 10_050)]),  # after the window
        ({}, [bar(17, 10_050, start_at_ns=0)]),  # a bar of yesterday
    ],
)
def test_when_a_rule_is_not_met_then_no_breakout_is_proposed(
    rules: dict[str, int], tail: list[BarClosed]
) -> None:
    parameters = OpeningRangeParameters(**rules)
    assert Play(OpeningRangeBreakout, parameters).run([*an_opening_range(), *tail]) == []


def test_when_a_side_was_used_then_only_the_other_is_left() -> None:
    swings = [bar(16 + n, price) for n, price in enumerate([10_050, 10_000] * 40)]
    swings += [bar(96, 9_950), bar(97, 10_000), bar(98, 9_950)]
    rules = OpeningRangeParameters(trades_day_max=9)
    proposals = Play(OpeningRangeBreakout, rules).run([*an_opening_range(), *swings])
    assert [p.side for p in proposals] == [Side.BUY, Side.SELL]


def a_turn() -> list[BarClosed]:
    """40 minutes down by 5 paise, then up by 20."""
    down = [bar(n, 10_000 - 5 * n, 10_003 - 5 * n, 9_997 - 5 * n) for n in range(40)]
    up = [bar(40 + n, 9_805 + 20 * n, 9_810 + 20 * n, 9_800 + 20 * n) for n in range(20)]
    return down + up


def test_when_the_fast_average_changes_sides_then_the_trend_is_followed_once() -> None:
    proposals = Play(EmaTrend).run(a_turn())
    assert [p.side for p in proposals] == [Side.BUY]
    (proposal,) = proposals
    number = naive_turn(a_turn())
    close = a_turn()[number].close_paise
    assert proposal.idea_at_ns == OPENS_NS + (number + 1) * NS_PER_MINUTE
    assert close <= proposal.price_limit_paise <= close * 1.0005
    risk = 2 * naive_atr(a_turn()[: number + 1])
    assert close - risk - 6 <= proposal.price_stop_paise <= close - risk + 1
    gains = [target.price_paise - close for target in proposal.targets]
    assert gains == [pytest.approx(risk, abs=6), pytest.approx(2 * risk, abs=6)]
    assert proposal.trail_paise == pytest.approx(risk, abs=6)


def naive_turn(bars: list[BarClosed]) -> int:
    """The bar at which the 9-bar average is a quarter of the range above the 21-bar one."""
    closes = [item.close_paise for item in bars]
    fast, slow = sum(closes[:9]) / 9, sum(closes[:21]) / 21
    for number, close in enumerate(closes):
        fast += (close - fast) / 5 if number >= 9 else 0
        slow += (close - slow) / 11 if number >= 21 else 0
        if number > 40 and fast - slow > naive_atr(bars[: number + 1]) / 4:
            return number
    raise AssertionError("no turn")


def naive_atr(bars: list[BarClosed]) -> float:
    value, ranges = 0.0, []
    for before, item in pairwise([bars[0], *bars]):
        ends = (item.high_paise, item.low_paise)
        ends = ends if item is bars[0] else (*ends, before.close_paise)
        ranges.append(max(ends) - min(ends))
        many = len(ranges) > 14
        value = (value * 13 + ranges[-1]) / 14 if many else sum(ranges) / len(ranges)
    return value


@pytest.mark.parametrize("count", [0, 1, 10, 15])
def test_when_indicators_are_missing_then_nothing_is_proposed(count: int) -> None:
    for kind in SHIPPED.values():
        assert Play(kind).run(a_turn()[:count]) == []


def test_when_the_trend_was_there_before_us_then_it_is_no_signal() -> None:
    assert Play(EmaTrend).run(a_turn()[:40]) == []


def a_stretch() -> list[BarClosed]:
    """Calm swings, a fall by 60, then a bar that turns back."""
    calm = [bar(n, 10_000 + 10 * (n % 2), 10_015, 9_995) for n in range(40)]
    fall = [bar(40, 9_960, 9_990, 9_955), bar(41, 9_940, 9_965, 9_935)]
    return [*calm, *fall, bar(42, 9_950, 9_952, 9_938)]


def test_when_a_stretched_move_turns_then_the_way_back_is_bought() -> None:
    rules = VwapReversionParameters(z_bps_max=60_000)
    (proposal,) = Play(VwapReversion, rules).run(a_stretch())
    assert proposal.side is Side.BUY
    assert proposal.idea_at_ns == OPENS_NS + 43 * NS_PER_MINUTE
    first, second = (target.price_paise for target in proposal.targets)
    assert 9_970 <= first < second <= 10_010  # half way and all the way to the average
    assert {f.name: f.value_e4 for f in proposal.features}["is_weighted"] == 0


def test_when_the_move_goes_on_or_is_news_then_it_is_not_faded() -> None:
    rules = VwapReversionParameters(z_bps_max=60_000)
    assert Play(VwapReversion, rules).run(a_stretch()[:-1]) == []
    narrow = VwapReversionParameters(z_bps_max=20_001)
    assert Play(VwapReversion, narrow).run(a_stretch()) == []
    greedy = VwapReversionParameters(z_bps_max=60_000, reward_bps_min=100_000)
    assert Play(VwapReversion, greedy).run(a_stretch()) == []


@pytest.mark.parametrize("kind", SHIPPED.values(), ids=SHIPPED)
def test_when_the_session_is_closed_then_nothing_is_proposed(kind: type[Strategy[Any]]) -> None:
    play = Play(kind)
    play.run([bar(0, 10_000)])
    play.strategy.on_phase(a_closing())
    for item in (*an_opening_range(), *a_turn(), *a_stretch()):
        play.strategy.on_bar(item)
    assert play.port.proposals == []


@pytest.mark.parametrize("kind", SHIPPED.values(), ids=SHIPPED)
@given(
    moves=st.lists(st.tuples(st.integers(-300, 300), st.integers(0, 100)), max_size=370),
    tick=st.sampled_from([1, 5, 10, 25, 100]),
    start=st.integers(300, 3_000_000),
)
@settings(max_examples=30, deadline=None)
def test_when_any_bars_come_then_all_proposals_are_well_formed(
    kind: type[Strategy[Any]], moves: list[tuple[int, int]], tick: int, start: int
) -> None:
    """`Play` checks each proposal: grid, stop and targets on the right sides, times."""
    price, bars = start, []
    for number, (step_bps, spread) in enumerate(moves):
        price = max(100, price + price * step_bps // 10_000)
        bars.append(bar(number, price, price + spread, max(1, price - spread)))
    Play(kind, instruments=(Instrument(name=NAME, tick_paise=tick),), hold_min=3).run(bars)


@pytest.mark.parametrize("kind", SHIPPED.values(), ids=SHIPPED)
def test_when_state_is_saved_then_it_loads_into_a_fresh_one(kind: type[Strategy[Any]]) -> None:
    play = Play(kind)
    play.run([*a_turn(), *an_opening_range()])
    saved = play.strategy.on_save()
    fresh = Play(kind)
    fresh.strategy.on_load(saved)
    assert fresh.strategy.on_save() == saved


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (EmaTrendParameters, {"fast_bars": 21}),
        (EmaTrendParameters, {"stop_min_bps": 0}),
        (OpeningRangeParameters, {"target_1_risk_bps": 20_000}),
        (VwapReversionParameters, {"z_bps_min": 40_000, "trades_day_max": 0}),
    ],
)
def test_when_parameters_are_out_of_bounds_then_each_fault_is_named(
    kind: type[Parameters], values: dict[str, int]
) -> None:
    assert [fault.split(":")[0] for fault in kind(**values).faults()] == sorted(
        values, key=lambda name: name == "z_bps_min"
    )
    assert kind().faults() == ()


# -- recorded data ----------------------------------------------------------------------------


def play_recorded(kind: type[Strategy[Any]]) -> list[Proposal]:
    bars = recorded_bars()
    return Play(kind, instruments=(Instrument(name=bars[0].instrument),)).run(bars)


def digest(kind: type[Strategy[Any]]) -> str:
    return sha256(msgspec.msgpack.encode(play_recorded(kind))).hexdigest()


@needs_data
@pytest.mark.parametrize(
    ("kind", "days_min"), [(OpeningRangeBreakout, 70), (EmaTrend, 90), (VwapReversion, 90)]
)
def test_when_half_a_year_is_played_then_ideas_are_some_but_not_many(
    kind: type[Strategy[Any]], days_min: int
) -> None:
    proposals = play_recorded(kind)
    counts = per_day(proposals)
    assert len(counts) >= days_min, "hardly any ideas"
    assert max(counts.values()) <= kind.parameters_type().trades_day_max  # type: ignore[attr-defined]
    sides = [proposal.side for proposal in proposals].count(Side.BUY) / len(proposals)
    assert 0.3 < sides < 0.7
    for before, after in pairwise(proposals):
        assert after.idea_at_ns - before.idea_at_ns >= 40 * NS_PER_MINUTE  # 30 held, 10 cooled


@needs_data
@pytest.mark.parametrize("name", SHIPPED)
def test_when_the_same_data_come_again_then_the_ideas_are_the_same(name: str) -> None:
    code = (
        "from tests.engine.strategies.test_shipped import digest, SHIPPED;"
        f"print(digest(SHIPPED[{name!r}]))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": str(ROOT)}
    other = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )
    assert digest(SHIPPED[name]) == digest(SHIPPED[name]) == other.stdout.strip()
