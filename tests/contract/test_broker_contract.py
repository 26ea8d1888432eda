"""What every broker adapter promises, over all of them. Later adapters join `BROKERS`.

They differ by nature in where prices come from, how reports travel and whose clock ends the day;
the desk hides that. What an order may do and what it is answered is the same for all.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from actors.brokers.paper import PaperBroker
from actors.brokers.port import BrokerPort, Report
from engine.exchange.account.surroundings import AT_ONCE, Day, Surroundings
from engine.exchange.matching import MatchingSettings
from engine.exchange.venue import VenueSettings
from engine.instruments import Instrument
from engine.messages.broker import IntentAnswered, OrderReport, OrderStatus, Outcome, TradeReport
from engine.messages.market import Tick
from engine.messages.records import IntentPlanned
from engine.messages.values import Action, Book, Leg, OrderType, Product, Side
from scripts.simulation.kite.model import KiteModel
from tests.contract import practice
from tests.desk import DAY, START_NS, a_tick

INFY = Instrument(name="NSE:INFY", tick_paise=5, lot=1, freeze_quantity=1_000, band_bps=2_000)
NIFTY_CE = Instrument(name="NFO:NIFTYCE", segment="options", lot=65, tick_paise=5)


@dataclass
class Desk:
    """A broker, and what it has said so far."""

    """`moves`: how the market moves where it is not the engine's tick that moves it. `ends_day`:
    the same for the end of the day."""

    broker: BrokerPort
    duplicates: Callable[[], int]
    book: Book = Book.PAPER
    moves: Callable[[Tick], None] | None = None
    ends_day: Callable[[], None] | None = None
    heard: list[Report] = field(default_factory=list)
    sent_count: int = 0
    ends: Callable[[], None] = lambda: None

    def tick(self, price: int, name: str = INFY.name, **fields: int) -> None:
        tick = replace(a_tick(price, **fields), instrument=name)
        if self.moves is not None:
            self.moves(tick)
        self.broker.on_tick(tick, START_NS)
        self.heard += self.broker.reports()

    def end_day(self) -> None:
        self.broker.end_day()
        if self.ends_day is not None:
            self.ends_day()

    def ask(self, action: Action, tag: str, **changes: object) -> IntentAnswered:
        self.sent_count += 1
        values: dict[str, object] = {
            "intent_id": tag if action is Action.PLACE else f"{tag}-{self.sent_count}",
            "client_order_id": tag,
            "group_id": "grp-1",
            "leg": Leg.ENTRY,
            "action": action,
            "book": self.book,
            "strategy": "ema",
            "instrument": INFY.name,
            "side": Side.BUY,
            "quantity": 10,
            "order_type": OrderType.LIMIT,
            "price_limit_paise": 100_000,
            "price_trigger_paise": 0,
            "product": Product.MIS,
            "reason": "",
            "owner": "test",
            "owner_generation": 1,
            "mode_seq": 1,
            "at_ns": START_NS,
        }
        intent = IntentPlanned(**(values | changes))  # type: ignore[arg-type]
        send = {
            Action.PLACE: self.broker.place,
            Action.MODIFY: self.broker.modify,
            Action.CANCEL: self.broker.cancel,
        }[action]
        answer = send(intent, START_NS)
        self.heard += self.broker.reports()
        return answer

    def place(self, tag: str = "A", **changes: object) -> IntentAnswered:
        return self.ask(Action.PLACE, tag, **changes)

    def row(self, tag: str = "A") -> OrderReport:
        rows = [r for r in self.heard if isinstance(r, OrderReport) and r.client_order_id == tag]
        return rows[-1]

    def trades(self, tag: str = "A") -> list[tuple[int, int]]:
        return [
            (t.quantity, t.price_paise)
            for t in self.heard
            if isinstance(t, TradeReport) and t.client_order_id == tag
        ]


def paper() -> Desk:
    instruments = {INFY.name: INFY, NIFTY_CE.name: NIFTY_CE}
    settings = VenueSettings(matching=MatchingSettings(slippage_ticks=0))
    broker = PaperBroker(instruments, settings, DAY)
    return Desk(broker, lambda: broker.duplicate_tag_count)


def kite() -> Desk:
    """The world's account at Kite when nothing goes wrong and nothing takes time."""
    heard: list[Report] = []
    around = Surroundings(now_ns=lambda: START_NS, call_at=never, emit=heard.append)
    broker = KiteModel({INFY.name: INFY, NIFTY_CE.name: NIFTY_CE}, around, AT_ONCE)
    broker.start_day(Day(trading_day=DAY))

    def ends_day() -> None:
        broker.exchange.end_day()
        broker.start_day(Day(trading_day="2026-11-21"))

    return Desk(
        broker,
        lambda: broker.duplicate_tag_count,
        book=Book.LIVE,
        moves=broker.exchange.on_price,
        ends_day=ends_day,
        heard=heard,
    )


