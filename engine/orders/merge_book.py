"""The book that merging works on: orders by tag and venue id, trades seen, hearsay parked.

Decides which order a report is about, and which are nobody's. Refuses to know what a report means
(merge.py). Stands alone because binding by tag is what keeps an order from being sent or counted
twice.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from engine.ids import is_own_tag
from engine.instruments import Instrument
from engine.messages.broker import IntentAnswered, OrderReport, TradeReport
from engine.messages.records import (
    AnyOrderFact,
    DayClosed,
    IntentPlanned,
    OrderFact,
    OrderFilled,
    OrderModified,
    Record,
)
from engine.messages.values import Action, Side
from engine.orders import lifecycle
from engine.orders.closed_day import ClosedDay
from engine.orders.order import Status
from engine.orders.synthetic import is_synthetic
from engine.orders.tracked import ClockSeen, Merged, Tracked, fact_base

Charge: TypeAlias = Callable[[Instrument, Side, int, int, str], int]
"""(instrument, side, turnover before, turnover after, trading day) -> paise, the increment."""

Hearsay: TypeAlias = IntentAnswered | OrderReport | TradeReport

PARKED_MAX: Final = 1_000


def no_charge(_i: Instrument, _s: Side, _before: int, _after: int, _day: str) -> int:
    """A charge function for tests and venues without charges."""
    return 0


class MergeBook:
    """All orders we know of and what is proven about them.

    Args:
        instruments: by name, for charges; an order in an unknown one is charged nothing.
        trading_day: "2026-11-20", for dated charge rates.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        charge: Charge = no_charge,
        trading_day: str = "",
    ) -> None:
        self.trading_day = trading_day
        self.clock = ClockSeen()
        self.orders: dict[str, Tracked] = {}
        self.parked: list[tuple[int, Hearsay]] = []
        self.counts: Counter[str] = Counter()
        self._instruments = instruments
        self._charge = charge
        self._open: dict[str, Tracked] = {}
        self._open_now: tuple[Tracked, ...] | None = None
        self._is_owed = False
        self._by_venue_id: dict[str, Tracked] = {}
        self._trade_keys: set[tuple[str, str]] = set()
        self._alerted: set[str] = set()
        self.closed_day = ClosedDay()

    def evolve(self, record: Record) -> None:
        """Take a durable record: an intent, or (in replay) a fact of ours, a day's end."""
        if isinstance(record, IntentPlanned):
            self._intended(record)
        elif isinstance(record, DayClosed):
            self.closed_day.end(record.at_ns, {}, set())
        elif isinstance(record, OrderFact) and record.client_order_id in self.orders:
            assert isinstance(record, AnyOrderFact)
            self._apply(self.orders[record.client_order_id], record)

    def find(self, item: Hearsay) -> Tracked | None:
        """The order by its tag, or by the venue's id where the tag is missing."""
        tracked = self.orders.get(item.client_order_id)
        return tracked or self._by_venue_id.get(item.venue_order_id)

    def has_trade(self, trade: TradeReport) -> bool:
        """True if the trade is booked already."""
        return (trade.venue_order_id, trade.trade_id) in self._trade_keys

    def open_orders(self) -> tuple[Tracked, ...]:
        """Orders that are not terminal, and those whose last row is ahead of their facts."""
        if self._open_now is None:
            self._open = {
                key: tracked
                for key, tracked in self._open.items()
                if not tracked.order.is_terminal or tracked.is_ahead
            }
            self._open_now = tuple(self._open.values())
            self._is_owed = any(tracked.is_owed for tracked in self._open_now)
        return self._open_now

    @property
    def is_unresolved(self) -> bool:
        """True while hearsay waits for its intent, or anything is owed of an order."""
        self.open_orders()
        return self._is_owed or bool(self.parked)

    def end_day(self, now_ns: int) -> None:
        """Forget what is over, but that it was (closed_day.py). The orders of a group that is not
        flat are kept: what it holds must be known when somebody else closes it."""
        self.open_orders()
        held = self._groups_held()
        kept = {key: t for key, t in self.orders.items() if t.intent.group_id in held} | self._open
        past = {key: tracked.past for key, tracked in self.orders.items() if key not in kept}
        self.closed_day.end(now_ns, past, self._trade_keys)
        self.orders = kept
        self._by_venue_id = {n: t for t in self.orders.values() for n in t.numbers}
        self._trade_keys = {key for key in self._trade_keys if key[0] in self._by_venue_id}
        self._alerted.clear()

    def _groups_held(self) -> set[str]:
        units: Counter[str] = Counter()
        for tracked in self.orders.values():
            units[tracked.intent.group_id] += tracked.order.side.sign * tracked.order.filled
        return {group_id for group_id, held in units.items() if held}

    def expire_parked(self, before_ns: int, now_ns: int) -> Merged:
        """Give up on hearsay with our tag for which no intent ever came: a person must look."""
        out, since_ns = Merged(), self.clock.since_ns
        for at_ns, item in self.parked:
            if since_ns(at_ns) <= before_ns:
                self._alert(out, "orphan_tag", item.client_order_id, "no intent in journal", now_ns)
        self.parked = [entry for entry in self.parked if since_ns(entry[0]) > before_ns]
        return out

    def _intended(self, intent: IntentPlanned) -> None:
        self._open_now = None
        tracked = self.orders.get(intent.client_order_id)
        if intent.action is Action.PLACE:
            if tracked is None:
                tracked = Tracked(intent, lifecycle.planned(intent))
                self.orders[intent.client_order_id] = tracked
                self._open[intent.client_order_id] = tracked
        elif tracked is not None:
            tracked.order = lifecycle.requested(tracked.order, intent)
            tracked.is_modify_acked = False
            tracked.unseen_count = 0

    def _find(self, item: Hearsay, now_ns: int, out: Merged) -> Tracked | None:
        tracked = self.find(item)
        if tracked is None:
            self._unknown(item, now_ns, out)
            return None
        if isinstance(item, IntentAnswered):
            return tracked
        intent = tracked.intent
        mine = (intent.instrument, intent.side, intent.product)
        if mine != (item.instrument, item.side, item.product):
            text = f"{item.venue_order_id} is {item.instrument} {item.side.value}"
            self._alert(out, "tag_collision", item.client_order_id, text, now_ns)
            return None
        if tracked.is_second(item.venue_order_id):
            text = f"{tracked.venue_order_id} and {item.venue_order_id} carry one tag"
            self._alert(out, "duplicate_effect", item.venue_order_id, text, now_ns)
        self._bind(tracked, item.venue_order_id)
        return tracked

    def _unknown(self, item: Hearsay, now_ns: int, out: Merged) -> None:
        if self.closed_day.is_told(item):
            self.counts["past"] += 1
            return
        if isinstance(item, IntentAnswered) or is_own_tag(item.client_order_id):
            if len(self.parked) < PARKED_MAX:
                self.parked.append((now_ns, item))
            else:
                self.counts["parked_dropped"] += 1
            return
        self.counts["alien"] += 1
        text = f"{item.side.value} {item.quantity} {item.instrument}, not ours"
        self._alert(out, "alien_order", item.venue_order_id, text, now_ns, "warning")

    def _bind(self, tracked: Tracked, venue_order_id: str) -> None:
        if venue_order_id and not tracked.venue_order_id and not tracked.intent.is_adopted:
            tracked.venue_order_id = venue_order_id
            self._by_venue_id[venue_order_id] = tracked

    def _filled_ahead(self, tracked: Tracked, units: int, now_ns: int, out: Merged) -> None:
        """The stream counts units that are not booked: the books are to be read."""
        self._open_now, out.is_snapshot_wanted = None, True
        self._open[tracked.intent.client_order_id] = tracked
        self._late(tracked, units, now_ns, out)

    def _late(self, tracked: Tracked, units: int, now_ns: int, out: Merged) -> None:
        """An order that is over fills: said at once, as the books may be frozen (INV-02)."""
        if tracked.is_late(units):
            event, tag = "fill_after_terminal", tracked.intent.client_order_id
            self.counts[event] += 1
            text = f"{units} filled after {tracked.order.status.value}"
            out.alert("critical", event, tag, text, now_ns)

    def _fill(
        self,
        tracked: Tracked,
        trade: tuple[str, str],
        quantity: int,
        price: int,
        now_ns: int,
        out: Merged,
    ) -> None:
        """Book one fill with the increment of its order's charges.

        Args:
            trade: its identity, (venue_order_id, trade_id).
        """
        venue_order_id, trade_id = trade
        order, intent = tracked.order, tracked.intent
        self._late(tracked, quantity, now_ns, out)
        if price <= 0:
            # The quantity is certain, the money is not (ORD-25): book our own price, and say so.
            price = order.price_limit_paise or order.price_trigger_paise
            self._alert(out, "fill_without_price", order.client_order_id, trade_id, now_ns)
        charges, before = 0, order.value_paise
        if instrument := self._instruments.get(intent.instrument):
            after = before + quantity * price
            charges = self._charge(instrument, order.side, before, after, self.trading_day)
        base = fact_base(tracked, now_ns)
        base["venue_order_id"] = venue_order_id
        # full is the order itself, what a second filled is beside it (FLT-24)
        seconds = tracked.second + quantity * tracked.is_second(venue_order_id)
        fact = OrderFilled(
            **base,
            trade_id=trade_id,
            strategy=intent.strategy,
            book=intent.book,
            side=order.side,
            quantity=quantity,
            price_paise=price,
            filled_total=order.filled + quantity,
            order_quantity=tracked.quantity_max + seconds,
            charges_paise=charges,
        )
        self._emit(tracked, fact, out)

    def _emit_modified(self, tracked: Tracked, now_ns: int, out: Merged) -> None:
        """The modification under way has happened."""
        request = tracked.order.request
        if request is None or tracked.order.status not in (Status.WORKING, Status.TRIGGERED):
            return
        fact = OrderModified(
            **fact_base(tracked, now_ns),
            intent_id=request.intent_id,
            quantity=request.quantity,
            price_limit_paise=request.price_limit_paise,
            price_trigger_paise=request.price_trigger_paise,
        )
        self._emit(tracked, fact, out)

    def _emit(self, tracked: Tracked, fact: AnyOrderFact, out: Merged) -> None:
        if self._apply(tracked, fact):
            out.facts.append(fact)
        else:
            self.counts["fact_refused"] += 1

    def _apply(self, tracked: Tracked, fact: AnyOrderFact) -> bool:
        """True if the order's life cycle takes the fact (flagged ones count as taken)."""
        event = lifecycle.event_of(fact)
        before = tracked.order
        if event is not None and (before.status, event) not in lifecycle.TRANSITIONS:
            return False
        tracked.order, _ = lifecycle.evolve(before, fact)
        self._open_now = None
        self._bind(tracked, fact.venue_order_id)
        if isinstance(fact, OrderFilled):
            self._trade_keys.add((fact.venue_order_id, fact.trade_id))
            if is_synthetic(fact):
                tracked.synthetic += fact.quantity
            if tracked.is_second(fact.venue_order_id):
                tracked.second += fact.quantity
        return True

    def _alert(
        self,
        out: Merged,
        event: str,
        subject: str,
        text: str,
        now_ns: int,
        severity: str = "critical",
    ) -> None:
        self.counts[event] += 1
        if (key := f"{event}/{subject}") not in self._alerted:
            self._alerted.add(key)
            out.alert(severity, event, subject, text, now_ns)
