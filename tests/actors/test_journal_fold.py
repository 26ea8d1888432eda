"""Folding back: what a database lacks after an outage or a failover, and what is damage."""

import errno
from pathlib import Path

import pytest

from actors.journal import JournalBehaviour
from actors.runtime.behaviour import Opening
from actors.stores.files import PlainFile
from actors.stores.memory import MemoryDatabase, MemoryJournalStore
from actors.stores.spool import Spool
from engine.errors import JournalDamaged
from engine.messages.control import AlertRaised, GenerationFenced
from engine.messages.journal import Append, Journaled, Replayed, ReplayRequested, StoreAwaited
from engine.messages.records import Record
from engine.messages.supervision import TimerFired
from engine.messages.values import Leg
from engine.units import NS_PER_S
from tests.fakes import FakeContext
from tests.fixtures.history import START_NS, Trip

REALM = "paper"


class Desk:
    """A journal actor on a database that can be hurt."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = MemoryDatabase()
        self.epoch = self.database.acquire()
        self.opened: type[PlainFile] = PlainFile
        self.start()

    def start(self) -> None:
        """A new generation, and all that is left of the old one is on disk and in the database."""
        self.journal = JournalBehaviour(
            store=MemoryJournalStore(self.database, REALM, self.epoch),
            spool=Spool(self.path / "paper.spool", self.opened),
            since_ns=0,
            listeners=("authority",),
        )
        self.ctx = FakeContext("journal", now_ns=START_NS)
        self.opening = self.journal.open(self.ctx)

    def write(self, *records: Record) -> None:
        self.journal.receive(Append(records=records, sender="x", sender_generation=1))
        self.journal.flush()

    def forget(self, count: int) -> None:
        """A failover: the newest rows were on the other server only."""
        del self.database.rows[REALM][-count:]
        keys = self.database.keys[REALM]
        for key in [key for key in keys if key[0] == "trade"]:
            keys.discard(key)

    def come_back(self) -> None:
        self.database.is_away = False
        self.journal.receive(TimerFired(key="return"))

    def head(self) -> int:
        store = MemoryJournalStore(self.database, REALM, self.epoch)
        store.open()
        return store.verify().seq


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def trip() -> Trip:
    return Trip(1)


@pytest.mark.conformance("FLT-55")
def test_when_a_failover_forgets_confirmed_records_then_they_are_written_again(
    desk: Desk, trip: Trip
) -> None:
    desk.write(*trip.start())
    desk.write(trip.accepted(Leg.ENTRY))
    desk.forget(1)
    desk.database.is_away = True
    desk.write(trip.filled(Leg.ENTRY, 150_000))
    desk.come_back()
    assert desk.head() == 6
    desk.write(trip.intent(Leg.STOP))
    assert desk.head() == 7
    assert len(desk.ctx.of(Journaled, "watcher")) >= 1


@pytest.mark.conformance("FLT-55")
def test_when_a_failover_forgets_and_nothing_was_spooled_then_the_next_record_follows(
    desk: Desk, trip: Trip
) -> None:
    desk.write(*trip.start())
    desk.write(trip.accepted(Leg.ENTRY))
    desk.forget(1)
    desk.come_back()
    desk.write(trip.filled(Leg.ENTRY, 150_000))
    assert desk.head() == 6


@pytest.mark.conformance("FLT-55")
def test_when_the_journal_dies_in_the_outage_then_the_spool_has_what_a_failover_forgets(
    desk: Desk, trip: Trip
) -> None:
    desk.write(*trip.start())
    desk.write(trip.accepted(Leg.ENTRY))
    desk.journal.close("crashed")
    desk.start()
    desk.database.is_away = True
    desk.write(trip.filled(Leg.ENTRY, 150_000))
    desk.database.is_away = False
    desk.forget(2)
    desk.journal.close("crashed")
    desk.start()
    assert desk.head() == 6


@pytest.mark.conformance("FLT-55")
def test_when_nobody_has_the_forgotten_records_then_it_is_damage(desk: Desk, trip: Trip) -> None:
    desk.write(*trip.start())
    desk.database.is_away = True
    desk.write(trip.accepted(Leg.ENTRY))
    desk.database.is_away = False
    spooled = Spool(desk.path / "paper.spool")
    rows = spooled.records()[-1:]
    spooled.clear()
    spooled.append(rows)
    spooled.close()
    desk.forget(1)
    with pytest.raises(JournalDamaged, match="record 4"):
        desk.start()


def test_when_a_generation_ends_then_its_spool_file_is_closed(desk: Desk, trip: Trip) -> None:
    desk.journal.close("test")
    desk.database.is_away = True
    with pytest.raises(OSError, match="descriptor"):
        desk.write(*trip.start()[:1])
    assert desk.ctx.of(AlertRaised, "alerts") == []


@pytest.mark.conformance("FLT-54", "FLT-83")
def test_when_the_database_is_away_at_a_restart_then_the_journal_waits_and_recovers(
    desk: Desk, trip: Trip
) -> None:
    desk.write(*trip.start())
    desk.journal.close("crashed")
    desk.database.is_away = True
    desk.start()
    assert desk.opening is Opening.DEFERRED
    assert [alert.event for alert in desk.ctx.of(AlertRaised, "alerts")] == ["journal_unavailable"]
    desk.journal.receive(StoreAwaited())
    assert not desk.ctx.is_ready
    desk.database.is_away = False
    desk.journal.receive(StoreAwaited())
    assert desk.ctx.is_ready
    desk.write(trip.accepted(Leg.ENTRY))
    assert desk.head() == 5


class FullDisk(PlainFile):
    """A disk that has no room until somebody makes some."""

    is_full = True

    def write(self, data: bytes, at: int) -> None:
        if FullDisk.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(data, at)


@pytest.fixture
def blocked(desk: Desk, trip: Trip, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Neither database nor disk: four records are durable, the fifth is owed."""
    desk.write(*trip.start())
    desk.journal.close("another spool")
    desk.opened = FullDisk
    monkeypatch.setattr(FullDisk, "is_full", False)
    desk.start()
    monkeypatch.setattr(FullDisk, "is_full", True)
    desk.database.is_away = True
    desk.write(trip.accepted(Leg.ENTRY))
    return desk


