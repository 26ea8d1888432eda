"""From a strategy's idea to an approved plan."""

from typing import ClassVar

from engine.messages.base import Delivery, Message
from engine.messages.values import Book, Feature, Product, Refusal, Side, Target


class EntryProposed(Message, frozen=True, kw_only=True):
    """A strategy wants to open a trade.

    `signal_id` is a pure function of strategy, instrument, side and bar time, so a repeated
    proposal is recognised. Prices in paise; the stop lies on the losing side of the limit, the
    targets on the winning side, their shares add up to 10,000 bps. `trail_paise` is the distance
    by which the stop follows the best price once the first target is filled (0: no trailing).
    `score_bps` ranks opportunities. The quantity is the guard's business.
    """

    delivery: ClassVar[Delivery] = Delivery.QUEUE

    signal_id: str
    strategy: str
    strategy_generation: int
    instrument: str
    side: Side
    price_limit_paise: int
    price_stop_paise: int
    targets: tuple[Target, ...]
    trail_paise: int = 0
    score_bps: int = 0
    features: tuple[Feature, ...] = ()
    at_ns: int
    expires_at_ns: int


class ExitAdvised(Message, frozen=True, kw_only=True):
    """A strategy (or the engine) wants a group out at the market now."""

    delivery: ClassVar[Delivery] = Delivery.CRITICAL

    group_id: str
    reason: str
    at_ns: int


class TradePlan(Message, frozen=True, kw_only=True):
    """An approved entry with its exits: everything an OCO group needs to run.

    `quantity` in units, a multiple of `lot`; `risk_paise` is the reserved loss at the stop,
    `notional_paise` the reserved exposure.
    """

    group_id: str
    client_plan_id: str
    decision_id: str
    signal_id: str
    strategy: str
    instrument: str
    book: Book
    side: Side
    quantity: int
    lot: int
    tick_paise: int
    price_limit_paise: int
    price_stop_paise: int
    targets: tuple[Target, ...]
    trail_paise: int
    product: Product
    risk_paise: int
    notional_paise: int
    mode_seq: int
    config_sha: str
    at_ns: int
    entry_expires_at_ns: int


class EntryDecided(Message, frozen=True, kw_only=True):
    """The guard's answer to the strategy: approved with a group, or refused with the rule."""

    delivery: ClassVar[Delivery] = Delivery.CRITICAL

    signal_id: str
    strategy: str
    instrument: str
    group_id: str = ""
    refusal: Refusal | None = None
    at_ns: int
