"""What each record changes in the tables that people and reports read.

Decides the SQL per kind of record. Refuses to know connections and transactions. Stands alone
because the tables follow from the journal: this file is the whole mapping.
"""

import json
from typing import Any, Final, LiteralString, assert_never

from engine.messages.records import (
    ActorFailed,
    DayClosed,
    DecisionRecorded,
    GroupClosed,
    GroupOpened,
    IntentPlanned,
    JobRan,
    LatchChanged,
    ModeChanged,
    OperatorActed,
    OrderAccepted,
    OrderCancelled,
    OrderDenied,
    OrderDoubled,
    OrderFilled,
    OrderLost,
    OrderModified,
    OrderRejected,
    OrderTriggered,
    OrderUnknown,
    Record,
    RequestRefused,
    RiskNoted,
    SignalRecorded,
)
from engine.messages.values import Action

Statement = tuple[LiteralString, tuple[Any, ...]]

# A repeated proposal is the same signal; its first sight is kept, the journal has all.
_SIGNAL: Final = """INSERT INTO signals VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (realm, signal_id) DO NOTHING"""
_DECISION: Final = "INSERT INTO decisions VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
_GROUP: Final = "INSERT INTO groups VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
_GROUP_CLOSED: Final = "SELECT group_closed(%s, %s, %s, %s, %s, %s, %s)"
_ORDER: Final = """INSERT INTO orders (realm, client_order_id, group_id, decision_id, book, leg,
    instrument, side, quantity, order_type, product, price_limit_paise, price_trigger_paise,
    planned_at_ns, updated_at_ns, reason) VALUES (%s, %s, %s,
    (SELECT decision_id FROM groups WHERE realm = %s AND group_id = %s),
    %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""
_FACT: Final = "SELECT order_fact(%s, %s, %s, %s, %s, %s, %s, %s)"
_MODIFIED: Final = "SELECT order_modified(%s, %s, %s, %s, %s, %s, %s)"
_FILLED: Final = "SELECT order_filled(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
_RISK: Final = "INSERT INTO risk_events VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
_AUDIT: Final = "INSERT INTO audit_log VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"


def project(realm: str, seq: int, record: Record) -> Statement:
    """The one statement by which `record`, number `seq`, reaches the tables."""
    match record:
        case SignalRecorded():
            return _SIGNAL, _signal(realm, record)
        case DecisionRecorded():
            return _DECISION, _decision(realm, record)
        case GroupOpened():
            return _GROUP, _group(realm, record)
        case GroupClosed():
            return _GROUP_CLOSED, _group_closed(realm, record)
        case IntentPlanned():
            return _intent(realm, record)
        case OrderModified():
            return _MODIFIED, _modified(realm, record)
        case OrderFilled():
            return _FILLED, _filled(realm, record)
        case (
            OrderAccepted()
            | OrderTriggered()
            | OrderCancelled()
            | OrderRejected()
            | OrderDenied()
            | RequestRefused()
            | OrderUnknown()
            | OrderLost()
            | OrderDoubled()
        ):
            return _fact(realm, record)
        case RiskNoted(event=event, subject=subject, measured=measured, limit=limit, why=why):
            values = (realm, seq, _text(event), _text(subject), measured, limit, _text(why))
            return _RISK, (*values, record.at_ns)
        case _:
            return _AUDIT, (realm, seq, type(record).__name__, *_audit(record), record.at_ns)


def _text(text: str) -> str:
    """Outside text without NUL, which PostgreSQL cannot hold; the body keeps the exact bytes."""
    return text.replace("\0", "\ufffd")


def _signal(realm: str, record: SignalRecorded) -> tuple[Any, ...]:
    s = record.signal
    targets = json.dumps([[t.price_paise, t.share_bps] for t in s.targets])
    features = json.dumps({_text(f.name): f.value_e4 for f in s.features})
    names = (realm, s.signal_id, _text(s.strategy), _text(s.instrument), s.side.value)
    prices = (s.price_limit_paise, s.price_stop_paise, targets, s.trail_paise)
    return (*names, *prices, s.score_bps, features, s.at_ns)


def _decision(realm: str, record: DecisionRecorded) -> tuple[Any, ...]:
    r = record.refusal
    why = (None,) * 4 if r is None else (r.rule, r.measured, r.limit, _text(r.why))
    ids = (realm, record.decision_id, record.client_plan_id, record.signal_id)
    verdict = (record.is_approved, record.quantity)
    return (*ids, *verdict, *why, record.config_sha, record.at_ns)


def _group(realm: str, record: GroupOpened) -> tuple[Any, ...]:
    p = record.plan
    ids = (realm, p.group_id, p.decision_id, p.book.value, p.strategy, p.instrument)
    return (*ids, p.side.value, p.quantity, record.at_ns)


def _group_closed(realm: str, r: GroupClosed) -> tuple[Any, ...]:
    sums = (r.quantity_entered, r.pnl_gross_paise, r.charges_paise)
    return (realm, r.group_id, _text(r.reason), *sums, r.at_ns)


def _intent(realm: str, r: IntentPlanned) -> Statement:
    if r.action is not Action.PLACE:
        return _FACT, (realm, r.client_order_id, None, "", 0, "", r.at_ns, False)
    ids = (realm, r.client_order_id, r.group_id, realm, r.group_id, r.book.value, r.leg.value)
    terms = (r.instrument, r.side.value, r.quantity, r.order_type.value, r.product.value)
    prices = (r.price_limit_paise, r.price_trigger_paise)
    return _ORDER, (*ids, *terms, *prices, r.at_ns, r.at_ns, _text(r.reason))


def _modified(realm: str, r: OrderModified) -> tuple[Any, ...]:
    prices = (r.price_limit_paise, r.price_trigger_paise)
    return (realm, r.client_order_id, r.venue_order_id, r.quantity, *prices, r.at_ns)


def _filled(realm: str, r: OrderFilled) -> tuple[Any, ...]:
    ids = (realm, r.client_order_id, r.venue_order_id, r.trade_id, r.book.value, r.instrument)
    sums = (r.quantity, r.price_paise, r.filled_total, r.order_quantity, r.charges_paise)
    return (*ids, r.side.value, *sums, r.at_ns)


_Fact = (
    OrderAccepted
    | OrderTriggered
    | OrderCancelled
    | OrderRejected
    | OrderDenied
    | RequestRefused
    | OrderUnknown
    | OrderLost
    | OrderDoubled
)


def _fact(realm: str, record: _Fact) -> Statement:
    status: str | None
    filled, reason, is_final = 0, "", False
    match record:
        case OrderAccepted():
            status = "working"
        case OrderTriggered():
            status = "triggered"
        case OrderCancelled(reason=reason, filled_total=filled):
            status, is_final = "cancelled", True
        case OrderRejected(reason=reason):
            status, is_final = "rejected", True
        case OrderDenied(refusal=refusal, action=action):
            is_final = action is Action.PLACE
            status, reason = ("denied" if is_final else None), f"{refusal.rule}: {refusal.why}"
        case RequestRefused(reason=reason):
            status = None
        case OrderUnknown(reason=reason):
            status = "unknown"
        case OrderLost(reason=reason):
            status, is_final = "lost", True
        case OrderDoubled():
            return _FACT, (realm, record.client_order_id, None, "", 0, "", record.at_ns, False)
        case _:
            assert_never(record)
    ids = (realm, record.client_order_id, status, record.venue_order_id)
    return _FACT, (*ids, filled, _text(reason), record.at_ns, is_final)


_Audited = ModeChanged | LatchChanged | OperatorActed | ActorFailed | DayClosed | JobRan


def _audit(record: _Audited) -> tuple[str, str, str, str]:
    """Subject, outcome, who, reason."""
    match record:
        case ModeChanged(mode_from=mode_from, mode_to=mode_to):
            return mode_from.value, mode_to.value, "", _text(record.reason)
        case LatchChanged(is_set=is_set):
            outcome = "set" if is_set else "released"
            return _text(record.latch), outcome, _text(record.by), _text(record.reason)
        case OperatorActed(command=command, argument=argument):
            what = _text(f"{command} {argument}".strip())
            return what, _text(record.outcome), _text(record.by), ""
        case ActorFailed(name=name, generation=generation):
            return _text(name), _text(record.kind), str(generation), _text(record.reason)
        case DayClosed():
            net = record.pnl_gross_paise - record.charges_paise
            outcome = f"net_paise={net} open={record.positions_open}"
            return record.trading_day, outcome, record.book.value, ""
        case JobRan():
            return _text(record.job), record.outcome, "scheduler", record.trading_day
        case _:
            assert_never(record)
