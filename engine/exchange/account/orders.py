"""One order in the account's book, and how the book shows it.

Decides what a row says. Refuses to know how an order came to its state (exchange.py).

    PUT_REQUESTED -> VALIDATION_PENDING -> OPEN_PENDING -> OPEN | TRIGGER_PENDING -> OPEN
    OPEN, TRIGGER_PENDING <-> MODIFY_PENDING, CANCEL_PENDING
    any of them -> REJECTED (before the exchange has it), COMPLETE, CANCELLED
"""

from dataclasses import dataclass, field

from engine.exchange.account.request import DAY
from engine.exchange.matching import VenueOrder
from engine.messages.broker import OrderReport, OrderStatus, TradeReport
from engine.messages.values import OrderType

WORKING = frozenset(
    {
        OrderStatus.OPEN,
        OrderStatus.TRIGGER_PENDING,
        OrderStatus.MODIFY_PENDING,
        OrderStatus.CANCEL_PENDING,
    }
)
RESTING = frozenset({OrderStatus.OPEN, OrderStatus.TRIGGER_PENDING})


@dataclass(slots=True, kw_only=True)
class KiteOrder(VenueOrder):
    """A venue order with what only Kite knows of it.

    `tag_true`: what we sent; `tag` is what the book shows. `is_exit`: the intent was one of a
    position's exits. `is_ghost`: shown CANCELLED, alive at the exchange. `silent_until_ns`: no
    further fill before. `is_shown_unpriced`: average price 0. `listed_last`: what
    the row in the book was made of, and the row. `protection_bps` 0: the account's own figure.
    """

    tag_true: str = ""
    placed_at_ns: int = 0
    is_exit: bool = False
    is_alien: bool = False
    is_ghost: bool = False
    is_shown_unpriced: bool = False
    silent_until_ns: int = 0
    history: list[tuple[int, OrderStatus]] = field(default_factory=list)
    listed_last: tuple[tuple[object, ...], OrderReport] | None = None
    variety: str = "regular"
    validity: str = DAY
    disclosed_quantity: int = 0
    protection_bps: int = 0

    def move(self, status: OrderStatus, now_ns: int, text: str = "") -> None:
        """Take a state; the first word about why stays."""
        self.status = status
        self.text = text or self.text
        self.history.append((now_ns, status))

    @property
    def resting_status(self) -> OrderStatus:
        """The state of an order that works and waits."""
        return OrderStatus.TRIGGER_PENDING if self.waits_for_trigger else OrderStatus.OPEN

    def row(self, now_ns: int) -> OrderReport:
        """The order as the book and the stream show it."""
        shown = 0 if self.is_shown_unpriced or not self.filled else self.value_paise // self.filled
        return OrderReport(
            client_order_id=self.tag,
            venue_order_id=self.venue_order_id,
            instrument=self.instrument,
            side=self.side,
            order_type=self.order_type,
            product=self.product,
            status=self.status,
            quantity=self.quantity,
            filled_quantity=self.filled,
            price_limit_paise=self.price_limit_paise,
            price_trigger_paise=self.price_trigger_paise,
            price_average_paise=shown,
            text=self.text,
            at_ns=now_ns,
        )

    def listed(self, now_ns: int) -> OrderReport:
        """The row of the order book: since when the order has been as it is."""
        key = (
            self.status,
            self.filled,
            self.value_paise,
            self.quantity,
            self.order_type,
            self.price_limit_paise,
            self.price_trigger_paise,
            self.text,
            self.tag,
            self.is_shown_unpriced,
        )
        if self.listed_last is None or self.listed_last[0] != key:
            self.listed_last = key, self.row(now_ns)
        return self.listed_last[1]

    def trade(self, quantity: int, price_paise: int, now_ns: int) -> TradeReport:
        """The next trade of this order, with the true price."""
        self.filled += quantity
        self.value_paise += quantity * price_paise
        self.trade_count += 1
        return TradeReport(
            trade_id=f"{self.venue_order_id[6:]}{self.trade_count:04d}",
            client_order_id=self.tag,
            venue_order_id=self.venue_order_id,
            instrument=self.instrument,
            side=self.side,
            product=self.product,
            quantity=quantity,
            price_paise=price_paise,
            at_ns=now_ns,
        )


def is_market(order_type: OrderType) -> bool:
    """Market orders are limits at the protection distance, and read back as such."""
    return order_type in (OrderType.MARKET, OrderType.SL_M)
