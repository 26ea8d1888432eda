"""Merging what the broker says into facts: monotone, exactly once.

Decides which fact, if any, follows from an answer, a stream update, a trade or a snapshot row.
Refuses to know actors, clocks and the journal. A mutable book, because it sees every report of the
day; each fact it emits is applied to it at once, and `evolve` rebuilds it from the same facts.

- The filled quantity never falls; an older or repeated report changes nothing and is counted.
- A trade is identified by (venue_order_id, trade_id). A report that counts more than the trades
  asks for a snapshot; if that lacks the trades too, the difference becomes a fill of its own
  ("syn-..."), and later trades up to that quantity are absorbed.
- A terminal state waits for the fills that it counts: the filled part is booked first (ORD-24).
- Terminal is final, except that a fill is always taken, and reported (ORD-10).
- Two orders with one tag are two effects of one request (FLT-24): every trade of both is booked to
  our order, however full it is, and the rows of the second are not compared with it.
- A placement is bound by its tag, so a fill may come before the answer (ORD-02).
"""

from typing import Final

from engine.messages.broker import (
    TERMINAL_STATUSES,
    IntentAnswered,
    OrderReport,
    OrderStatus,
    Outcome,
    TradeReport,
)
from engine.messages.records import (
    AnyOrderFact,
    IntentPlanned,
    OrderAccepted,
    OrderCancelled,
    OrderDenied,
    OrderLost,
    OrderModified,
    OrderRejected,
    OrderTriggered,
    OrderUnknown,
    RequestRefused,
)
from engine.messages.values import Action, OrderType, Refusal
from engine.orders.merge_book import Hearsay
from engine.orders.order import Status
from engine.orders.seconds import SecondBook
from engine.orders.synthetic import SYNTHETIC
from engine.orders.tracked import Merged, Tracked, fact_base

AWAITED: Final = (Status.PLANNED, Status.UNKNOWN)
_WORKING: Final = frozenset(
    {
        OrderStatus.OPEN,
        OrderStatus.TRIGGER_PENDING,
        OrderStatus.MODIFY_PENDING,
        OrderStatus.CANCEL_PENDING,
    }
)


