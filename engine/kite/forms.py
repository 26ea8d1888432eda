"""From an intent to the form fields of Kite's order calls.

Decides which fields are sent and how they are written. Refuses to judge an order: that is the
gate's part. Prices are texts with two decimals, because the client library writes a float as Python
prints it ("30000.000000000004"). Stands alone so that what leaves can be read without a socket.

Source: Kite Connect v3, order parameters; market protection is required of MARKET and SL-M since
2026-04-01, -1 is the system's own band (staff answers, 2026-04).
"""

from typing import Final, NamedTuple

from engine.messages.records import IntentPlanned
from engine.messages.values import OrderType
from engine.units import BPS, PAISE_PER_RUPEE

VARIETY: Final = "regular"
VALIDITY: Final = "DAY"
PROTECTION_AUTO: Final = "-1"
EXCHANGES: Final = frozenset({"NSE", "BSE", "NFO", "BFO", "MCX"})
"""CDS and BCD are not traded: their prices have another divisor."""
_WITH_LIMIT: Final = (OrderType.LIMIT, OrderType.SL)
_WITH_TRIGGER: Final = (OrderType.SL, OrderType.SL_M)
_PROTECTED: Final = (OrderType.MARKET, OrderType.SL_M)


class FormSettings(NamedTuple):
    """`protection_bps` of a MARKET or SL-M order, 0 for the broker's own band; `algo_id` as the
    exchange has registered it, "" for none."""

    protection_bps: int = 0
    algo_id: str = ""


def place_fields(intent: IntentPlanned, settings: FormSettings) -> dict[str, str | int]:
    """The arguments of `KiteConnect.place_order`."""
    exchange, symbol = exchange_and_symbol(intent.instrument)
    fields: dict[str, str | int] = {
        "variety": VARIETY,
        "exchange": exchange,
        "tradingsymbol": symbol,
        "transaction_type": intent.side.value,
        "product": intent.product.value,
        "tag": intent.client_order_id,
        **_terms(intent, settings),
    }
    if settings.algo_id:
        fields["algo_id"] = settings.algo_id
    return fields


def modify_fields(
    intent: IntentPlanned, order_id: str, settings: FormSettings
) -> dict[str, str | int]:
    """The arguments of `KiteConnect.modify_order`: all terms, for changed ones alone are not always
    safe. `quantity` is the new total, the filled part included."""
    return {"variety": VARIETY, "order_id": order_id, **_terms(intent, settings)}


def exchange_and_symbol(instrument: str) -> tuple[str, str]:
    """Exchange and symbol of "NSE:INFY". Only tradable names come here; another one is our bug."""
    exchange, _, symbol = instrument.partition(":")
    assert exchange in EXCHANGES, instrument
    assert symbol, instrument
    return exchange, symbol


def price_text(paise: int) -> str:
    """Rupees as Kite reads them, exact: 100005 -> "1000.05"."""
    assert paise >= 0, paise
    return f"{paise // PAISE_PER_RUPEE}.{paise % PAISE_PER_RUPEE:02d}"


def _terms(intent: IntentPlanned, settings: FormSettings) -> dict[str, str | int]:
    """What placing and changing have in common."""
    kind = intent.order_type
    fields: dict[str, str | int] = {
        "quantity": intent.quantity,
        "order_type": kind.value,
        "validity": VALIDITY,
    }
    if kind in _WITH_LIMIT:
        fields["price"] = price_text(intent.price_limit_paise)
    if kind in _WITH_TRIGGER:
        fields["trigger_price"] = price_text(intent.price_trigger_paise)
    if kind in _PROTECTED:
        fields["market_protection"] = _protection_text(settings.protection_bps)
    return fields


def _protection_text(bps: int) -> str:
    """A percentage above 0 and up to 100."""
    assert 0 <= bps <= BPS, bps
    return f"{bps // 100}.{bps % 100:02d}" if bps else PROTECTION_AUTO
