"""Reversion to the session's average price: fade a stretched move once it stops stretching.

Decides: the distance of the close from VWAP, measured in its own rolling deviations, must lie in a
band (stretched, but not so far that it is news), and the last bar must have turned back. First
target half way to VWAP, second at VWAP; the stop is a multiple of the average true range, and no
entry is proposed whose way to VWAP pays less than a share of that risk. Without volume the average
weighs time equally (see indicators.Vwap); the feature `is_weighted` says which.
"""

from typing import ClassVar

from engine.market.indicators import E4, Atr, RollingStd, Vwap, div_nearest
from engine.messages.market import BarClosed
from engine.messages.values import Side
from engine.strategies.base import Parameters, View
from engine.strategies.slots import (
    EntryParameters,
    OneAtATime,
    Setup,
    out_of_bounds,
    ratio_bps,
)
from engine.units import BPS


class VwapReversionParameters(EntryParameters, frozen=True, kw_only=True):
    """Periods in bars; `z_bps_*` in deviations, `stop_atr_bps` in average true ranges
    (10,000 = 1); `reward_bps_min` is the way to VWAP as a share of the risk."""

    entry_from_min: int = 30
    entry_for_min: int = 270
    deviation_bars: int = 30
    atr_bars: int = 14
    z_bps_min: int = 20_000
    z_bps_max: int = 40_000
    stop_atr_bps: int = 20_000
    reward_bps_min: int = 10_000
    target_1_share_bps: int = 5_000

    def faults(self) -> tuple[str, ...]:
        return super().faults() + out_of_bounds(
            self,
            deviation_bars=(5, 500),
            atr_bars=(2, 500),
            z_bps_min=(1_000, self.z_bps_max - 1),
            z_bps_max=(1_001, 200_000),
            stop_atr_bps=(1_000, 200_000),
            reward_bps_min=(0, 100_000),
            target_1_share_bps=(1, BPS - 1),
        )


class _State:
    """One instrument's session; only the range lives on over night."""

    __slots__ = ("atr", "close_paise", "deviation", "vwap")

    def __init__(self, rules: VwapReversionParameters) -> None:
        self.atr = Atr(rules.atr_bars)
        self.vwap = Vwap()
        self.deviation = RollingStd(rules.deviation_bars)
        self.close_paise = 0

    def restart(self) -> None:
        self.atr.restart()
        self.vwap.restart()
        self.deviation.restart()
        self.close_paise = 0


class VwapReversion(OneAtATime[VwapReversionParameters]):
    """See the module."""

    parameters_type: ClassVar[type[Parameters]] = VwapReversionParameters

    def on_start(self, view: View) -> None:
        super().on_start(view)
        self._states = {i.name: _State(self.parameters) for i in view.instruments}

    def on_session(self) -> None:
        for state in self._states.values():
            state.restart()

    def on_bar(self, bar: BarClosed) -> None:
        if bar.start_at_ns < self.opens_at_ns:
            return
        state, close = self._states[bar.instrument], bar.close_paise
        before, state.close_paise = state.close_paise, close
        state.atr.update(bar)
        state.vwap.update(bar)
        vwap = state.vwap.value_e4
        assert vwap is not None, "a bar was taken just now"
        away = close - div_nearest(vwap, E4)
        state.deviation.update(away)
        spread, atr = state.deviation.value_e4, state.atr.value_e4
        if not spread or not atr:
            return
        z_bps = div_nearest(abs(away) * E4 * BPS, spread)
        if not self.parameters.z_bps_min <= z_bps <= self.parameters.z_bps_max:
            return
        side = Side.BUY if away < 0 else Side.SELL
        has_turned = (close - before) * side.sign > 0
        if has_turned and self.may_enter(bar.instrument, bar.end_at_ns):
            setup = self._setup(state, side, abs(away), z_bps, atr)
            if setup is not None:
                self.enter(bar, setup)

    def _setup(self, state: _State, side: Side, away: int, z_bps: int, atr_e4: int) -> Setup | None:
        rules = self.parameters
        wanted = div_nearest(atr_e4 * rules.stop_atr_bps, E4 * BPS)
        risk = self.risk_paise(state.close_paise, wanted)
        if not away * BPS >= risk * rules.reward_bps_min:
            return None
        return Setup(
            side=side,
            stop_paise=risk,
            targets=(
                (away // 2, rules.target_1_share_bps),
                (away, BPS - rules.target_1_share_bps),
            ),
            score_bps=ratio_bps(away, 10 * risk),
            features=(
                ("z", z_bps),
                ("reward_risk", ratio_bps(away, risk)),
                ("is_weighted", state.vwap.is_weighted * E4),
            ),
        )
