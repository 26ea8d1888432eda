"""Trend by two averages: follow the side that the fast average takes of the slow one.

Decides: the side counts as taken when the averages are apart by a share of the average true range,
which ignores crosses in a flat market. A change of side is an entry; the stop is a multiple of the
range, the targets are multiples of that risk, and the stop trails once the first is reached. The
first side after the start is no signal: nobody saw it being taken.
"""

from typing import ClassVar

from engine.market.indicators import E4, Atr, Ema, div_nearest
from engine.messages.market import BarClosed
from engine.messages.values import Side
from engine.strategies.base import Parameters, View
from engine.strategies.slots import (
    EntryParameters,
    OneAtATime,
    Setup,
    out_of_bounds,
    ratio_bps,
    share_of,
)
from engine.units import BPS


class EmaTrendParameters(EntryParameters, frozen=True, kw_only=True):
    """Periods in bars; `*_atr_bps` are multiples of the average true range, `*_risk_bps` of the
    stop's distance (10,000 = 1)."""

    entry_from_min: int = 15
    fast_bars: int = 9
    slow_bars: int = 21
    atr_bars: int = 14
    apart_atr_bps: int = 2_500
    stop_atr_bps: int = 20_000
    target_1_risk_bps: int = 10_000
    target_1_share_bps: int = 5_000
    target_2_risk_bps: int = 20_000
    trail_risk_bps: int = 10_000

    def faults(self) -> tuple[str, ...]:
        return super().faults() + out_of_bounds(
            self,
            fast_bars=(1, self.slow_bars - 1),
            slow_bars=(2, 500),
            atr_bars=(2, 500),
            apart_atr_bps=(0, 100_000),
            stop_atr_bps=(1_000, 200_000),
            target_1_risk_bps=(1_000, self.target_2_risk_bps - 1),
            target_1_share_bps=(1, BPS - 1),
            target_2_risk_bps=(1_000, 500_000),
            trail_risk_bps=(0, 200_000),
        )


class _State:
    """One instrument's averages; they live on from session to session."""

    __slots__ = ("atr", "fast", "side", "slow")

    def __init__(self, rules: EmaTrendParameters) -> None:
        self.fast, self.slow = Ema(rules.fast_bars), Ema(rules.slow_bars)
        self.atr = Atr(rules.atr_bars)
        self.side: Side | None = None


class EmaTrend(OneAtATime[EmaTrendParameters]):
    """See the module."""

    parameters_type: ClassVar[type[Parameters]] = EmaTrendParameters

    def on_start(self, view: View) -> None:
        super().on_start(view)
        self._states = {i.name: _State(self.parameters) for i in view.instruments}

    def on_session(self) -> None:
        for state in self._states.values():
            state.atr.restart()

    def on_bar(self, bar: BarClosed) -> None:
        state = self._states[bar.instrument]
        state.fast.update(bar.close_paise)
        state.slow.update(bar.close_paise)
        state.atr.update(bar)
        fast, slow, atr = state.fast.value_e4, state.slow.value_e4, state.atr.value_e4
        if fast is None or slow is None or not atr:
            return
        gap = fast - slow
        if not abs(gap) * BPS > atr * self.parameters.apart_atr_bps:
            return
        side = Side.BUY if gap > 0 else Side.SELL
        before, state.side = state.side, side
        is_turn = before is not None and before is not side
        if is_turn and self.may_enter(bar.instrument, bar.end_at_ns):
            self.enter(bar, self._setup(side, abs(gap), atr, bar.close_paise))

    def _setup(self, side: Side, gap_e4: int, atr_e4: int, close: int) -> Setup:
        rules = self.parameters
        risk = self.risk_paise(close, div_nearest(atr_e4 * rules.stop_atr_bps, E4 * BPS))
        return Setup(
            side=side,
            stop_paise=risk,
            targets=(
                (share_of(risk, rules.target_1_risk_bps), rules.target_1_share_bps),
                (share_of(risk, rules.target_2_risk_bps), BPS - rules.target_1_share_bps),
            ),
            trail_paise=risk * rules.trail_risk_bps // BPS,
            score_bps=ratio_bps(gap_e4, atr_e4),
            features=(
                ("gap_atr", ratio_bps(gap_e4, atr_e4)),
                ("atr_bps", ratio_bps(atr_e4, close)),
            ),
        )
