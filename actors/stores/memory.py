"""The journal in memory, for tests and backtests: the same promises, the same refusals.

Decides nothing of its own; the contract suite keeps it equal to the PostgreSQL store. What a
server would keep lives in `MemoryDatabase`, so a store can be closed, crash and open again on it.
"""

from collections.abc import Iterator, Sequence

from actors.stores.port import Entry, Head, InstrumentPnl, JsonValue, Stored
from engine.errors import (
    DuplicateIntent,
    Fenced,
    JournalDamaged,
    JournalUnavailable,
    RecordRefused,
)
from engine.journal import GENESIS, decode, group_of, next_chain
from engine.messages.records import (
    DecisionRecorded,
    GroupClosed,
    GroupOpened,
    IntentPlanned,
    ModeChanged,
    OrderCancelled,
    OrderDenied,
    OrderFact,
    OrderFilled,
    OrderLost,
    OrderRejected,
    Record,
    SignalRecorded,
)
from engine.messages.values import Action, Book
from engine.units import NS_PER_S

Key = tuple[str, ...]


class MemoryDatabase:
    """What outlives a store. The switches are for tests of the way back.

    `is_away`: every call fails. `answers_lost`: that many next commits are stored, and then
    reported as failed.
    """

    def __init__(self) -> None:
        self.epoch = 0
        self.is_away = False
        self.answers_lost = 0
        self.rows: dict[str, list[tuple[bytes, bytes]]] = {}
        self.keys: dict[str, set[Key]] = {}
        self.state: dict[tuple[str, str], JsonValue] = {}

    def acquire(self) -> int:
        """A new leader epoch."""
        self.epoch += 1
        return self.epoch


def claims(record: Record) -> tuple[tuple[Key, ...], tuple[Key, ...]]:
    """What must be recorded before this record, and what must not be recorded twice."""
    match record:
        case DecisionRecorded():
            ids = (("decision", record.decision_id), ("plan", record.client_plan_id))
            return (("signal", record.signal_id),), ids
        case GroupOpened(plan=plan):
            return (("decision", plan.decision_id),), (("group", plan.group_id),)
        case GroupClosed():
            return (("group", record.group_id),), ()
        case IntentPlanned(action=Action.PLACE):
            return (("group", record.group_id),), (("order", record.client_order_id),)
        case OrderFilled():
            trade = ("trade", record.venue_order_id, record.trade_id)
            return (("order", record.client_order_id),), (trade,)
        case IntentPlanned() | OrderFact():
            return (("order", record.client_order_id),), ()
        case _:
            return (), ()


