"""The broker's front end: from an intent to an order in the book, or a definite no.

Decides which new orders and changes are taken. Refuses to know the wire that they came by. The
adapter's own memory (which order id a tag has) is here as well: it dies with the engine.
"""

from collections.abc import Iterable

from engine.exchange.matching import Matcher
from engine.messages.broker import OrderStatus
from engine.messages.records import IntentPlanned, OrderFact, Record
from engine.messages.values import Action, OrderType, Product
from scripts.simulation.kite.exchange import Exchange
from scripts.simulation.kite.ledger import Ledger
from scripts.simulation.kite.orders import RESTING, WORKING, KiteOrder, is_market
from scripts.simulation.kite.surroundings import KiteSettings, Surroundings

IN_FLUX = "Order cannot be changed as it is being processed. Try later."
TAG_KEPT = 8
"""How much of a truncated tag is left."""
GHOST_S_MAX = 600
"""An order shown cancelled has filled an hour later: a sixth of the usual session, and so of the
simulated one. Source: Kite forum 8676, 2020-10."""


class FrontEnd:
    """See the module."""

    def __init__(
        self, settings: KiteSettings, around: Surroundings, exchange: Exchange, ledger: Ledger
    ) -> None:
        self._settings = settings
        self._around = around
        self._exchange = exchange
        self._ledger = ledger
        self._ids: dict[str, str] = {}
        self._tags: set[str] = set()
        self.duplicate_tag_count = 0

    def start_day(self) -> None:
        """Tags and ids of yesterday name nothing any more."""
        self._tags.clear()
        self._ids.clear()

    def recover(self, records: Iterable[Record]) -> None:
        """A new life of the engine: learn the order ids of our tags from its journal."""
        self._ids.clear()
        for record in records:
            if isinstance(record, OrderFact) and record.venue_order_id:
                self._ids[record.client_order_id] = record.venue_order_id

    def bind(self, tag: str, venue_order_id: str) -> None:
        """The answer told the order's id."""
        self._ids[tag] = venue_order_id

    def take(self, intent: IntentPlanned) -> tuple[KiteOrder | None, str]:
        """The front end's checks, then a new order in the book."""
        now_ns = self._around.now_ns()
        matcher = self._exchange.matchers.get(intent.instrument)
        text = "Unknown instrument" if matcher is None else self._refusal(intent, matcher, now_ns)
        if text:
            return None, text
        if intent.client_order_id in self._tags:
            self.duplicate_tag_count += 1
        self._tags.add(intent.client_order_id)
        order = self._new_order(intent, now_ns)
        self._exchange.enter(order)
        return order, ""

    def _refusal(self, intent: IntentPlanned, matcher: Matcher, now_ns: int) -> str:
        day = self._exchange.day
        if not day.is_open(now_ns):
            return "Markets are closed; the order could not be converted to an AMO"
        if intent.product is Product.MIS and 0 < day.square_off_at_ns <= now_ns:
            return "MIS orders cannot be placed after square-off time"
        return matcher.refusal(intent)

    def _new_order(self, intent: IntentPlanned, now_ns: int) -> KiteOrder:
        has_trigger = intent.order_type in (OrderType.SL, OrderType.SL_M)
        is_plain_market = intent.order_type is OrderType.MARKET
        tag = intent.client_order_id
        if self._around.faults.strikes("FLT-42"):
            tag = tag[: self._around.faults.amount("FLT-42", 0, 1) * TAG_KEPT]
        return KiteOrder(
            venue_order_id=self._ledger.next_id(),
            tag=tag,
            tag_true=intent.client_order_id,
            instrument=intent.instrument,
            side=intent.side,
            product=intent.product,
            order_type=OrderType.LIMIT if is_plain_market else intent.order_type,
            quantity=intent.quantity,
            price_limit_paise=0 if is_market(intent.order_type) else intent.price_limit_paise,
            price_trigger_paise=intent.price_trigger_paise if has_trigger else 0,
            status=OrderStatus.PUT_REQUESTED,
            is_protected_market=is_market(intent.order_type),
            is_exit=intent.leg.is_exit,
            placed_at_ns=now_ns,
        )

    def _find(self, tag: str) -> KiteOrder | None:
        """The order that the adapter means by a tag: by its id, else by what the book shows."""
        known = self._ledger.orders.get(self._ids.get(tag, ""))
        if known is not None:
            return known
        tagged = [order for order in self._ledger.orders.values() if order.tag == tag]
        alive = [order for order in tagged if not order.is_terminal]
        return next(reversed(alive or tagged), None)

    def carry_out(self, intent: IntentPlanned) -> tuple[KiteOrder | None, str]:
        """Change or cancel an order; why not, "" if it was taken."""
        order = self._find(intent.client_order_id)
        if order is None or order.status not in RESTING:
            return order, IN_FLUX
        if intent.action is Action.CANCEL:
            for one in (order, *self._seconds(order)):
                self._cancel(one)
            return order, ""
        return order, self._modify(order, intent)

    def _seconds(self, order: KiteOrder) -> list[KiteOrder]:
        """Other resting orders that the book shows with the same tag: second effects of one
        request (FLT-24), which the adapter knows from the books it has read."""
        return [
            other
            for other in self._ledger.orders.values()
            if other.tag == order.tag != "" and other is not order and other.status in RESTING
        ]

    def _cancel(self, order: KiteOrder) -> None:
        """Take a resting order off, with all that can go wrong on the way (FLT-29, 30, 35)."""
        around, faults = self._around, self._around.faults
        if faults.strikes("FLT-30") and self._exchange.cross(order):
            return
        if faults.strikes("FLT-35"):
            self._exchange.haunt(order, around.seconds("FLT-35", 1, GHOST_S_MAX))
            return
        order.move(OrderStatus.CANCEL_PENDING, around.now_ns())
        if faults.strikes("FLT-29"):
            around.after(around.seconds("FLT-29", 1, 60), lambda: self._exchange.restore(order))
            return
        around.after(self._settings.change_ns, lambda: self._cancelled(order))

    def _cancelled(self, order: KiteOrder) -> None:
        if order.status in WORKING:
            self._exchange.withdraw(order)

    def _modify(self, order: KiteOrder, intent: IntentPlanned) -> str:
        """Check a change and put it on its way; FLT-31: it is taken and nothing changes."""
        matcher = self._exchange.matchers[order.instrument]
        if order.modify_count >= self._settings.modifies_max:
            return "Maximum allowed order modifications exceeded"
        if not intent.quantity > order.filled:
            return f"Quantity cannot be reduced to the filled {order.filled} or below"
        if order.order_type is OrderType.LIMIT and intent.order_type is OrderType.SL:
            return "A LIMIT order cannot become a stoploss order"
        is_stale_trigger = order.is_triggered and intent.order_type is OrderType.SL
        if not is_stale_trigger and (text := matcher.refusal(intent, order.filled)):
            return text
        if matcher.is_outside_band(intent.price_limit_paise or matcher.last_paise):
            return "Price exceeds circuit limits"
        order.move(OrderStatus.MODIFY_PENDING, self._around.now_ns())
        if self._around.faults.strikes("FLT-31"):
            self._around.after(self._settings.change_ns, lambda: self._exchange.restore(order))
        else:
            delay_ns = self._settings.change_ns
            self._around.after(delay_ns, lambda: self._exchange.change(order, intent))
        return ""
