"""What the practice exchange decides, without sockets: bytes, tokens, limits, days."""

import heapq
from collections.abc import Callable
from hashlib import sha256
from itertools import count

import pytest
from msgspec.structs import replace

from engine.exchange.account.surroundings import Day, KiteSettings
from engine.exchange.practice.errors import KiteError
from engine.exchange.practice.faults import Arm, Menu
from engine.exchange.practice.frames import frame, packet
from engine.exchange.practice.limits import Limits
from engine.exchange.practice.listing import Listing
from engine.exchange.practice.quotes import EMPTY, Level, Quote
from engine.exchange.practice.tokens import Tokens
from engine.exchange.practice.venue import Outer, PracticeExchange
from engine.instruments import Instrument
from engine.messages.market import MarketFrame, Tick
from engine.session import DAY_NS, ns_from_ist
from engine.units import NS_PER_MINUTE, NS_PER_S
from supervisors.tables import load_charges

INFY = Instrument(name="NSE:INFY", tick_paise=5, band_bps=1_000, freeze_quantity=5_000)
NIFTY_CE = Instrument(name="NFO:NIFTY24JAN21700CE", segment="options", lot=65, tick_paise=5,
                      freeze_quantity=1_755)  # fmt: skip
LISTING = Listing([INFY, NIFTY_CE], {"NSE:INFY": 150_000})
START_NS = ns_from_ist("2024-01-01 10:00:00")
FORM = {"exchange": "NSE", "tradingsymbol": "INFY", "transaction_type": "BUY", "quantity": "10",
        "product": "MIS", "order_type": "LIMIT", "price": "1500", "tag": "a"}  # fmt: skip


class World:
    """A market clock that stands until it is moved; real time is the same one."""

    def __init__(self, **settings: int) -> None:
        self.now_ns = START_NS
        self.updates: list[dict[str, object]] = []
        self._due: list[tuple[int, int, Callable[[], object]]] = []
        self._number = count()
        outer = Outer(
            now_ns=lambda: self.now_ns,
            real_ns=lambda: self.now_ns,
            call_at=self._call_at,
            after_real=lambda delay_ns, callback: self._call_at(self.now_ns + delay_ns, callback),
            on_update=self.updates.append,
        )
        self.tokens = Tokens("key", "secret", "seed")
        self.menu = Menu()
        self.exchange = PracticeExchange(
            LISTING, KiteSettings(**settings), load_charges(), self.tokens, outer, self.menu
        )
        opens_ns = ns_from_ist("2024-01-01 09:15:00")
        self.day = Day(
            trading_day="2024-01-01",
            opens_at_ns=opens_ns,
            closes_at_ns=opens_ns + 375 * NS_PER_MINUTE,
            square_off_at_ns=opens_ns + 365 * NS_PER_MINUTE,
        )
        self.exchange.start_day(self.day)
        self.price(150_000)

    def _call_at(self, at_ns: int, callback: Callable[[], object]) -> None:
        heapq.heappush(self._due, (at_ns, next(self._number), callback))

    def run_to(self, at_ns: int) -> None:
        while self._due and self._due[0][0] <= at_ns:
            due_ns, _, callback = heapq.heappop(self._due)
            self.now_ns = max(self.now_ns, due_ns)
            callback()
        self.now_ns = at_ns

    def run(self, seconds: int = 1) -> None:
        self.run_to(self.now_ns + seconds * NS_PER_S)

    def price(self, paise: int, **fields: int) -> None:
        tick = Tick(instrument="NSE:INFY", price_paise=paise, at_ns=self.now_ns,
                    received_at_ns=self.now_ns, **fields)  # fmt: skip
        self.exchange.on_frame(MarketFrame(ticks=(tick,)))

    def place(self, **changes: str) -> dict[str, object]:
        order = self.exchange.place("regular", FORM | changes)
        self.run()
        return next(
            x for x in self.exchange.books.orders() if x["order_id"] == order.venue_order_id
        )


@pytest.fixture
def world() -> World:
    return World()


def mock_quote() -> Quote:
    """The full packet of the official mocks. Source: kiteconnect-mocks, ticker_full.packet."""
    at_ns = 1_625_461_887 * NS_PER_S
    buys = [(5, 157340, 1), (140, 157300, 2), (2, 157295, 1), (219, 157290, 7), (50, 157285, 1)]
    sells = [
        (172, 157370, 3),
        (44, 157375, 3),
        (302, 157385, 3),
        (141, 157390, 2),
        (724, 157395, 5),
    ]
    quote = Quote(listed=LISTING.rows["NSE:INFY"], last_paise=157370, last_quantity=7,
                  volume=1192471, value_paise=157037 * 1192471, open_paise=156915,
                  high_paise=157500, low_paise=156105, closed_paise=156780, at_ns=at_ns,
                  traded_at_ns=at_ns)  # fmt: skip
    quote.buys = tuple(Level(price, units, orders) for units, price, orders in buys)
    quote.sells = tuple(Level(price, units, orders) for units, price, orders in sells)
    return quote


