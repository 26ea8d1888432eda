"""What only a real PostgreSQL can show: frozen and lost servers, damage on disk, joins, leases."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import msgspec
import psutil
import psycopg
import pytest

from actors.runtime.clock import boot_ns
from actors.stores.connection import CONNECT_S_MAX
from actors.stores.embedded import EmbeddedPostgres
from actors.stores.journal_store import JournalStore
from actors.stores.leases import LeaseStore
from actors.stores.migrate import Migration, known, upgrade
from actors.stores.port import Entry, Head
from engine.errors import Fenced, JournalDamaged, JournalUnavailable
from engine.instruments import Instrument
from engine.journal import GENESIS, next_chain
from engine.messages.records import OrderFilled, OrderModified
from engine.messages.values import Leg, Refusal, Side
from engine.units import NS_PER_S
from tests.fixtures.history import INSTRUMENT, Trip, entries, head_of

DEADLINE_MS = 300


@pytest.fixture
def lease(database: str) -> Iterator[LeaseStore]:
    lease = LeaseStore(database, 2_000)
    yield lease
    lease.close()


@pytest.fixture
def store(database: str, lease: LeaseStore) -> Iterator[JournalStore]:
    store = JournalStore(database, "paper", lease.acquire("test"), DEADLINE_MS)
    store.open()
    yield store
    store.close()


@pytest.fixture
def batch(store: JournalStore) -> list[Entry]:
    batch = entries(Head(0, GENESIS), Trip(1).whole())
    store.commit(batch)
    return batch


def _backend(store: JournalStore) -> psutil.Process:
    assert store._conn is not None
    return psutil.Process(store._conn.info.backend_pid)


def _run(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as conn:
        cursor = conn.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


_WAITING = """SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'"""


# -- away and back ------------------------------------------------------------------------


def test_when_the_server_is_frozen_then_a_commit_ends_by_its_deadline_and_can_be_repeated(
    database: str, store: JournalStore
) -> None:
    batch = entries(Head(0, GENESIS), Trip(1).start())
    backend = _backend(store)
    backend.send_signal(signal.SIGSTOP)
    try:
        began = boot_ns() / NS_PER_S
        with pytest.raises(JournalUnavailable, match="deadline"):
            store.commit(batch)
        assert boot_ns() / NS_PER_S - began < DEADLINE_MS / 1000 + 0.5
        with pytest.raises(JournalUnavailable, match="not connected"):
            store.commit(batch)
    finally:
        backend.send_signal(signal.SIGCONT)
    store.open()
    store.commit(batch)
    assert store.verify() == head_of(batch)
    assert _run(database, "SELECT count(*) FROM orders") == [(1,)]


def test_when_the_whole_server_is_frozen_then_opening_ends_too(
    store: JournalStore, postgres_server: EmbeddedPostgres
) -> None:
    pid = postgres_server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        began = boot_ns() / NS_PER_S
        with pytest.raises(JournalUnavailable):
            store.open()
        assert boot_ns() / NS_PER_S - began < CONNECT_S_MAX + 1
    finally:
        os.kill(pid, signal.SIGCONT)
    assert store.open() == Head(0, GENESIS)


def test_when_the_answer_to_a_commit_was_lost_then_repeating_it_is_safe(
    database: str, store: JournalStore, lease: LeaseStore
) -> None:
    batch = entries(Head(0, GENESIS), Trip(1).whole())
    other_life = JournalStore(database, "paper", store._epoch, DEADLINE_MS)
    other_life.open()
    other_life.commit(batch)
    other_life.close()
    store.commit(batch)  # it knows of nothing stored
    assert store.verify() == head_of(batch)
    assert _run(database, "SELECT quantity, realised_paise FROM positions") == [(0, 20_000)]


@pytest.mark.parametrize("how", ["terminate", "kill"])
def test_when_the_connection_is_lost_then_the_journal_is_unavailable_and_comes_back(
    database: str, store: JournalStore, how: str
) -> None:
    backend = _backend(store)
    batch = entries(Head(0, GENESIS), Trip(1).start())
    if how == "terminate":
        _run(database, f"SELECT pg_terminate_backend({backend.pid}, 2000)")
    else:
        backend.send_signal(signal.SIGTERM)
        backend.wait(5)
    with pytest.raises(JournalUnavailable):
        store.commit(batch)
    assert store.open() == Head(0, GENESIS)
    store.commit(batch)


def test_when_a_take_over_holds_the_lease_row_then_the_commit_waits_no_longer_than_allowed(
    database: str, store: JournalStore
) -> None:
    with psycopg.connect(database) as conn:
        conn.execute("SELECT FROM leases FOR UPDATE")
        with pytest.raises(JournalUnavailable):
            store.commit(entries(Head(0, GENESIS), Trip(1).start()))
        end = boot_ns() / NS_PER_S + 5
        while _run(database, _WAITING) != [(0,)]:
            assert boot_ns() / NS_PER_S < end, "the server still waits for a client that has gone"
    assert store.open() == Head(0, GENESIS)


