"""The writer: the gate's verdicts carried out, every report forwarded, nothing sent twice."""

import pytest

from actors.writer import WriterBehaviour
from engine.journal import recipients
from engine.messages.broker import (
    BrokerSnapshot,
    IntentAnswered,
    Outcome,
    SnapshotRequested,
    TradeReport,
)
from engine.messages.control import GenerationFenced, RecoveryDone
from engine.messages.journal import Journaled
from engine.messages.market import Tick
from engine.messages.records import IntentPlanned, OrderLost, Record
from engine.messages.values import Action, Book, Leg, Mode, OrderType, Side
from engine.risk.gate import GateCaps
from engine.units import NS_PER_S
from tests.fakes import FakeContext, journaled, opened
from tests.risk_samples import INFY, NOW, authority, fill, intent, stop, tick


class FakeBroker:
    """Takes everything and answers ACKED; reports the trades that the test puts in."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.recovered: tuple[Record, ...] = ()
        self.trades: list[TradeReport] = []
        self.is_readable = True
        self.outcome = Outcome.ACKED

    def recover(self, records: tuple[Record, ...]) -> None:
        self.recovered = records

    def place(self, intent: IntentPlanned, now_ns: int) -> IntentAnswered:
        return self._answer("place", intent, now_ns)

    def modify(self, intent: IntentPlanned, now_ns: int) -> IntentAnswered:
        return self._answer("modify", intent, now_ns)

    def cancel(self, intent: IntentPlanned, now_ns: int) -> IntentAnswered:
        return self._answer("cancel", intent, now_ns)

    def on_tick(self, tick: Tick, now_ns: int) -> None:
        self.calls.append(("tick", tick.instrument))

    def reports(self) -> tuple[TradeReport, ...]:
        done, self.trades = tuple(self.trades), []
        return done

    def snapshot(self, request_id: int, now_ns: int) -> BrokerSnapshot | None:
        if not self.is_readable:
            return None
        return BrokerSnapshot(
            request_id=request_id, orders=(), trades=(), positions=(), at_ns=now_ns
        )

    def _answer(self, call: str, asked: IntentPlanned, now_ns: int) -> IntentAnswered:
        self.calls.append((call, asked.intent_id))
        return IntentAnswered(
            intent_id=asked.intent_id,
            client_order_id=asked.client_order_id,
            action=asked.action,
            outcome=self.outcome,
            at_ns=now_ns,
        )


def trade(trade_id: str = "T1", tag: str = "E1", quantity: int = 10) -> TradeReport:
    return TradeReport(
        trade_id=trade_id,
        client_order_id=tag,
        venue_order_id="1",
        instrument="NSE:INFY",
        side=Side.BUY,
        product=INFY.product,
        quantity=quantity,
        price_paise=150_000,
        at_ns=NOW,
    )


@pytest.fixture
def broker() -> FakeBroker:
    return FakeBroker()


def make_writer(broker: FakeBroker) -> WriterBehaviour:
    return WriterBehaviour(
        brokers={Book.PAPER: broker},
        instruments=(INFY,),
        caps=GateCaps(quantity_max=100, notional_paise_max=100_000_000),
    )


@pytest.fixture
def writer(broker: FakeBroker) -> WriterBehaviour:
    return make_writer(broker)


@pytest.fixture
def ctx(writer: WriterBehaviour) -> FakeContext:
    ctx = opened(writer, FakeContext("writer", now_ns=NOW))
    writer.receive(authority())
    return ctx


def outcomes(ctx: FakeContext) -> list[str]:
    return [
        answer.refusal.rule if answer.refusal else answer.outcome.value
        for answer in ctx.of(IntentAnswered, "watcher")
    ]


def test_when_an_intent_is_durable_then_it_is_sent_and_answered(
    writer: WriterBehaviour, ctx: FakeContext, broker: FakeBroker
) -> None:
    writer.receive(journaled()(intent()))
    assert broker.calls == [("place", "E1")]
    assert outcomes(ctx) == ["acked"]
    assert [done.part for done in ctx.of(RecoveryDone, "authority")] == ["writer"]


@pytest.mark.conformance("INV-04", "CTL-15")
def test_when_a_record_is_delivered_again_then_nothing_is_sent(
    writer: WriterBehaviour, ctx: FakeContext, broker: FakeBroker
) -> None:
    writer.receive(Journaled(seq=5, record=intent()))
    writer.receive(Journaled(seq=5, record=intent()))
    writer.receive(Journaled(seq=4, record=intent("E0", group_id="g0")))
    writer.receive(Journaled(seq=6, record=intent()))
    assert broker.calls == [("place", "E1")]
    assert outcomes(ctx) == ["acked", "repeated"]


@pytest.mark.conformance("INV-04", "CTL-15", "REC-01")
def test_when_restarted_then_intents_of_the_past_are_not_sent(broker: FakeBroker) -> None:
    writer = make_writer(broker)
    past = (intent(), fill(), stop())
    ctx = opened(writer, FakeContext("writer", now_ns=NOW), past)
    writer.receive(authority())
    assert broker.recovered == past
    assert broker.calls == []
    writer.receive(Journaled(seq=9, record=stop()))
    assert outcomes(ctx) == ["repeated"]


@pytest.mark.conformance("INV-08")
def test_when_denied_then_nothing_leaves_and_the_watcher_hears(
    writer: WriterBehaviour, ctx: FakeContext, broker: FakeBroker
) -> None:
    writer.receive(authority(Mode.HALTED, seq=2))
    writer.receive(journaled()(intent()))
    assert broker.calls == []
    (answer,) = ctx.of(IntentAnswered, "watcher")
    assert answer.outcome is Outcome.DENIED
    assert answer.refusal is not None
    assert answer.refusal.rule == "authority"


@pytest.mark.conformance("PK-07")
def test_when_a_fenced_owner_asks_then_it_is_denied(
    writer: WriterBehaviour, ctx: FakeContext, broker: FakeBroker
) -> None:
    writer.receive(GenerationFenced(name="oco/grp-1", generation=1, reason="stuck"))
    writer.receive(journaled()(intent()))
    assert outcomes(ctx) == ["fenced"]
    assert broker.calls == []


@pytest.mark.conformance("PK-07", "INV-06", "FLT-68")
def test_when_a_writer_that_was_given_up_wakes_then_it_sends_nothing(
    writer: WriterBehaviour, ctx: FakeContext, broker: FakeBroker
) -> None:
    ctx.is_given_up = True
    writer.receive(journaled()(intent()))
    assert not broker.calls


@pytest.mark.conformance("INV-15")
def test_when_no_broker_serves_the_book_then_it_is_denied(
    writer: WriterBehaviour, ctx: FakeContext, broker: FakeBroker
) -> None:
    writer.receive(authority(Mode.LIVE, seq=2))
    writer.receive(journaled()(intent(book=Book.LIVE)))
    assert outcomes(ctx) == ["book"]
    assert broker.calls == []


def test_when_the_market_moves_then_the_brokers_reports_are_forwarded(
    writer: WriterBehaviour, ctx: FakeContext, broker: FakeBroker
) -> None:
    number = journaled()
    writer.receive(number(intent()))
    broker.trades.append(trade())
    writer.receive(tick())
    assert ctx.of(TradeReport, "watcher") == [trade()]
    writer.receive(number(stop()))
    assert broker.calls[-1] == ("place", "S1")


@pytest.mark.conformance("INV-09")
def test_when_nothing_is_held_then_an_exit_is_denied(
    writer: WriterBehaviour, ctx: FakeContext, broker: FakeBroker
) -> None:
    writer.receive(journaled()(stop()))
    assert outcomes(ctx) == ["reduce_only"]


@pytest.mark.conformance("CTL-05", "INV-25", "CTL-55")
def test_when_a_burst_comes_then_entries_are_denied_and_exits_wait_in_order(
    writer: WriterBehaviour, ctx: FakeContext, broker: FakeBroker
) -> None:
    number = journaled()
    for n in range(7):
        writer.receive(number(intent(f"E{n}", group_id=f"g{n}")))
    assert outcomes(ctx) == ["acked"] * 6 + ["rate"]
    for n in range(6):
        writer.receive(
            number(intent(f"E{n}", intent_id=f"c{n}", group_id=f"g{n}", action=Action.CANCEL))
        )
    assert len(broker.calls) == 8
    ctx.advance(writer, NS_PER_S)
    assert [name for call, name in broker.calls if call == "cancel"] == [f"c{n}" for n in range(6)]


def test_when_stops_and_targets_wait_then_new_targets_go_last(
    writer: WriterBehaviour, ctx: FakeContext, broker: FakeBroker
) -> None:
    """A position can wait for its profit, not for its stop."""
    number = journaled()
    for n in range(6):
        writer.receive(number(intent(f"E{n}", group_id=f"g{n}")))
        broker.trades.append(trade(f"t{n}", f"E{n}"))
    for n in range(6):
        own = {"group_id": f"g{n}", "price_limit_paise": 160_000, "price_trigger_paise": 0}
        writer.receive(number(stop(f"S{n}", group_id=f"g{n}")))
        limit = {"order_type": OrderType.LIMIT, "leg": Leg.TARGET_1}
        writer.receive(number(stop(f"T{n}", quantity=5, **own, **limit)))
    ctx.advance(writer, NS_PER_S)
    ctx.advance(writer, NS_PER_S)
    names = [name for call, name in broker.calls if call == "place"][6:]
    assert names == ["S0", "T0", "S1", "S2", "S3", "S4", "S5", "T1", "T2", "T3", "T4", "T5"]


def test_when_more_waits_than_a_second_takes_then_it_takes_several(
    writer: WriterBehaviour, ctx: FakeContext, broker: FakeBroker
) -> None:
    number = journaled()
    for n in range(6):
        writer.receive(number(intent(f"E{n}", group_id=f"g{n}")))
    for n in range(30):
        cancel = {"intent_id": f"c{n}", "group_id": f"g{n % 6}", "action": Action.CANCEL}
        writer.receive(number(intent(f"E{n % 6}", **cancel)))
    counts = []
    for _ in range(6):
        before = len(broker.calls)
        ctx.advance(writer, NS_PER_S)
        counts.append(len(broker.calls) - before)
    assert counts == [8, 8, 8, 4, 0, 0]


def test_when_authority_falls_while_an_exit_waits_then_it_is_judged_again(
    writer: WriterBehaviour, ctx: FakeContext, broker: FakeBroker
) -> None:
    number = journaled()
    for n in range(6):
        writer.receive(number(intent(f"E{n}", group_id=f"g{n}")))
    for n in range(3):
        cancel = {"intent_id": f"c{n}", "group_id": f"g{n}", "action": Action.CANCEL}
        writer.receive(number(intent(f"E{n}", **cancel)))
    writer.receive(authority(Mode.FENCED, seq=2))
    ctx.advance(writer, NS_PER_S)
    assert outcomes(ctx)[-1] == "authority"
    assert len(broker.calls) == 8


def test_when_a_snapshot_is_wanted_then_the_watcher_and_who_asked_get_it(
    writer: WriterBehaviour, ctx: FakeContext
) -> None:
    writer.receive(SnapshotRequested(request_id=4, reason="test", reader="reconciler"))
    writer.receive(SnapshotRequested(request_id=5, reason="test"))
    assert [snapshot.request_id for snapshot in ctx.of(BrokerSnapshot, "watcher")] == [4, 5]
    assert [snapshot.request_id for snapshot in ctx.of(BrokerSnapshot, "reconciler")] == [4]


def test_when_one_book_is_wanted_then_only_that_is_read(
    writer: WriterBehaviour, ctx: FakeContext
) -> None:
    writer.receive(SnapshotRequested(request_id=4, reason="test", book=Book.LIVE))
    assert not ctx.of(BrokerSnapshot)


def test_when_the_books_can_not_be_read_then_nobody_is_told_of_them(
    writer: WriterBehaviour, ctx: FakeContext, broker: FakeBroker
) -> None:
    broker.is_readable = False
    writer.receive(SnapshotRequested(request_id=4, reason="test"))
    assert not ctx.of(BrokerSnapshot)


def test_when_a_message_is_not_for_it_then_it_is_a_bug(
    writer: WriterBehaviour, ctx: FakeContext
) -> None:
    with pytest.raises(TypeError, match="does not understand"):
        writer.receive(trade())


@pytest.mark.conformance("ORD-03")
def test_when_an_unknown_order_is_proven_lost_then_the_writer_hears_of_it(
    writer: WriterBehaviour, ctx: FakeContext, broker: FakeBroker
) -> None:
    lost = OrderLost(
        at_ns=NOW,
        client_order_id="S1",
        group_id="grp-1",
        leg=Leg.STOP,
        instrument="NSE:INFY",
        reason="absent",
    )
    assert "writer" in recipients(lost)
    broker.outcome = Outcome.UNKNOWN
    number = journaled()
    writer.receive(number(intent()))
    broker.trades.append(trade())
    writer.receive(tick())
    writer.receive(number(stop()))
    writer.receive(number(stop("S2")))
    writer.receive(number(lost))
    writer.receive(number(stop("S3")))
    assert outcomes(ctx) == ["unknown", "unknown", "reduce_only", "unknown"]


@pytest.mark.conformance("ORD-14")
def test_when_an_exit_is_adopted_then_it_is_never_sent(
    writer: WriterBehaviour, ctx: FakeContext, broker: FakeBroker
) -> None:
    number = journaled()
    writer.receive(number(intent()))
    sent = list(broker.calls)
    writer.receive(number(stop("X9", owner="watcher")))
    assert broker.calls == sent


@pytest.fixture
def live_writer(broker: FakeBroker) -> WriterBehaviour:
    return WriterBehaviour(
        brokers={Book.PAPER: broker, Book.LIVE: broker},
        instruments=(INFY,),
        caps=GateCaps(quantity_max=100, notional_paise_max=100_000_000),
    )


@pytest.mark.conformance("INV-25", "FLT-60")
@pytest.mark.parametrize("step_ns", [-3_600 * NS_PER_S, -NS_PER_S // 2, NS_PER_S])
def test_when_the_wall_clock_steps_then_a_second_of_the_broker_stays_a_second(
    live_writer: WriterBehaviour, broker: FakeBroker, step_ns: int
) -> None:
    ctx = opened(live_writer, FakeContext("writer", now_ns=NOW))
    live_writer.receive(authority())
    ctx.advance(live_writer, NS_PER_S)
    number = journaled()
    for n in range(6):
        live_writer.receive(number(intent(f"E{n}", group_id=f"g{n}")))
    ctx.step(step_ns)
    for n in range(6):
        cancel = {"intent_id": f"c{n}", "group_id": f"g{n}", "action": Action.CANCEL}
        live_writer.receive(number(intent(f"E{n}", **cancel)))
    assert len(broker.calls) == 8
    ctx.advance(live_writer, NS_PER_S)
    assert len(broker.calls) == 12


@pytest.mark.conformance("INV-25")
def test_when_a_writer_begins_then_it_leaves_the_second_to_the_one_before_it(
    live_writer: WriterBehaviour, broker: FakeBroker
) -> None:
    ctx = opened(live_writer, FakeContext("writer", now_ns=NOW))
    live_writer.receive(authority())
    live_writer.receive(journaled()(intent()))
    assert outcomes(ctx) == ["rate"]
