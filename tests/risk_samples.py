"""Samples for tests of risk, orders and money: sound values, changed one at a time."""

from typing import Any

from msgspec.structs import replace

from engine.instruments import Instrument
from engine.messages.control import AuthorityChanged
from engine.messages.market import PhaseChanged, Tick
from engine.messages.records import GroupClosed, GroupOpened, IntentPlanned, OrderFilled
from engine.messages.signals import EntryProposed, TradePlan
from engine.messages.values import (
    Action,
    Authority,
    Book,
    FeedState,
    Leg,
    Mode,
    OrderType,
    Product,
    SessionPhase,
    Side,
    Target,
)
from engine.risk.settings import RiskSettings
from engine.risk.view import RiskView
from engine.units import NS_PER_MINUTE, NS_PER_S

DAY_NS = 86_400 * NS_PER_S
NOW = 20_000 * DAY_NS + 5 * 3_600 * NS_PER_S
"""10:30 IST of some day."""
INFY = Instrument(name="NSE:INFY", lot=1, tick_paise=5)
TCS = Instrument(name="NSE:TCS", lot=1, tick_paise=5)

SETTINGS = RiskSettings(
    capital_paise_max=10_000_000,
    loss_day_paise_max=200_000,
    heat_bps_max=300,
    positions_max=3,
    notional_paise_max=9_000_000,
    notional_symbol_paise_max=5_000_000,
    orders_day_max=100,
    entries_end_s=2_700,
    flat_by_s=600,
    price_away_bps_max=100,
    proposals_minute_max=5,
    tick_age_ms_max=5_000,
    spread_bps_max=50,
    losses_row_max=3,
    risk_per_trade_paise_max=100_000,
)

SESSION = PhaseChanged(
    phase=SessionPhase.CONTINUOUS,
    trading_day="2024-10-04",
    at_ns=NOW - 60 * NS_PER_MINUTE,
    opens_at_ns=NOW - 60 * NS_PER_MINUTE,
    closes_at_ns=NOW + 300 * NS_PER_MINUTE,
    entries_end_at_ns=NOW + 240 * NS_PER_MINUTE,
    flat_by_at_ns=NOW + 290 * NS_PER_MINUTE,
)

PROPOSAL = EntryProposed(
    signal_id="sig-1",
    strategy="ema",
    strategy_generation=1,
    instrument="NSE:INFY",
    side=Side.BUY,
    price_limit_paise=150_000,
    price_stop_paise=149_000,
    targets=(
        Target(price_paise=151_000, share_bps=5_000),
        Target(price_paise=152_000, share_bps=5_000),
    ),
    at_ns=NOW,
    expires_at_ns=NOW + 10 * NS_PER_MINUTE,
)


def tick(price_paise: int = 150_000, instrument: str = "NSE:INFY", **changes: Any) -> Tick:
    values = {"at_ns": NOW, "received_at_ns": NOW, **changes}
    return Tick(instrument=instrument, price_paise=price_paise, **values)


VIEW = RiskView(
    now_ns=NOW,
    book=Book.PAPER,
    authority=Authority.FULL,
    instrument=INFY,
    allowed=frozenset({"NSE:INFY"}),
    tick=tick(),
    feed=FeedState.FRESH,
    session=SESSION,
)


def authority(mode: Mode = Mode.PAPER, seq: int = 1, **changes: Any) -> AuthorityChanged:
    values = {"mode_seq": 7, "ceilings": (), "is_protecting": True, "at_ns": NOW, **changes}
    return AuthorityChanged(seq=seq, mode=mode, **values)


PLAN = TradePlan(
    group_id="grp-1",
    client_plan_id="plan-1",
    decision_id="dec-1",
    signal_id="sig-0",
    strategy="ema",
    instrument="NSE:INFY",
    book=Book.PAPER,
    side=Side.BUY,
    quantity=10,
    lot=1,
    tick_paise=5,
    price_limit_paise=150_000,
    price_stop_paise=149_000,
    targets=PROPOSAL.targets,
    trail_paise=0,
    product=Product.MIS,
    risk_paise=11_500,
    notional_paise=1_500_000,
    mode_seq=7,
    config_sha="c",
    at_ns=NOW,
    entry_expires_at_ns=NOW + 10 * NS_PER_MINUTE,
)


def plan(group_id: str = "grp-1", **changes: Any) -> TradePlan:
    return replace(PLAN, group_id=group_id, **changes)


def opened_group(group_id: str = "grp-1", at_ns: int = NOW, **changes: Any) -> GroupOpened:
    return GroupOpened(at_ns=at_ns, plan=plan(group_id, **changes))


def closed_group(group_id: str = "grp-1", **changes: Any) -> GroupClosed:
    values: dict[str, Any] = {
        "at_ns": NOW,
        "strategy": "ema",
        "instrument": "NSE:INFY",
        "book": Book.PAPER,
        "reason": "target",
        "quantity_entered": 10,
        "pnl_gross_paise": 0,
        "charges_paise": 0,
        **changes,
    }
    return GroupClosed(group_id=group_id, **values)


def intent(client_order_id: str = "E1", **changes: Any) -> IntentPlanned:
    values: dict[str, Any] = {
        "at_ns": NOW,
        "intent_id": client_order_id,
        "group_id": "grp-1",
        "leg": Leg.ENTRY,
        "action": Action.PLACE,
        "book": Book.PAPER,
        "strategy": "ema",
        "instrument": "NSE:INFY",
        "side": Side.BUY,
        "quantity": 10,
        "order_type": OrderType.LIMIT,
        "price_limit_paise": 150_000,
        "price_trigger_paise": 0,
        "product": Product.MIS,
        "reason": "test",
        "owner": "oco/grp-1",
        "owner_generation": 1,
        "mode_seq": 7,
        **changes,
    }
    return IntentPlanned(client_order_id=client_order_id, **values)


def stop(client_order_id: str = "S1", quantity: int = 10, **changes: Any) -> IntentPlanned:
    values = {
        "leg": Leg.STOP,
        "side": Side.SELL,
        "order_type": OrderType.SL,
        "price_limit_paise": 148_500,
        "price_trigger_paise": 149_000,
        **changes,
    }
    return intent(client_order_id, quantity=quantity, **values)


def fill(
    trade_id: str = "T1", quantity: int = 10, price_paise: int = 150_000, **changes: Any
) -> OrderFilled:
    values: dict[str, Any] = {
        "at_ns": NOW,
        "client_order_id": "E1",
        "group_id": "grp-1",
        "leg": Leg.ENTRY,
        "instrument": "NSE:INFY",
        "strategy": "ema",
        "book": Book.PAPER,
        "side": Side.BUY,
        "filled_total": quantity,
        "order_quantity": 10,
        "charges_paise": 0,
        **changes,
    }
    return OrderFilled(trade_id=trade_id, quantity=quantity, price_paise=price_paise, **values)
