"""The book: views of positions and money, and the close of the day."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from actors.book import BookBehaviour
from engine.messages.control import RecoveryDone, ViewPublished
from engine.messages.records import DayClosed
from engine.messages.values import Book, SessionPhase, Side
from engine.units import NS_PER_S
from tests.fakes import FakeContext, journaled, opened
from tests.risk_samples import INFY, NOW, SESSION, TCS, closed_group, fill, tick

CLOSED = replace(SESSION, phase=SessionPhase.CLOSED)


def make_book() -> BookBehaviour:
    return BookBehaviour(instruments=(INFY, TCS), capital_paise=10_000_000)


@pytest.fixture
def book() -> BookBehaviour:
    return make_book()


@pytest.fixture
def ctx(book: BookBehaviour) -> FakeContext:
    return opened(book, FakeContext("book", now_ns=NOW))


def view(book: BookBehaviour, ctx: FakeContext, topic: str) -> Any:
    ctx.advance(book, NS_PER_S)
    return json.loads([v.body for v in ctx.of(ViewPublished) if v.topic == topic][-1])


def test_when_recovered_then_it_says_so(book: BookBehaviour, ctx: FakeContext) -> None:
    assert [done.part for done in ctx.of(RecoveryDone, "authority")] == ["book"]


def test_when_a_position_is_open_then_it_is_shown_at_its_mark(
    book: BookBehaviour, ctx: FakeContext
) -> None:
    book.receive(journaled()(fill(charges_paise=70)))
    book.receive(tick(150_500))
    (row,) = view(book, ctx, "positions")
    assert (row["quantity"], row["average_paise"], row["mark_paise"]) == (10, 150_000, 150_500)
    assert (row["open_paise"], row["total_paise"]) == (5_000, 4_930)
    pnl = view(book, ctx, "pnl")
    assert pnl["strategies"]["ema"]["total_paise"] == 4_930
    assert pnl["instruments"]["NSE:INFY"]["open_paise"] == 5_000
    assert pnl["books"]["live"]["total_paise"] == 0


@pytest.mark.conformance("INV-21", "INV-35")
def test_when_restarted_then_the_figures_are_the_same(
    book: BookBehaviour, ctx: FakeContext
) -> None:
    past = (fill("T1"), fill("T2", 4, 151_000, side=Side.SELL), closed_group())
    number = journaled()
    for record in (*past, *past):
        book.receive(number(record))
    again = make_book()
    other = opened(again, FakeContext("book", now_ns=NOW), past)
    assert view(again, other, "positions") == view(book, ctx, "positions")


def test_when_equity_falls_from_its_peak_then_the_drawdown_is_kept(
    book: BookBehaviour, ctx: FakeContext
) -> None:
    book.receive(journaled()(fill()))
    for price in (150_000, 152_000, 149_000, 151_000):
        book.receive(tick(price, at_ns=ctx.now_ns()))
        shown = view(book, ctx, "pnl")
    assert shown["drawdown_paise_max"] == 30_000
    assert shown["drawdown_paise"] == 10_000


def test_when_the_session_closes_then_the_day_is_written_once(
    book: BookBehaviour, ctx: FakeContext
) -> None:
    number = journaled()
    book.receive(SESSION)
    book.receive(number(fill("T1", charges_paise=50)))
    sale = {"side": Side.SELL, "client_order_id": "S1", "charges_paise": 50}
    book.receive(number(fill("T2", 10, 151_000, **sale)))
    book.receive(number(closed_group()))
    book.receive(CLOSED)
    book.receive(CLOSED)
    (day,) = ctx.records()
    assert day == DayClosed(
        at_ns=NOW,
        trading_day="2024-10-04",
        book=Book.PAPER,
        round_trips=1,
        pnl_gross_paise=10_000,
        charges_paise=100,
        positions_open=0,
    )


def test_when_days_follow_each_other_then_the_drawdown_goes_on(
    book: BookBehaviour, ctx: FakeContext
) -> None:
    number = journaled()
    for day, (bought, sold) in enumerate(((150_000, 151_000), (150_000, 149_000))):
        book.receive(replace(SESSION, trading_day=f"2024-10-0{day + 1}"))
        book.receive(number(fill(f"B{day}", 10, bought)))
        book.receive(number(fill(f"S{day}", 10, sold, side=Side.SELL)))
        book.receive(replace(CLOSED, trading_day=f"2024-10-0{day + 1}"))
    assert book.drawdown.peak_paise == 10_010_000
    assert book.drawdown.drawdown_paise_max == 10_000


def test_when_a_group_never_entered_then_it_is_no_round_trip(
    book: BookBehaviour, ctx: FakeContext
) -> None:
    book.receive(SESSION)
    book.receive(tick(150_000))
    book.receive(journaled()(closed_group(quantity_entered=0)))
    book.receive(CLOSED)
    (day,) = ctx.records()
    assert isinstance(day, DayClosed)
    assert day.round_trips == 0


def test_when_something_is_left_open_then_the_day_says_so(
    book: BookBehaviour, ctx: FakeContext
) -> None:
    book.receive(SESSION)
    book.receive(journaled()(fill()))
    book.receive(CLOSED)
    (day,) = ctx.records()
    assert isinstance(day, DayClosed)
    assert day.positions_open == 1


def test_when_restarted_after_the_close_then_the_day_is_not_written_again(
    book: BookBehaviour, ctx: FakeContext
) -> None:
    book.receive(CLOSED)
    assert not ctx.records()


def test_when_the_market_was_silent_all_day_then_no_day_is_closed(
    book: BookBehaviour, ctx: FakeContext
) -> None:
    book.receive(SESSION)
    book.receive(CLOSED)
    assert not ctx.records()


@pytest.mark.conformance("FLT-90", "INV-26")
def test_when_the_clock_went_back_before_the_open_then_the_day_is_not_closed() -> None:
    shut = replace(CLOSED, at_ns=NOW)
    for at_ns, days in ((NOW + NS_PER_S, 0), (NOW - NS_PER_S, 1)):
        book = make_book()
        ctx = opened(book, FakeContext("book", now_ns=NOW), (fill(at_ns=at_ns),))
        book.receive(shut)
        assert len(ctx.records()) == days
