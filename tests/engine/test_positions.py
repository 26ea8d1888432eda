"""Positions and P&L: sums of fills, each trade once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.messages.records import OrderFilled
from engine.messages.values import Book, Side
from engine.portfolio.drawdown import along
from engine.portfolio.pnl import ledger_pnl, position_pnl, worst_mark
from engine.portfolio.positions import Key, Ledger, Position
from tests.risk_samples import fill, tick

KEY = Key(Book.PAPER, "ema", "NSE:INFY")
FILLS = st.lists(
    st.tuples(st.sampled_from(Side), st.integers(1, 50), st.integers(1, 1_000)), max_size=20
)


def trades(parts: list[tuple[Side, int, int]]) -> list[OrderFilled]:
    return [fill(f"T{n}", q, p, side=s, charges_paise=n) for n, (s, q, p) in enumerate(parts)]


@pytest.mark.conformance("INV-01", "INV-21", "INV-35")
@given(parts=FILLS, mark=st.integers(1, 1_000))
def test_when_fills_are_folded_then_position_and_money_are_their_sums(
    parts: list[tuple[Side, int, int]], mark: int
) -> None:
    ledger = Ledger()
    for trade in trades(parts) * 2:
        ledger.apply(trade)
    position = ledger.get(KEY) or Position()
    quantity = sum(s.sign * q for s, q, _ in parts)
    cash = -sum(s.sign * q * p for s, q, p in parts)
    assert position.quantity == quantity
    assert position.cash_paise == cash
    pnl = ledger_pnl(ledger, Book.PAPER, {"NSE:INFY": tick(mark)})
    assert pnl.realised_paise + pnl.open_paise == cash + quantity * mark
    assert pnl.charges_paise == sum(range(len(parts)))
    assert ledger.is_held("NSE:INFY") is (quantity != 0)


def test_when_a_position_closes_then_all_is_realised() -> None:
    ledger = Ledger({"NSE:INFY": 25})
    ledger.apply(fill("T1", 2, 10_000, charges_paise=30))
    ledger.apply(fill("T2", 2, 10_100, side=Side.SELL, charges_paise=20))
    pnl = ledger_pnl(ledger, Book.PAPER, {})
    assert (pnl.realised_paise, pnl.open_paise, pnl.total_paise) == (5_000, 0, 4_950)


def test_when_a_position_flips_then_the_open_part_has_the_price_of_the_flip() -> None:
    ledger = Ledger()
    ledger.apply(fill("T1", 10, 100))
    ledger.apply(fill("T2", 15, 110, side=Side.SELL))
    position = ledger.get(KEY)
    assert position is not None
    pnl = position_pnl(position, "NSE:INFY", tick(120))
    assert (pnl.realised_paise, pnl.open_paise) == (100, -50)


def test_when_a_held_instrument_has_no_mark_then_it_is_named() -> None:
    ledger = Ledger()
    ledger.apply(fill())
    assert ledger_pnl(ledger, Book.PAPER, {}).unmarked == ("NSE:INFY",)
    zero = {"NSE:INFY": tick(0)}
    assert ledger_pnl(ledger, Book.PAPER, zero).unmarked == ("NSE:INFY",)


def test_when_marking_then_the_worse_side_of_the_book_counts() -> None:
    quoted = tick(100, bid_paise=98, ask_paise=103)
    assert worst_mark(1, quoted) == 98
    assert worst_mark(-1, quoted) == 103
    assert worst_mark(1, tick(100)) == 100
    assert worst_mark(-1, tick(100)) == 100


@pytest.mark.conformance("INV-15")
def test_when_books_differ_then_they_never_mix() -> None:
    ledger = Ledger()
    ledger.apply(fill("T1"))
    ledger.apply(fill("T1", book=Book.LIVE, client_order_id="L1", side=Side.SELL))
    assert ledger.net(Book.PAPER, "NSE:INFY") == 10
    assert ledger.net(Book.LIVE, "NSE:INFY") == -10
    assert ledger.open_count(Book.PAPER) == 1


def test_when_a_day_starts_then_open_positions_stay() -> None:
    ledger = Ledger()
    ledger.apply(fill("T1"))
    ledger.apply(fill("T2", instrument="NSE:TCS"))
    ledger.apply(fill("T3", instrument="NSE:TCS", side=Side.SELL))
    ledger.start_day()
    assert [key.instrument for key, _ in ledger.items()] == ["NSE:INFY"]


@given(path=st.lists(st.integers(-10_000, 10_000), max_size=40))
def test_when_pnl_moves_then_drawdown_is_the_deepest_fall_from_a_peak(path: list[int]) -> None:
    drawdown = along(100_000, path)
    equity = [100_000, *(100_000 + pnl for pnl in path)]
    falls = [max(equity[: n + 1]) - value for n, value in enumerate(equity)]
    assert drawdown.drawdown_paise_max == max(falls)
    assert drawdown.drawdown_paise == falls[-1]
    assert drawdown.drawdown_bps_max == max(falls) * 10_000 // 100_000
