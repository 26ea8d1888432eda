"""Kite's rows of orders, trades and positions in the engine's words, and back to nothing else.

Decides how floats, texts, tags and times of the broker are read. Refuses to know how rows arrive:
the order book, the websocket and tests hand over decoded JSON. A row that does not parse raises
`WireMalformed` with the field's name; a row of somebody else in a product that the engine does not
know (cover order, margin funding) is None, because nothing of ours can be in it.

- A protected MARKET or SL-M order reads back as LIMIT; that is what the report says.
- `pending_quantity` is not read: Kite's own sample shows a cancelled order with some left.
- An unlisted status is PUT_REQUESTED: it works, and nothing else is claimed of it.
Source: Kite Connect v3 order, trade and position rows; official mock answers (2026-03).
"""

from collections.abc import Iterable, Mapping
from typing import Final, cast

import msgspec

from engine.errors import WireMalformed
from engine.ids import is_own_tag
from engine.kite.outcome import is_order_id
from engine.limits import QUANTITY_MAX, TEXT_CHARS_MAX
from engine.messages.broker import OrderReport, OrderStatus, PositionReport, TradeReport
from engine.messages.values import OrderType, Product, Side
from engine.session import ns_from_ist
from engine.units import paise_from_rupees

Row = Mapping[str, object]

_STATUS: Final = {status.value: status for status in OrderStatus} | {
    "MODIFY VALIDATION PENDING": OrderStatus.MODIFY_PENDING,
    "MODIFIED": OrderStatus.MODIFY_PENDING,
    "NOT MODIFIED": OrderStatus.MODIFY_PENDING,
}
_SIDE: Final = {side.value: side for side in Side}
_TYPE: Final = {kind.value: kind for kind in OrderType}
_PRODUCT: Final = {product.value: product for product in Product}
_BROKERS_TAGS: Final = ("mktp", "autoslice")
_ORDER_TIMES: Final = ("exchange_update_timestamp", "order_timestamp", "exchange_timestamp")
_TRADE_TIMES: Final = ("fill_timestamp", "exchange_timestamp")


def order_rows(data: object) -> tuple[OrderReport, ...]:
    """The order book. Raises WireMalformed: nothing of the book may be used."""
    return tuple(report for row in _rows(data) if (report := order_report(row)) is not None)


def trade_rows(data: object, tags: Mapping[str, str]) -> tuple[TradeReport, ...]:
    """The trade book; see `trade_report`. Raises WireMalformed."""
    return tuple(report for row in _rows(data) if (report := trade_report(row, tags)) is not None)


def position_rows(data: object) -> tuple[PositionReport, ...]:
    """The net positions: what is held now, what was carried over included. Raises WireMalformed."""
    if not isinstance(data, Mapping) or "net" not in data:
        raise WireMalformed("net: missing")
    rows = _rows(data["net"])
    return tuple(report for row in rows if (report := position_report(row)) is not None)


def order_update(frame: bytes | str) -> OrderReport | None:
    """A text frame of the websocket; None if it is not about an order of a product we know.

    Takes the old form too, which has the order's fields at the top.
    Raises:
        WireMalformed: the frame is dropped and counted.
    """
    try:
        found = msgspec.json.decode(frame)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise WireMalformed("frame: no JSON") from None
    if not isinstance(found, dict):
        raise WireMalformed("frame: no object")
    if found.get("type", "order") != "order":
        return None
    row = found.get("data", found)
    if not isinstance(row, dict):
        raise WireMalformed("data: no object")
    return order_report(row)


def order_report(row: Row) -> OrderReport | None:
    """One order. Raises WireMalformed with the field's name."""
    tag = tag_of(row)
    product = _product(row, tag)
    kind = _TYPE.get(_text(row, "order_type"))
    if product is None or (kind is None and not is_own_tag(tag)):
        return None
    if kind is None:
        raise WireMalformed(f"order_type: {_shown(row.get('order_type'))}")
    return OrderReport(
        client_order_id=tag,
        venue_order_id=_order_id(row),
        instrument=_instrument(row),
        side=_side(row),
        order_type=kind,
        product=product,
        status=_STATUS.get(_text(row, "status"), OrderStatus.PUT_REQUESTED),
        quantity=_count(row, "quantity"),
        filled_quantity=_count(row, "filled_quantity"),
        price_limit_paise=_paise(row, "price"),
        price_trigger_paise=_paise(row, "trigger_price"),
        price_average_paise=_paise(row, "average_price"),
        text=_words(row, "status_message"),
        at_ns=_time(row, _ORDER_TIMES),
    )


