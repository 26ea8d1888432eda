"""Margins before an entry and charges after the fills, over real sockets."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.brokers.kite.broker import KiteBroker, Trouble
from actors.brokers.kite.money import Margins
from actors.brokers.kite.place import make_broker
from actors.brokers.kite.session import KiteSession
from actors.feeds.kite.table import TABLE_FILE, read_table
from actors.live_entries import LiveEntries, LivePlan
from actors.stores.live_ledger import LEDGER_FILE, LiveLedger
from engine.ids import client_order_id
from engine.kite.money import basket_margin, margin_form
from engine.messages.broker import Outcome
from engine.messages.values import Book, Leg, OrderType, Side
from engine.risk.live_caps import LiveCaps
from engine.session import ns_from_ist
from engine.units import NS_PER_S
from scripts import exits
from scripts.cli import main
from supervisors.config import load_config
from supervisors.liveaccount import live_place
from tests.contract import practice
from tests.engine.test_kite_forms import intent
from tests.engine.test_kite_money import CHARGES
from tests.engine.test_kite_rows import order, trade
from tests.exchange.process import INFY, Practice
from tests.kite.server import ScriptedKite, Step, data, error, kite, says
from tests.kite.test_login import config
from tests.kite.test_session import QUICK, credentials, is_silent, resets

__all__ = ["kite"]

NOW = ns_from_ist("2026-11-20 10:00:00")


class Desk:
    """A broker that asks for margins, at a clock of the test's."""

    def __init__(self, session: KiteSession) -> None:
        self.now_ns = 0
        self.broker = KiteBroker(
            session,
            margins=lambda note: Margins(session, 1_000, note, lambda: self.now_ns),
        )

    def refused(self, quantity: int = 1) -> str:
        refusal = self.broker.margin_refusal(intent(quantity=quantity))
        return refusal.rule if refusal else ""


@pytest.fixture
def desk(kite: ScriptedKite) -> Iterator[Desk]:
    session = KiteSession(credentials(), kite.root, QUICK)
    yield Desk(session)
    session.close()


def needs(rupees: float) -> Step:
    return data([{"total": rupees}])


def funds(rupees: float) -> Step:
    return data({"equity": {"net": rupees}, "commodity": {"net": 0}})


def paths(kite: ScriptedKite) -> list[str]:
    return [f"{heard.method} {heard.path}" for heard in kite.heard]


def test_when_the_money_is_there_then_the_entry_may_leave(kite: ScriptedKite, desk: Desk) -> None:
    kite.then(needs(900.0), funds(1_000.0))
    assert desk.refused() == ""
    assert paths(kite) == ["POST /margins/orders", "GET /user/margins"]
    (asked,) = json.loads(kite.heard[0].body)
    assert (asked["tradingsymbol"], asked["price"]) == ("M&M", 1000.05)
    assert desk.broker.trouble is Trouble.NONE


def test_when_entries_come_in_a_burst_then_what_they_took_is_gone(
    kite: ScriptedKite, desk: Desk
) -> None:
    kite.then(needs(400.0), funds(1_000.0), needs(400.0), needs(400.0), needs(150.0), funds(50.0))
    assert [desk.refused() for _ in range(3)] == ["", "", "margin"]
    assert paths(kite).count("GET /user/margins") == 1
    desk.now_ns += NS_PER_S
    assert desk.refused() == "margin", "the funds are read anew"


@pytest.mark.parametrize(
    "steps",
    [
        (resets,),
        (is_silent,),
        (says(502, b"<html>", "text/html"),),
        (error(429, "NetworkException", "Too many requests"),),
        (data([]),),
        (data([{"total": None}]),),
        (needs(0.0), funds(1_000.0)),
        (needs(1.0), says(503, {"status": "error", "error_type": "NetworkException",
                                "message": "down"})),
        (needs(1.0), data({"equity": {}})),
        (needs(1.0), data([])),
    ],
)  # fmt: skip
def test_when_the_margin_cannot_be_read_then_no_entry_leaves(
    kite: ScriptedKite, desk: Desk, steps: tuple[Step, ...]
) -> None:
    kite.then(*steps)
    assert desk.refused() == "margin_unknown"


def test_when_the_login_is_lost_then_the_account_is_closed(kite: ScriptedKite, desk: Desk) -> None:
    kite.then(error(403, "TokenException", "Incorrect `api_key` or `access_token`."))
    assert desk.refused() == "margin_unknown"
    assert desk.broker.trouble is Trouble.LOGGED_OUT


