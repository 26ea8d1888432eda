"""Who is woken by a tick, and that nobody sleeps through one that matters."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.exchange.venue import Venue, VenueSettings
from engine.market.quality import EXITS_ONLY_REASONS, TickGate, TickLimits, Verdict, check_tick
from engine.market.watching import ANY_PRICE, Readers, price_range
from engine.messages.market import MarketWatch, Tick
from engine.messages.values import Book, Leg, OrderType, Side
from engine.portfolio.pnl import ledger_pnl
from engine.portfolio.positions import Ledger
from engine.risk.headroom import quiet_bounds
from tests.desk import INFY, a_tick
from tests.fixtures.history import Trip


def a_watch(reader: str, bounds: tuple[int, int], every_ns: int = 0) -> MarketWatch:
    low, high = bounds
    return MarketWatch(
        instrument=INFY.name,
        reader=reader,
        is_on=True,
        quiet_low_paise=low,
        quiet_high_paise=high,
        quiet_ns=every_ns,
    )


@pytest.fixture
def readers() -> Readers:
    made = Readers(("writer", "book"))
    made.take(a_watch("writer", (90, 110)), 0)
    made.take(a_watch("book", ANY_PRICE, every_ns=10), 0)
    return made


def test_when_a_reader_has_said_nothing_then_every_tick_wakes_it() -> None:
    readers = Readers(("writer",))
    assert not readers.low_paise < 100 < readers.high_paise
    assert readers.is_woken("writer", (100, 100), 0)


def test_when_a_price_reaches_a_bound_then_its_reader_is_woken(readers: Readers) -> None:
    woken = [p for p in (89, 90, 91, 109, 110) if readers.is_woken("writer", (p, p), 1)]
    assert woken == [89, 90, 110]
    assert (readers.low_paise, readers.high_paise) == (90, 110)


def test_when_a_reader_is_paced_then_it_is_woken_once_in_a_while(readers: Readers) -> None:
    woken = [at for at in range(30) if readers.is_woken("book", (100, 100), at)]
    assert woken == [10, 20]
    assert readers.due_ns == 30


def test_when_a_watcher_goes_then_its_bounds_go_with_it(readers: Readers) -> None:
    assert readers.take(a_watch("oco/1", (0, 0)), 0)
    assert not readers.take(a_watch("oco/1", (0, 0)), 0), "nothing new"
    assert readers.watchers == ("oco/1",)
    assert not readers.low_paise < 100 < readers.high_paise
    readers.take(MarketWatch(instrument=INFY.name, reader="oco/1", is_on=False), 0)
    assert readers.names == ("writer", "book")
    assert readers.low_paise < 100 < readers.high_paise


prices = st.integers(0, 12)


@given(price=st.integers(1, 12), bid=prices, ask=prices)
def test_when_prices_are_ranged_then_none_that_is_known_lies_outside(
    price: int, bid: int, ask: int
) -> None:
    known = [p for p in (price, bid, ask) if p]
    found = price_range(a_tick(price, bid_paise=bid, ask_paise=ask))
    assert found == (min(known), max(known))


numbers = st.integers(-1, 3)


@given(
    before=st.integers(1, 400),
    fields=st.fixed_dictionaries(
        {
            "price_paise": st.integers(-1, 400),
            "bid_paise": numbers,
            "ask_paise": numbers,
            "bid_quantity": numbers,
            "ask_quantity": numbers,
            "volume_day": numbers,
            "oi": numbers,
            "at_ns": st.sampled_from((0, 10, 70_000_000_000)),
            "received_at_ns": st.sampled_from((0, 10, 70_000_000_000)),
        }
    ),
    low=st.integers(0, 100),
    high=st.sampled_from((0, 300)),
    is_depth_expected=st.booleans(),
)
def test_when_a_tick_passes_the_gate_then_the_long_list_of_reasons_finds_nothing(
    before: int, fields: dict[str, Any], low: int, high: int, is_depth_expected: bool
) -> None:
    limits = TickLimits(
        band_low_paise=low,
        band_high_paise=high,
        jump_bps_max=2_000,
        is_depth_expected=is_depth_expected,
    )
    previous, tick = a_tick(before, 10), Tick(instrument=INFY.name, **fields)
    gate = TickGate(limits)
    gate.last = previous
    reason = check_tick(previous, tick, limits)
    if reason is None:
        expected = Verdict.ACCEPT
    elif reason in EXITS_ONLY_REASONS:
        expected = Verdict.EXITS_ONLY
    else:
        expected = Verdict.QUARANTINE
    assert gate.admit(tick) in ((expected, reason or ""), (Verdict.EXITS_ONLY, "stuck"))


steps = st.integers(96, 104)


@given(
    orders=st.lists(st.tuples(st.sampled_from(Side), st.booleans(), steps), max_size=4),
    first=steps,
    ticks=st.lists(st.tuples(steps, st.integers(0, 2)), max_size=12),
)
def test_when_all_prices_are_quiet_then_the_venue_has_nothing_to_report(
    orders: list[tuple[Side, bool, int]], first: int, ticks: list[tuple[int, int]]
) -> None:
    def at(step: int, spread: int) -> Tick:
        price = step * 100
        return a_tick(price, bid_paise=price, ask_paise=price + spread * 100, ask_quantity=1)

    venue = Venue({INFY.name: INFY}, VenueSettings(), "2026-11-20")
    venue.on_tick(at(first, 1), 0)
    for number, (side, is_stop, step) in enumerate(orders):
        intent = replace(
            Trip(number).intent(Leg.ENTRY),
            instrument=INFY.name,
            side=side,
            quantity=2,
            order_type=OrderType.SL if is_stop else OrderType.LIMIT,
            price_limit_paise=step * 100 + (side.sign * 100 if is_stop else 0),
            price_trigger_paise=step * 100 if is_stop else 0,
        )
        venue.place(intent, 0)
    for step, spread in ticks:
        tick = at(step, spread)
        low, high = venue.quiet_bounds(INFY.name)
        lowest, highest = price_range(tick)
        is_quiet = low < lowest and highest < high
        reports = venue.on_tick(tick, 0)
        assert not (is_quiet and reports)


@given(
    quantities=st.dictionaries(st.sampled_from("ABC"), st.integers(-5, 5), min_size=1),
    room=st.integers(-100, 5_000),
    moves=st.lists(st.integers(-400, 400), min_size=3, max_size=3),
)
def test_when_all_prices_stay_inside_then_the_loss_grows_by_less_than_the_room(
    quantities: dict[str, int], room: int, moves: list[int]
) -> None:
    ledger = Ledger()
    for number, (name, quantity) in enumerate(quantities.items()):
        if quantity:
            side = Side.BUY if quantity > 0 else Side.SELL
            fill = Trip(number).filled(Leg.ENTRY, 1_000, quantity=abs(quantity))
            ledger.apply(replace(fill, side=side, instrument=name))

    def mark(name: str, price: int) -> Tick:
        return Tick(
            instrument=name, price_paise=price, at_ns=1, received_at_ns=1,
            bid_paise=price - 5, ask_paise=price + 5,
        )  # fmt: skip

    before = {name: mark(name, 1_000) for name in "ABC"}
    bounds = quiet_bounds(ledger, Book.PAPER, before, room, {})
    after = {name: mark(name, 1_000 + move) for name, move in zip("ABC", moves, strict=True)}
    for name, (low, high) in bounds.items():
        lowest, highest = price_range(after[name])
        if not (low < lowest and highest < high):
            after[name] = before[name]
    if any(low >= high for low, high in bounds.values()):
        return
    loss = [-ledger_pnl(ledger, Book.PAPER, ticks).total_paise for ticks in (before, after)]
    assert loss[1] - loss[0] < room or not bounds


def test_when_a_reader_only_looks_then_it_is_due_once_in_a_while(readers: Readers) -> None:
    due = [at for at in range(30) if at >= readers.due_ns and readers.due(at) == ("book",)]
    assert due == [10, 20]
    assert readers.due_ns == 30
