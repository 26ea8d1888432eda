"""Autoslice: one form, several orders within the freeze quantity, one answer for all of them.

Decides the slices. A part that fails does not undo the others, and the answer is a success all the
same. Source: kiteconnect-mocks 2026-03 (answer v2); Kite forum 53057 for the floor.
"""

from typing import Final

from engine.exchange.account.exchange import MARGIN_TEXT
from engine.exchange.practice.errors import KiteError, invalid
from engine.exchange.practice.forms import Form, name_of
from engine.exchange.practice.venue import PracticeExchange

Json = dict[str, object]
SLICES_MAX: Final = 10


def place_slices(exchange: PracticeExchange, variety: str, form: Form) -> Json:
    """`{order_id}` of an order that needs no slices, else the parent's id and the children.

    Raises:
        KiteError: nothing was placed.
    """
    plain = {field: value for field, value in form.items() if field != "autoslice"}
    most, quantity = _slice_max(exchange, plain), _quantity(plain)
    if not most or quantity <= most:
        return {"order_id": exchange.place(variety, plain).venue_order_id}
    if quantity < 2 * most:
        raise invalid(f"Quantity should be greater than or equal to {2 * most} for order slicing.")
    sizes = [most] * (quantity // most) + ([quantity % most] if quantity % most else [])
    if len(sizes) > SLICES_MAX:
        raise invalid(f"At most {SLICES_MAX} slices are allowed.")
    parent = exchange.ledger.next_id()
    children = [_child(exchange, variety, plain, size, parent) for size in sizes]
    return {"order_id": parent, "children": children}


def _child(exchange: PracticeExchange, variety: str, form: Form, size: int, parent: str) -> Json:
    if exchange.menu.strikes("KITE-32"):
        return _failed(KiteError(400, "MarginException", MARGIN_TEXT))
    try:
        order = exchange.place(variety, {**form, "quantity": str(size)}, slice_of=parent)
    except KiteError as error:
        return _failed(error)
    return {"order_id": order.venue_order_id}


def _failed(error: KiteError) -> Json:
    return {
        "error": {
            "code": error.status,
            "error_type": error.error_type,
            "message": error.message,
            "data": None,
        }
    }


def _slice_max(exchange: PracticeExchange, form: Form) -> int:
    """The largest whole-lot order within the freeze quantity; 0 if there is none known."""
    instrument = exchange.named(name_of(form)).instrument
    return instrument.freeze_quantity // instrument.lot * instrument.lot


def _quantity(form: Form) -> int:
    text = form.get("quantity", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