def test_when_nobody_wants_margins_then_nothing_is_asked(kite: ScriptedKite) -> None:
    session = KiteSession(credentials(), kite.root, QUICK)
    assert KiteBroker(session).margin_refusal(intent()) is None
    session.close()
    assert kite.heard == []


def test_when_an_account_is_configured_then_its_broker_asks_with_a_tenth_as_cushion(
    kite: ScriptedKite, tmp_path: Path
) -> None:
    place = live_place(load_config(config(tmp_path, kite.root)))
    assert place is not None
    keys = {"KITE_API_KEY": "apikey0123456789", "KITE_ACCESS_TOKEN": "accesstoken9876543210"}
    broker = make_broker(place, keys)
    kite.then(data({"user_id": place.account}), needs(901.0), funds(1_000.0))
    refusal = broker.margin_refusal(intent())
    broker._session.close()
    assert refusal is not None
    assert (refusal.rule, refusal.limit) == ("margin", 90_000)


def test_when_the_margin_refuses_then_the_ledger_does_not_count_the_entry(
    kite: ScriptedKite, desk: Desk, tmp_path: Path
) -> None:
    ledger = tmp_path / LEDGER_FILE
    LiveLedger(ledger).begin("2026-11-20")
    caps = LiveCaps(notional_paise_max=10**9, notional_symbol_paise_max=10**9, orders_day_max=1)
    entries = LiveEntries(LivePlan(ledger=str(ledger), caps=caps), {})
    kite.then(needs(950.0), funds(1_000.0), needs(10.0))
    refusal = entries.take(intent(), 1_000_05, NOW, desk.broker)
    assert refusal is not None
    assert (refusal.rule, refusal.measured, refusal.limit) == ("margin", 95_000, 90_000)
    assert entries.take(intent(), 1_000_05, NOW, desk.broker) is None
    before = len(kite.heard)
    capped = entries.take(intent(instrument="NSE:INFY"), 1_000_05, NOW, desk.broker)
    assert capped is not None
    assert capped.rule == "live_orders_day"
    assert len(kite.heard) == before, "the caps come first and cost nothing"


# -- against the practice exchange ----------------------------------------------------------------


@pytest.fixture(scope="module")
def exchange() -> Iterator[Practice]:
    yield practice.exchange()
    practice.stop_exchange()


@pytest.fixture
def session(exchange: Practice) -> Iterator[KiteSession]:
    exchange.calm()
    made = practice.logged_in(exchange)
    yield made
    made.close()


def entry(number: int, quantity: int = 10, **changes: object) -> object:
    tag = client_order_id(Book.LIVE, f"grp-{number}", Leg.ENTRY, 0)
    named = {"instrument": INFY, "price_limit_paise": 150_000, "quantity": quantity}
    return intent(intent_id=tag, client_order_id=tag, **(named | changes))


def test_when_the_exchange_is_asked_then_funds_bound_the_entries(session: KiteSession) -> None:
    broker = KiteBroker(session, margins=lambda note: Margins(session, 1_000, note))
    assert broker.margin_refusal(entry(1)) is None  # type: ignore[arg-type]
    refusal = broker.margin_refusal(entry(1, 1_000_000))  # type: ignore[arg-type]
    assert refusal is not None
    assert refusal.rule == "margin"
    assert refusal.limit < 900_000_000 < refusal.measured
    verdict = session.basket_margins([margin_form(entry(1)), margin_form(entry(2))])  # type: ignore[arg-type]
    found = basket_margin(verdict.data)
    assert found.final_paise == found.initial_paise > 0


