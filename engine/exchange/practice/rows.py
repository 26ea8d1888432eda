"""Orders, trades and positions in the words of Kite's JSON.

Decides how a row reads. Refuses to know who asks. Fields and types are those of the official mock
answers (zerodha/kiteconnect-mocks, 2026-03).
"""

from collections.abc import Iterable

from engine.exchange.account.orders import KiteOrder
from engine.exchange.practice.listing import Listed
from engine.messages.broker import OrderReport, OrderStatus, TradeReport
from engine.messages.values import OrderType, Product
from engine.session import ist_text
from engine.units import rupees

USER = "PX0001"
Json = dict[str, object]
_UNSENT = frozenset({OrderStatus.PUT_REQUESTED, OrderStatus.VALIDATION_PENDING,
                     OrderStatus.OPEN_PENDING})  # fmt: skip


def order_row(report: OrderReport, order: KiteOrder | None, listed: Listed) -> Json:
    """One order as the book shows it; `order` None: one that the account does not know."""
    remaining = report.quantity - report.filled_quantity
    is_cancelled = report.status is OrderStatus.CANCELLED
    sent_at_ns = _sent_at_ns(order)
    is_protected = order is not None and order.is_protected_market
    return {
        "account_id": USER,
        "placed_by": USER,
        "order_id": report.venue_order_id,
        "exchange_order_id": f"1{report.venue_order_id}" if sent_at_ns else None,
        "parent_order_id": None,
        "status": report.status.value,
        "status_message": report.text or None,
        "status_message_raw": report.text or None,
        "order_timestamp": ist_text(order.placed_at_ns if order else report.at_ns),
        "exchange_update_timestamp": ist_text(report.at_ns) if sent_at_ns else None,
        "exchange_timestamp": ist_text(sent_at_ns) if sent_at_ns else None,
        "variety": order.variety if order else "regular",
        "modified": bool(order and order.modify_count),
        "exchange": listed.exchange,
        "tradingsymbol": listed.symbol,
        "instrument_token": listed.token,
        "order_type": report.order_type.value,
        "transaction_type": report.side.value,
        "validity": order.validity if order else "DAY",
        "validity_ttl": 0,
        "product": report.product.value,
        "quantity": report.quantity,
        "disclosed_quantity": order.disclosed_quantity if order else 0,
        "price": rupees(report.price_limit_paise),
        "trigger_price": rupees(report.price_trigger_paise),
        "average_price": rupees(report.price_average_paise),
        "filled_quantity": report.filled_quantity,
        "pending_quantity": 0 if order and order.is_terminal else remaining,
        "cancelled_quantity": remaining if is_cancelled else 0,
        "market_protection": 0,
        "meta": {},
        "tag": report.client_order_id or None,
        "tags": _tags(report, order if is_protected else None),
        "guid": None,
    }


def update_row(report: OrderReport, order: KiteOrder | None, listed: Listed) -> Json:
    """One order as the websocket tells of it: a part fill or a change is an UPDATE."""
    row = order_row(report, order, listed)
    is_changed = report.filled_quantity > 0 or (order is not None and order.modify_count > 0)
    if report.status is OrderStatus.OPEN and is_changed:
        row["status"] = "UPDATE"
    remaining = report.quantity - report.filled_quantity
    return row | {"user_id": USER, "app_id": 1, "checksum": "", "unfilled_quantity": remaining}


def history_rows(report: OrderReport, order: KiteOrder, listed: Listed) -> list[Json]:
    """The states of one order, oldest first, in the words of Kite's history."""
    states = [(order.placed_at_ns, "PUT ORDER REQ RECEIVED"),
              (order.placed_at_ns, "VALIDATION PENDING")]  # fmt: skip
    before = OrderStatus.PUT_REQUESTED
    for at_ns, status in order.history:
        if status is OrderStatus.MODIFY_PENDING:
            states.append((at_ns, "MODIFY VALIDATION PENDING"))
        elif before is OrderStatus.MODIFY_PENDING:
            states.append((at_ns, "MODIFIED"))
        states.append((at_ns, status.value))
        before = status
    last = order_row(report, order, listed)
    untouched = {"filled_quantity": 0, "average_price": 0.0, "cancelled_quantity": 0,
                 "pending_quantity": report.quantity, "status_message": None,
                 "status_message_raw": None}  # fmt: skip
    unsent: Json = {
        "exchange_order_id": None,
        "exchange_timestamp": None,
        "exchange_update_timestamp": None,
    }
    rows = []
    for at_ns, word in states[:-1] if order.history else states:
        row = last | untouched | {"status": word, "order_timestamp": ist_text(at_ns)}
        is_unsent = word in {state.value for state in _UNSENT}
        rows.append(row | unsent if is_unsent else row)
    return [*rows, last] if order.history else rows


