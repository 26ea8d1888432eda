"""One order as the watcher follows it, and what follows from a piece of news.

Decides what is remembered of an order beyond its journaled facts. Refuses to know what a report
means (merge.py) and which order it is about (merge_book.py).
"""

from dataclasses import dataclass, field
from typing import Final, TypedDict

from engine.messages.broker import TERMINAL_STATUSES, OrderReport
from engine.messages.control import AlertRaised
from engine.messages.records import AnyOrderFact, IntentPlanned
from engine.messages.values import Action, Leg
from engine.orders.closed_day import PastOrder
from engine.orders.order import OrderState, Status
from engine.units import NS_PER_S

NEVER_NS: Final = 1 << 62
STEP_NS_MIN: Final = NS_PER_S
"""Real time by which two looks at two clocks may differ without a step: the process may have been
interrupted between them."""


@dataclass(slots=True)
class Tracked:
    """One order and what is not journaled about it.

    `row`: the newest order row since the last request. `synthetic`: units booked without a trade.
    `second`: units that another order with the same tag has filled, a second effect of one request;
    `second_told`: as many as its rows have counted; `seconds_over`: numbers whose rows have ended.
    `late_told`: how many filled units people were told of since it was over.
    `told`: the state in which a row of a snapshot told nothing new, and that row: it will not do so
    again. `absent_count`, `unseen_count`: successive valid snapshots without the order, without the
    effect of its request.
    """

    intent: IntentPlanned
    order: OrderState
    venue_order_id: str = ""
    row: OrderReport | None = None
    told: tuple[OrderState, OrderReport] | None = None
    is_acked: bool = False
    is_modify_acked: bool = False
    synthetic: int = 0
    second: int = 0
    second_told: int = 0
    late_told: int = 0
    seconds_over: set[str] = field(default_factory=set)
    absent_count: int = 0
    unseen_count: int = 0

    @property
    def numbers(self) -> tuple[str, ...]:
        """The numbers of the venue under our tag, as far as they are known."""
        own = (self.venue_order_id,) if self.venue_order_id else ()
        return (*own, *[number for number, _ in self.order.seconds])

    @property
    def own_filled(self) -> int:
        """What the order's own rows count as filled."""
        return self.order.filled - self.second

    @property
    def is_owed(self) -> bool:
        """True while an answer, a fill or a terminal state is owed."""
        order, row = self.order, self.row
        is_over = row is not None and row.status in TERMINAL_STATUSES and not order.is_over
        return order.is_busy or self.is_ahead or is_over

    @property
    def is_ahead(self) -> bool:
        """True while rows count more than is booked."""
        row = self.row
        is_own = row is not None and row.filled_quantity > self.own_filled
        return is_own or self.second_told > self.second

    @property
    def quantity_max(self) -> int:
        """The order's quantity, or what a growing modify under way may have made of it: an order
        is full only when nothing can have enlarged it."""
        order, request = self.order, self.order.request
        is_asked = request is not None and request.action is Action.MODIFY and not order.is_over
        return max(order.quantity, request.quantity) if request and is_asked else order.quantity

    @property
    def past(self) -> PastOrder:
        """What is kept of it when its day has ended."""
        is_full = self.order.status is Status.FILLED
        return PastOrder(filled=self.order.filled, synthetic=self.synthetic, is_full=is_full)

    def is_late(self, units: int) -> bool:
        """Whether so many more than are booked are news of an order that is over; each unit is so
        once."""
        total = self.order.filled + units
        is_news = self.order.is_over and total > max(self.late_told, self.order.filled)
        self.late_told = total if is_news else self.late_told
        return is_news

    def is_second(self, venue_order_id: str) -> bool:
        """True for an order with our tag that is not the one we know by it."""
        return self.venue_order_id not in ("", venue_order_id)


@dataclass(slots=True)
class ClockSeen:
    """The market clock as a watcher has seen it beside the boot clock, which never steps. How long
    ago something was recorded before a step cannot be told from the market clock: after a step back
    it would for as long as the step was prove nothing lost and nothing gone (FLT-60, INV-17), after
    one forward everything at once, so that an order under way is planned again beside itself. So it
    counts from the step.

    `speed`: of the market clock. `from_ns`: the last step back. `forward_ns`: the last one forward.
    """

    speed: int = 1
    now_ns: int = NEVER_NS
    mono_ns: int = 0
    from_ns: int = 0
    forward_ns: int = 0

    def look(self, now_ns: int, mono_ns: int) -> None:
        """Take what both clocks show now."""
        passed_ns = self.speed * (mono_ns - self.mono_ns + STEP_NS_MIN)
        if now_ns < self.now_ns:
            self.from_ns = now_ns
        elif now_ns - self.now_ns > passed_ns:
            self.forward_ns = now_ns
        self.now_ns, self.mono_ns = now_ns, mono_ns

    def since_ns(self, at_ns: int) -> int:
        """From when a recorded instant counts."""
        at_ns = max(at_ns, self.forward_ns)
        return at_ns if at_ns <= self.now_ns else self.from_ns


@dataclass(slots=True)
class Merged:
    """What follows from what was heard: facts to append in order, alerts, and a wish."""

    facts: list[AnyOrderFact | IntentPlanned] = field(default_factory=list)
    alerts: list[AlertRaised] = field(default_factory=list)
    is_snapshot_wanted: bool = False

    def alert(self, severity: str, event: str, subject: str, text: str, now_ns: int) -> None:
        self.alerts.append(
            AlertRaised(severity=severity, event=event, subject=subject, text=text, at_ns=now_ns)
        )


class FactBase(TypedDict):
    at_ns: int
    client_order_id: str
    venue_order_id: str
    group_id: str
    leg: Leg
    instrument: str


def fact_base(tracked: Tracked, now_ns: int) -> FactBase:
    """The fields that all facts about an order share."""
    intent = tracked.intent
    return FactBase(
        at_ns=now_ns,
        client_order_id=intent.client_order_id,
        venue_order_id=tracked.venue_order_id,
        group_id=intent.group_id,
        leg=intent.leg,
        instrument=intent.instrument,
    )