class OrderTruth(SecondBook):
    """The merging rules over the book of all orders."""

    def release_parked(self, intent: IntentPlanned, now_ns: int) -> Merged:
        """Merge what had arrived about an order before its intent did."""
        out = Merged()
        key = intent.client_order_id
        held = [item for _, item in self.parked if item.client_order_id == key]
        self.parked = [entry for entry in self.parked if entry[1].client_order_id != key]
        for item in held:
            self.merge(item, now_ns, out)
        return out

    def merge(
        self, item: Hearsay, now_ns: int, out: Merged | None = None, *, is_proof: bool = False
    ) -> Merged:
        """Take one answer, report or trade; facts are applied here and returned in order.

        Args:
            is_proof: a row of a snapshot whose trades are merged already.
        """
        out = out if out is not None else Merged()
        tracked = self._find(item, now_ns, out)
        if tracked is None:
            return out
        match item:
            case IntentAnswered():
                self._answer(tracked, item, now_ns, out)
            case OrderReport() if tracked.is_second(item.venue_order_id):
                self._second(tracked, item, now_ns, out, is_proof=is_proof)
            case OrderReport():
                self._report(tracked, item, now_ns, out, is_proof=is_proof)
            case TradeReport():
                self._trade(tracked, item, now_ns, out)
        return out

    def lost(self, tracked: Tracked, reason: str, now_ns: int, out: Merged) -> None:
        """The order was proven absent at the venue."""
        self._emit(tracked, OrderLost(**fact_base(tracked, now_ns), reason=reason), out)

    def not_applied(self, tracked: Tracked, reason: str, now_ns: int, out: Merged) -> None:
        """A modification or cancel was proven not to have happened."""
        request = tracked.order.request
        assert request is not None
        base = fact_base(tracked, now_ns)
        self._emit(
            tracked,
            RequestRefused(
                **base, intent_id=request.intent_id, action=request.action, reason=reason
            ),
            out,
        )

    def _report(
        self, tracked: Tracked, row: OrderReport, now_ns: int, out: Merged, *, is_proof: bool
    ) -> None:
        """Take one order row."""
        order = tracked.order
        if not 0 <= row.filled_quantity <= row.quantity:
            text = f"filled {row.filled_quantity} of {row.quantity}"
            self._alert(out, "overfilled", row.client_order_id, text, now_ns)
            out.is_snapshot_wanted = True
            return
        if row.filled_quantity < tracked.own_filled:
            self.counts["report_stale"] += 1
            return
        if order.is_over and tracked.own_filled == row.filled_quantity:
            if row.status in TERMINAL_STATUSES or order.status in (Status.FILLED, Status.CANCELLED):
                self.counts["report_late"] += 1
                return
            if order.status is not Status.LOST:
                self._alert(out, "order_after_refusal", row.client_order_id, "it works", now_ns)
                return
        tracked.row = row
        self._open_now = None
        self._open[tracked.intent.client_order_id] = tracked
        self._working(tracked, row, now_ns, out)
        if is_proof or tracked.is_modify_acked:
            self._modified(tracked, now_ns, out)
        if row.filled_quantity > tracked.own_filled:
            if is_proof:
                self._synthesize(tracked, row, now_ns, out)
            else:
                ahead = row.filled_quantity - tracked.own_filled
                self._filled_ahead(tracked, ahead, now_ns, out)
        self._settle(tracked, now_ns, out)
        self._note_number(tracked, row, now_ns, out)

    def _trade(self, tracked: Tracked, trade: TradeReport, now_ns: int, out: Merged) -> None:
        """Take one trade once."""
        key = (trade.venue_order_id, trade.trade_id)
        if key in self._trade_keys:
            self.counts["trade_duplicate"] += 1
            return
        is_second = self._is_of_second(tracked, trade, now_ns, out)
        absorbed = 0 if is_second else min(tracked.synthetic, trade.quantity)
        quantity = trade.quantity - absorbed
        order = tracked.order
        request = order.request
        asked = request.quantity if request and request.action is Action.MODIFY else 0
        room = max(order.quantity, asked) - tracked.own_filled
        if trade.quantity <= 0 or not (is_second or 0 <= quantity <= room):
            text = f"trade of {trade.quantity} with {order.filled} of {order.quantity} filled"
            self._alert(out, "overfilled", trade.client_order_id, text, now_ns)
            out.is_snapshot_wanted = True
            return
        self._trade_keys.add(key)
        if absorbed:
            tracked.synthetic -= absorbed
            self.counts["trade_absorbed"] += 1
        if quantity == 0:
            return
        if not is_second and tracked.own_filled + quantity > order.quantity:
            self._emit_modified(tracked, now_ns, out)
        self._fill(tracked, key, quantity, trade.price_paise, now_ns, out)
        self._settle(tracked, now_ns, out)

    def _answer(self, tracked: Tracked, answer: IntentAnswered, now_ns: int, out: Merged) -> None:
        if answer.action is Action.PLACE:
            self._place_answered(tracked, answer, now_ns, out)
            return
        request = tracked.order.request
        if tracked.order.is_terminal or not request or request.intent_id != answer.intent_id:
            self.counts["answer_late"] += 1
            return
        base = fact_base(tracked, now_ns)
        match answer.outcome:
            case Outcome.ACKED:
                tracked.is_modify_acked = answer.action is Action.MODIFY
                if tracked.row is not None:
                    self._modified(tracked, now_ns, out)
            case Outcome.REFUSED | Outcome.NOT_SENT:
                # Often because it has just filled or gone (ORD-08): look.
                out.is_snapshot_wanted = True
                self.not_applied(tracked, answer.text or answer.outcome.value, now_ns, out)
            case Outcome.UNKNOWN:
                out.is_snapshot_wanted = True
            case Outcome.DENIED:
                refusal = answer.refusal or _no_reason(answer)
                fact = OrderDenied(
                    **base, intent_id=answer.intent_id, action=answer.action, refusal=refusal
                )
                self._emit(tracked, fact, out)

    def _place_answered(
        self, tracked: Tracked, answer: IntentAnswered, now_ns: int, out: Merged
    ) -> None:
        self._bind(tracked, answer.venue_order_id)
        if answer.outcome is Outcome.ACKED:
            tracked.is_acked = True
            return
        if tracked.order.status not in AWAITED:
            self.counts["answer_late"] += 1
            return
        base = fact_base(tracked, now_ns)
        text = answer.text or answer.outcome.value
        is_planned = tracked.order.status is Status.PLANNED
        if answer.outcome is Outcome.REFUSED:
            self._emit(tracked, OrderRejected(**base, reason=text), out)
        elif answer.outcome is Outcome.NOT_SENT:
            self._emit(tracked, OrderLost(**base, reason=text), out)
        elif answer.outcome is Outcome.UNKNOWN and is_planned:
            self._emit(tracked, OrderUnknown(**base, reason=text), out)
            out.is_snapshot_wanted = True
        elif answer.outcome is Outcome.DENIED and is_planned:
            refusal = answer.refusal or _no_reason(answer)
            fact = OrderDenied(
                **base, intent_id=answer.intent_id, action=answer.action, refusal=refusal
            )
            self._emit(tracked, fact, out)

    def _working(self, tracked: Tracked, row: OrderReport, now_ns: int, out: Merged) -> None:
        """Accepted and triggered, as far as the row shows it."""
        if row.status not in _WORKING:
            return
        base = fact_base(tracked, now_ns)
        if tracked.order.status is Status.LOST:
            self._alert(out, "late_order", row.client_order_id, "it was held to be lost", now_ns)
        if tracked.order.status in (*AWAITED, Status.LOST):
            self._emit(tracked, OrderAccepted(**base), out)
        order, request = tracked.order, tracked.order.request
        is_moved = request is not None and request.order_type is OrderType.LIMIT  # by ourselves
        is_stop = not is_moved and order.order_type in (OrderType.SL, OrderType.SL_M)
        if is_stop and row.status is OrderStatus.OPEN and order.status is Status.WORKING:
            self._emit(tracked, OrderTriggered(**base), out)

    def _modified(self, tracked: Tracked, now_ns: int, out: Merged) -> None:
        """Confirm the modification under way if the newest row shows it."""
        row, request = tracked.row, tracked.order.request
        if row is None or request is None or request.action is not Action.MODIFY:
            return
        prices, is_limit = (row.price_limit_paise, 0), request.order_type is OrderType.LIMIT
        is_shown = row.quantity == request.quantity and request.price_limit_paise in prices
        is_shown = is_shown and not (is_limit and row.status is OrderStatus.TRIGGER_PENDING)
        is_trigger_shown = request.price_trigger_paise in (row.price_trigger_paise, 0)
        if is_shown and (is_trigger_shown or tracked.order.was_triggered):
            self._emit_modified(tracked, now_ns, out)

    def _settle(self, tracked: Tracked, now_ns: int, out: Merged) -> None:
        """Emit the terminal state of the newest row once all its fills are booked."""
        row, order = tracked.row, tracked.order
        if row is None or (order.is_over and order.status is not Status.LOST):
            return
        if row.filled_quantity != tracked.own_filled or row.status not in TERMINAL_STATUSES:
            return
        base = fact_base(tracked, now_ns)
        text = row.text or row.status.value
        if row.status is OrderStatus.CANCELLED:
            fact: AnyOrderFact = OrderCancelled(
                **base, filled_total=order.filled, is_asked=order.is_cancel_asked, reason=text
            )
        elif row.status is OrderStatus.REJECTED:
            fact = OrderRejected(**base, reason=text)
        else:
            # Complete with less than we think it has: a modification we have not heard of.
            fact = OrderModified(
                **base,
                intent_id=order.request.intent_id if order.request is not None else "",
                quantity=row.quantity,
                price_limit_paise=row.price_limit_paise,
                price_trigger_paise=row.price_trigger_paise,
            )
        self._emit(tracked, fact, out)

    def _synthesize(self, tracked: Tracked, row: OrderReport, now_ns: int, out: Merged) -> None:
        """Book what the order counts as filled although no trade shows it."""
        order = tracked.order
        missing = row.filled_quantity - tracked.own_filled
        price = (row.price_average_paise * row.filled_quantity - order.value_paise) // missing
        if tracked.second:
            price = row.price_average_paise
        self.counts["fill_synthesized"] += 1
        trade = (tracked.venue_order_id, f"{SYNTHETIC}{row.filled_quantity}")
        if row.filled_quantity > order.quantity:
            self._emit_modified(tracked, now_ns, out)
        self._fill(tracked, trade, missing, price if row.price_average_paise else 0, now_ns, out)


def _no_reason(answer: IntentAnswered) -> Refusal:
    return Refusal(rule="gate", measured=0, limit=0, why=answer.text or "denied")
