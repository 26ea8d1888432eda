"""A strategy that takes a position at each mark, and one that rests at another.

Decides nothing about trading: whoever measures a flatten needs positions with stop and target at
the exchange, and whoever measures a kill an entry that still works.
"""

from typing import Final

from engine.messages.market import Tick
from engine.messages.values import Side, Target
from engine.strategies.base import Parameters, Proposal, Strategy
from engine.units import BPS, NS_PER_S

TICK_PAISE: Final = 5

MARK: Final = 7_003
MARK_RESTING: Final = 7_004
"""Units on both sides of the book."""
LIFE_NS: Final = 300 * NS_PER_S
AWAY_BPS: Final = {MARK: 20, MARK_RESTING: -100}


class Holding(Strategy[Parameters]):
    """Long at a mark, the stop two percent below, the target three above."""

    def on_tick(self, tick: Tick) -> None:
        away_bps = AWAY_BPS.get(tick.bid_quantity)
        if away_bps is None:
            return
        now_ns, price = self.port.now_ns(), tick.price_paise
        self.port.propose(
            Proposal(
                instrument=tick.instrument,
                side=Side.BUY,
                price_limit_paise=_part(price, 10_000 + away_bps),
                price_stop_paise=_part(price, 9_800),
                targets=(Target(price_paise=_part(price, 10_300), share_bps=10_000),),
                idea_at_ns=now_ns,
                expires_at_ns=now_ns + LIFE_NS,
            )
        )


def _part(price_paise: int, bps: int) -> int:
    """A share of a price, on the tick grid."""
    return price_paise * bps // BPS // TICK_PAISE * TICK_PAISE