def test_when_the_day_has_fills_then_both_accounts_of_the_charges_are_shown(
    exchange: Practice,
    session: KiteSession,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    broker = KiteBroker(session)
    exchange.price(150_000, bid=149_950, ask=150_050, units=10_000)
    sell = {"side": Side.SELL, "price_limit_paise": 149_000, "order_type": OrderType.LIMIT}
    for planned in (entry(1, 100, price_limit_paise=151_000), entry(2, 100, **sell)):
        assert broker.place(planned, 1).outcome is Outcome.ACKED  # type: ignore[arg-type]
    snapshot = broker.snapshot(1, 1)
    assert snapshot is not None
    assert len(snapshot.trades) >= 2
    monkeypatch.setenv("KITE_API_KEY", exchange.state["api_key"])
    monkeypatch.setenv("KITE_ACCESS_TOKEN", session._credentials.access_token.reveal())
    monkeypatch.delenv("KITE_ACCESS_TOKEN_FILE", raising=False)
    path = config(tmp_path, exchange.root, "PX0001")
    assert main(["charges", "--config", str(path), "--json"]) == exits.OK
    told = json.loads(capsys.readouterr().out)
    assert (told["orders"], told["is_close"], told["left_out"]) == (2, True, [])
    assert told["lines"]["total"]["ours_inr"] > 90
    assert set(told["lines"]) == {
        "brokerage", "stt", "exchange", "sebi", "stamp", "gst", "total"
    }  # fmt: skip


def test_when_the_broker_charges_otherwise_then_the_difference_is_told(
    kite: ScriptedKite,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tag = client_order_id(Book.LIVE, "grp-1", Leg.ENTRY, 0)
    rows = [
        order(order_id="11", tag=tag, tags=[tag], tradingsymbol="INFY", transaction_type="BUY"),
        order(order_id="12", tag=tag, tags=[tag], tradingsymbol="ODD"),
        order(order_id="13", tag="", tags=[], tradingsymbol="INFY"),
    ]
    named = (("11", "INFY", "1"), ("11", "INFY", "2"), ("12", "ODD", "3"), ("13", "INFY", "4"))
    trades = [
        trade(order_id=number, tradingsymbol=symbol, trade_id=trade_id, product="MIS",
              quantity=50, average_price=1_000.0 + int(trade_id))
        for number, symbol, trade_id in named
    ]  # fmt: skip
    note = [{"charges": CHARGES | {"brokerage": 40.0}}]
    kite.then(data(rows), data(trades), data(note))
    monkeypatch.setenv("KITE_API_KEY", "apikey0123456789")
    monkeypatch.setenv("KITE_ACCESS_TOKEN", "accesstoken9876543210")
    assert main(["charges", "--config", str(config(tmp_path, kite.root))]) == exits.ERROR
    (asked,) = json.loads(kite.heard[-1].body)
    assert (asked["order_id"], asked["quantity"], asked["average_price"]) == ("11", 100, 1_001.5)
    told = capsys.readouterr().out
    assert "1 executed orders" in told
    assert "left out, not configured: NSE:ODD" in told
    assert "configs/charges.yaml" in told
    assert "-20.00" in told, "brokerage: 20 here, 40 there"


@pytest.mark.parametrize("torn", [0, 1, 2])
def test_when_a_book_is_not_read_then_there_is_no_comparison(
    kite: ScriptedKite,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    torn: int,
) -> None:
    tag = client_order_id(Book.LIVE, "grp-1", Leg.ENTRY, 0)
    row = order(order_id="11", tag=tag, tags=[tag], tradingsymbol="INFY")
    fill = trade(order_id="11", tradingsymbol="INFY", product="MIS")
    steps = [data([row]), data([fill]), data([{"charges": CHARGES}])]
    steps[torn] = error(503, "NetworkException", "down")
    kite.then(*steps)
    monkeypatch.setenv("KITE_API_KEY", "apikey0123456789")
    monkeypatch.setenv("KITE_ACCESS_TOKEN", "accesstoken9876543210")
    assert main(["charges", "--config", str(config(tmp_path, kite.root))]) == exits.ERROR
    assert "down" in capsys.readouterr().err


def test_when_the_list_is_fetched_then_the_bands_of_the_configured_names_come_with_it(
    exchange: Practice,
    session: KiteSession,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("KITE_API_KEY", exchange.state["api_key"])
    monkeypatch.setenv("KITE_ACCESS_TOKEN", session._credentials.access_token.reveal())
    monkeypatch.delenv("KITE_ACCESS_TOKEN_FILE", raising=False)
    path = config(tmp_path, exchange.root, "PX0001")
    argv = ["instruments", "--config", str(path), "--state-dir", str(tmp_path)]
    assert main(argv) == exits.CONFIG, "the other names are not listed there"
    told = capsys.readouterr()
    assert "1 of 8 price bands" in told.out
    assert "NSE:RELIANCE" in told.err
    rows = {row.name: row for row in read_table(tmp_path / TABLE_FILE).rows}
    low, high = rows[INFY].band_low_paise, rows[INFY].band_high_paise
    assert 0 < low < 150_000 < high
    assert rows["NFO:NIFTYCE"].band_high_paise == 0, "nobody asked for it"