def never(at_ns: int, callback: Callable[[], None]) -> None:
    raise AssertionError(f"something is to happen at {at_ns}: {callback}")


def practised() -> Desk:
    """The real client and the live adapter over the practice exchange's sockets."""
    exchange = practice.exchange()
    exchange.calm()
    broker = practice.ReadingBroker(practice.logged_in(exchange))
    return Desk(
        broker,
        lambda: broker.duplicate_tag_count,
        book=Book.LIVE,
        moves=practice.move,
        ends_day=lambda: exchange.control("POST", "/day/end"),
        ends=broker.close,
    )


BROKERS = {"paper": paper, "kite": kite, "practice": practised}


@pytest.fixture(scope="module", autouse=True)
def practice_exchange_ends() -> Iterator[None]:
    yield
    practice.stop_exchange()


@pytest.fixture(params=BROKERS.values(), ids=BROKERS.keys())
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A broker whose market stands at 1001.00."""
    desk: Desk = request.param()
    desk.tick(100_100)
    yield desk
    desk.ends()


@pytest.fixture(params=[paper, kite], ids=["paper", "kite"])
def evening(request: pytest.FixtureRequest) -> Desk:
    """The same where the test can turn the day over. The practice exchange squares MIS positions
    off and keeps its books until the morning of its own clock."""
    desk: Desk = request.param()
    desk.tick(100_100)
    return desk


def test_when_a_limit_is_away_then_it_is_accepted_and_rests(desk: Desk) -> None:
    answer = desk.place()
    assert (answer.outcome, answer.intent_id) == (Outcome.ACKED, "A")
    assert answer.venue_order_id.isdigit()
    assert desk.row().status is OrderStatus.OPEN
    assert desk.row().venue_order_id == answer.venue_order_id
    assert desk.trades() == []


@pytest.mark.conformance("INV-15")
def test_when_several_accounts_take_an_order_then_no_id_is_of_both() -> None:
    ids = []
    for made in BROKERS.values():
        desk = made()
        ids.append(desk.place().venue_order_id)
        desk.ends()
    assert len(set(ids)) == len(BROKERS), ids


def test_when_a_resting_limit_is_touched_then_it_fills_at_its_price(desk: Desk) -> None:
    desk.place()
    desk.tick(99_900)
    assert desk.trades() == [(10, 100_000)]
    assert (desk.row().status, desk.row().filled_quantity) == (OrderStatus.COMPLETE, 10)


def test_when_marketable_on_arrival_then_it_fills_at_the_better_market_price(desk: Desk) -> None:
    desk.place(price_limit_paise=100_500)
    assert desk.trades() == [(10, 100_100)]


def test_when_depth_is_thin_then_fills_are_partial_and_shared_in_time_order(desk: Desk) -> None:
    desk.place("A")
    desk.place("B")
    desk.tick(100_000, bid_paise=99_995, ask_paise=100_000, ask_quantity=14)
    assert (desk.trades("A"), desk.trades("B")) == ([(10, 100_000)], [(4, 100_000)])
    assert (desk.row("B").status, desk.row("B").filled_quantity) == (OrderStatus.OPEN, 4)


def test_when_trades_happen_then_they_are_reported_before_the_row_that_counts_them(
    desk: Desk,
) -> None:
    desk.place()
    desk.tick(100_000)
    assert [type(r) for r in desk.heard[-2:]] == [TradeReport, OrderReport]


def test_when_cancelled_then_it_never_fills(desk: Desk) -> None:
    desk.place()
    assert desk.ask(Action.CANCEL, "A").outcome is Outcome.ACKED
    assert desk.row().status is OrderStatus.CANCELLED
    desk.tick(99_000)
    assert desk.trades() == []


def test_when_partly_filled_and_cancelled_then_the_filled_part_stays(desk: Desk) -> None:
    desk.place()
    desk.tick(100_000, ask_paise=100_000, ask_quantity=3)
    desk.ask(Action.CANCEL, "A")
    assert (desk.row().status, desk.row().filled_quantity) == (OrderStatus.CANCELLED, 3)


@pytest.mark.conformance("ORD-08")
def test_when_a_filled_order_is_cancelled_then_it_is_refused(desk: Desk) -> None:
    desk.place(price_limit_paise=100_500)
    assert desk.ask(Action.CANCEL, "A").outcome is Outcome.REFUSED


def test_when_modified_then_quantity_is_the_new_total_and_the_id_stays(desk: Desk) -> None:
    first = desk.place()
    desk.tick(100_000, ask_paise=100_000, ask_quantity=4)
    answer = desk.ask(Action.MODIFY, "A", quantity=6, price_limit_paise=99_500)
    assert (answer.outcome, answer.venue_order_id) == (Outcome.ACKED, first.venue_order_id)
    row = desk.row()
    assert (row.quantity, row.filled_quantity, row.price_limit_paise) == (6, 4, 99_500)
    desk.tick(99_500)
    assert desk.trades() == [(4, 100_000), (2, 99_500)]


@pytest.mark.parametrize("quantity", [3, 4])
def test_when_modified_to_the_filled_part_or_less_then_it_is_refused(
    desk: Desk, quantity: int
) -> None:
    desk.place()
    desk.tick(100_000, ask_paise=100_000, ask_quantity=4)
    assert desk.ask(Action.MODIFY, "A", quantity=quantity).outcome is Outcome.REFUSED


@pytest.mark.conformance("ORD-12")
def test_when_modified_too_often_then_it_is_refused_and_works_on(desk: Desk) -> None:
    desk.place()
    prices = [99_000 + 5 * n for n in range(26)]
    outcomes = [desk.ask(Action.MODIFY, "A", price_limit_paise=price).outcome for price in prices]
    assert outcomes == [Outcome.ACKED] * 25 + [Outcome.REFUSED]
    assert desk.row().price_limit_paise == prices[24]


@pytest.mark.parametrize(
    "changes",
    [
        {"price_limit_paise": 100_001},
        {"price_limit_paise": 0},
        {"quantity": 0},
        {"quantity": -5},
        {"quantity": 1_001},
        {"instrument": NIFTY_CE.name, "quantity": 64},
        {"instrument": "NSE:NOBODY"},
        {"order_type": OrderType.SL, "price_trigger_paise": 100_050, "price_limit_paise": 100_200},
        {"order_type": OrderType.SL, "price_trigger_paise": 100_500, "price_limit_paise": 100_400},
        {"order_type": OrderType.SL, "price_trigger_paise": 100_503, "price_limit_paise": 100_600},
        {
            "instrument": NIFTY_CE.name,
            "quantity": 65,
            "order_type": OrderType.SL_M,
            "price_trigger_paise": 20_000,
        },
    ],
    ids=lambda changes: "-".join(f"{k}={v}" for k, v in changes.items())[:60],
)
def test_when_an_order_is_malformed_then_it_is_refused_with_a_reason(
    desk: Desk, changes: dict[str, object]
) -> None:
    answer = desk.place(**changes)
    assert answer.outcome is Outcome.REFUSED
    assert answer.text
    assert desk.broker.snapshot(1, START_NS).orders == ()


def test_when_a_limit_is_outside_the_band_then_the_order_exists_and_is_rejected(
    desk: Desk,
) -> None:
    assert desk.place(price_limit_paise=70_000).outcome is Outcome.ACKED
    assert desk.row().status is OrderStatus.REJECTED


def test_when_a_stop_is_touched_then_it_triggers_and_fills(desk: Desk) -> None:
    stop = {"side": Side.SELL, "order_type": OrderType.SL}
    desk.place(**stop, price_trigger_paise=99_000, price_limit_paise=98_000)
    assert desk.row().status is OrderStatus.TRIGGER_PENDING
    desk.tick(99_005)
    assert desk.row().status is OrderStatus.TRIGGER_PENDING
    desk.tick(98_900)
    assert desk.trades() == [(10, 98_900)]
    assert desk.row().status is OrderStatus.COMPLETE


@pytest.mark.conformance("ORD-11")
def test_when_the_price_gaps_through_a_stop_then_it_rests_until_the_market_returns(
    desk: Desk,
) -> None:
    stop = {"side": Side.SELL, "order_type": OrderType.SL}
    desk.place(**stop, price_trigger_paise=99_000, price_limit_paise=98_000)
    desk.tick(97_000)
    assert (desk.row().status, desk.trades()) == (OrderStatus.OPEN, [])
    desk.tick(98_000)
    assert desk.trades() == [(10, 98_000)]


def test_when_a_market_order_is_sent_then_it_is_a_protected_limit(desk: Desk) -> None:
    desk.place(order_type=OrderType.MARKET, price_limit_paise=0)
    assert desk.trades() == [(10, 100_100)]
    assert desk.row().order_type is OrderType.LIMIT


def test_when_a_protected_market_order_runs_out_of_depth_then_the_rest_rests(desk: Desk) -> None:
    desk.tick(100_100, ask_paise=100_100, ask_quantity=4)
    desk.place(order_type=OrderType.MARKET, price_limit_paise=0)
    assert desk.trades() == [(4, 100_100)]
    row = desk.row()
    assert (row.status, row.filled_quantity) == (OrderStatus.OPEN, 4)
    assert 100_100 < row.price_limit_paise <= 100_100 * 102 // 100


@pytest.mark.parametrize("action", [Action.MODIFY, Action.CANCEL])
def test_when_the_order_is_unknown_then_the_request_is_refused(desk: Desk, action: Action) -> None:
    assert desk.ask(action, "NOBODY").outcome is Outcome.REFUSED


def test_when_a_tag_is_used_twice_then_there_are_two_orders_and_it_is_counted(desk: Desk) -> None:
    first, second = desk.place(), desk.place()
    assert first.venue_order_id != second.venue_order_id
    assert desk.duplicates() == 1
    assert len(desk.broker.snapshot(1, START_NS).orders) == 2


def test_when_a_snapshot_is_read_then_its_three_books_agree(desk: Desk) -> None:
    desk.place("A", price_limit_paise=100_500)
    desk.place("B", quantity=4, side=Side.SELL, price_limit_paise=100_000)
    desk.place("C", price_limit_paise=99_000)
    snapshot = desk.broker.snapshot(7, START_NS)
    assert snapshot.request_id == 7
    filled: dict[str, int] = {}
    for trade in snapshot.trades:
        filled[trade.venue_order_id] = filled.get(trade.venue_order_id, 0) + trade.quantity
    assert {r.venue_order_id: r.filled_quantity for r in snapshot.orders} == {
        r.venue_order_id: filled.get(r.venue_order_id, 0) for r in snapshot.orders
    }
    assert [(p.instrument, p.quantity) for p in snapshot.positions] == [(INFY.name, 6)]
    assert len(snapshot.orders) == 3


def test_when_reports_are_fetched_then_they_come_once(desk: Desk) -> None:
    desk.place()
    assert desk.broker.reports() == ()


def test_when_a_taking_order_lacks_depth_then_the_rest_takes_the_next_market_not_its_limit(
    desk: Desk,
) -> None:
    desk.tick(99_000, ask_paise=99_000, ask_quantity=4, bid_paise=98_995, bid_quantity=4)
    desk.place(price_limit_paise=100_000)
    desk.tick(99_100, ask_paise=99_100, ask_quantity=50, bid_paise=99_095, bid_quantity=50)
    assert [price for _, price in desk.trades()] == [99_000, 99_100]


def test_when_the_market_left_the_limit_then_the_rest_fills_at_the_limit(desk: Desk) -> None:
    desk.tick(99_000, ask_paise=99_000, ask_quantity=4, bid_paise=98_995, bid_quantity=4)
    desk.place(price_limit_paise=99_500)
    desk.tick(99_800, ask_paise=99_800, ask_quantity=50, bid_paise=99_795, bid_quantity=50)
    desk.tick(99_300, ask_paise=99_300, ask_quantity=50, bid_paise=99_295, bid_quantity=50)
    assert [price for _, price in desk.trades()] == [99_000, 99_500]


def test_when_the_day_ends_flat_then_the_books_of_the_next_day_are_empty(evening: Desk) -> None:
    evening.tick(99_000)
    evening.place("A")
    evening.place("B", side=Side.SELL, price_limit_paise=98_000)
    evening.end_day()
    snapshot = evening.broker.snapshot(1, START_NS)
    assert snapshot is not None
    assert (snapshot.orders, snapshot.trades) == ((), ())


def test_when_the_day_ends_with_a_position_then_it_stays_in_the_books(evening: Desk) -> None:
    evening.tick(99_000)
    evening.place("A")
    evening.end_day()
    snapshot = evening.broker.snapshot(1, START_NS)
    assert snapshot is not None
    assert sum(position.quantity for position in snapshot.positions) == 10


def test_when_the_paper_day_ends_with_a_position_then_its_orders_stay_with_it() -> None:
    """The paper venue sums its positions from trades; Kite carries them and forgets the orders."""
    desk = paper()
    desk.tick(99_000)
    desk.place("A")
    desk.end_day()
    snapshot = desk.broker.snapshot(1, START_NS)
    assert snapshot is not None
    assert [order.client_order_id for order in snapshot.orders] == ["A"]


@pytest.mark.conformance("INV-15")
def test_when_two_brokers_number_their_first_orders_then_the_numbers_differ() -> None:
    """A fill is known by its venue's order id: a live one would have passed for a paper one."""
    numbers = []
    for make in BROKERS.values():
        desk = make()
        desk.tick(100_100)
        numbers.append(desk.place().venue_order_id)
        desk.ends()
    assert len(set(numbers)) == len(BROKERS)
