"""What the account needs of the world around it, and the figures that shape it.

Decides nothing. Stands alone so that the account's parts share one record of their surroundings
and a test can run them with a clock of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from engine.exchange.matching import MatchingSettings
from engine.messages.broker import OrderReport, TradeReport
from engine.units import NS_PER_MS, NS_PER_S

Report = OrderReport | TradeReport


class FaultsPort(Protocol):
    """Whether a named fault (FLT-nn) happens; one that is not armed costs one look-up."""

    def strikes(self, fault: str) -> bool:
        """Whether the fault happens here and now."""

    def amount(self, fault: str, low: int, high: int) -> int:
        """A size for a fault that struck; low is the mildest."""

    def note(self, fault: str, text: str) -> None:
        """A line for the story."""


class NoFaults:
    """A world in which nothing goes wrong."""

    def strikes(self, fault: str) -> bool:
        return False

    def amount(self, fault: str, low: int, high: int) -> int:
        return low

    def note(self, fault: str, text: str) -> None:
        return None


class KiteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the account behaves when nothing is wrong.

    `validation_ns`, `gate_ns`: front end to risk check to exchange. `change_ns`: until a modify or
    cancel is effective. `stream_ns`: until an update reaches us. `streams_trades` False: as at Kite
    the stream carries order rows only, trades are read. `funds_paise` 0: margin without end.
    Source: Kite Connect, rate limits and order states (facts of 2026-11).
    """

    matching: MatchingSettings = MatchingSettings(slippage_ticks=0)
    validation_ns: int = 20 * NS_PER_MS
    gate_ns: int = 30 * NS_PER_MS
    change_ns: int = 30 * NS_PER_MS
    stream_ns: int = 40 * NS_PER_MS
    streams_trades: bool = False
    modifies_max: int = 25
    orders_second_max: int = 10
    orders_minute_max: int = 400
    orders_day_max: int = 5_000
    funds_paise: int = 0
    margin_bps: int = 2_000


AT_ONCE = KiteSettings(
    validation_ns=0, gate_ns=0, change_ns=0, stream_ns=0, streams_trades=True,
    orders_second_max=1_000, orders_minute_max=1_000,
)  # fmt: skip
"""Without latency and rate limit: for the contract that all adapters share."""


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """One trading day; instants in UTC ns, 0 for no bound."""

    trading_day: str
    opens_at_ns: int = 0
    closes_at_ns: int = 0
    square_off_at_ns: int = 0

    def is_open(self, now_ns: int) -> bool:
        """Whether orders for the continuous session are taken."""
        return self.opens_at_ns <= now_ns and (not self.closes_at_ns or now_ns < self.closes_at_ns)


def _ignore(*_: object) -> None:
    return None


@dataclass(kw_only=True)
class Surroundings:
    """The world's side of the account.

    Args:
        now_ns: the market clock.
        call_at: calls back at an instant, whatever becomes of the engine meanwhile.
        emit: carries a report of the order stream to the engine, if it lives.
        emit_garbage: an update that is torn on its way arrives.
        on_trade: a true trade, before anybody hears of it.
    """

    now_ns: Callable[[], int]
    call_at: Callable[[int, Callable[[], None]], None]
    faults: FaultsPort = field(default_factory=NoFaults)
    emit: Callable[[Report], None] = _ignore
    emit_garbage: Callable[[], None] = _ignore
    on_trade: Callable[[TradeReport], None] = _ignore

    def after(self, delay_ns: int, callback: Callable[[], None]) -> None:
        """Call back after a while; at once if there is none."""
        if delay_ns <= 0:
            callback()
        else:
            self.call_at(self.now_ns() + delay_ns, callback)

    def seconds(self, fault: str, low: int, high: int) -> int:
        """A drawn duration in ns, low..high seconds."""
        return self.faults.amount(fault, low, high) * NS_PER_S
