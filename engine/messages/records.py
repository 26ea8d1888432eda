"""The journal's vocabulary: everything that happened and must never be forgotten.

Each record is immutable and self-contained; state is a fold over them. Facts about one order
carry `client_order_id` (our id, the Kite tag) and the group it belongs to, so a reader can follow
signal -> decision -> group -> orders -> trades without asking anybody.
"""

from typing import ClassVar, TypeAlias

from engine.messages.base import Delivery, Message
from engine.messages.signals import EntryProposed, TradePlan
from engine.messages.values import (
    Action,
    Book,
    Leg,
    Mode,
    OrderType,
    Product,
    Refusal,
    Side,
)


class RecordBase(Message, frozen=True, kw_only=True):
    """`at_ns` is the engine's market clock when the record was made."""

    delivery: ClassVar[Delivery] = Delivery.CRITICAL

    at_ns: int


class SignalRecorded(RecordBase, frozen=True, kw_only=True):
    signal: EntryProposed


class DecisionRecorded(RecordBase, frozen=True, kw_only=True):
    """The guard's verdict. `client_plan_id` is unique for ever: a second one is refused."""

    decision_id: str
    client_plan_id: str
    signal_id: str
    strategy: str
    instrument: str
    is_approved: bool
    quantity: int
    refusal: Refusal | None = None
    config_sha: str


class GroupOpened(RecordBase, frozen=True, kw_only=True):
    plan: TradePlan


class GroupClosed(RecordBase, frozen=True, kw_only=True):
    """The group is flat and nothing works any more. P&L in paise, from fills alone."""

    group_id: str
    strategy: str
    instrument: str
    book: Book
    reason: str
    quantity_entered: int
    pnl_gross_paise: int
    charges_paise: int


class IntentPlanned(RecordBase, frozen=True, kw_only=True):
    """One thing asked of the broker, durable before any byte leaves.

    For PLACE `intent_id == client_order_id`; MODIFY and CANCEL have an `intent_id` of their own
    and name the order by `client_order_id`. `quantity` is the total quantity the order shall have
    (Kite's meaning for modify too). Prices are 0 where the order type has none. An intent of the
    watcher is an adoption: it describes what somebody else has done and is never sent.
    """

    intent_id: str
    client_order_id: str
    group_id: str
    leg: Leg
    action: Action
    book: Book
    strategy: str
    instrument: str
    side: Side
    quantity: int
    order_type: OrderType
    price_limit_paise: int
    price_trigger_paise: int
    product: Product
    reason: str
    owner: str
    owner_generation: int
    mode_seq: int
    expires_at_ns: int = 0

    @property
    def is_adopted(self) -> bool:
        return self.owner == "watcher"


class OrderFact(RecordBase, frozen=True, kw_only=True):
    """Fields shared by all facts about one order."""

    client_order_id: str
    venue_order_id: str = ""
    group_id: str
    leg: Leg
    instrument: str


class OrderAccepted(OrderFact, frozen=True, kw_only=True):
    """The venue has the order working (OPEN or TRIGGER PENDING)."""


class OrderTriggered(OrderFact, frozen=True, kw_only=True):
    """A stop order's trigger was touched; its limit now works."""


class OrderModified(OrderFact, frozen=True, kw_only=True):
    """The venue took a modification: `quantity`, prices are the new totals."""

    intent_id: str
    quantity: int
    price_limit_paise: int
    price_trigger_paise: int


class OrderFilled(OrderFact, frozen=True, kw_only=True):
    """One trade. `quantity` of this trade, `filled_total` of the order so far, in units.

    `charges_paise` is the increment of the order's charges by this trade.
    """

    trade_id: str
    strategy: str
    book: Book
    side: Side
    quantity: int
    price_paise: int
    filled_total: int
    order_quantity: int
    charges_paise: int


class OrderCancelled(OrderFact, frozen=True, kw_only=True):
    """Terminal, with `filled_total` units filled before. `is_asked`: we had asked for it."""

    filled_total: int
    is_asked: bool
    reason: str


class OrderRejected(OrderFact, frozen=True, kw_only=True):
    """The venue said no to the placement. Terminal."""

    reason: str


class OrderDenied(OrderFact, frozen=True, kw_only=True):
    """We said no at the gate: nothing was sent. For a PLACE the order is terminal; a denied
    MODIFY or CANCEL leaves the order as it was."""

    intent_id: str
    action: Action
    refusal: Refusal


class RequestRefused(OrderFact, frozen=True, kw_only=True):
    """The venue refused a MODIFY or CANCEL; the order works on as it was (or is gone)."""

    intent_id: str
    action: Action
    reason: str


class OrderUnknown(OrderFact, frozen=True, kw_only=True):
    """The outcome of a placement is not known. Never re-sent; resolved by the tag."""

    reason: str


class OrderLost(OrderFact, frozen=True, kw_only=True):
    """An unknown order was proven absent at the venue. Terminal, nothing filled."""

    reason: str


class OrderDoubled(OrderFact, frozen=True, kw_only=True):
    """Another order of the venue, `second_id`, works under this one's tag: a second effect of its
    placement. `quantity`: the second's size, and once it is over what it filled."""

    second_id: str
    quantity: int


AnyOrderFact: TypeAlias = (
    OrderAccepted
    | OrderTriggered
    | OrderModified
    | OrderFilled
    | OrderCancelled
    | OrderRejected
    | OrderDenied
    | RequestRefused
    | OrderUnknown
    | OrderLost
    | OrderDoubled
)
"""Every fact about one order."""


class ModeChanged(RecordBase, frozen=True, kw_only=True):
    mode_from: Mode
    mode_to: Mode
    mode_seq: int
    reason: str


class LatchChanged(RecordBase, frozen=True, kw_only=True):
    """A latch (kill, halt, loss_day) was set or released; `by` names the operator or actor."""

    latch: str
    is_set: bool
    reason: str
    by: str


class OperatorActed(RecordBase, frozen=True, kw_only=True):
    """A command from a person, with its outcome in one word."""

    command: str
    argument: str
    by: str
    outcome: str


class ActorFailed(RecordBase, frozen=True, kw_only=True):
    name: str
    generation: int
    kind: str
    reason: str


class RiskNoted(RecordBase, frozen=True, kw_only=True):
    """A risk event worth an audit line (limit warning, quarantine, database lost ...)."""

    event: str
    subject: str
    measured: int
    limit: int
    why: str


class DayClosed(RecordBase, frozen=True, kw_only=True):
    """Totals of one trading day in paise; `positions_open` is 0 unless something is wrong."""

    trading_day: str
    book: Book
    round_trips: int
    pnl_gross_paise: int
    charges_paise: int
    positions_open: int


class JobRan(RecordBase, frozen=True, kw_only=True):
    """A scheduled job's turn of one day is over: `outcome` is done, late, skipped or missed."""

    job: str
    trading_day: str
    outcome: str


Record: TypeAlias = (
    SignalRecorded
    | DecisionRecorded
    | GroupOpened
    | GroupClosed
    | IntentPlanned
    | OrderAccepted
    | OrderTriggered
    | OrderModified
    | OrderFilled
    | OrderCancelled
    | OrderRejected
    | OrderDenied
    | RequestRefused
    | OrderUnknown
    | OrderLost
    | OrderDoubled
    | ModeChanged
    | LatchChanged
    | OperatorActed
    | ActorFailed
    | RiskNoted
    | DayClosed
    | JobRan
)
"""Every record there is; the codec decodes this union and nothing else."""
