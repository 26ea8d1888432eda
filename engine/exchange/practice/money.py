"""Funds, margins, charges and holdings in Kite's words.

Decides estimates: margin is a share of the order's value, charges are those of the dated table.
Refuses spread benefits between orders: `final` of a basket is its `initial`.
"""

from collections.abc import Mapping

from engine.exchange.practice.errors import invalid
from engine.exchange.practice.listing import Listed
from engine.exchange.practice.rows import USER
from engine.exchange.practice.venue import PracticeExchange
from engine.messages.values import Product, Side
from engine.portfolio.charges import ChargeSegment, order_charges
from engine.session import ist_day
from engine.units import BPS, paise_from_rupees, rupees

Json = dict[str, object]
NO_FUNDS_LIMIT_PAISE = 10**9
"""What is shown as cash of an account whose margin has no end: one crore of rupees."""
EXCHANGES = ["NSE", "BSE", "NFO", "BFO"]


def profile() -> Json:
    """GET /user/profile."""
    return {
        "user_id": USER,
        "user_type": "individual",
        "email": "practice@example.com",
        "user_name": "Practice Trader",
        "user_shortname": "Practice",
        "broker": "ZERODHA",
        "exchanges": EXCHANGES,
        "products": ["CNC", "NRML", "MIS"],
        "order_types": ["MARKET", "LIMIT", "SL", "SL-M"],
        "avatar_url": None,
        "meta": {"demat_consent": "consent"},
    }


def funds(exchange: PracticeExchange, *, is_cash_hidden: bool = False) -> Json:
    """One segment of GET /user/margins: net = cash - debits."""
    prices = [(name, quote.last_paise) for name, quote in exchange.quotes.items()]
    used = exchange.ledger.margin_used(prices, exchange.settings.margin_bps)
    cash = exchange.settings.funds_paise or NO_FUNDS_LIMIT_PAISE
    shown = 0.0 if is_cash_hidden else rupees(cash)
    utilised = ("exposure", "m2m_realised", "m2m_unrealised", "option_premium", "payout", "span",
                "holding_sales", "turnover", "liquid_collateral", "stock_collateral",
                "delivery")  # fmt: skip
    return {
        "enabled": True,
        "net": rupees(cash - used),
        "available": {
            "adhoc_margin": 0.0,
            "cash": shown,
            "opening_balance": rupees(cash),
            "live_balance": rupees(cash - used),
            "collateral": 0.0,
            "intraday_payin": 0.0,
        },
        "utilised": {"debits": rupees(used)} | dict.fromkeys(utilised, 0.0),
    }


def holdings(exchange: PracticeExchange) -> list[Json]:
    """GET /portfolio/holdings: what CNC positions have become overnight is not modelled as T+1."""
    return [
        _holding(exchange, name, units)
        for (name, product), units in exchange.ledger.positions.items()
        if product is Product.CNC and units > 0
    ]


