"""Opening range breakout: the first quarter of an hour sets a range, its break sets the direction.

Decides: after the range is complete and neither too narrow nor too wide, the first close beyond it
(plus a buffer) is an entry, once per side and session. The stop lies a share of the range behind
the close, the targets at multiples of that risk, the stop trails once the first is reached.
"""

from typing import ClassVar

from engine.market.indicators import E4, OpeningRange
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
from engine.units import BPS, NS_PER_MINUTE


class OpeningRangeParameters(EntryParameters, frozen=True, kw_only=True):
    """`*_range_bps` are shares of the range, `*_risk_bps` multiples of the risk (10,000 = 1)."""

    entry_for_min: int = 180
    trades_day_max: int = 2
    range_min: int = 15
    range_bps_min: int = 15
    range_bps_max: int = 200
    buffer_bps: int = 2
    stop_range_bps: int = 5_000
    target_1_risk_bps: int = 10_000
    target_1_share_bps: int = 5_000
    target_2_risk_bps: int = 20_000
    trail_risk_bps: int = 10_000

    def faults(self) -> tuple[str, ...]:
        return super().faults() + out_of_bounds(
            self,
            range_min=(5, 120),
            range_bps_min=(1, self.range_bps_max),
            range_bps_max=(1, 2_000),
            buffer_bps=(0, 100),
            stop_range_bps=(1_000, 20_000),
            target_1_risk_bps=(1_000, self.target_2_risk_bps - 1),
            target_1_share_bps=(1, BPS - 1),
            target_2_risk_bps=(1_000, 200_000),
            trail_risk_bps=(0, 100_000),
        )


class _State:
    """One instrument's session."""

    __slots__ = ("close_paise", "range", "sides_used")

    def __init__(self, length_ns: int) -> None:
        self.range = OpeningRange(length_ns)
        self.restart(0)

    def restart(self, opens_at_ns: int) -> None:
        self.range.restart(opens_at_ns)
        self.sides_used: tuple[Side, ...] = ()
        self.close_paise = 0


class OpeningRangeBreakout(OneAtATime[OpeningRangeParameters]):
    """See the module. Long and short; works on any bar interval that divides the range."""

    parameters_type: ClassVar[type[Parameters]] = OpeningRangeParameters

    def on_start(self, view: View) -> None:
        super().on_start(view)
        length_ns = self.parameters.range_min * NS_PER_MINUTE
        self._states = {i.name: _State(length_ns) for i in view.instruments}

    def on_session(self) -> None:
        for state in self._states.values():
            state.restart(self.opens_at_ns)

    def on_bar(self, bar: BarClosed) -> None:
        if bar.start_at_ns < self.opens_at_ns:
            return
        state = self._states[bar.instrument]
        was_complete, before = state.range.is_complete, state.close_paise
        state.range.update(bar)
        state.close_paise = bar.close_paise
        if not was_complete:  # the bar that completes the range cannot break it
            return
        side = self._broken(state, before, bar.close_paise)
        if side is None or not self.may_enter(bar.instrument, bar.end_at_ns):
            return
        if self.enter(bar, self._setup(state, side, bar.close_paise)):
            state.sides_used += (side,)

    def _broken(self, state: _State, before: int, close: int) -> Side | None:
        """The side whose level this close crossed, if the range is worth trading."""
        rules, high, low = self.parameters, state.range.high_paise, state.range.low_paise
        if not rules.range_bps_min <= ratio_bps(high - low, low) <= rules.range_bps_max:
            return None
        above, below = high * (BPS + rules.buffer_bps), low * (BPS - rules.buffer_bps)
        if before * BPS <= above < close * BPS:
            side = Side.BUY
        elif before * BPS >= below > close * BPS:
            side = Side.SELL
        else:
            return None
        return None if side in state.sides_used else side

    def _setup(self, state: _State, side: Side, close: int) -> Setup:
        rules, high, low = self.parameters, state.range.high_paise, state.range.low_paise
        risk = self.risk_paise(close, share_of(high - low, rules.stop_range_bps))
        beyond = close - high if side is Side.BUY else low - close
        return Setup(
            side=side,
            stop_paise=risk,
            targets=(
                (share_of(risk, rules.target_1_risk_bps), rules.target_1_share_bps),
                (share_of(risk, rules.target_2_risk_bps), BPS - rules.target_1_share_bps),
            ),
            trail_paise=risk * rules.trail_risk_bps // BPS,
            score_bps=ratio_bps(beyond, high - low),
            features=(
                ("range_bps", ratio_bps(high - low, low) * E4),
                ("beyond_range_bps", ratio_bps(beyond, high - low) * E4),
            ),
        )
