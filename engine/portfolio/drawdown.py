"""The peak of equity and the deepest fall from it.

Decides nothing but two running figures. Stands alone because the drawdown stop, the report and
the screen must mean the same number.
"""

from collections.abc import Iterable

import msgspec

from engine.units import BPS


class Drawdown(msgspec.Struct, frozen=True, kw_only=True):
    """`capital_paise` is what equity starts from; the rest follows the P&L."""

    capital_paise: int
    peak_paise: int
    equity_paise: int
    drawdown_paise_max: int = 0

    @property
    def drawdown_paise(self) -> int:
        """The present fall from the peak, >= 0."""
        return self.peak_paise - self.equity_paise

    @property
    def drawdown_bps_max(self) -> int:
        """The deepest fall, relative to the capital."""
        return self.drawdown_paise_max * BPS // self.capital_paise


def started(capital_paise: int) -> Drawdown:
    """Before the first trade. `capital_paise` > 0."""
    assert capital_paise > 0
    return Drawdown(
        capital_paise=capital_paise, peak_paise=capital_paise, equity_paise=capital_paise
    )


def moved(drawdown: Drawdown, pnl_paise: int) -> Drawdown:
    """After the P&L since the start has come to `pnl_paise`."""
    equity = drawdown.capital_paise + pnl_paise
    peak = max(drawdown.peak_paise, equity)
    return Drawdown(
        capital_paise=drawdown.capital_paise,
        peak_paise=peak,
        equity_paise=equity,
        drawdown_paise_max=max(drawdown.drawdown_paise_max, peak - equity),
    )


def along(capital_paise: int, pnls_paise: Iterable[int]) -> Drawdown:
    """The figures after a path of P&L totals."""
    drawdown = started(capital_paise)
    for pnl_paise in pnls_paise:
        drawdown = moved(drawdown, pnl_paise)
    return drawdown
