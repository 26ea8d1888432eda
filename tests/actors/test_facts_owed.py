"""What the journal owes has happened: a restarted watcher and a paper venue must know of it."""

import pytest

from actors.brokers.paper import PaperBroker
from actors.journaled import with_facts_owed
from actors.watcher import WatcherActor, WatcherSettings
from actors.writer import WriterBehaviour
from engine.exchange.venue import VenueSettings
from engine.messages.broker import BrokerSnapshot, OrderStatus, TradeReport
from engine.messages.journal import Journaled, Replayed
from engine.messages.records import OrderAccepted, Record
from engine.messages.values import Action, Book, Leg, Side
from engine.orders.order import Status
from engine.risk.gate import GateCaps
from tests.fakes import FakeContext
from tests.risk_samples import INFY, NOW, fill, intent

ACCEPTED = OrderAccepted(
    at_ns=NOW,
    client_order_id="E1",
    venue_order_id="V1",
    group_id="grp-1",
    leg=Leg.ENTRY,
    instrument="NSE:INFY",
)
FILLED = fill(quantity=4, venue_order_id="V1", filled_total=4, order_quantity=10)
OWED: tuple[Record, ...] = (ACCEPTED, FILLED)


def replayed(*owed: Record) -> Replayed:
    return Replayed(reader_generation=2, records=(intent(),), seq=1, owed=owed)


@pytest.fixture
def watcher() -> WatcherActor:
    """The second one, which knows that E1 was planned."""
    watcher = WatcherActor({}, WatcherSettings())
    watcher.open(FakeContext("watcher", generation=2, now_ns=NOW))
    return watcher


@pytest.mark.conformance("INV-21")
def test_liv_12_when_a_watcher_starts_then_it_knows_the_facts_that_are_owed(
    watcher: WatcherActor,
) -> None:
    watcher.receive(replayed(*OWED))
    tracked = watcher.truth.orders["E1"]
    assert (tracked.order.status, tracked.order.filled) == (Status.WORKING, 4)
    watcher.receive(
        TradeReport(
            trade_id=FILLED.trade_id,
            client_order_id="E1",
            venue_order_id="V1",
            instrument="NSE:INFY",
            side=FILLED.side,
            product=INFY.product,
            quantity=4,
            price_paise=FILLED.price_paise,
            at_ns=NOW,
        )
    )
    assert tracked.order.filled == 4


def test_liv_12_when_an_owed_adoption_becomes_durable_then_it_counts_once(
    watcher: WatcherActor,
) -> None:
    adopted = intent("X1", leg=Leg.EXIT, side=Side.SELL, owner="watcher")
    taken = fill("T9", 4, client_order_id="X1", leg=Leg.EXIT, side=Side.SELL)
    watcher.receive(replayed(adopted, taken))
    watcher.receive(Journaled(seq=2, record=adopted))
    assert watcher.truth.orders["X1"].order.filled == 4


def test_when_an_intent_is_owed_then_it_is_no_part_of_the_past() -> None:
    cancel = intent("E1", intent_id="E1-c1", action=Action.CANCEL)
    assert with_facts_owed(replayed(cancel, ACCEPTED)) == (intent(), ACCEPTED)


@pytest.mark.conformance("REC-01")
def test_liv_04_when_a_writer_starts_then_its_paper_venue_has_what_is_owed() -> None:
    broker = PaperBroker({INFY.name: INFY}, VenueSettings(), "2026-11-20")
    caps = GateCaps(quantity_max=100, notional_paise_max=100_000_000)
    writer = WriterBehaviour(brokers={Book.PAPER: broker}, instruments=(INFY,), caps=caps)
    writer.open(FakeContext("writer", generation=2, now_ns=NOW))
    writer.receive(replayed(*OWED))
    snapshot = broker.snapshot(1, NOW)
    assert isinstance(snapshot, BrokerSnapshot)
    assert [(o.status, o.filled_quantity) for o in snapshot.orders] == [(OrderStatus.OPEN, 4)]
    assert [trade.trade_id for trade in snapshot.trades] == [FILLED.trade_id]
