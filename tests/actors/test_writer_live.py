"""The writer of a live account: the stream's words, the broker's 429, the ledger of the day."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.brokers.kite.broker import KiteBroker
from actors.brokers.port import Report
from actors.live_entries import LiveEntries, LivePlan
from actors.stores.live_ledger import LEDGER_FILE, LiveLedger
from actors.writer import WriterBehaviour
from engine.ids import client_order_id
from engine.kite.outcome import Verdict
from engine.messages.broker import (
    BrokerSnapshot,
    IntentAnswered,
    OrderReport,
    OrderStatus,
    Outcome,
    StreamHinted,
)
from engine.messages.control import AlertRaised
from engine.messages.journal import Journaled
from engine.messages.records import IntentPlanned
from engine.messages.values import Action, Book, Leg, Mode
from engine.risk.gate import GateCaps
from engine.risk.live_caps import LiveCaps
from engine.session import ist_day
from engine.units import NS_PER_S
from tests.actors.test_writer import FakeBroker
from tests.fakes import FakeContext, journaled, opened
from tests.risk_samples import INFY, NOW, authority, intent, stop, tick


class LiveBroker(FakeBroker):
    """Hears what the test puts into the frame, and counts the 429 that it is told to answer."""

    def __init__(self) -> None:
        super().__init__()
        self.limited_count = 0
        self.heard: list[Report] = []
        self.is_limiting = False

    def place(self, intent: IntentPlanned, now_ns: int) -> IntentAnswered:
        self.limited_count += self.is_limiting
        self.outcome = Outcome.REFUSED if self.is_limiting else Outcome.ACKED
        return super().place(intent, now_ns)

    def hear(self, frame: bytes | str) -> None:
        if frame == "order":
            self.heard.append(report())

    def reports(self) -> Any:
        heard, self.heard = tuple(self.heard), []
        return heard


def report() -> OrderReport:
    order = live("LE1")
    return OrderReport(
        client_order_id="LE1", venue_order_id="77", instrument=order.instrument, side=order.side,
        order_type=order.order_type, product=order.product, status=OrderStatus.COMPLETE,
        quantity=order.quantity, filled_quantity=order.quantity,
        price_limit_paise=order.price_limit_paise, price_trigger_paise=0,
        price_average_paise=150_000, at_ns=NOW,
    )  # fmt: skip


def live(name: str, **changes: Any) -> IntentPlanned:
    return intent(name, book=Book.LIVE, **changes)


def tell(record: IntentPlanned, seq: int) -> Journaled:
    return journaled(seq)(record)


def writer(broker: LiveBroker, entries: LiveEntries | None = None) -> tuple[Any, FakeContext]:
    caps = GateCaps(quantity_max=1_000, notional_paise_max=10**10)
    made = WriterBehaviour(
        brokers={Book.LIVE: broker}, instruments=(INFY,), caps=caps, entries=entries
    )
    ctx = opened(made, FakeContext("writer", now_ns=NOW))
    made.receive(authority(Mode.LIVE))
    made.receive(tick())
    ctx.advance(made, 2 * NS_PER_S)
    return made, ctx


@pytest.mark.conformance("ORD-02", "KITE-12")
def test_when_the_stream_tells_a_fill_then_gate_and_watcher_know_it_without_a_look_up() -> None:
    made, ctx = writer(LiveBroker())
    entry = live("LE1", quantity=10)
    made.receive(tell(entry, 1))
    made.receive(StreamHinted(body="order", at_ns=NOW))
    reports = ctx.of(OrderReport, "watcher")
    assert [r.filled_quantity for r in reports] == [entry.quantity]
    assert ctx.of(StreamHinted, "watcher") == []
    made.receive(tell(stop("LS1", book=Book.LIVE, quantity=entry.quantity), 2))
    answers = ctx.of(IntentAnswered, "watcher")
    assert [a.outcome for a in answers] == [Outcome.ACKED, Outcome.ACKED], "the stop may leave"


@pytest.mark.parametrize("body", ["", "garbage", '{"type":"message"}'])
def test_when_a_frame_says_nothing_then_the_watcher_looks_into_the_books(body: str) -> None:
    made, ctx = writer(LiveBroker())
    made.receive(StreamHinted(body=body, at_ns=NOW))
    assert [hint.body for hint in ctx.of(StreamHinted, "watcher")] == [""]
    assert ctx.of(OrderReport, "watcher") == []


@pytest.mark.conformance("KITE-26", "CTL-05")
def test_when_the_broker_answers_429_then_nothing_leaves_for_a_second() -> None:
    broker = LiveBroker()
    made, ctx = writer(broker)
    broker.is_limiting = True
    made.receive(tell(live("LE1", group_id="grp-1"), 1))
    assert [call for call, _ in broker.calls if call == "place"] == ["place"]
    broker.is_limiting = False
    made.receive(tell(live("LE2", group_id="grp-2"), 2))
    last = ctx.of(IntentAnswered, "watcher")[-1]
    assert last.outcome is Outcome.DENIED
    assert last.refusal is not None
    assert last.refusal.rule == "rate"
    assert [a.event for a in ctx.of(AlertRaised, "alerts")] == ["rate_limited"]
    leave = live("LE1", intent_id="LE3", action=Action.CANCEL, group_id="grp-1")
    made.receive(tell(leave, 3))
    assert ("cancel", "LE3") not in broker.calls, "exits wait for the next second too"
    ctx.advance(made, NS_PER_S)
    assert ("cancel", "LE3") in broker.calls


@pytest.mark.conformance("KITE-26")
def test_when_kite_limits_a_write_then_it_is_counted_and_a_read_is_not() -> None:
    class Limiting:
        def __getattr__(self, name: str) -> Any:
            limited = Verdict(Outcome.REFUSED, "429", is_limited=True)
            return lambda *_: limited

    broker = KiteBroker(Limiting())
    broker.snapshot(1, NOW)
    assert broker.limited_count == 0
    broker.place(live("LE1"), NOW)
    assert broker.limited_count == 1


def test_when_the_ledger_refuses_then_the_entry_is_denied_and_exits_go_on(tmp_path: Path) -> None:
    broker = LiveBroker()
    path = tmp_path / LEDGER_FILE
    LiveLedger(path).begin(ist_day(NOW).isoformat())
    roomy = LiveCaps(orders_day_max=1, notional_paise_max=10**9, notional_symbol_paise_max=10**9)
    made, ctx = writer(broker, LiveEntries(LivePlan(ledger=str(path), caps=roomy), {INFY.name: 1}))
    entry = live("LE1", group_id="grp-1")
    made.receive(tell(entry, 1))
    made.receive(tell(live("LE2", group_id="grp-2"), 2))
    made.receive(StreamHinted(body="order", at_ns=NOW))
    path.unlink()
    made.receive(tell(live("LE3", group_id="grp-3"), 3))
    made.receive(tell(stop("LS1", book=Book.LIVE, group_id="grp-1"), 4))
    rules = [a.refusal.rule for a in ctx.of(IntentAnswered, "watcher") if a.refusal is not None]
    assert rules == ["live_orders_day", "live_ledger"]
    assert [name for call, name in broker.calls if call == "place"] == ["LE1", "LS1"]


class KeptBooks(LiveBroker):
    """Its books show what an earlier life has sent."""

    def __init__(self, *rows: OrderReport) -> None:
        super().__init__()
        self.rows = rows

    def snapshot(self, request_id: int, now_ns: int) -> BrokerSnapshot | None:
        read = super().snapshot(request_id, now_ns)
        return msgspec.structs.replace(read, orders=self.rows, book=Book.LIVE) if read else None


@pytest.mark.conformance("INV-04", "FLT-89")
def test_inv_04_when_the_books_show_our_tag_then_nothing_leaves_and_the_order_is_ours() -> None:
    tag = client_order_id(Book.LIVE, "grp-1", Leg.ENTRY, 0)
    order = msgspec.structs.replace(report(), client_order_id=tag)
    broker = KeptBooks(order)
    made, ctx = writer(broker)
    entry = live(tag, quantity=order.quantity)
    made.receive(tell(entry, 1))
    assert broker.calls == [("tick", INFY.name)], "nothing is sent"
    answer = ctx.of(IntentAnswered, "watcher")[-1]
    assert (answer.outcome, answer.venue_order_id) == (Outcome.ACKED, order.venue_order_id)
    assert ctx.of(OrderReport, "watcher") == [order]
    made.receive(tell(stop("LS1", book=Book.LIVE, quantity=order.quantity), 2))
    assert ("place", "LS1") in broker.calls, "the gate counts what it found"


def test_inv_04_when_the_books_cannot_be_read_then_a_stop_waits_for_one_look_only() -> None:
    broker = KeptBooks()
    broker.is_readable = False
    made, _ = writer(broker)
    made.receive(tell(live("LE1"), 1))
    assert ("place", "LE1") in broker.calls
