"""A strategy that proposes on marked ticks, and the instants that an order passes.

Decides nothing about trading: each marked tick (open interest 1) becomes one limit order below the
market that rests. The instants are kept here because the strategy is built by name.
"""

from actors.runtime.clock import boot_ns
from engine.messages.market import Tick
from engine.messages.values import Side, Target
from engine.strategies.base import Parameters, Proposal, Strategy
from engine.units import NS_PER_MS

MARK = 1
AWAY_PAISE = 500
LIFE_NS = 20_250 * NS_PER_MS
"""Not a multiple of the pace, so that no end of one order meets the start of another."""
PROPOSED_NS: dict[str, int] = {}
"""Instrument -> boot-clock instant at which its proposal left the strategy."""


class Resting(Strategy[Parameters]):
    """One resting order an instrument."""

    def on_tick(self, tick: Tick) -> None:
        if tick.oi != MARK or tick.instrument in PROPOSED_NS:
            return
        now_ns, limit = self.port.now_ns(), tick.price_paise - AWAY_PAISE
        proposal = Proposal(
            instrument=tick.instrument,
            side=Side.BUY,
            price_limit_paise=limit,
            price_stop_paise=limit - 1_000,
            targets=(Target(price_paise=limit + 2_000, share_bps=10_000),),
            idea_at_ns=now_ns,
            expires_at_ns=now_ns + LIFE_NS,
        )
        handled_ns = boot_ns()
        if self.port.propose(proposal):
            PROPOSED_NS[tick.instrument] = handled_ns