def trade_row(trade: TradeReport, placed_at_ns: int, listed: Listed) -> Json:
    """One trade; its order's time has no date, as at Kite."""
    return {
        "trade_id": trade.trade_id,
        "order_id": trade.venue_order_id,
        "exchange": listed.exchange,
        "tradingsymbol": listed.symbol,
        "instrument_token": listed.token,
        "product": trade.product.value,
        "average_price": rupees(trade.price_paise),
        "quantity": trade.quantity,
        "exchange_order_id": f"1{trade.venue_order_id}",
        "transaction_type": trade.side.value,
        "fill_timestamp": ist_text(trade.at_ns),
        "order_timestamp": ist_text(placed_at_ns or trade.at_ns)[11:],
        "exchange_timestamp": ist_text(trade.at_ns),
    }


def position_row(
    listed: Listed,
    product: Product,
    trades: Iterable[TradeReport],
    last_paise: int,
    *,
    overnight: int = 0,
    closed_paise: int = 0,
) -> Json:
    """One row of the positions. `overnight` signed units from earlier days at `closed_paise`; 0
    for a row of `day`."""
    quantity, value = {1: 0, -1: 0}, {1: 0, -1: 0}
    for trade in trades:
        quantity[trade.side.sign] += trade.quantity
        value[trade.side.sign] += trade.quantity * trade.price_paise
    day_quantity, day_value = dict(quantity), dict(value)
    if overnight:
        sign = 1 if overnight > 0 else -1
        quantity[sign] += abs(overnight)
        value[sign] += abs(overnight) * closed_paise
    net = quantity[1] - quantity[-1]
    held = 1 if net > 0 else -1
    average = value[held] / quantity[held] / 100 if net else 0.0
    pnl = rupees(value[-1] - value[1] + net * last_paise)
    row: Json = {
        "tradingsymbol": listed.symbol,
        "exchange": listed.exchange,
        "instrument_token": listed.token,
        "product": product.value,
        "quantity": net,
        "overnight_quantity": overnight,
        "multiplier": listed.instrument.multiplier,
        "average_price": average,
        "close_price": rupees(closed_paise) if overnight else 0.0,
        "last_price": rupees(last_paise),
        "value": rupees(value[-1] - value[1]),
        "pnl": pnl,
        "m2m": pnl,
        "unrealised": pnl,
        "realised": 0.0,
    }
    for sign, name in ((1, "buy"), (-1, "sell")):
        row |= {
            f"{name}_quantity": quantity[sign],
            f"{name}_price": value[sign] / quantity[sign] / 100 if quantity[sign] else 0.0,
            f"{name}_value": rupees(value[sign]),
            f"{name}_m2m": rupees(value[sign]),
        }
    for sign, name in ((1, "day_buy"), (-1, "day_sell")):
        shown = day_quantity[sign]
        row |= {
            f"{name}_quantity": shown,
            f"{name}_price": day_value[sign] / shown / 100 if shown else 0.0,
            f"{name}_value": rupees(day_value[sign]),
        }
    return row


def _tags(report: OrderReport, protected: KiteOrder | None) -> list[str]:
    tags = [report.client_order_id] if report.client_order_id else []
    if protected is not None and report.order_type is OrderType.LIMIT:
        tags += ["mktp", f"mktp:{(protected.protection_bps or 200) / 100:.2f}"]
    return tags


def _sent_at_ns(order: KiteOrder | None) -> int:
    """When the exchange had the order, 0 for not yet."""
    if order is None:
        return 0
    gone = (at_ns for at_ns, status in order.history if status not in _UNSENT)
    return next(gone, 0) if order.status is not OrderStatus.REJECTED else 0