def trade_report(row: Row, tags: Mapping[str, str]) -> TradeReport | None:
    """One fill.

    Args:
        tags: by order id, the tag of each order known: Kite's trades do not carry it. An order
            that is not in it gives "", the name of a stranger.

    Raises:
        WireMalformed: with the field's name.
    """
    order_id = _order_id(row)
    tag = tags.get(order_id, "")
    product = _product(row, tag)
    if product is None:
        return None
    quantity = _count(row, "quantity")
    trade_id = row.get("trade_id")
    if not isinstance(trade_id, str) or not 0 < len(trade_id) <= TEXT_CHARS_MAX:
        raise WireMalformed(f"trade_id: {_shown(trade_id)}")
    if quantity == 0:
        raise WireMalformed("quantity: 0")
    return TradeReport(
        trade_id=trade_id,
        client_order_id=tag,
        venue_order_id=order_id,
        instrument=_instrument(row),
        side=_side(row),
        product=product,
        quantity=quantity,
        price_paise=_paise(row, "average_price"),
        at_ns=_time(row, _TRADE_TIMES),
    )


def position_report(row: Row) -> PositionReport | None:
    """One net position; rows at 0 stay for the day. Raises WireMalformed."""
    product = _product(row, "")
    if product is None:
        return None
    quantity = _count(row, "quantity", low=-QUANTITY_MAX)
    return PositionReport(instrument=_instrument(row), product=product, quantity=quantity)


def tag_of(row: Row) -> str:
    """Whose order it is: our tag wherever it stands among those that the broker has added.

    Without one of ours: the tag that somebody else has given it, "" if nobody has.
    """
    own, many = row.get("tag"), row.get("tags")
    listed: Iterable[object] = many if isinstance(many, list) else ()
    names = [name for name in (own, *listed) if isinstance(name, str) and name]
    ours = next((name for name in names if is_own_tag(name)), "")
    if ours:
        return ours
    others = (name for name in names if not name.startswith(_BROKERS_TAGS))
    return next(others, "")[:TEXT_CHARS_MAX]


# -- fields ----------------------------------------------------------------------------------


def _rows(data: object) -> Iterable[Row]:
    if not isinstance(data, list):
        raise WireMalformed("data: no list of rows")
    for number, row in enumerate(data):
        if not isinstance(row, dict):
            raise WireMalformed(f"row {number}: no object")
    return cast("list[Row]", data)


def _order_id(row: Row) -> str:
    value = row.get("order_id")
    if not is_order_id(value):
        raise WireMalformed(f"order_id: {_shown(value)}")
    return cast("str", value)


def _instrument(row: Row) -> str:
    return f"{_name(row, 'exchange')}:{_name(row, 'tradingsymbol')}"


def _name(row: Row, field: str) -> str:
    value = row.get(field)
    if not isinstance(value, str) or not 0 < len(value) <= TEXT_CHARS_MAX:
        raise WireMalformed(f"{field}: {_shown(value)}")
    return value


def _side(row: Row) -> Side:
    side = _SIDE.get(_text(row, "transaction_type"))
    if side is None:
        raise WireMalformed(f"transaction_type: {_shown(row.get('transaction_type'))}")
    return side


def _product(row: Row, tag: str) -> Product | None:
    """None: a product that the engine does not trade, on an order that is not ours."""
    product = _PRODUCT.get(_text(row, "product"))
    if product is None and is_own_tag(tag):
        raise WireMalformed(f"product: {_shown(row.get('product'))}")
    return product


def _text(row: Row, field: str) -> str:
    value = row.get(field)
    if not isinstance(value, str):
        raise WireMalformed(f"{field}: {_shown(value)}")
    return value


def _words(row: Row, field: str) -> str:
    value = row.get(field)
    return value[:TEXT_CHARS_MAX] if isinstance(value, str) else ""


def _count(row: Row, field: str, *, low: int = 0) -> int:
    """A whole number of units; 10.0 is one, 10.5, true and a text are not."""
    value = row.get(field)
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if not is_whole or isinstance(value, bool) or not low <= cast("int", value) <= QUANTITY_MAX:
        raise WireMalformed(f"{field}: {_shown(value)}")
    return int(cast("int", value))


def _paise(row: Row, field: str) -> int:
    """A price in rupees; null and a missing one are 0, "none"."""
    value = row.get(field)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise WireMalformed(f"{field}: {_shown(value)}")
    try:
        return paise_from_rupees(value)
    except ValueError:
        raise WireMalformed(f"{field}: {_shown(value)}") from None


def _time(row: Row, fields: tuple[str, ...]) -> int:
    """The first of the times that is given."""
    for field in fields:
        value = row.get(field)
        if value is None:
            continue
        try:
            return ns_from_ist(cast("str", value))
        except (ValueError, TypeError, AttributeError):
            raise WireMalformed(f"{field}: {_shown(value)}") from None
    raise WireMalformed(f"{fields[0]}: missing")


def _shown(value: object) -> str:
    return repr(value)[:40]
