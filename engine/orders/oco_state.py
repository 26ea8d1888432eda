"""What an OCO group is: its plan and its orders, folded from the journal.

Decides the figures that the planning stands on (position, entered, exposure, P&L). Refuses to plan
(oco_plan.py) and to know the market. Stands alone because recovery is this fold and nothing else:
all that a restarted group knows of itself is in `Group`; what it may forget is in oco_view.py.

`evolve` gives the same group whether an intent of ours is applied when it is sent or in journal
order, later than facts that overtook it. So live state and replayed state are equal.
"""

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from engine.messages.records import (
    AnyOrderFact,
    GroupClosed,
    GroupOpened,
    IntentPlanned,
    OrderAccepted,
    OrderCancelled,
    OrderDenied,
    OrderDoubled,
    OrderFact,
    OrderFilled,
    OrderLost,
    OrderModified,
    OrderRejected,
    OrderTriggered,
    OrderUnknown,
    Record,
    RequestRefused,
)
from engine.messages.signals import TradePlan
from engine.messages.values import Action, Leg
from engine.orders import lifecycle
from engine.orders.order import FAILED, OrderState, Status
from engine.units import BPS, NS_PER_MS, NS_PER_S

EXIT_REASON_PREFIX = "exit:"
TARGET_LEGS = (Leg.TARGET_1, Leg.TARGET_2)


class OcoSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of all groups. Durations are of the market clock.

    `stop_limit_gap_bps`: distance of a stop's limit beyond its trigger. `protection_bps`: how far
    through the market an exit is priced; each re-pricing widens it by as much, up to
    `protection_bps_max`. `modifies_max`: per order (Kite allows 25); trailing leaves the last
    ones (`trail_modifies_max`) to quantity and re-pricing. `trail_step_paise` 0: a tenth of the
    trail. `rejects_max`: refused stops in a row before the group exits at the market instead, and
    refused exits in a row before one goes without a price of ours. `second_stop_ns`: how long a
    stop of unknown fate holds up another one for the units that it cannot cover.
    `flat_by_at_ns` 0: told by PhaseChanged.
    """

    stop_limit_gap_bps: int = 100
    protection_bps: int = 50
    protection_bps_max: int = 300
    modifies_max: int = 25
    trail_modifies_max: int = 15
    trail_step_paise: int = 0
    trail_interval_ns: int = 2 * NS_PER_S
    resize_fast_count: int = 8
    resize_interval_ns: int = 2 * NS_PER_S
    reprice_ns: int = 2 * NS_PER_S
    reprices_before_alert: int = 5
    backoff_ns: int = 500 * NS_PER_MS
    backoff_ns_max: int = 30 * NS_PER_S
    rejects_max: int = 3
    request_refusals_max: int = 3
    protect_wait_ns: int = 10 * NS_PER_S
    second_stop_ns: int = 3 * NS_PER_S
    cancel_wait_ns: int = 30 * NS_PER_S
    flat_by_at_ns: int = 0

    def __post_init__(self) -> None:
        assert 0 < self.trail_modifies_max < self.modifies_max <= 25
        assert 0 < self.protection_bps <= self.protection_bps_max
        assert 0 < self.backoff_ns <= self.backoff_ns_max
        assert self.stop_limit_gap_bps > 0
        assert min(self.reprice_ns, self.resize_interval_ns, self.trail_interval_ns) > 0


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One trade, from its plan to flat. Quantities are positive in the plan's direction."""

    plan: TradePlan
    orders: tuple[OrderState, ...] = ()
    is_opened: bool = False
    is_closed: bool = False
    exit_reason: str = ""
    anomaly_count: int = 0

    @property
    def entry(self) -> OrderState | None:
        for order in self.orders:
            if order.leg is Leg.ENTRY:
                return order
        return None

    @property
    def entered(self) -> int:
        """Units that the entry has filled."""
        return self.filled_of(Leg.ENTRY)

    @property
    def position(self) -> int:
        """Net units: positive as planned, 0 flat, negative flipped (ORD-07)."""
        net = 0
        for order in self.orders:
            if order.filled:
                net += order.side.sign * order.filled
        return self.plan.side.sign * net

    @property
    def pnl_gross_paise(self) -> int:
        """Money received minus money paid over all fills; the P&L once flat."""
        return -sum(order.side.sign * order.value_paise for order in self.orders)

    @property
    def charges_paise(self) -> int:
        return sum(order.charges_paise for order in self.orders)

    @property
    def live(self) -> tuple[OrderState, ...]:
        """Orders that may still fill."""
        return tuple([order for order in self.orders if not order.is_terminal])

    @property
    def live_targets(self) -> tuple[OrderState, ...]:
        """Targets that may still fill."""
        return tuple([order for order in self.live if order.leg in TARGET_LEGS])

    @property
    def is_stop_hit(self) -> bool:
        """True once any stop has triggered or filled."""
        for order in self.orders:
            if order.leg is Leg.STOP and (order.was_triggered or order.filled > 0):
                return True
        return False

    @property
    def has_exit_fill(self) -> bool:
        return any(order.leg.is_exit and order.filled > 0 for order in self.orders)

    def of_leg(self, leg: Leg) -> tuple[OrderState, ...]:
        """All attempts of a leg, oldest first."""
        return tuple([order for order in self.orders if order.leg is leg])

    def filled_of(self, leg: Leg) -> int:
        units = 0
        for order in self.orders:
            if order.leg is leg:
                units += order.filled
        return units

    def elsewhere(self, legs: tuple[Leg, ...], current: OrderState | None) -> int:
        """Units that live orders of these legs other than `current` may still fill."""
        units = 0
        for order in self.orders:
            if order.leg in legs and order is not current and not order.is_terminal:
                units += order.exposure
        return units

    def live_of(self, leg: Leg) -> OrderState | None:
        """The leg's newest live order; there is at most one, unless a lost one came back."""
        for order in reversed(self.orders):
            if order.leg is leg and not order.is_terminal:
                return order
        return None


