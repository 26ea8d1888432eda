"""What every journal store promises (actors/stores/port.py), over all adapters."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import msgspec
import pytest

from actors.stores.journal_store import JournalStore
from actors.stores.leases import LeaseStore
from actors.stores.memory import MemoryDatabase, MemoryJournalStore
from actors.stores.port import Entry, Head, InstrumentPnl, JournalStorePort, Stored
from engine.errors import (
    DuplicateIntent,
    Fenced,
    JournalDamaged,
    JournalUnavailable,
    RecordRefused,
)
from engine.journal import GENESIS, encode, next_chain
from engine.messages.records import ModeChanged, OrderCancelled, Record, RiskNoted
from engine.messages.values import Action, Book, Leg, Mode, Refusal
from tests.fixtures.history import INSTRUMENT, START_NS, Trip, entries, head_of

REFUSAL = Refusal(rule="loss_day", measured=5, limit=4, why="enough for today")


class World(ABC):
    """Stores of one kind on one database."""

    @abstractmethod
    def acquire(self) -> int: ...

    @abstractmethod
    def store(self, epoch: int, realm: str = "paper") -> JournalStorePort: ...


class MemoryWorld(World):
    def __init__(self) -> None:
        self._database = MemoryDatabase()

    def acquire(self) -> int:
        return self._database.acquire()

    def store(self, epoch: int, realm: str = "paper") -> JournalStorePort:
        return MemoryJournalStore(self._database, realm, epoch)


class PostgresWorld(World):
    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def acquire(self) -> int:
        lease = LeaseStore(self._dsn, 2_000)
        epoch = lease.acquire("test")
        lease.close()
        return epoch

    def store(self, epoch: int, realm: str = "paper") -> JournalStorePort:
        return JournalStore(self._dsn, realm, epoch, 2_000)


@pytest.fixture(params=["memory", "postgres"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "memory":
        return MemoryWorld()
    return PostgresWorld(request.getfixturevalue("database"))


@pytest.fixture
def store(world: World) -> Iterator[JournalStorePort]:
    store = world.store(world.acquire())
    store.open()
    yield store
    store.close()


@pytest.fixture
def trip() -> Trip:
    return Trip(1)


def _commit(store: JournalStorePort, records: list[Record]) -> list[Entry]:
    batch = entries(store.open(), records)
    store.commit(batch)
    return batch


def _numbered(batch: list[Entry]) -> tuple[Stored, ...]:
    return tuple(Stored(entry.seq, entry.record) for entry in batch)


def test_when_nothing_was_written_then_the_head_is_the_genesis(store: JournalStorePort) -> None:
    assert store.open() == Head(0, GENESIS)
    assert store.verify() == Head(0, GENESIS)


def test_when_a_batch_is_committed_then_a_new_store_finds_it(world: World, trip: Trip) -> None:
    epoch = world.acquire()
    first = world.store(epoch)
    first.open()
    batch = _commit(first, trip.whole())
    first.close()
    second = world.store(epoch)
    assert second.open() == head_of(batch)
    assert second.load_day(0) == _numbered(batch)
    assert second.verify() == head_of(batch)
    assert second.verify(4) == head_of(batch)
    second.close()


def test_when_the_same_batch_is_committed_again_then_it_is_fine(
    store: JournalStorePort, trip: Trip
) -> None:
    batch = _commit(store, trip.start())
    store.commit(batch)
    longer = [*batch, *entries(head_of(batch), [trip.accepted(Leg.ENTRY)])]
    store.commit(longer[2:])
    assert store.open() == head_of(longer)
    assert store.load_day(0) == _numbered(longer)


def test_when_a_number_holds_another_record_then_it_is_damage(
    store: JournalStorePort, trip: Trip
) -> None:
    _commit(store, trip.start())
    other = entries(Head(0, GENESIS), Trip(2).start())
    with pytest.raises(JournalDamaged, match="record 1"):
        store.commit(other)


@pytest.mark.parametrize("fault", ["gap", "chain"])
def test_when_a_batch_does_not_follow_the_head_then_it_is_our_bug(
    store: JournalStorePort, trip: Trip, fault: str
) -> None:
    batch = entries(store.open(), trip.start())
    wrong = batch[1:] if fault == "gap" else [batch[0]._replace(chain=bytes(32))]
    with pytest.raises(ValueError, match="record"):
        store.commit(wrong)
    assert store.open().seq == 0


def test_when_another_epoch_leads_then_nothing_is_written(world: World, trip: Trip) -> None:
    old = world.store(world.acquire())
    old.open()
    world.acquire()
    with pytest.raises(Fenced):
        old.commit(entries(Head(0, GENESIS), trip.start()))
    assert old.open().seq == 0
    old.close()


def test_when_a_plan_is_decided_twice_then_it_is_a_duplicate_and_nothing_is_kept(
    store: JournalStorePort, trip: Trip
) -> None:
    before = head_of(_commit(store, trip.start()))
    with pytest.raises(DuplicateIntent):
        store.commit(entries(before, [Trip(2).signal(), trip.decision()]))
    assert store.open() == before


@pytest.mark.parametrize("is_same_batch", [True, False])
def test_when_an_order_is_placed_twice_then_it_is_a_duplicate(
    store: JournalStorePort, trip: Trip, is_same_batch: bool
) -> None:
    again = trip.intent(Leg.ENTRY)
    if is_same_batch:
        batch = entries(store.open(), [*trip.start(), again])
    else:
        batch = entries(head_of(_commit(store, trip.start())), [again])
    with pytest.raises(DuplicateIntent):
        store.commit(batch)
    assert store.open().seq == (0 if is_same_batch else 4)


def test_when_a_plan_returns_under_another_decision_then_it_is_a_duplicate(
    store: JournalStorePort, trip: Trip
) -> None:
    before = head_of(_commit(store, trip.start()))
    other = msgspec.structs.replace(trip.decision(), decision_id="dec-other")
    with pytest.raises(DuplicateIntent):
        store.commit(entries(before, [other]))


@pytest.mark.parametrize("fault", ["decision", "group", "order", "fact", "closing", "cancel"])
def test_when_a_record_has_no_origin_then_it_is_refused(
    store: JournalStorePort, trip: Trip, fault: str
) -> None:
    orphans: dict[str, Record] = {
        "decision": trip.decision(),
        "group": trip.opened(),
        "order": trip.intent(Leg.ENTRY),
        "fact": trip.accepted(Leg.ENTRY),
        "closing": trip.closed(),
        "cancel": trip.intent(Leg.ENTRY, action=Action.CANCEL),
    }
    with pytest.raises(RecordRefused):
        store.commit(entries(store.open(), [orphans[fault]]))
    assert store.open().seq == 0


def test_when_a_trade_is_recorded_twice_then_it_is_refused(
    store: JournalStorePort, trip: Trip
) -> None:
    fill = trip.filled(Leg.ENTRY, 150_000)
    before = head_of(_commit(store, [*trip.start(), fill]))
    with pytest.raises(RecordRefused) as caught:
        store.commit(entries(before, [fill]))
    assert not isinstance(caught.value, DuplicateIntent)
    assert store.open() == before


def test_when_a_batch_was_refused_then_the_next_one_is_taken(
    store: JournalStorePort, trip: Trip
) -> None:
    before = head_of(_commit(store, trip.start()))
    with pytest.raises(DuplicateIntent):
        store.commit(entries(before, [trip.intent(Leg.ENTRY)]))
    store.commit(entries(before, [trip.accepted(Leg.ENTRY)]))
    assert store.open().seq == 5


def test_when_a_signal_is_refused_or_repeated_then_it_is_kept(
    store: JournalStorePort, trip: Trip
) -> None:
    records: list[Record] = [trip.signal(), trip.decision(REFUSAL), trip.signal()]
    batch = _commit(store, records)
    assert store.load_day(0) == _numbered(batch)


def test_when_a_day_is_loaded_then_open_groups_come_whole(store: JournalStorePort) -> None:
    flat, still_open = Trip(1), Trip(2)
    today = Trip(3, at_ns=START_NS + 10**12)
    old = _commit(store, [*flat.whole(), *still_open.start()])
    new = entries(head_of(old), [today.signal()])
    store.commit(new)
    wanted = [*old[-2:], *new]  # the group and its order; signal and decision have no group
    assert store.load_day(START_NS + 1) == _numbered(wanted)


@pytest.mark.conformance("INV-34")
def test_when_a_day_is_loaded_then_the_last_mode_before_it_comes_too(
    store: JournalStorePort,
) -> None:
    modes = [
        ModeChanged(
            at_ns=START_NS,
            mode_from=Mode.STANDBY,
            mode_to=Mode.RECOVERING,
            mode_seq=mode_seq,
            reason="test",
        )
        for mode_seq in (7, 8)
    ]
    batch = _commit(store, [*modes, Trip(1).signal()])
    assert store.load_day(START_NS + 10**12) == _numbered(batch[1:2])


def test_when_a_group_is_loaded_then_only_its_records_come(store: JournalStorePort) -> None:
    one, two = Trip(1), Trip(2)
    batch = _commit(store, [*one.start(), *two.start(), one.accepted(Leg.ENTRY)])
    assert store.load_group(one.group_id) == _numbered([batch[2], batch[3], batch[8]])
    assert store.load_group("") == ()


def test_when_two_realms_share_a_database_then_they_never_mix(world: World, trip: Trip) -> None:
    epoch = world.acquire()
    paper, backtest = world.store(epoch), world.store(epoch, "backtest-1")
    for store in (paper, backtest):
        store.open()
        _commit(store, trip.start())
    _commit(paper, [trip.accepted(Leg.ENTRY)])
    assert (paper.open().seq, backtest.open().seq) == (5, 4)
    paper.state_set("day", "2026-11-20")
    assert backtest.state_get("day") is None
    paper.close()
    backtest.close()


def test_when_state_is_set_then_it_is_read_back(store: JournalStorePort) -> None:
    assert store.state_get("latch") is None
    store.state_set("latch", {"kill": True})
    store.state_set("latch", {"kill": False, "by": ["a"]})
    assert store.state_get("latch") == {"kill": False, "by": ["a"]}


def test_when_pnl_is_summed_then_it_is_that_of_the_trades(store: JournalStorePort) -> None:
    live = Trip(2, book=Book.LIVE)
    _commit(store, [*Trip(1).whole(), *live.start(), live.filled(Leg.ENTRY, 100_000)])
    paper = InstrumentPnl(INSTRUMENT, 20_000, 1_400, 0, 2)
    assert store.pnl_from_trades(Book.PAPER, 0) == (paper,)
    bought = InstrumentPnl(INSTRUMENT, -1_000_000, 700, 10, 1)
    assert store.pnl_from_trades(Book.LIVE, 0) == (bought,)
    assert store.pnl_from_trades(Book.PAPER, START_NS + 1) == ()


def test_when_an_equal_order_is_still_out_then_it_counts_as_duplicate(
    store: JournalStorePort, trip: Trip
) -> None:
    _commit(store, trip.whole())
    assert store.count_duplicate_order_intents(24, START_NS + 10**9) == 0
    other = Trip(2)
    _commit(store, [*other.start(), other.intent(Leg.ENTRY, attempt=1)])
    assert store.count_duplicate_order_intents(24, START_NS + 10**9) == 1
    assert store.count_duplicate_order_intents(1, START_NS + 2 * 3600 * 10**9) == 0


def test_when_the_first_order_was_over_then_a_second_is_no_duplicate(
    store: JournalStorePort, trip: Trip
) -> None:
    ended = OrderCancelled(
        client_order_id=trip.order_id(Leg.ENTRY),
        group_id=trip.group_id,
        leg=Leg.ENTRY,
        instrument=INSTRUMENT,
        filled_total=0,
        is_asked=True,
        reason="",
        at_ns=START_NS,
    )
    _commit(store, [*trip.start(), ended, trip.intent(Leg.ENTRY, attempt=1)])
    assert store.count_duplicate_order_intents(24, START_NS + 10**9) == 0


def test_when_outside_text_holds_nul_and_controls_then_it_is_kept_exactly(
    store: JournalStorePort,
) -> None:
    noted = RiskNoted(
        event="x\0y", subject="\x1b[2J\u202e", measured=1, limit=2, why="a\n\0", at_ns=START_NS
    )
    batch = _commit(store, [noted])
    assert store.load_day(0) == _numbered(batch)


@pytest.mark.conformance("BAD-61")
@pytest.mark.parametrize("body", [b"\x93\xa5Other\x01\x02", b"", b"\xc1"])
def test_when_a_stored_record_is_of_an_unknown_kind_then_it_is_damage(
    store: JournalStorePort, trip: Trip, body: bytes
) -> None:
    before = head_of(_commit(store, trip.start()))
    alien = Entry(5, trip.accepted(Leg.ENTRY), body, next_chain(before.chain, body))
    store.commit([alien])
    for read in (store.verify, lambda: store.load_day(0)):
        with pytest.raises(JournalDamaged, match="record 5"):
            read()


def test_when_the_store_was_never_opened_or_is_closed_then_it_is_unavailable(
    world: World, trip: Trip
) -> None:
    store = world.store(world.acquire())
    batch = entries(Head(0, GENESIS), trip.start())
    with pytest.raises(JournalUnavailable):
        store.commit(batch)
    store.open()
    store.close()
    store.close()
    with pytest.raises(JournalUnavailable):
        store.commit(batch)


def test_when_a_record_is_encoded_then_equal_records_give_equal_bytes(trip: Trip) -> None:
    assert [encode(r) for r in trip.whole()] == [encode(r) for r in Trip(1).whole()]