# -- leases -------------------------------------------------------------------------------


def test_when_one_leads_then_another_is_refused_until_the_session_ends(
    database: str, lease: LeaseStore
) -> None:
    first = lease.acquire("a")
    assert [lease.beat(), lease.beat()] == [1, 2]
    candidate = LeaseStore(database, 2_000)
    with pytest.raises(Fenced):
        candidate.acquire("b")
    with pytest.raises(Fenced):
        candidate.beat()
    lease.close()
    assert _until_acquired(candidate) == first + 1
    candidate.close()


def _until_acquired(candidate: LeaseStore) -> int:
    end = boot_ns() / NS_PER_S + 5
    while True:
        try:
            return candidate.acquire("b")
        except Fenced:
            assert boot_ns() / NS_PER_S < end


def test_when_the_epoch_moves_on_then_the_beat_is_fenced(database: str, lease: LeaseStore) -> None:
    lease.acquire("a")
    _run(database, "UPDATE leases SET epoch = epoch + 1")
    with pytest.raises(Fenced):
        lease.beat()


# -- damage -------------------------------------------------------------------------------


@pytest.mark.conformance("BAD-61")
@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("UPDATE journal SET body = set_byte(body, 9, get_byte(body, 9) # 4) WHERE seq = 3", 3),
        ("UPDATE journal SET chain = set_byte(chain, 0, get_byte(chain, 0) # 1) WHERE seq = 6", 6),
        ("DELETE FROM journal WHERE seq = 5", 5),
        ("DELETE FROM journal WHERE seq = 1", 1),
        ("UPDATE journal SET kind = 'RiskNoted' WHERE seq = 7", 7),
        ("UPDATE journal SET at_ns = at_ns + 1 WHERE seq = 8", 8),
        ("UPDATE journal SET group_id = '' WHERE seq = 4", 4),
    ],
    ids=["bit", "chain", "missing", "first-missing", "kind", "time", "group"],
)
def test_when_a_stored_row_was_changed_then_verify_names_it(
    database: str, store: JournalStore, batch: list[Entry], damage: str, named: int
) -> None:
    _run(database, damage)
    with pytest.raises(JournalDamaged, match=f"record {named} "):
        store.verify()


@pytest.mark.conformance("BAD-61")
def test_when_the_row_before_the_start_is_missing_then_verify_says_so(
    database: str, store: JournalStore, batch: list[Entry]
) -> None:
    _run(database, "DELETE FROM journal WHERE seq = 4")
    with pytest.raises(JournalDamaged, match="record 4 is missing"):
        store.verify(5)
    assert store.verify(6) == head_of(batch)


@pytest.mark.conformance("BAD-61")
def test_when_a_newer_engine_wrote_a_record_then_it_is_damage(
    store: JournalStore, batch: list[Entry]
) -> None:
    fields = msgspec.msgpack.decode(batch[-1].body)
    body = msgspec.msgpack.encode([*fields, "a field of tomorrow"])
    alien = Entry(11, Trip(1).closed(), body, next_chain(batch[-1].chain, body))
    store.commit([alien])
    for read in (store.verify, lambda: store.load_group(Trip(1).group_id)):
        with pytest.raises(JournalDamaged, match="record 11"):
            read()


# -- migrations ---------------------------------------------------------------------------


def test_when_a_database_is_upgraded_twice_then_the_second_time_does_nothing(
    empty_database: str,
) -> None:
    with psycopg.connect(empty_database) as conn:
        assert upgrade(conn) == [m.name for m in known()]
        assert upgrade(conn) == []


@pytest.mark.conformance("BAD-61")
@pytest.mark.parametrize("fault", ["future", "changed"])
def test_when_the_schema_is_not_ours_then_it_is_refused(database: str, fault: str) -> None:
    future = "INSERT INTO schema_version VALUES (99, '0099_future.sql', 'x')"
    changed = "UPDATE schema_version SET checksum = 'x' WHERE version = 1"
    _run(database, future if fault == "future" else changed)
    with psycopg.connect(database) as conn, pytest.raises(JournalDamaged):
        upgrade(conn)


def test_when_a_migration_fails_then_nothing_of_it_stays(empty_database: str) -> None:
    broken = Migration(len(known()) + 1, "9999_broken.sql", "CREATE TABLE x (); SELECT 1 / 0")
    with psycopg.connect(empty_database) as conn:
        with pytest.raises(psycopg.errors.DivisionByZero):
            upgrade(conn, (*known(), broken))
        assert upgrade(conn) == [m.name for m in known()]


# -- what people read ---------------------------------------------------------------------