def is_ours(plan: TradePlan, record: Record) -> bool:
    """True if the record belongs to the plan's group."""
    match record:
        case GroupOpened():
            return record.plan.group_id == plan.group_id
        case GroupClosed() | IntentPlanned() | OrderFact():
            return record.group_id == plan.group_id
        case _:
            return False


def evolve(group: Group, record: Record) -> Group:
    """The group after one record; records of others change nothing."""
    if not is_ours(group.plan, record):
        return group
    match record:
        case GroupOpened():
            return replace(group, is_opened=True)
        case GroupClosed():
            return replace(group, is_closed=True)
        case IntentPlanned():
            return _intended(group, record)
        case (
            OrderAccepted()
            | OrderTriggered()
            | OrderModified()
            | OrderFilled()
            | OrderCancelled()
            | OrderRejected()
            | OrderDenied()
            | RequestRefused()
            | OrderUnknown()
            | OrderLost()
            | OrderDoubled()
        ):
            return _order_changed(group, record)
        case _:
            return group


def fold(plan: TradePlan, records: Iterable[Record]) -> Group:
    """The group as the journal tells it."""
    group = Group(plan=plan)
    for record in records:
        group = evolve(group, record)
    return group


def _intended(group: Group, intent: IntentPlanned) -> Group:
    if intent.reason.startswith(EXIT_REASON_PREFIX) and not group.exit_reason:
        group = replace(group, exit_reason=intent.reason.removeprefix(EXIT_REASON_PREFIX))
    if intent.action is Action.PLACE:
        assert all(o.client_order_id != intent.client_order_id for o in group.orders), intent
        return replace(group, orders=(*group.orders, lifecycle.planned(intent)))
    return _put(group, lifecycle.requested(_order(group, intent.client_order_id), intent))


def _order_changed(group: Group, fact: AnyOrderFact) -> Group:
    if all(o.client_order_id != fact.client_order_id for o in group.orders):
        return replace(group, anomaly_count=group.anomaly_count + 1)
    order, anomaly = lifecycle.evolve(_order(group, fact.client_order_id), fact)
    group = _put(group, order)
    return replace(group, anomaly_count=group.anomaly_count + 1) if anomaly else group


def _order(group: Group, client_order_id: str) -> OrderState:
    return next(o for o in group.orders if o.client_order_id == client_order_id)


def _put(group: Group, order: OrderState) -> Group:
    return replace(
        group,
        orders=tuple(
            order if o.client_order_id == order.client_order_id else o for o in group.orders
        ),
    )


def failures(attempts: tuple[OrderState, ...]) -> int:
    """How many of the last attempts in a row died without a fill and without our asking."""
    count = 0
    for order in reversed(attempts):
        is_failed = order.status in FAILED or (
            order.status is Status.CANCELLED and not order.is_cancel_asked
        )
        if not is_failed or order.filled:
            break
        count += 1
    return count


def is_price_refused(exits: tuple[OrderState, ...], settings: OcoSettings) -> bool:
    """True when the next exit is to go without a price of ours: once the venue has refused
    `rejects_max` in a row every other one leaves the price to the broker (MARKET with protection),
    because what we take for the market's may be another instrument's (FLT-13, LIV-09)."""
    count = failures(exits) - settings.rejects_max
    return count >= 0 and count % 2 == 0 and exits[-1].status is Status.REJECTED


def is_place_held(group: Group) -> bool:
    """True while targets that cannot be called back may fill all of the position: their cancels
    came back refused twice, or their placements owe an answer (FLT-34)."""
    unasked = (Status.PLANNED, Status.UNKNOWN)
    held = [o for o in group.live_targets if o.refused_count > 1 or o.status in unasked]
    return sum(order.exposure for order in held) >= group.position


def first_target_units(filled: int, share_bps: int, lot: int) -> int:
    """The first target's part of a filled quantity: its share, rounded up to whole lots."""
    lots = -(-filled * share_bps // (BPS * lot))
    return min(filled, lots * lot)


def is_trailing(group: Group) -> bool:
    if not group.plan.trail_paise:
        return False
    if len(group.plan.targets) < 2:
        return group.entered > 0
    share = group.plan.targets[0].share_bps
    first = first_target_units(group.entered, share, group.plan.lot)
    return 0 < first <= group.filled_of(Leg.TARGET_1)
