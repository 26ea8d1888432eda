"""What a risk rule may look at: one frozen picture of the account at the moment of a proposal.

Decides nothing. Refuses to hold anything that a rule does not read. Stands alone so that rules are
functions of (proposal, view, settings) and can be tested without an actor.
"""

import msgspec

from engine.instruments import Instrument
from engine.messages.market import PhaseChanged, Tick
from engine.messages.values import Authority, Book, FeedState
from engine.portfolio.pnl import Pnl
from engine.portfolio.sizing import Room
from engine.risk.settings import RiskSettings
from engine.units import BPS


class RiskView(msgspec.Struct, frozen=True, kw_only=True):
    """None means "not known", and what is not known refuses.

    `allowed`: the instruments the strategy is configured for, None for an unknown strategy.
    `generation_void`: its last fenced generation. `proposals_minute`: this one included.
    `rejects_row`: entries that the broker has refused since the last one that traded.
    `pnl_day`: of the book, at worst marks. Exposure figures include reservations.
    """

    now_ns: int
    book: Book
    authority: Authority
    instrument: Instrument | None = None
    allowed: frozenset[str] | None = None
    generation_void: int = 0
    tick: Tick | None = None
    feed: FeedState | None = None
    session: PhaseChanged | None = None
    proposals_minute: int = 1
    is_decided: bool = False
    is_group_open: bool = False
    is_opposite_open: bool = False
    is_order_unknown: bool = False
    is_entered_today: bool = False
    positions_count: int = 0
    notional_paise: int = 0
    notional_symbol_paise: int = 0
    risk_open_paise: int = 0
    orders_day: int = 0
    losses_row: int = 0
    rejects_row: int = 0
    rejected_at_ns: int = 0
    pnl_day: Pnl = Pnl()
    is_loss_latched: bool = False

    def room(self, settings: RiskSettings) -> Room:
        """What each cap still leaves for a new entry."""
        used = -(-self.notional_paise * settings.margin_bps // BPS)
        return Room(
            risk_paise=settings.risk_per_trade_paise,
            notional_paise=settings.notional_paise_max - self.notional_paise,
            notional_symbol_paise=settings.notional_symbol_paise_max - self.notional_symbol_paise,
            capital_paise=settings.capital_paise_max - used,
        )


class Sized(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal's quantity with the exposure it would take."""

    quantity: int
    notional_paise: int
    risk_paise: int
