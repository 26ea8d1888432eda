"""The port behind which journals are kept: what every store promises, in whatever it keeps it.

Decides the shape of a batch, of a head, and the errors a store may raise. Refuses to know SQL.
Stands alone because tests, backtests and the engine choose between adapters of this one port, and
one contract suite (tests/contract/test_journal_store.py) holds them to it.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from engine.messages.records import Record
from engine.messages.values import Book


class Head(NamedTuple):
    """The last durable record: its number (0 if none) and the chain value after it."""

    seq: int
    chain: bytes


class Entry(NamedTuple):
    """One record on its way to disk; `chain` is the value after `body`."""

    seq: int
    record: Record
    body: bytes
    chain: bytes


class Stored(NamedTuple):
    """One record read back."""

    seq: int
    record: Record


class InstrumentPnl(NamedTuple):
    """Sums over trades, in paise. `gross_paise` is sold minus bought, which is the profit if
    `quantity_open` (signed, units) is 0 and a cash flow otherwise."""

    instrument: str
    gross_paise: int
    charges_paise: int
    quantity_open: int
    trade_count: int


JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]


class JournalStorePort(Protocol):
    """One realm's journal under one leader epoch. Every call may raise JournalUnavailable."""

    @property
    def commit_took_ns(self) -> int:
        """How long the last commit took, 0 before the first."""

    def open(self) -> Head:
        """(Re)connect and tell the head. Also the way back after JournalUnavailable."""

    def close(self) -> None:
        """Let go of the connection; never raises, never waits."""

    def commit(self, batch: Sequence[Entry]) -> None:
        """Make the batch durable as one: all records and all they lead to, or nothing.

        Repeating a batch (or a part of it) that is stored already is fine, so a commit whose
        outcome is unknown is simply repeated after `open`.

        Raises:
            JournalUnavailable: not stored, or outcome unknown.
            Fenced: another epoch leads; nothing stored.
            DuplicateIntent, RecordRefused: a definite no to the whole batch; nothing stored.
            JournalDamaged: other content is stored under the same number.
            ValueError: the batch does not follow on the head (our own bug).
        """

    def load_day(self, since_ns: int) -> tuple[Stored, ...]:
        """Records since `since_ns`, all records of groups still open, and the last `ModeChanged`,
        in order.

        Raises:
            JournalDamaged: a record cannot be read.
        """

    def load_group(self, group_id: str) -> tuple[Stored, ...]:
        """All records of one group, in order. Raises as `load_day`."""

    def verify(self, from_seq: int = 1) -> Head:
        """Recompute the chain from `from_seq` on; the head that it ends in.

        Raises:
            JournalDamaged: names the first number that is changed, missing or unreadable.
        """

    def count_duplicate_order_intents(self, hours: int, now_ns: int) -> int:
        """How often, in the last `hours`, an order was placed while an equal one (same group,
        leg, side, quantity, type, prices) was not over yet. Anything but 0 is a bug."""

    def pnl_from_trades(self, book: Book, since_ns: int) -> tuple[InstrumentPnl, ...]:
        """Sums over the realm's trades since `since_ns`, by instrument, from trades alone."""

    def state_get(self, key: str) -> JsonValue:
        """A system state value, None if never set."""

    def state_set(self, key: str, value: JsonValue) -> None:
        """Set a system state value durably."""
