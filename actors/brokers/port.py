"""What a broker is to the writer. Paper and live adapters stand behind the same port.

Decides the shape only. Every method is called by the writer alone, on its own thread, and may
block no longer than the adapter's own deadlines. Reports are facts in the order they happened.
"""

from typing import Protocol, TypeAlias

from engine.messages.broker import BrokerSnapshot, IntentAnswered, OrderReport, TradeReport
from engine.messages.market import Tick
from engine.messages.records import IntentPlanned, Record

Report: TypeAlias = IntentAnswered | OrderReport | TradeReport


class BrokerPort(Protocol):
    """One broker account, real or on paper."""

    def place(self, intent: IntentPlanned, now_ns: int) -> tuple[Report, ...]:
        """Send a new order once. Never re-sent by the adapter; the first report is the answer."""

    def modify(self, intent: IntentPlanned, now_ns: int) -> tuple[Report, ...]:
        """Change a working order to the intent's totals."""

    def cancel(self, intent: IntentPlanned, now_ns: int) -> tuple[Report, ...]:
        """Withdraw a working order."""

    def on_tick(self, tick: Tick) -> tuple[Report, ...]:
        """The market moved; a broker on paper matches its orders against it."""

    def snapshot(self, request_id: int, now_ns: int) -> BrokerSnapshot:
        """Read the three books."""

    def recover(self, records: tuple[Record, ...], now_ns: int) -> None:
        """Rebuild what a broker on paper would have remembered; a real one does nothing."""
