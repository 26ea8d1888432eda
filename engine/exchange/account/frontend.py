"""The broker's front end: from a form to an order in the book, or a definite no.

Decides which new orders and changes are taken. Refuses to know the wire that they came by and how
an order was found.
"""

from engine.exchange.account.exchange import Exchange
from engine.exchange.account.ledger import Ledger
from engine.exchange.account.orders import WORKING, KiteOrder, is_market
from engine.exchange.account.request import OrderRequest
from engine.exchange.account.surroundings import KiteSettings, Surroundings
from engine.exchange.matching import Matcher
from engine.messages.broker import OrderStatus
from engine.messages.values import OrderType, Product

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
        self._tags: set[str] = set()
        self.duplicate_tag_count = 0

    def start_day(self) -> None:
        """Tags of yesterday name nothing any more."""
        self._tags.clear()

    def take(self, request: OrderRequest) -> tuple[KiteOrder | None, str]:
        """The front end's checks, then a new order in the book."""
        now_ns = self._around.now_ns()
        matcher = self._exchange.matchers.get(request.instrument)
        text = "Unknown instrument" if matcher is None else self._refusal(request, matcher, now_ns)
        if text:
            return None, text
        if request.tag in self._tags:
            self.duplicate_tag_count += 1
        self._tags.add(request.tag)
        order = self._new_order(request, now_ns)
        self._exchange.enter(order)
        return order, ""

    def _refusal(self, request: OrderRequest, matcher: Matcher, now_ns: int) -> str:
        day = self._exchange.day
        if not day.is_open(now_ns):
            return "Markets are closed; the order could not be converted to an AMO"
        if request.product is Product.MIS and 0 < day.square_off_at_ns <= now_ns:
            return "MIS orders cannot be placed after square-off time"
        return matcher.refusal(request)

    def _new_order(self, request: OrderRequest, now_ns: int) -> KiteOrder:
        has_trigger = request.order_type in (OrderType.SL, OrderType.SL_M)
        is_plain_market = request.order_type is OrderType.MARKET
        tag = request.tag
        if self._around.faults.strikes("FLT-42"):
            tag = tag[: self._around.faults.amount("FLT-42", 0, 1) * TAG_KEPT]
        return KiteOrder(
            venue_order_id=self._ledger.next_id(),
            tag=tag,
            tag_true=request.tag,
            instrument=request.instrument,
            side=request.side,
            product=request.product,
            order_type=OrderType.LIMIT if is_plain_market else request.order_type,
            quantity=request.quantity,
            price_limit_paise=0 if is_market(request.order_type) else request.price_limit_paise,
            price_trigger_paise=request.price_trigger_paise if has_trigger else 0,
            status=OrderStatus.PUT_REQUESTED,
            is_protected_market=is_market(request.order_type),
            is_exit=request.is_exit,
            placed_at_ns=now_ns,
            variety=request.variety,
            validity=request.validity,
            disclosed_quantity=request.disclosed_quantity,
            protection_bps=request.protection_bps,
        )

    def cancel(self, order: KiteOrder) -> None:
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

    def modify(self, order: KiteOrder, request: OrderRequest) -> str:
        """Check a change of a resting order and put it on its way, or say why not.

        FLT-31: it is taken and nothing changes.
        """
        matcher = self._exchange.matchers[order.instrument]
        if order.modify_count >= self._settings.modifies_max:
            return "Maximum allowed order modifications exceeded"
        if not request.quantity > order.filled:
            return f"Quantity cannot be reduced to the filled {order.filled} or below"
        if order.order_type is OrderType.LIMIT and request.order_type is OrderType.SL:
            return "A LIMIT order cannot become a stoploss order"
        is_stale_trigger = order.is_triggered and request.order_type is OrderType.SL
        if not is_stale_trigger and (text := matcher.refusal(request, order.filled)):
            return text
        if matcher.is_outside_band(request.price_limit_paise or matcher.last_paise):
            return "Price exceeds circuit limits"
        order.move(OrderStatus.MODIFY_PENDING, self._around.now_ns())
        if self._around.faults.strikes("FLT-31"):
            self._around.after(self._settings.change_ns, lambda: self._exchange.restore(order))
        else:
            delay_ns = self._settings.change_ns
            self._around.after(delay_ns, lambda: self._exchange.change(order, request))
        return ""