@pytest.mark.conformance("FLT-83", "DRL-27")
def test_when_neither_database_nor_disk_take_records_then_it_is_alarmed_and_they_wait(
    blocked: Desk, trip: Trip
) -> None:
    blocked.write(trip.filled(Leg.ENTRY, 150_000))
    events = [alert.event for alert in blocked.ctx.of(AlertRaised, "alerts")]
    assert events == ["journal_blocked", "journal_unavailable"]
    assert not blocked.ctx.of(Journaled)


@pytest.mark.conformance("FLT-83", "INV-17")
def test_inv_17_when_nothing_can_be_written_for_long_then_it_is_alarmed_each_minute(
    blocked: Desk,
) -> None:
    counts = []
    for _ in range(4):
        blocked.ctx.advance(blocked.journal, 31 * NS_PER_S)
        events = [alert.event for alert in blocked.ctx.of(AlertRaised, "alerts")]
        counts.append(events.count("journal_blocked"))
    assert counts == [1, 2, 2, 3]


@pytest.mark.conformance("FLT-83", "INV-34")
def test_when_a_reader_starts_while_records_are_owed_then_it_is_told_of_them_apart(
    blocked: Desk, trip: Trip
) -> None:
    blocked.journal.receive(ReplayRequested(reader="authority", reader_generation=2))
    replayed = blocked.ctx.of(Replayed, "authority")[-1]
    assert replayed.owed == (trip.accepted(Leg.ENTRY),)
    assert (len(replayed.records), replayed.seq) == (4, 4)


@pytest.mark.conformance("FLT-83")
@pytest.mark.parametrize("comes_back", ["disk", "database"])
def test_when_disk_or_database_are_back_then_what_waited_is_durable_and_delivered(
    blocked: Desk, trip: Trip, monkeypatch: pytest.MonkeyPatch, comes_back: str
) -> None:
    blocked.write(trip.filled(Leg.ENTRY, 150_000))
    monkeypatch.setattr(FullDisk, "is_full", comes_back == "database")
    if comes_back == "database":
        blocked.come_back()
    else:
        blocked.journal.receive(TimerFired(key="return"))
    blocked.journal.flush()
    assert {told.seq for told in blocked.ctx.of(Journaled)} == {5, 6}
    if comes_back == "disk":
        blocked.come_back()
    assert blocked.head() == 6


@pytest.mark.conformance("FLT-83")
def test_when_a_sender_dies_while_its_records_wait_then_they_are_not_written(
    blocked: Desk, trip: Trip
) -> None:
    blocked.write(trip.intent(Leg.STOP))
    blocked.journal.receive(GenerationFenced(name="x", generation=1, reason="crashed"))
    blocked.come_back()
    blocked.journal.flush()
    assert blocked.head() == 5


@pytest.mark.conformance("INV-19")
def test_inv_19_when_a_group_asks_while_its_plans_wait_then_it_is_told_of_them(
    blocked: Desk, trip: Trip
) -> None:
    stop, target = trip.intent(Leg.STOP), trip.intent(Leg.TARGET_1)
    blocked.write(stop)
    blocked.write(target, trip.accepted(Leg.ENTRY))
    for group_id in (stop.group_id, "grp-other", ""):
        asked = ReplayRequested(reader="x", reader_generation=1, group_id=group_id)
        blocked.journal.receive(asked)
    own, other, everything = (told.records for told in blocked.ctx.of(Replayed, "x"))
    assert own[-2:] == (stop, target)
    assert not other
    assert stop not in everything
    assert target not in everything
