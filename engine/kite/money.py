"""Kite's answers about money: funds, margins, charges, price bands; and the rows of the questions.

Decides what is read of them and in which form an order is asked about. Refuses to judge an amount
and to fill a gap: a figure that is missing, no number or absurd makes the whole answer unusable.

Source: Kite Connect v3, user, order and basket margins, virtual contract note; official mocks
(2026-03). `net` is the buying power: `cash` has been shown as 0 for a while.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from engine.errors import WireMalformed
from engine.kite.forms import VARIETY, exchange_and_symbol
from engine.limits import MONEY_PAISE_MAX
from engine.messages.broker import OrderReport
from engine.messages.records import IntentPlanned
from engine.portfolio.charges import Charges
from engine.units import PAISE_PER_RUPEE, paise_from_rupees, rupees

Form = dict[str, str | int | float]
EQUITY: Final = "equity"


class Basket(NamedTuple):
    """What a basket blocks, in paise: the sum of its orders, and with the benefit of hedges."""

    initial_paise: int
    final_paise: int


def margin_form(intent: IntentPlanned) -> Form:
    """One order for /margins/orders and /margins/basket: prices are numbers there."""
    exchange, symbol = exchange_and_symbol(intent.instrument)
    return {
        "exchange": exchange,
        "tradingsymbol": symbol,
        "transaction_type": intent.side.value,
        "variety": VARIETY,
        "product": intent.product.value,
        "order_type": intent.order_type.value,
        "quantity": intent.quantity,
        "price": rupees(intent.price_limit_paise),
        "trigger_price": rupees(intent.price_trigger_paise),
    }


def note_form(order: OrderReport, quantity: int, turnover_paise: int) -> Form:
    """One executed order for /charges/orders.

    Args:
        quantity: executed units, at least 1.
        turnover_paise: the sum of price x quantity of its trades.
    """
    assert quantity > 0
    exchange, symbol = exchange_and_symbol(order.instrument)
    return {
        "order_id": order.venue_order_id,
        "exchange": exchange,
        "tradingsymbol": symbol,
        "transaction_type": order.side.value,
        "variety": VARIETY,
        "product": order.product.value,
        "order_type": order.order_type.value,
        "quantity": quantity,
        "average_price": turnover_paise / quantity / PAISE_PER_RUPEE,
    }


def funds_paise(data: object) -> int:
    """The buying power for equity and its derivatives. May be negative. Raises WireMalformed."""
    return _paise(_inner(_map(data), EQUITY), "net")


def order_margins_paise(data: object, count: int) -> tuple[int, ...]:
    """What each order would block, alone. Raises WireMalformed, also if it is not `count`."""
    return tuple(_paise(row, "total") for row in _list(data, count))


def basket_margin(data: object) -> Basket:
    """What the orders would block together. Raises WireMalformed."""
    row = _map(data)
    return Basket(_paise(_inner(row, "initial"), "total"), _paise(_inner(row, "final"), "total"))


def note_charges(data: object, count: int) -> tuple[Charges, ...]:
    """The charges of each order, each component to the nearest paisa. Raises WireMalformed, also if
    it is not `count`."""
    return tuple(_charges(_inner(row, "charges")) for row in _list(data, count))


def price_bands(data: object, names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Lowest and highest price of the day by name, of a quote's `data`. A name without a quote, or
    without a band that is one, is left out. Raises WireMalformed: it is no quote at all."""
    quotes, found = _map(data), {}
    for name in names:
        row = quotes.get(name)
        if not isinstance(row, Mapping):
            continue
        try:
            low, high = _paise(row, "lower_circuit_limit"), _paise(row, "upper_circuit_limit")
        except WireMalformed:
            continue
        if 0 < low < high:
            found[name] = (low, high)
    return found


def _charges(row: Mapping[str, object]) -> Charges:
    return Charges(
        brokerage_paise=_paise(row, "brokerage"),
        stt_paise=_paise(row, "transaction_tax"),
        exchange_paise=_paise(row, "exchange_turnover_charge"),
        sebi_paise=_paise(row, "sebi_turnover_charge"),
        stamp_paise=_paise(row, "stamp_duty"),
        gst_paise=_paise(_inner(row, "gst"), "total"),
    )


def _list(data: object, count: int) -> Iterable[Mapping[str, object]]:
    if not isinstance(data, list) or len(data) != count:
        raise WireMalformed(f"data: not a list of {count}")
    return [_map(row) for row in data]


def _map(value: object, name: str = "data") -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise WireMalformed(f"{name}: no object")
    return value


def _inner(row: Mapping[str, object], name: str) -> Mapping[str, object]:
    return _map(row.get(name), name)


def _paise(row: Mapping[str, object], field: str) -> int:
    value = row.get(field)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WireMalformed(f"{field}: no number")
    try:
        paise = paise_from_rupees(value)
    except ValueError:
        raise WireMalformed(f"{field}: absurd") from None
    if not -MONEY_PAISE_MAX <= paise <= MONEY_PAISE_MAX:
        raise WireMalformed(f"{field}: absurd")
    return paise
