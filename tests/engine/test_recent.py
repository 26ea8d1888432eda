"""The journal's memory: what the end of a day lets go, and what it must not."""

import pytest

from engine.journal import group_of
from engine.messages.records import DayClosed, ModeChanged, Record, RiskNoted
from engine.messages.values import Book, Mode
from engine.recent import RecentRecords
from engine.units import NS_PER_S

DAY_NS = 86_400 * NS_PER_S
NOON_NS = 20_000 * DAY_NS + DAY_NS // 4


def note(at_ns: int) -> RiskNoted:
    return RiskNoted(at_ns=at_ns, event="e", subject="s", measured=1, limit=1, why="w")


def mode(at_ns: int, mode_seq: int) -> ModeChanged:
    return ModeChanged(
        at_ns=at_ns,
        mode_from=Mode.STANDBY,
        mode_to=Mode.RECOVERING,
        mode_seq=mode_seq,
        reason="test",
    )


def closed(at_ns: int) -> DayClosed:
    return DayClosed(
        at_ns=at_ns,
        trading_day="a day",
        book=Book.PAPER,
        round_trips=0,
        pnl_gross_paise=0,
        charges_paise=0,
        positions_open=0,
    )


def remembered(*records: Record) -> tuple[Record, ...]:
    recent = RecentRecords()
    for seq, record in enumerate(records, 1):
        recent.add(seq, group_of(record), record)
    return recent.select()


@pytest.mark.conformance("INV-26")
def test_when_a_clock_that_was_ahead_ends_the_day_then_its_records_still_count() -> None:
    day = (note(NOON_NS), closed(NOON_NS + NS_PER_S), note(NOON_NS - NS_PER_S))
    assert remembered(*day) == day


@pytest.mark.conformance("INV-34")
def test_when_the_next_day_begins_then_the_mark_and_the_last_mode_are_left() -> None:
    end, later = closed(NOON_NS + NS_PER_S), note(NOON_NS + DAY_NS)
    past = (mode(NOON_NS, 7), mode(NOON_NS, 8), note(NOON_NS))
    assert remembered(*past, end, later) == (past[1], end, later)
