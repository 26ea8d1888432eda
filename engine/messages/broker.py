"""What a broker adapter reports. Hints and snapshots alike go to the watcher, nobody else."""

from enum import unique
from typing import ClassVar

from engine.messages.base import Delivery, Message, Word
from engine.messages.values import Action, Book, OrderType, Product, Refusal, Side


@unique
class Outcome(Word):
    """What one request to the broker came to.

    ACKED: the venue has it. REFUSED: a definite no. NOT_SENT: no byte left. UNKNOWN: maybe.
    DENIED: our own gate said no.
    """

    ACKED = "acked"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"
    DENIED = "denied"


@unique
class OrderStatus(Word):
    """Kite's order states. An unlisted one is taken as non-terminal and logged."""

    PUT_REQUESTED = "PUT ORDER REQ RECEIVED"
    VALIDATION_PENDING = "VALIDATION PENDING"
    OPEN_PENDING = "OPEN PENDING"
    OPEN = "OPEN"
    TRIGGER_PENDING = "TRIGGER PENDING"
    MODIFY_PENDING = "MODIFY PENDING"
    CANCEL_PENDING = "CANCEL PENDING"
    COMPLETE = "COMPLETE"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"


TERMINAL_STATUSES = frozenset({OrderStatus.COMPLETE, OrderStatus.CANCELLED, OrderStatus.REJECTED})


class IntentAnswered(Message, frozen=True, kw_only=True):
    """The immediate answer to one intent."""

    delivery: ClassVar[Delivery] = Delivery.CRITICAL

    intent_id: str
    client_order_id: str
    action: Action
    outcome: Outcome
    venue_order_id: str = ""
    refusal: Refusal | None = None
    text: str = ""
    at_ns: int


class OrderReport(Message, frozen=True, kw_only=True):
    """The state of one order as the broker tells it (stream update or row of the order book).

    `price_average_paise` is over the filled part; 0 where the broker does not say.
    """

    delivery: ClassVar[Delivery] = Delivery.CRITICAL

    client_order_id: str
    venue_order_id: str
    instrument: str
    side: Side
    order_type: OrderType
    product: Product
    status: OrderStatus
    quantity: int
    filled_quantity: int
    price_limit_paise: int
    price_trigger_paise: int
    price_average_paise: int = 0
    text: str = ""
    at_ns: int


class StreamHinted(Message, frozen=True, kw_only=True):
    """The broker's stream said something of an order of the account, or may have missed something:
    read the books again. A hint, never truth. `body` is the frame as it came, JSON; "" after an
    interruption, because what was sent meanwhile is never sent again.
    Source: Kite forum 4217, 9855 (2026-11)."""

    delivery: ClassVar[Delivery] = Delivery.DROP_OLDEST

    body: str
    at_ns: int


class TradeReport(Message, frozen=True, kw_only=True):
    """One trade. `(trade_id, venue_order_id)` is its identity."""

    delivery: ClassVar[Delivery] = Delivery.CRITICAL

    trade_id: str
    client_order_id: str
    venue_order_id: str
    instrument: str
    side: Side
    product: Product
    quantity: int
    price_paise: int
    at_ns: int


class PositionReport(Message, frozen=True, kw_only=True):
    """The broker's net position; `quantity` signed."""

    instrument: str
    product: Product
    quantity: int


class SnapshotRequested(Message, frozen=True, kw_only=True):
    """Read orders, trades and positions of one book, or of all. The watcher hears every answer; a
    reader besides it gets all books in one, or nothing if one of them cannot be read."""

    delivery: ClassVar[Delivery] = Delivery.CRITICAL

    request_id: int
    reason: str
    reader: str = "watcher"
    book: Book | None = None


class BrokerSnapshot(Message, frozen=True, kw_only=True):
    """One read of the broker's three books, `request_id` of the asker.

    `book` says whose orders may be found absent in it. The reconciler's copy holds all books;
    `book` is then the first one's and means nothing to it.
    """

    delivery: ClassVar[Delivery] = Delivery.CRITICAL

    request_id: int
    orders: tuple[OrderReport, ...]
    trades: tuple[TradeReport, ...]
    positions: tuple[PositionReport, ...]
    book: Book = Book.PAPER
    at_ns: int
