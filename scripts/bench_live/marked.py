"""A strategy whose orders the bench asks for: a tick with the marked depth is one resting entry.

Decides nothing about trading. When the stream's process had the frame goes along as a feature, so
that the journal tells it.
"""

from typing import Final

from engine.messages.market import Tick
from engine.messages.signals import EntryProposed
from engine.messages.values import Feature, Side, Target
from engine.strategies.base import Parameters, Proposal, Strategy
from engine.units import NS_PER_MS

MARK_OURS: Final = 7_001
"""Units on both sides of the book."""
MARK_BARE: Final = 7_002
AWAY_PAISE: Final = 500
LIFE_NS: Final = 2_145 * NS_PER_MS
"""Its end falls between two marks, not onto one."""
_RECEIVED: Final = "received_at_ns"


class Marked(Strategy[Parameters]):
    """One resting limit order a mark; it is taken off again when its time is over."""

    def on_tick(self, tick: Tick) -> None:
        if tick.bid_quantity != MARK_OURS:
            return
        now_ns, limit = self.port.now_ns(), tick.price_paise - AWAY_PAISE
        self.port.propose(
            Proposal(
                instrument=tick.instrument,
                side=Side.BUY,
                price_limit_paise=limit,
                price_stop_paise=limit - 1_000,
                targets=(Target(price_paise=limit + 2_000, share_bps=10_000),),
                idea_at_ns=now_ns,
                expires_at_ns=now_ns + LIFE_NS,
                features=(Feature(name=_RECEIVED, value_e4=tick.received_at_ns),),
            )
        )


def received_at(signal: EntryProposed) -> int:
    """When the stream's process had the frame of a signal's tick, market time."""
    return next(feature.value_e4 for feature in signal.features if feature.name == _RECEIVED)