def test_when_the_mock_packet_is_packed_then_all_but_the_books_totals_are_its_bytes() -> None:
    """The totals are of the whole book there, of five levels here; those 8 bytes are put in."""
    data = packet(mock_quote(), "full")
    totals = (256443).to_bytes(4, "big") + (363009).to_bytes(4, "big")
    assert sha256(data[:20] + totals + data[28:]).hexdigest() == (
        "11106288d5dd3b94a33bb6a6b4a9dcfbedb89e025b0636be13e077497e89d9b0"
    )
    assert packet(mock_quote(), "ltp").hex() == "00063a01000266ba"
    assert frame([packet(mock_quote(), "ltp")]).hex() == "0001" + "0008" + "00063a01000266ba"


def test_when_a_day_begins_then_the_last_price_is_its_reference() -> None:
    quote = Quote(listed=LISTING.rows["NSE:INFY"])
    quote.start_day()
    assert (quote.last_paise, quote.closed_paise, quote.buys[0]) == (150_000, 150_000, EMPTY)


def test_when_it_is_six_o_clock_then_yesterdays_token_is_dead() -> None:
    tokens = Tokens("key", "secret", "seed")
    token = tokens.renew(START_NS)
    flush_ns = ns_from_ist("2024-01-02 06:00:00")
    assert tokens.is_valid("key", token, flush_ns - 1)
    assert not tokens.is_valid("key", token, flush_ns)
    early = tokens.renew(flush_ns - NS_PER_S)
    assert not tokens.is_valid("key", early, flush_ns)
    assert not tokens.is_valid("other", early, flush_ns - NS_PER_S)


def test_when_nobody_is_logged_in_then_no_empty_token_opens_the_door() -> None:
    tokens = Tokens("key", "secret", "seed")
    assert not tokens.is_valid("key", "", START_NS)
    with pytest.raises(KiteError):
        tokens.check("token key:", START_NS)


def test_when_a_request_token_is_used_twice_then_the_second_time_is_refused() -> None:
    tokens = Tokens("key", "secret", "seed")
    request = tokens.log_in()
    checksum = sha256(f"key{request}secret".encode()).hexdigest()
    assert tokens.exchange("key", request, checksum, START_NS) == tokens.access_token
    with pytest.raises(KiteError, match="expired"):
        tokens.exchange("key", request, checksum, START_NS)


def test_when_the_second_turns_then_ten_more_orders_are_taken() -> None:
    limits = Limits()
    late_ns = START_NS + 999_999_999
    assert [limits.takes("order", late_ns) for _ in range(12)] == [True] * 10 + [False] * 2
    assert [limits.takes("order", START_NS + NS_PER_S) for _ in range(10)] == [True] * 10
    assert [limits.takes("quote", START_NS) for _ in range(2)] == [True, False]


