"""The models outside of the engine: faithful when nothing strikes, mean when something does.

Each fault is armed alone, to strike at the first question, so that what it does is seen by itself.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from actors.stores.latches import FileLatches, Latch
from engine.errors import Fenced, JournalDamaged, JournalUnavailable
from engine.messages.base import Message
from engine.messages.market import MarketFrame, Tick
from engine.messages.records import Record
from engine.messages.values import Leg
from engine.session import SegmentClass
from engine.units import NS_PER_MINUTE, NS_PER_S
from scripts.simulation import scene
from scripts.simulation.clock import SimClock
from scripts.simulation.database import FaultyDatabase, FaultyStore
from scripts.simulation.decisions import Decisions
from scripts.simulation.disk import SPOOL, SimDisk
from scripts.simulation.durable import Durable
from scripts.simulation.faults import Armed, Faults
from scripts.simulation.market.feed import IDS, FaultyFeed
from scripts.simulation.market.paths import Listed, Pace, TrueFrame, day_frames
from tests.contract import test_journal_store as contract
from tests.fixtures.history import Trip, entries, head_of

REALM = "paper"
CONTRACT = [
    contract.test_when_nothing_was_written_then_the_head_is_the_genesis,
    contract.test_when_the_same_batch_is_committed_again_then_it_is_fine,
    contract.test_when_a_number_holds_another_record_then_it_is_damage,
    contract.test_when_an_order_is_placed_twice_then_it_is_a_duplicate,
    contract.test_when_a_trade_is_recorded_twice_then_it_is_refused,
    contract.test_when_a_batch_was_refused_then_the_next_one_is_taken,
    contract.test_when_a_day_is_loaded_then_open_groups_come_whole,
    contract.test_when_a_group_is_loaded_then_only_its_records_come,
    contract.test_when_state_is_set_then_it_is_read_back,
]


def armed(*faults: str) -> Faults:
    """Each of the faults strikes once, at the first question."""
    rows = {fault: Armed(ppm=1_000_000, budget=1) for fault in faults}
    return Faults(rows, Decisions(1), lambda *_: None)


def a_store(*faults: str) -> tuple[FaultyStore, FaultyDatabase, list[int]]:
    now, durable = [0], list[int]()
    database = FaultyDatabase(
        armed(*faults), lambda: now[0], on_durable=lambda seq, _: durable.append(seq)
    )
    store = FaultyStore(database, REALM, database.acquire())
    store.open()
    return store, database, durable


@pytest.mark.parametrize("promise", CONTRACT, ids=lambda test: test.__name__[10:60])
def test_when_no_fault_strikes_then_the_database_keeps_its_promises(
    promise: Callable[..., None],
) -> None:
    arguments = {"store": a_store()[0], "trip": Trip(1), "is_same_batch": False}
    wanted = promise.__code__.co_varnames[: promise.__code__.co_argcount]
    promise(**{name: arguments[name] for name in wanted})


@pytest.mark.conformance("FLT-51", "FLT-58", "FLT-59", "FLT-54")
@pytest.mark.parametrize("fault", ["FLT-51", "FLT-58", "FLT-59", "FLT-54"])
def test_when_a_commit_fails_then_nothing_is_stored(fault: str) -> None:
    store, database, durable = a_store(fault)
    batch = entries(store.open(), Trip(1).start())
    with pytest.raises(JournalUnavailable):
        store.commit(batch)
    assert (database.rows[REALM], durable) == ([], [])
    database.heal()
    store.open()
    store.commit(batch)
    assert durable == [1, 2, 3, 4]


@pytest.mark.conformance("FLT-52", "FLT-53")
def test_when_the_answer_of_a_commit_is_lost_then_it_is_stored_and_can_be_repeated() -> None:
    store, database, durable = a_store("FLT-52")
    batch = entries(store.open(), Trip(1).start())
    with pytest.raises(JournalUnavailable):
        store.commit(batch)
    assert durable == [1, 2, 3, 4]
    store.open()
    store.commit(batch)
    assert len(database.rows[REALM]) == 4


@pytest.mark.conformance("FLT-55")
def test_when_the_database_fails_over_then_the_last_commits_and_their_keys_are_gone() -> None:
    store, database, _ = a_store()
    trip = Trip(1)
    first = entries(store.open(), trip.start())
    store.commit(first)
    store.commit(entries(head_of(first), [trip.accepted(Leg.ENTRY)]))
    assert database.fail_over(REALM, 1) == 1
    again = entries(store.open(), [trip.accepted(Leg.ENTRY)])
    assert again[0].seq == 5
    store.commit(again)


@pytest.mark.conformance("FLT-56")
def test_when_the_lease_is_stolen_then_the_commit_is_fenced() -> None:
    store, _, durable = a_store("FLT-56")
    with pytest.raises(Fenced):
        store.commit(entries(store.open(), Trip(1).start()))
    assert durable == []


@pytest.mark.conformance("FLT-55")
@pytest.mark.parametrize(("spooled", "gone"), [((), [1, 2]), ((1,), [2]), ((1, 2), [])])
def test_when_the_process_dies_then_what_a_failover_forgot_is_gone_but_for_the_spool(
    spooled: tuple[int, ...], gone: list[int]
) -> None:
    told: list[list[Record]] = []
    durable = Durable({"on_record": [], "on_gone": [told.append]})
    records = Trip(1).start()[:3]
    for seq, record in enumerate(records):
        durable.committed(seq, record)
    durable.lost(0)
    durable.died(spooled)
    durable.died(spooled)
    assert [records.index(record) for one in told for record in one] == gone


def a_disk(*faults: str) -> SimDisk:
    return SimDisk(armed(*faults), lambda: 0)


@pytest.mark.conformance("INV-12")
def test_when_the_disk_is_sound_then_latches_and_spool_outlive_a_process() -> None:
    disk = a_disk()
    disk.latches().set("kill", reason="enough", by="me", at_ns=1)
    disk.spool().append([(1, b"one"), (2, b"two")])
    assert disk.latches().load() == (Latch("kill", "enough"),)
    assert disk.spool().records() == [(1, b"one"), (2, b"two")]


@pytest.mark.conformance("FLT-83", "FLT-84", "FLT-88")
@pytest.mark.parametrize("fault", ["FLT-83", "FLT-84", "FLT-88"])
def test_when_the_disk_refuses_then_the_caller_hears_it_and_the_spool_ends_as_before(
    fault: str,
) -> None:
    disk = a_disk()
    spool = disk.spool()
    spool.append([(1, b"one")])
    disk._faults = armed(fault)
    with pytest.raises(OSError, match=r"space|Input|Read-only"):
        spool.append([(2, b"two")])
    disk.heal()
    assert disk.spool().records() == [(1, b"one")]
    spool.append([(2, b"two")])
    assert disk.spool().records() == [(1, b"one"), (2, b"two")]


@pytest.mark.conformance("FLT-85")
def test_when_an_append_was_torn_by_a_kill_then_its_beginning_is_cut_off() -> None:
    disk = a_disk("FLT-85")
    disk.spool().append([(1, b"one")])
    before = disk.files[SPOOL]
    disk.died()
    assert disk.files[SPOOL] != before
    assert disk.spool().records() == [(1, b"one")]


@pytest.mark.conformance("FLT-85")
def test_when_a_life_ends_before_it_opened_the_spool_then_it_tore_nothing() -> None:
    disk = a_disk("FLT-85")
    before = disk.files[SPOOL]
    disk.died()
    assert disk.files[SPOOL] == before


@pytest.mark.conformance("FLT-86")
def test_when_a_bit_of_the_spool_flips_then_it_is_damage_until_a_person_puts_it_back() -> None:
    disk = a_disk("FLT-86")
    disk.spool().append([(1, b"one" * 50)])
    disk.booting()
    with pytest.raises(JournalDamaged):
        disk.spool()
    disk.heal()
    assert disk.spool().records() == [(1, b"one" * 50)]


@pytest.mark.conformance("FLT-89")
def test_when_the_latch_folder_is_gone_then_it_is_a_halt() -> None:
    disk = a_disk()
    disk.folders.clear()
    assert [latch.name for latch in disk.latches().load()] == ["halt"]
    assert FileLatches(Path(), {}, is_new_state=True, files=disk).load() == ()


@pytest.mark.conformance("FLT-60", "FLT-61", "FLT-62")
def test_when_the_wall_clock_is_wrong_then_true_time_and_the_boot_clock_go_on() -> None:
    clock = SimClock(1_000 * NS_PER_S)
    clock.move_to_mono(10 * NS_PER_S)
    clock.step(-3 * NS_PER_S)
    assert (clock.now_ns(), clock.true_ns()) == (1_007 * NS_PER_S, 1_010 * NS_PER_S)
    assert clock.mono_at(1_008 * NS_PER_S) == 11 * NS_PER_S
    assert clock.true_mono_at(1_011 * NS_PER_S) == 11 * NS_PER_S
    clock.set_right()
    clock.drift(10_000)
    clock.move_to_mono(110 * NS_PER_S)
    assert clock.now_ns() == 1_111 * NS_PER_S
    clock.suspend(60 * NS_PER_S)
    assert clock.mono_ns() == 170 * NS_PER_S


def frames(seed: int = 1) -> tuple[TrueFrame, ...]:
    table = scene.sessions()
    session = table.next_session(0 + 1_704_067_200 * NS_PER_S, SegmentClass.CASH_OTHER)
    assert session is not None
    listed = [Listed(name=name, price_paise=100_000) for name in scene.NAMES[:2]]
    flat_by_ns = session.closes_at_ns - NS_PER_MINUTE
    return day_frames(lambda name: Random(f"{seed}/{name}"), listed, session, flat_by_ns, Pace())


def test_when_a_day_is_laid_out_then_it_is_sparse_sane_and_of_its_seed() -> None:
    day = frames()
    count = sum(len(frame.ticks) for frame in day)
    assert 100 <= count <= 500
    assert day == frames()
    assert day != frames(2)
    assert all(tick.price_paise > 0 and tick.price_paise % 5 == 0 for f in day for tick in f.ticks)


def told(*faults: str) -> tuple[list[Tick], tuple[TrueFrame, ...]]:
    """What the engine hears of a day."""
    heard: list[Tick] = []
    calls: list[Callable[[], None]] = []

    def deliver(target: str, message: Message) -> None:
        assert (target, type(message)) == ("source", MarketFrame)
        heard.extend(message.ticks)  # type: ignore[attr-defined]

    day, now = frames(), [0]
    feed = FaultyFeed(armed(*faults), lambda: now[0], lambda _, call: calls.append(call), deliver)
    for number, frame in enumerate(day):
        now[0] = frame.at_ns
        feed.hear(frame)
        if number % 3 == 2:
            while calls:
                calls.pop(0)()
    return heard, day


def test_when_no_fault_strikes_then_the_engine_hears_the_truth() -> None:
    heard, day = told()
    assert heard == [tick for frame in day for tick in frame.ticks]


@pytest.mark.conformance(*IDS)
@pytest.mark.parametrize("fault", IDS)
def test_when_a_fault_of_the_feed_strikes_then_the_engine_hears_something_else(fault: str) -> None:
    heard, day = told(fault)
    truth = [tick for frame in day for tick in frame.ticks]
    assert heard != truth
    assert len(heard) > len(truth) // 4, "the feed came back"
