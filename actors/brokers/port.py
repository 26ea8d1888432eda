"""What every broker adapter promises: paper, practice and live stand behind this port.

Decides the questions that may be put to a broker. Refuses to know who asks (the writer) and who
learns (the watcher). All adapters pass tests/contract/test_broker_contract.py.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

import msgspec

from engine.messages.broker import BrokerSnapshot, IntentAnswered, OrderReport, TradeReport
from engine.messages.market import Tick
from engine.messages.records import IntentPlanned, Record
from engine.messages.values import Refusal

Report: TypeAlias = OrderReport | TradeReport


class BrokerPort(Protocol):
    """One account at one broker. No method raises for what the broker says: a refusal, a time-out
    and an unclear outcome are values in the answer. Each intent is sent at most once."""

    def recover(self, records: tuple[Record, ...]) -> None:
        """The journal's past, once, before anything else. Adapters of real venues ignore it."""

    def end_day(self) -> None:
        """The session is over; the next day's books start empty."""

    def place(self, intent: IntentPlanned, now_ns: int) -> IntentAnswered:
        """Send a new order."""

    def modify(self, intent: IntentPlanned, now_ns: int) -> IntentAnswered:
        """Change the working order `client_order_id`; `quantity` is the new total."""

    def cancel(self, intent: IntentPlanned, now_ns: int) -> IntentAnswered:
        """Take the working order `client_order_id` off, and every other one that the books show
        with its tag (one request may have had two effects)."""

    def on_tick(self, tick: Tick, now_ns: int) -> None:
        """The market moved. Adapters of real venues ignore it."""

    def reports(self) -> tuple[Report, ...]:
        """What has happened since the last call, in order; hints for the watcher."""

    def snapshot(self, request_id: int, now_ns: int) -> BrokerSnapshot | None:
        """The three books now; None if they could not be read."""


@runtime_checkable
class QuietBroker(Protocol):
    """A broker that knows which ticks cannot matter to its working orders. One that does not say
    so is told all of them."""

    def quiet_bounds(self, instrument: str) -> tuple[int, int]:
        """Prices strictly between these change nothing (see MarketWatch); (0, 0): all do."""


@runtime_checkable
class ClosableAccount(Protocol):
    """A broker that may stop taking orders from us although it is there: the login is lost, or the
    app may not trade."""

    @property
    def closed_because(self) -> str | None:
        """Why no order is taken, "" while they are, None if no answer has shown either yet."""


@runtime_checkable
class HearingBroker(Protocol):
    """A broker with an order stream beside its answers."""

    def hear(self, frame: bytes | str) -> None:
        """A text frame of it; what it says comes out of `reports`. An odd one is dropped and
        counted."""


@runtime_checkable
class MarginBroker(Protocol):
    """A broker that says whether the account's money bears an entry."""

    def margin_refusal(self, intent: IntentPlanned) -> Refusal | None:
        """Why the entry may not leave, None if it may or if nobody wants to know. Not for exits."""


@runtime_checkable
class YieldingBroker(Protocol):
    """A broker whose calls may hang."""

    def yield_to(self, is_awaited: Callable[[], bool]) -> None:
        """Who has to send something more urgent. He is asked while a call takes long; True ends it
        there, with what is known of it: a read has failed, a write is UNKNOWN."""


@runtime_checkable
class LimitedBroker(Protocol):
    """A broker that counts our requests and refuses those that are too many."""

    @property
    def limited_count(self) -> int:
        """How many writes it has refused for that."""


def merged_books(read: list[BrokerSnapshot]) -> BrokerSnapshot:
    """The books of all brokers in one; equal to the only one if there is no other."""
    return msgspec.structs.replace(
        read[0],
        orders=tuple(order for one in read for order in one.orders),
        trades=tuple(trade for one in read for trade in one.trades),
        positions=tuple(position for one in read for position in one.positions),
    )
