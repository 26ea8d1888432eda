"""HALT latched by boot: on disk, said if the disk refuses, and set after too many starts."""

from pathlib import Path

import pytest

from actors.stores.latches import HALT, FileLatches
from engine.session import ist_day
from engine.units import NS_PER_MINUTE
from supervisors.history import ENGINE, History
from supervisors.latching import latch_halt, note_start

NOW_NS = 1_790_000_000_000_000_000


def latches_of(path: Path) -> FileLatches:
    return FileLatches(path, {}, is_new_state=True)


def history_of(path: Path, now_ns: int) -> History:
    return History(
        path / "restarts.jsonl",
        restarts_day_max=50,
        day_of=lambda ns: ist_day(ns).isoformat(),
        now_ns=now_ns,
    )


def start(path: Path, minute: int) -> bool:
    """A process starts; whether HALT is latched then."""
    now_ns = NOW_NS + minute * NS_PER_MINUTE
    note_start(history_of(path, now_ns), latches_of(path), now_ns)
    return any(latch.name == HALT for latch in latches_of(path).load())


def test_inv_31_when_the_engine_starts_too_often_then_the_next_life_begins_halted(
    tmp_path: Path,
) -> None:
    assert [start(tmp_path, minute) for minute in range(4)] == [False, False, False, True]


def test_when_an_engine_ended_orderly_then_its_starts_do_not_count(tmp_path: Path) -> None:
    for minute in range(3):
        assert not start(tmp_path, minute)
    history_of(tmp_path, NOW_NS + 3 * NS_PER_MINUTE).release(ENGINE, "an orderly end", NOW_NS)
    assert not start(tmp_path, 3)


def test_flt_83_when_the_disk_refuses_the_latch_then_it_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    latches = latches_of(tmp_path)
    (tmp_path / "latches").write_text("no folder")
    assert not latch_halt(latches, "the tree gave up", NOW_NS)
    assert "HALT could not be latched" in capsys.readouterr().err
