"""What the ports answered is answered again; what is written otherwise is shown."""

from pathlib import Path

import pytest

from actors.capture.blocks import Pace, Packer, Unpacker
from actors.capture.events import Event
from actors.capture.ports import CapturedLatches, CapturedLedger, CapturedSpool, CapturedStore
from actors.capture.recorder import Recorder
from actors.replay.difference import Diverged
from actors.replay.plan import plan_of
from actors.replay.player import Player
from actors.replay.ports import ReplayedLatches, ReplayedLedger, ReplayedSpool, ReplayedStore
from actors.stores.latches import FileLatches
from actors.stores.memory import MemoryDatabase, MemoryJournalStore
from actors.stores.port import Entry
from actors.stores.spool import Spool
from engine.errors import JournalDamaged, JournalUnavailable
from engine.journal import GENESIS, encode, next_chain
from engine.messages.records import RiskNoted

PACE = Pace(now_ns=1, mono_ns=1)


class Kept(Recorder):
    """Writes nothing; hands out what a replay would read."""

    def player(self) -> Player:
        events: list[Event] = list(self._events)
        return Player(plan_of(Unpacker(PACE).unpack(Packer(PACE).pack(events))), lambda *_: None)


@pytest.fixture
def a_recorder(tmp_path: Path) -> Kept:
    folder = tmp_path / "session"
    folder.mkdir()
    return Kept(folder, b"{}", PACE)


def _entry(measured: int) -> Entry:
    record = RiskNoted(at_ns=1, event="e", subject="s", measured=measured, limit=0, why="w")
    body = encode(record)
    return Entry(1, record, body, next_chain(GENESIS, body))


def test_when_the_store_answered_then_it_answers_so_again(a_recorder: Kept) -> None:
    database = MemoryDatabase()
    real = MemoryJournalStore(database, "paper", database.acquire())
    store = CapturedStore(a_recorder, real)
    head = store.open()
    store.commit([_entry(7)])
    rows = store.load_day(0)
    end = store.verify()
    database.is_away = True
    with pytest.raises(JournalUnavailable, match="not connected"):
        store.commit([_entry(7)])

    again = ReplayedStore(a_recorder.player())
    assert again.open() == head
    again.commit([_entry(7)])
    assert again.load_day(0) == rows
    assert again.verify() == end
    with pytest.raises(JournalUnavailable, match="not connected"):
        again.commit([_entry(7)])


@pytest.mark.parametrize("batch", [[_entry(8)], [], [_entry(7), _entry(7)]])
def test_when_another_record_is_written_then_both_are_shown(
    a_recorder: Kept, batch: list[Entry]
) -> None:
    database = MemoryDatabase()
    store = CapturedStore(a_recorder, MemoryJournalStore(database, "paper", database.acquire()))
    store.open()
    store.commit([_entry(7)])
    again = ReplayedStore(a_recorder.player())
    again.open()
    with pytest.raises(Diverged, match="a journal record") as caught:
        again.commit(batch)
    if batch and batch[0].record.measured == 8:
        assert "measured=7" in caught.value.recorded
        assert "measured=8" in caught.value.replayed


def test_when_a_store_was_made_and_never_asked_then_the_next_one_is_still_the_next(
    a_recorder: Kept,
) -> None:
    database = MemoryDatabase()
    stores = [
        CapturedStore(a_recorder, MemoryJournalStore(database, "paper", database.acquire()))
        for _ in range(2)
    ]
    head = stores[1].open()
    player = a_recorder.player()
    ReplayedStore(player)
    assert ReplayedStore(player).open() == head


def test_when_the_spool_was_used_then_it_holds_the_same_again(
    a_recorder: Kept, tmp_path: Path
) -> None:
    path = tmp_path / "spool"
    before = Spool(path)
    before.append([(1, b"left over")])
    before.close()
    spool = CapturedSpool(a_recorder, lambda: Spool(path))
    spool.append([(2, b"more")])
    spool.clear()
    spool.append([(3, b"new")])
    held = spool.records()
    spool.close()

    again = ReplayedSpool(a_recorder.player())
    assert again.records() == [(1, b"left over")]
    again.append([(2, b"more")])
    again.clear()
    again.append([(3, b"new")])
    assert again.records() == held


def test_when_the_spool_could_not_be_opened_then_it_cannot_again(
    a_recorder: Kept, tmp_path: Path
) -> None:
    path = tmp_path / "spool"
    path.write_bytes(b"not a spool at all")
    with pytest.raises(JournalDamaged):
        CapturedSpool(a_recorder, lambda: Spool(path))
    with pytest.raises(JournalDamaged, match="not a spool file"):
        ReplayedSpool(a_recorder.player())


def test_when_latches_were_asked_then_the_disk_is_not_asked_again(
    a_recorder: Kept, tmp_path: Path
) -> None:
    latches = CapturedLatches(a_recorder, FileLatches(tmp_path, {}, is_new_state=True))
    assert latches.load() == ()
    latches.set("halt", reason="r", by="b", at_ns=1)
    found = latches.load()
    (tmp_path / "STOP").touch()
    sentinel = latches.sentinel()

    again = ReplayedLatches(a_recorder.player())
    assert again.load() == ()
    again.set("halt", reason="r", by="b", at_ns=1)
    assert again.load() == found
    assert again.sentinel() == sentinel == "file STOP"


def test_when_another_latch_is_set_then_it_is_a_difference(
    a_recorder: Kept, tmp_path: Path
) -> None:
    latches = CapturedLatches(a_recorder, FileLatches(tmp_path, {}, is_new_state=True))
    latches.set("halt", reason="r", by="b", at_ns=1)
    with pytest.raises(Diverged, match="a latch"):
        ReplayedLatches(a_recorder.player()).set("kill", reason="r", by="b", at_ns=1)


class Spent:
    """A ledger whose day is spent."""

    def note(self, name: str, kind: str, now_ns: int) -> bool:
        return True


def test_when_the_days_restarts_were_spent_then_they_are_again(a_recorder: Kept) -> None:
    ledger = CapturedLedger(a_recorder, Spent())
    assert ledger.note("guard", "crashed", 1)
    again = ReplayedLedger(a_recorder.player())
    with pytest.raises(Diverged, match="a restart"):
        again.note("book", "crashed", 1)
