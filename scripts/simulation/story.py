"""What happened in a run, told to a person.

Decides which events make a line. Refuses to judge. Lines are in market time; a story that is too
long keeps what concerns the same trade as the violation, and the end.
"""

import re
from collections.abc import Sequence
from typing import Final

from engine.ids import digest36
from engine.messages.broker import TradeReport
from engine.messages.control import AlertRaised
from engine.messages.records import (
    DecisionRecorded,
    GroupClosed,
    GroupOpened,
    IntentPlanned,
    ModeChanged,
    OperatorActed,
    OrderFact,
    OrderFilled,
    Record,
    SignalRecorded,
)
from engine.session import ist_text
from engine.units import rupees
from scripts.simulation.observer import Observer, WireRequest

LINES_MAX: Final = 38
_GROUPS = re.compile(r"\bgrp-[0-9A-Z]{12}\b")
_ORDERS = re.compile(r"\b[PL][ESABX][0-9A-Z]{16}\b")
_SHARED = 12
_OUTSIDE = re.compile(r" FLT-| boot | kill -9|heals| mode |operator: ")


class Storyteller(Observer):
    """Adds records, requests, trades and alerts to the story, outside of the hash."""

    def on_record(self, seq: int, record: Record) -> None:
        if text := record_text(record):
            self._tell(f"journal {seq}: {text}")

    def on_request(self, request: WireRequest) -> None:
        processed = "done" if request.is_processed else "nothing happened"
        self._tell(
            f"broker was asked: {intent_text(request.intent)} -> "
            f"{request.outcome.value} ({processed})"
        )

    def on_trade(self, trade: TradeReport) -> None:
        self._tell(
            f"broker traded: {trade.client_order_id} {trade.side.value} {trade.quantity} at "
            f"{rupees(trade.price_paise)}"
        )

    def on_alert(self, alert: AlertRaised) -> None:
        self._tell(f"alert {alert.severity}: {alert.event} {alert.subject}: {alert.text}")

    def _tell(self, text: str) -> None:
        self.world.trace.story.append(f"{ist_text(self.world.now_ns)} {text}")


def intent_text(intent: IntentPlanned) -> str:
    """One line for an intent."""
    price = f"limit {rupees(intent.price_limit_paise)}" if intent.price_limit_paise else "market"
    trigger = f" trigger {rupees(intent.price_trigger_paise)}" if intent.price_trigger_paise else ""
    return (
        f"{intent.action.value} {intent.leg.value} {intent.client_order_id} {intent.book.value} "
        f"{intent.side.value} {intent.quantity} {intent.instrument} {price}{trigger}"
    )


def record_text(record: Record) -> str:
    """One line for a record; "" for what a story does not need."""
    match record:
        case IntentPlanned():
            return intent_text(record)
        case OrderFilled():
            return (
                f"filled {record.client_order_id} {record.side.value} {record.quantity} at "
                f"{rupees(record.price_paise)}, {record.filled_total}/{record.order_quantity}"
            )
        case OrderFact():
            reason = getattr(record, "reason", "")
            return f"{type(record).__name__} {record.client_order_id} {reason}".rstrip()
        case GroupOpened():
            return f"group {record.plan.group_id} opened, {record.plan.book.value}"
        case GroupClosed():
            return f"group {record.group_id} closed: {record.reason}"
        case ModeChanged():
            return f"mode {record.mode_from.value} -> {record.mode_to.value}: {record.reason}"
        case OperatorActed():
            return f"operator: {record.command} {record.argument} -> {record.outcome}"
        case SignalRecorded() | DecisionRecorded():
            return ""
        case _:
            return type(record).__name__


def told(story: Sequence[str], violation: str, lines_max: int = LINES_MAX) -> list[str]:
    """The story within `lines_max`: all of it, else what concerns the same trades as the violation
    or is told by the outside world, else its end."""
    if len(story) <= lines_max:
        return list(story)
    keys = trades_of(violation)
    near = [line for line in story if keys & trades_of(line) or _OUTSIDE.search(line)]
    chosen = near if keys else list(story)
    if len(chosen) <= lines_max:
        return chosen
    return [f"... {len(chosen) - lines_max + 1} events before ...", *chosen[1 - lines_max :]]


def trades_of(line: str) -> set[str]:
    """What names the trades in a line: the part that all orders of a group share."""
    groups = {digest36(name, _SHARED) for name in _GROUPS.findall(line)}
    return groups | {order[2 : 2 + _SHARED] for order in _ORDERS.findall(line)}
