"""An order form: from the fields of a request to what the account is asked.

Decides which form is refused before the account hears of it, with Kite's texts. Refuses to know
orders and positions. Source: Kite Connect v3, orders; forum texts (facts of 2026-11).
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from engine.exchange.account.orders import KiteOrder
from engine.exchange.account.request import DAY, IOC, OrderRequest
from engine.exchange.practice.errors import PROTECTION_TEXT, UNKNOWN_SYMBOL, invalid
from engine.exchange.practice.listing import Listed
from engine.messages.values import OrderType, Product, Side
from engine.units import BPS, PAISE_PER_RUPEE

Form = Mapping[str, str]
TAG_CHARACTERS_MAX: Final = 20
MIS_QUANTITY_MAX: Final = 30_000
_NEEDED: Final = ("exchange", "tradingsymbol", "transaction_type", "quantity", "product",
                  "order_type")  # fmt: skip
_VARIETIES: Final = frozenset({"regular", "amo", "co", "iceberg", "auction"})


def check_variety(variety: str) -> None:
    """Raises KiteError for a variety that is unknown or not practised here."""
    if variety not in _VARIETIES:
        raise invalid("Invalid `variety`.")
    if variety != "regular":
        raise invalid(f"Orders of variety {variety} are not available at the practice exchange.")


def name_of(form: Form) -> str:
    """The instrument of a form, "NSE:INFY"."""
    return f"{form.get('exchange', '')}:{form.get('tradingsymbol', '')}"


def new_order(form: Form, listed: Listed | None, last_paise: int) -> OrderRequest:
    """A form for a new order.

    Raises:
        KiteError: 400 InputException; nothing was placed.
    """
    for field in _NEEDED:
        if not form.get(field):
            raise invalid(f"Missing or empty field `{field}`")
    if listed is None or listed.is_index:
        raise invalid(UNKNOWN_SYMBOL)
    if form.get("autoslice") == "true":
        raise invalid("Autoslice is not available at the practice exchange.")
    tag = form.get("tag", "")
    if len(tag) > TAG_CHARACTERS_MAX:
        raise invalid("Invalid `tag`. It can be at most 20 characters long.")
    order_type = _order_type(form["order_type"])
    product = _product(form["product"])
    quantity = _whole(form, "quantity")
    _check_quantity(listed, quantity, product)
    return OrderRequest(
        tag=tag,
        instrument=listed.instrument.name,
        side=_side(form["transaction_type"]),
        product=product,
        order_type=order_type,
        quantity=quantity,
        price_limit_paise=_paise(form, "price"),
        price_trigger_paise=_paise(form, "trigger_price"),
        validity=_validity(form.get("validity", DAY)),
        disclosed_quantity=_whole(form, "disclosed_quantity"),
        protection_bps=_protection(form, order_type, listed, last_paise),
    )


def changed_order(form: Form, order: KiteOrder, listed: Listed, last_paise: int) -> OrderRequest:
    """A form for a change: what it leaves out stays as it is.

    Raises:
        KiteError: 400 InputException; nothing was changed.
    """
    order_type = _order_type(form["order_type"]) if "order_type" in form else order.order_type
    quantity = _whole(form, "quantity") if "quantity" in form else order.quantity
    _check_quantity(listed, quantity - order.filled, order.product)
    becomes_market = order_type is not order.order_type
    has_trigger = order_type in (OrderType.SL, OrderType.SL_M)
    price, trigger = order.price_limit_paise, order.price_trigger_paise
    return OrderRequest(
        tag=order.tag_true,
        instrument=order.instrument,
        side=order.side,
        product=order.product,
        order_type=order_type,
        quantity=quantity,
        price_limit_paise=0
        if order_type in (OrderType.MARKET, OrderType.SL_M)
        else _paise(form, "price")
        if form.get("price")
        else price,
        price_trigger_paise=0
        if not has_trigger
        else _paise(form, "trigger_price")
        if form.get("trigger_price")
        else trigger,
        validity=_validity(form.get("validity", order.validity)),
        disclosed_quantity=_whole(form, "disclosed_quantity"),
        protection_bps=_protection(form, order_type, listed, last_paise)
        if becomes_market
        else order.protection_bps,
    )


def automatic_protection_bps(listed: Listed, last_paise: int) -> int:
    """What market_protection -1 stands for. Source: OpenAlgo, citing Zerodha support; unproven."""
    rupees = last_paise // PAISE_PER_RUPEE
    if listed.kind in ("CE", "PE"):
        return 500 if rupees < 10 else 300 if rupees < 100 else 200 if rupees <= 500 else 100
    return 200 if rupees < 100 else 100 if rupees <= 500 else 50


def _check_quantity(listed: Listed, quantity: int, product: Product) -> None:
    lot, freeze = listed.instrument.lot, listed.instrument.freeze_quantity
    if freeze and quantity > freeze:
        lots = f" ({quantity // lot} lots)" if lot > 1 else ""
        most = f" ({freeze // lot} lots)" if lot > 1 else ""
        raise invalid(
            f"The order quantity {quantity}{lots} is higher than the maximum quantity of "
            f"{freeze}{most} allowed by the exchange."
        )
    if product is Product.MIS and quantity > MIS_QUANTITY_MAX:
        raise invalid(f"The maximum quantity of an MIS order is {MIS_QUANTITY_MAX}.")


def _protection(form: Form, order_type: OrderType, listed: Listed, last_paise: int) -> int:
    if order_type not in (OrderType.MARKET, OrderType.SL_M):
        return 0
    text = form.get("market_protection", "")
    percent = _decimal(text or "0", "market_protection")
    if percent == -1:
        return automatic_protection_bps(listed, last_paise)
    if percent == 0:
        raise invalid(PROTECTION_TEXT)
    if not 0 < percent <= 100:
        raise invalid("Invalid `market_protection`.")
    return max(1, int(percent * BPS / 100))


def _paise(form: Form, field: str) -> int:
    """A price in rupees, which has whole paise. Empty is 0."""
    value = _decimal(form.get(field) or "0", field)
    paise = value * PAISE_PER_RUPEE
    if value < 0 or paise != paise.to_integral_value():
        raise invalid(f"Invalid `{field}`.")
    return int(paise)


def _decimal(text: str, field: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise invalid(f"Invalid `{field}`: cannot decode to decimal.") from None
    if not value.is_finite() or abs(value) > 10**9:
        raise invalid(f"Invalid `{field}`.")
    return value


def _whole(form: Form, field: str) -> int:
    text = form.get(field) or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise invalid(f"Invalid `{field}`.")
    return int(text)


def _order_type(text: str) -> OrderType:
    try:
        return OrderType(text)
    except ValueError:
        raise invalid("Invalid `order_type`.") from None


def _product(text: str) -> Product:
    try:
        return Product(text)
    except ValueError:
        raise invalid("Invalid `product`.") from None


def _side(text: str) -> Side:
    try:
        return Side(text)
    except ValueError:
        raise invalid("Invalid `transaction_type`.") from None


def _validity(text: str) -> str:
    if text not in (DAY, IOC):
        raise invalid("Invalid `validity`.")
    return text
