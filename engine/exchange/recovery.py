"""The paper venue's memory, rebuilt from the journal.

Decides which orders a restarted paper venue still has: those with an outcome in the journal, also
one that it has not been able to write down yet.
An intent without one was lost with the old venue's memory, so the watcher finds it absent and
declares it lost, exactly as with a request that never reached a real venue.
"""

from collections.abc import Iterable
from typing import Final

from engine.exchange.matching import VenueOrder
from engine.messages.broker import OrderStatus, TradeReport
from engine.messages.records import AnyOrderFact, IntentPlanned, OrderFact, OrderFilled, Record
from engine.messages.values import Action, Book, OrderType
from engine.orders import lifecycle
from engine.orders.order import OrderState, Status

_STATUSES: Final = {
    Status.WORKING: OrderStatus.OPEN,
    Status.TRIGGERED: OrderStatus.OPEN,
    Status.FILLED: OrderStatus.COMPLETE,
    Status.CANCELLED: OrderStatus.CANCELLED,
    Status.REJECTED: OrderStatus.REJECTED,
}


def restored(
    records: Iterable[Record], book: Book
) -> tuple[tuple[VenueOrder, ...], tuple[TradeReport, ...]]:
    """Orders and trades of a book, as far as the journal knows them.

    Args:
        records: in journal order; groups of other books and unknown orders are ignored.
    """
    intents: dict[str, IntentPlanned] = {}
    orders: dict[str, OrderState] = {}
    trades: list[TradeReport] = []
    fill_counts: dict[str, int] = {}
    for record in records:
        if isinstance(record, IntentPlanned) and record.book is book:
            if record.action is Action.PLACE:
                intents[record.client_order_id] = record
                orders[record.client_order_id] = lifecycle.planned(record)
            elif record.client_order_id in orders:
                order = orders[record.client_order_id]
                orders[record.client_order_id] = lifecycle.requested(order, record)
        elif isinstance(record, OrderFact) and record.client_order_id in orders:
            order, _ = lifecycle.evolve(orders[record.client_order_id], _known(record))
            orders[record.client_order_id] = order
            if isinstance(record, OrderFilled):
                fill_counts[record.client_order_id] = fill_counts.get(record.client_order_id, 0) + 1
                trades.append(_trade(record, intents[record.client_order_id]))
    rows = (
        _venue_order(intents[key], order, fill_counts.get(key, 0)) for key, order in orders.items()
    )
    return tuple(row for row in rows if row is not None), tuple(trades)


def _known(fact: OrderFact) -> AnyOrderFact:
    assert isinstance(fact, AnyOrderFact), fact
    return fact


def _venue_order(intent: IntentPlanned, order: OrderState, fills: int) -> VenueOrder | None:
    status = _STATUSES.get(order.status)
    if status is None or not order.venue_order_id:
        return None
    has_trigger = order.order_type in (OrderType.SL, OrderType.SL_M)
    if order.status is Status.WORKING and has_trigger:
        status = OrderStatus.TRIGGER_PENDING
    is_market = order.order_type in (OrderType.MARKET, OrderType.SL_M)
    return VenueOrder(
        venue_order_id=order.venue_order_id,
        tag=order.client_order_id,
        instrument=intent.instrument,
        side=order.side,
        product=intent.product,
        order_type=OrderType.LIMIT if order.order_type is OrderType.MARKET else order.order_type,
        quantity=order.quantity,
        price_limit_paise=order.price_limit_paise,
        price_trigger_paise=order.price_trigger_paise if has_trigger else 0,
        status=status,
        filled=order.filled,
        value_paise=order.value_paise,
        is_triggered=order.was_triggered,
        is_protected_market=is_market,
        is_aggressive=False,
        modify_count=order.modify_count,
        trade_count=fills,
    )


def _trade(fact: OrderFilled, intent: IntentPlanned) -> TradeReport:
    return TradeReport(
        trade_id=fact.trade_id,
        client_order_id=fact.client_order_id,
        venue_order_id=fact.venue_order_id,
        instrument=fact.instrument,
        side=fact.side,
        product=intent.product,
        quantity=fact.quantity,
        price_paise=fact.price_paise,
        at_ns=fact.at_ns,
    )