def order_margin(exchange: PracticeExchange, row: Mapping[str, object]) -> Json:
    """One row of POST /margins/orders."""
    listed, side, turnover = _asked(exchange, row, "price")
    margin = turnover * exchange.settings.margin_bps // BPS
    is_premium = listed.kind in ("CE", "PE") and side is Side.BUY
    return {
        "type": "equity",
        "tradingsymbol": listed.symbol,
        "exchange": listed.exchange,
        "span": 0.0,
        "exposure": 0.0,
        "option_premium": rupees(turnover) if is_premium else 0.0,
        "additional": 0.0,
        "bo": 0.0,
        "cash": 0.0,
        "var": 0.0 if is_premium else rupees(margin),
        "pnl": {"realised": 0.0, "unrealised": 0.0},
        "leverage": max(1, BPS // exchange.settings.margin_bps),
        "charges": _charges(exchange, listed, side, turnover),
        "total": rupees(turnover if is_premium else margin),
    }


def basket(exchange: PracticeExchange, asked: list[Mapping[str, object]]) -> Json:
    """POST /margins/basket."""
    orders = [order_margin(exchange, row) for row in asked]
    empty: Json = {"transaction_tax": 0, "transaction_tax_type": "", "exchange_turnover_charge": 0,
                   "sebi_turnover_charge": 0, "brokerage": 0, "stamp_duty": 0,
                   "gst": {"igst": 0, "cgst": 0, "sgst": 0, "total": 0}, "total": 0}  # fmt: skip
    summed = ("span", "exposure", "option_premium", "additional", "bo", "cash", "var", "total")
    total: Json = {"type": "", "tradingsymbol": "", "exchange": ""}
    for name in summed:
        total[name] = sum(float(str(row[name])) for row in orders)
    total |= {"pnl": {"realised": 0, "unrealised": 0}, "leverage": 0, "charges": empty}
    return {"initial": total, "final": dict(total), "orders": orders, "charges": empty}


def contract_note(exchange: PracticeExchange, row: Mapping[str, object]) -> Json:
    """One row of POST /charges/orders."""
    listed, side, turnover = _asked(exchange, row, "average_price")
    return {
        "transaction_type": side.value,
        "tradingsymbol": listed.symbol,
        "exchange": listed.exchange,
        "variety": row.get("variety", "regular"),
        "product": row.get("product", "MIS"),
        "order_type": row.get("order_type", "MARKET"),
        "quantity": row.get("quantity", 0),
        "price": row.get("average_price", 0),
        "charges": _charges(exchange, listed, side, turnover),
    }


def _asked(
    exchange: PracticeExchange, row: Mapping[str, object], field: str
) -> tuple[Listed, Side, int]:
    """Instrument, side and turnover in paise. Raises KiteError for a row that names none."""
    name = f"{row.get('exchange')}:{row.get('tradingsymbol')}"
    listed = exchange.named(name)
    quantity, price = row.get("quantity"), row.get(field) or 0
    if not isinstance(quantity, int) or not isinstance(price, int | float) or not quantity > 0:
        raise invalid("Invalid `quantity`.")
    if row.get("transaction_type") not in ("BUY", "SELL"):
        raise invalid("Invalid `transaction_type`.")
    paise = paise_from_rupees(price) or exchange.quotes[name].last_paise
    return listed, Side(str(row["transaction_type"])), quantity * paise


def _charges(exchange: PracticeExchange, listed: Listed, side: Side, turnover: int) -> Json:
    day = ist_day(exchange.outer.now_ns())
    segment = ChargeSegment(listed.instrument.segment)
    found = order_charges(segment, side, turnover, day, exchange.charges)
    return {
        "transaction_tax": rupees(found.stt_paise),
        "transaction_tax_type": "stt",
        "exchange_turnover_charge": rupees(found.exchange_paise),
        "sebi_turnover_charge": rupees(found.sebi_paise),
        "brokerage": rupees(found.brokerage_paise),
        "stamp_duty": rupees(found.stamp_paise),
        "gst": {"igst": rupees(found.gst_paise), "cgst": 0.0, "sgst": 0.0,
                "total": rupees(found.gst_paise)},
        "total": rupees(found.total_paise),
    }  # fmt: skip


def _holding(exchange: PracticeExchange, name: str, units: int) -> Json:
    quote = exchange.quotes[name]
    last, closed = quote.last_paise, quote.closed_paise
    zeros = ("price", "used_quantity", "t1_quantity", "authorised_quantity", "short_quantity",
             "collateral_quantity")  # fmt: skip
    return dict.fromkeys(zeros, 0) | {
        "tradingsymbol": quote.listed.symbol,
        "exchange": quote.listed.exchange,
        "instrument_token": quote.listed.token,
        "isin": f"INE{quote.listed.exchange_token:09d}",
        "product": "CNC",
        "quantity": units,
        "realised_quantity": units,
        "authorised_date": "2025-01-17 00:00:00",
        "authorisation": {},
        "opening_quantity": units,
        "collateral_type": "",
        "discrepancy": False,
        "average_price": rupees(closed),
        "last_price": rupees(last),
        "close_price": rupees(closed),
        "pnl": rupees((last - closed) * units),
        "day_change": rupees(last - closed),
        "day_change_percentage": (last - closed) * 100 / closed if closed else 0.0,
        "mtf": {"quantity": 0, "used_quantity": 0, "average_price": 0.0, "value": 0.0,
                "initial_margin": 0.0},
    }  # fmt: skip