class MemoryJournalStore:
    """A `JournalStorePort` in memory."""

    commit_took_ns = 0

    def __init__(self, database: MemoryDatabase, realm: str, epoch: int) -> None:
        self._database, self._realm, self._epoch = database, realm, epoch
        self._is_open = False

    def open(self) -> Head:
        self._is_open = not self._database.is_away
        rows = self._rows()
        return Head(len(rows), rows[-1][1] if rows else GENESIS)

    def close(self) -> None:
        self._is_open = False

    def commit(self, batch: Sequence[Entry]) -> None:
        rows = self._rows()
        if not batch:
            return
        self._check_chain(batch, rows)
        if self._epoch != self._database.epoch:
            raise Fenced(f"epoch {self._epoch} does not lead")
        for entry in batch[: max(0, len(rows) + 1 - batch[0].seq)]:
            if rows[entry.seq - 1] != (entry.body, entry.chain):
                raise JournalDamaged(f"record {entry.seq} is stored with other content")
        new = [entry for entry in batch if entry.seq > len(rows)]
        self._claim(new)
        rows.extend((entry.body, entry.chain) for entry in new)
        if self._database.answers_lost > 0:
            self._database.answers_lost -= 1
            self._is_open = False
            raise JournalUnavailable("the answer was lost")

    def load_day(self, since_ns: int) -> tuple[Stored, ...]:
        everything = tuple(self._decoded())
        opened = {s.record.plan.group_id for s in everything if isinstance(s.record, GroupOpened)}
        closed = {s.record.group_id for s in everything if isinstance(s.record, GroupClosed)}
        still_open = opened - closed
        mode_seq = max((s.seq for s in everything if isinstance(s.record, ModeChanged)), default=0)
        return tuple(
            s
            for s in everything
            if s.record.at_ns >= since_ns or group_of(s.record) in still_open or s.seq == mode_seq
        )

    def load_group(self, group_id: str) -> tuple[Stored, ...]:
        return tuple(s for s in self._decoded() if group_id and group_of(s.record) == group_id)

    def verify(self, from_seq: int = 1) -> Head:
        rows = self._rows()
        if not 1 <= from_seq <= len(rows) + 1:
            raise JournalDamaged(f"record {from_seq - 1} is missing")
        chain = rows[from_seq - 2][1] if from_seq > 1 else GENESIS
        for seq, (body, stored) in enumerate(rows[from_seq - 1 :], from_seq):
            chain = next_chain(chain, body)
            if chain != stored:
                raise JournalDamaged(f"record {seq} does not match the chain")
            self._decode(seq, body)
        return Head(len(rows), chain)

    def count_duplicate_order_intents(self, hours: int, now_ns: int) -> int:
        since = now_ns - hours * 3600 * NS_PER_S
        working: dict[str, Key] = {}
        count = 0
        for _, record in self._decoded():
            match record:
                case IntentPlanned(action=Action.PLACE):
                    terms = _terms(record)
                    count += record.at_ns > since and terms in working.values()
                    working[record.client_order_id] = terms
                case OrderCancelled() | OrderRejected() | OrderLost():
                    working.pop(record.client_order_id, None)
                case OrderDenied(action=Action.PLACE):
                    working.pop(record.client_order_id, None)
                case OrderFilled() if record.filled_total >= record.order_quantity:
                    working.pop(record.client_order_id, None)
                case _:
                    pass
        return count

    def pnl_from_trades(self, book: Book, since_ns: int) -> tuple[InstrumentPnl, ...]:
        sums: dict[str, InstrumentPnl] = {}
        for _, fill in self._decoded():
            if isinstance(fill, OrderFilled) and fill.book is book and fill.at_ns >= since_ns:
                name, gross, charges, held, count = sums.get(
                    fill.instrument, InstrumentPnl(fill.instrument, 0, 0, 0, 0)
                )
                signed = fill.side.sign * fill.quantity
                gross, held = gross - signed * fill.price_paise, held + signed
                sums[name] = InstrumentPnl(
                    name, gross, charges + fill.charges_paise, held, count + 1
                )
        return tuple(sums[name] for name in sorted(sums))

    def state_get(self, key: str) -> JsonValue:
        self._rows()
        return self._database.state.get((self._realm, key))

    def state_set(self, key: str, value: JsonValue) -> None:
        self._rows()
        self._database.state[self._realm, key] = value

    def _rows(self) -> list[tuple[bytes, bytes]]:
        if self._database.is_away or not self._is_open:
            self._is_open = False
            raise JournalUnavailable("not connected")
        return self._database.rows.setdefault(self._realm, [])

    def _check_chain(self, batch: Sequence[Entry], rows: list[tuple[bytes, bytes]]) -> None:
        if not 1 <= batch[0].seq <= len(rows) + 1:
            raise ValueError(f"record {batch[0].seq} does not follow on {len(rows)}")
        chain = rows[-1][1] if rows else GENESIS
        before = Head(len(rows), chain) if batch[0].seq == len(rows) + 1 else None
        for entry in batch:
            if before is not None and (
                entry.seq != before.seq + 1 or entry.chain != next_chain(before.chain, entry.body)
            ):
                raise ValueError(f"record {entry.seq} is not chained to the one before it")
            before = Head(entry.seq, entry.chain)

    def _claim(self, new: Sequence[Entry]) -> None:
        keys = self._database.keys.setdefault(self._realm, set())
        fresh: set[Key] = set()
        for _, record, _, _ in new:
            needed, claimed = claims(record)
            for key in needed:
                if key not in keys and key not in fresh:
                    raise RecordRefused(f"{key} was never recorded")
            for key in claimed:
                if key in keys or key in fresh:
                    kind = RecordRefused if key[0] == "trade" else DuplicateIntent
                    raise kind(f"{key} is recorded already")
            fresh.update(claimed)
            if isinstance(record, SignalRecorded):
                fresh.add(("signal", record.signal.signal_id))
        keys |= fresh

    def _decoded(self) -> Iterator[Stored]:
        for seq, (body, _) in enumerate(self._rows(), 1):
            yield self._decode(seq, body)

    def _decode(self, seq: int, body: bytes) -> Stored:
        try:
            return Stored(seq, decode(body))
        except JournalDamaged as error:
            raise JournalDamaged(f"record {seq}: {error}") from error


def _terms(intent: IntentPlanned) -> Key:
    prices = f"{intent.price_limit_paise} {intent.price_trigger_paise}"
    terms = (intent.side.value, str(intent.quantity), intent.order_type.value, prices)
    return (intent.group_id, intent.leg.value, *terms)