_TRACE = """SELECT s.signal_id, d.decision_id, o.client_order_id, o.status, t.trade_id
    FROM signals s JOIN decisions d USING (realm, signal_id)
    JOIN orders o USING (realm, decision_id) JOIN trades t USING (realm, client_order_id)
    WHERE realm = 'paper' ORDER BY t.side"""


def test_when_a_round_trip_is_done_then_one_join_tells_its_story(
    database: str, store: JournalStore, batch: list[Entry]
) -> None:
    trip = Trip(1)
    assert _run(database, _TRACE) == [
        (trip.signal_id, trip.decision_id, trip.order_id(leg), "filled", f"1-{leg.value}")
        for leg in (Leg.ENTRY, Leg.TARGET_1)
    ]
    group = "SELECT close_reason, pnl_gross_paise, closed_at IS NOT NULL FROM groups"
    assert _run(database, group) == [("target", 20_000, True)]


def test_when_a_signal_is_refused_then_its_reason_is_recorded(
    database: str, store: JournalStore
) -> None:
    refusal = Refusal(rule="notional", measured=9, limit=8, why="too much")
    store.commit(entries(Head(0, GENESIS), [Trip(1).signal(), Trip(1).decision(refusal)]))
    query = """SELECT features, targets, is_approved, rule, measured, limit_value, why
        FROM signals JOIN decisions USING (realm, signal_id)"""
    told = ({"gap": -12}, [[152_000, 10_000]], False, "notional", 9, 8, "too much")
    assert _run(database, query) == [told]


def test_when_orders_of_unknown_parents_are_written_by_hand_then_sql_refuses(
    database: str, store: JournalStore, batch: list[Entry]
) -> None:
    for table in ("orders", "decisions", "groups", "signals"):
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            _run(database, f"DELETE FROM {table}")


@pytest.mark.parametrize(
    ("fills", "held"),
    [
        ([(Side.BUY, 10, 100), (Side.SELL, 4, 110)], (6, 600, 40)),
        ([(Side.BUY, 10, 100), (Side.SELL, 15, 90)], (-5, -450, -100)),
        ([(Side.SELL, 10, 100), (Side.BUY, 10, 90)], (0, 0, 100)),
        ([(Side.BUY, 1, 100), (Side.BUY, 2, 101), (Side.SELL, 2, 0)], (1, 101, -201)),
        ([(Side.BUY, 1, 100), (Side.BUY, 2, 101), (Side.SELL, 1, 0), (Side.SELL, 2, 0)], None),
    ],
)
def test_when_fills_arrive_then_the_position_keeps_every_paisa(
    database: str,
    store: JournalStore,
    fills: list[tuple[Side, int, int]],
    held: tuple[int, int, int] | None,
) -> None:
    trip = Trip(1)
    records: list[OrderFilled] = []
    for number, (side, quantity, price) in enumerate(fills):
        fill = trip.filled(Leg.ENTRY, price, quantity=quantity, total=1, trade=str(number))
        records.append(msgspec.structs.replace(fill, side=side))
    store.commit(entries(Head(0, GENESIS), [*trip.start(), *records]))
    found = _run(database, "SELECT quantity, cost_paise, realised_paise FROM positions")
    assert found == [held or (0, 0, -302)]


def test_when_an_order_is_changed_to_what_it_has_filled_then_it_is_over(
    database: str, store: JournalStore
) -> None:
    """The broker says COMPLETE with less than was ordered: no other fact of the order follows."""
    trip = Trip(1)
    part = trip.filled(Leg.ENTRY, 100, quantity=4, total=4, trade="1")
    shrunk = OrderModified(
        at_ns=part.at_ns,
        client_order_id=part.client_order_id,
        venue_order_id=part.venue_order_id,
        group_id=part.group_id,
        leg=part.leg,
        instrument=part.instrument,
        intent_id="",
        quantity=5,
        price_limit_paise=100,
        price_trigger_paise=0,
    )
    over = msgspec.structs.replace(shrunk, quantity=4)
    first = entries(Head(0, GENESIS), [*trip.start(), part, shrunk])
    store.commit(first)
    query = "SELECT status, ended_at_ns IS NOT NULL FROM orders"
    assert _run(database, query) == [("partly_filled", False)]
    store.commit(entries(head_of(first), [over]))
    assert _run(database, query) == [("filled", True)]


def test_when_instruments_are_put_then_the_latest_stand(database: str, store: JournalStore) -> None:
    store.put_instruments([Instrument(name=INSTRUMENT), Instrument(name="NSE:TCS")])
    store.put_instruments([Instrument(name=INSTRUMENT, tick_paise=10)])
    query = "SELECT instrument, tick_paise FROM instruments ORDER BY 1"
    assert _run(database, query) == [(INSTRUMENT, 10), ("NSE:TCS", 5)]