def test_when_401_orders_come_in_a_minute_then_the_last_is_refused() -> None:
    limits = Limits()
    taken = [limits.takes("order", START_NS + number * NS_PER_S // 9) for number in range(401)]
    assert (taken.count(False), taken[-1]) == (1, False)


def test_when_the_day_has_had_5000_orders_then_it_takes_no_more_until_the_next() -> None:
    limits = Limits()
    instants = range(START_NS, START_NS + 5_001 * NS_PER_S // 5, NS_PER_S // 5)
    taken = [limits.takes("order", at_ns) for at_ns in instants]
    assert (taken.count(False), taken[-1]) == (1, False)
    limits.start_day()
    assert limits.takes("order", START_NS + DAY_NS)


def test_when_the_minutes_before_the_close_come_then_mis_is_squared_off_and_refused(
    world: World,
) -> None:
    world.place()
    world.run_to(world.day.square_off_at_ns + NS_PER_S)
    assert [row["quantity"] for row in world.exchange.books.positions()["net"]] == [0]
    assert [row["tag"] for row in world.exchange.books.orders()] == ["a", None]
    with pytest.raises(KiteError, match="after square-off time"):
        world.exchange.place("regular", FORM)


def test_when_the_session_closes_then_what_rests_is_cancelled_and_nothing_is_taken(
    world: World,
) -> None:
    world.place(product="CNC", price="1400")
    world.run_to(world.day.closes_at_ns + NS_PER_S)
    assert [row["status"] for row in world.exchange.books.orders()] == ["CANCELLED"]
    with pytest.raises(KiteError, match="closed"):
        world.exchange.place("regular", FORM | {"product": "CNC"})


def test_when_the_day_is_ended_by_hand_then_the_square_off_still_reaches_the_exchange(
    world: World,
) -> None:
    world.place()
    world.place(product="CNC", price="1400", tag="b")
    world.exchange.end_day()
    world.run()
    assert world.exchange.ledger.net("NSE:INFY", world.exchange.ledger.trades[0].product) == 0
    assert {row["status"] for row in world.exchange.books.orders()} == {"COMPLETE", "CANCELLED"}


def test_kite_38_when_a_position_is_carried_over_then_day_and_net_differ(world: World) -> None:
    world.place(product="NRML")
    world.price(151_000)
    world.exchange.start_day(replace(world.day, trading_day="2024-01-02"))
    world.place(product="NRML", transaction_type="SELL", quantity="4", price="1500")
    shown = world.exchange.books.positions()
    (net,), (day,) = shown["net"], shown["day"]
    assert (net["quantity"], net["overnight_quantity"], net["close_price"]) == (6, 10, 1_510.0)
    assert (day["quantity"], day["overnight_quantity"]) == (-4, 0)
    assert net["pnl"] == net["sell_value"] - net["buy_value"] + 6 * net["last_price"]


def test_kite_37_when_an_exit_has_another_product_then_it_opens_a_second_position(
    world: World,
) -> None:
    world.place()
    world.place(product="NRML", transaction_type="SELL")
    rows = world.exchange.books.positions()["net"]
    assert [(row["product"], row["quantity"]) for row in rows] == [("MIS", 10), ("NRML", -10)]


def test_kite_30_when_the_freeze_quantity_is_exceeded_then_units_and_lots_are_named(
    world: World,
) -> None:
    form = FORM | {"exchange": "NFO", "tradingsymbol": "NIFTY24JAN21700CE", "quantity": "1820"}
    with pytest.raises(KiteError, match=r"1820 \(28 lots\) .* 1755 \(27 lots\)"):
        world.exchange.place("regular", form)


def test_kite_22_when_an_sl_m_is_for_an_option_then_it_is_refused(world: World) -> None:
    option = {"exchange": "NFO", "tradingsymbol": "NIFTY24JAN21700CE", "quantity": "65"}
    stop = {"order_type": "SL-M", "trigger_price": "10", "market_protection": "5"}
    form = FORM | option | stop
    with pytest.raises(KiteError, match="not available for options"):
        world.exchange.place("regular", form)


def test_kite_16_when_a_part_filled_order_is_cancelled_then_the_shares_are_held(
    world: World,
) -> None:
    world.price(150_000, bid_quantity=4, ask_quantity=4)
    order_id = world.place()["order_id"]
    world.exchange.cancel("regular", str(order_id))
    world.run()
    (row,) = world.exchange.books.orders()
    assert (row["status"], row["filled_quantity"], row["cancelled_quantity"]) == (
        "CANCELLED", 4, 6,
    )  # fmt: skip


def test_when_a_limit_leaves_the_band_then_the_row_is_rejected(world: World) -> None:
    row = world.place(price="1700")
    assert row["status"] == "REJECTED"
    assert "circuit limits" in str(row["status_message"])


def test_when_a_resting_limit_becomes_a_market_order_then_it_is_protected_anew(
    world: World,
) -> None:
    order_id = str(world.place(price="1400")["order_id"])
    with pytest.raises(KiteError, match="without market protection"):
        world.exchange.modify("regular", order_id, {"order_type": "MARKET"})
    change = {"order_type": "MARKET", "market_protection": "1"}
    world.exchange.modify("regular", order_id, change)
    world.run()
    (row,) = world.exchange.books.orders()
    assert (row["status"], row["order_type"], row["price"]) == ("COMPLETE", "LIMIT", 1_515.0)


@pytest.mark.conformance("FLT-34", "FLT-35")
def test_kite_17_and_47_when_an_order_hangs_or_haunts_then_the_books_say_otherwise(
    world: World,
) -> None:
    world.menu.arm("FLT-34", Arm(amount=60))
    assert world.place()["status"] == "OPEN PENDING"
    world.run(61)
    assert world.exchange.books.orders()[0]["status"] == "COMPLETE"
    ghost = str(world.place(price="1400", tag="b")["order_id"])
    world.menu.arm("FLT-35", Arm(amount=5))
    world.exchange.cancel("regular", ghost)
    assert world.exchange.books.orders()[1]["status"] == "CANCELLED"
    world.run(6)
    world.price(139_000)
    assert world.exchange.books.orders()[1]["status"] == "COMPLETE"


def test_when_a_likelihood_is_armed_then_it_strikes_about_as_often(world: World) -> None:
    world.menu.arm("FLT-17", Arm(count=10_000, ppm=250_000))
    struck = sum(world.menu.strikes("FLT-17") for _ in range(4_000))
    assert 850 < struck < 1_150
