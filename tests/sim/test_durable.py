"""What is told of records that a failover forgot, that were given back, or that are gone."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from engine.messages.records import Record
from engine.messages.values import Book, Leg
from scripts.simulation.durable import Durable
from tests.fixtures.history import Trip

KEPT = 3


class Told:
    """What observers hear of an entry that was planned, accepted and filled, and from then on."""

    def __init__(self, book: Book = Book.LIVE) -> None:
        self.news: list[int] = []
        self.gone: list[Record] = []
        self.durable = Durable({"on_record": [self._record], "on_gone": [self._gone]})
        self.trip = Trip(1)
        self.fill = replace(self.trip.filled(Leg.ENTRY, 150_000), book=book)
        self.records = [*self.trip.start(), self.trip.accepted(Leg.ENTRY), self.fill]
        self.write(1, *self.records)

    def _record(self, seq: int, _: Record) -> None:
        self.news.append(seq)

    def _gone(self, records: Sequence[Record]) -> None:
        self.gone.extend(records)

    def write(self, seq: int, *records: Record) -> None:
        self.news.clear()
        for number, record in enumerate(records, seq):
            self.durable.committed(number, record)


@pytest.fixture
def failed_over() -> Told:
    """The database has forgotten the entry and all that came of it."""
    told = Told()
    told.durable.lost(KEPT)
    return told


@pytest.mark.conformance("FLT-55")
def test_when_forgotten_records_are_given_back_then_nothing_is_news(failed_over: Told) -> None:
    failed_over.write(KEPT + 1, *failed_over.records[KEPT:])
    assert (failed_over.news, failed_over.gone) == ([], [])


@pytest.mark.conformance("FLT-55")
def test_when_a_fill_is_given_back_and_booked_again_then_it_is_news(failed_over: Told) -> None:
    failed_over.write(KEPT + 1, *failed_over.records[KEPT:], failed_over.fill)
    assert failed_over.news == [7]


@pytest.mark.conformance("FLT-55")
def test_inv_02_when_others_get_the_numbers_then_what_had_them_is_gone(failed_over: Told) -> None:
    other = Trip(2).signal()
    failed_over.write(KEPT + 1, other)
    assert (failed_over.news, failed_over.gone) == ([4], failed_over.records[KEPT:])
    failed_over.write(KEPT + 2, failed_over.fill)
    assert failed_over.news == []  # the trade was told
    failed_over.write(KEPT + 3, failed_over.fill)
    assert failed_over.news == [6]


@pytest.mark.conformance("FLT-55", "INV-22")
def test_inv_22_when_a_paper_fill_is_gone_then_it_is_news_if_it_happens_again() -> None:
    told = Told(Book.PAPER)
    told.durable.lost(KEPT)
    told.write(KEPT + 1, Trip(2).signal())
    told.write(KEPT + 2, told.fill)
    assert told.news == [5]


@pytest.mark.conformance("FLT-55")
def test_when_records_are_forgotten_then_they_are_kept_until_they_are_gone(
    failed_over: Told,
) -> None:
    assert [record for _, record in failed_over.durable.kept()] == failed_over.records
    failed_over.write(KEPT + 1, other := Trip(2).signal())
    assert [r for _, r in failed_over.durable.kept()] == [*failed_over.records[:KEPT], other]
