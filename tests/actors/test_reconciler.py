"""The reconciler: asks, compares twice, tells; and never sends an order."""

import pytest

from actors.reconciler import ReconcilerBehaviour
from engine.limits import RECONCILE_ANSWER_NS_MAX, RECONCILE_EVERY_NS, RECONCILE_RECHECK_NS
from engine.messages.broker import BrokerSnapshot, PositionReport, SnapshotRequested
from engine.messages.control import AlertRaised, Ceiling, CommandDone, OperatorCommand, Reconciled
from engine.messages.journal import JournalStateChanged, Replayed, ReplayRequested
from engine.messages.records import Record
from engine.messages.values import Authority, Mode, Product
from engine.units import NS_PER_S
from tests.fakes import FakeContext
from tests.risk_samples import NOW, authority

ALIEN = (PositionReport(instrument="NSE:INFY", product=Product.MIS, quantity=5),)


@pytest.fixture
def reconciler() -> ReconcilerBehaviour:
    return ReconcilerBehaviour()


@pytest.fixture
def ctx(reconciler: ReconcilerBehaviour) -> FakeContext:
    ctx = FakeContext("reconciler", now_ns=NOW)
    reconciler.open(ctx)
    return ctx


def answer(
    reconciler: ReconcilerBehaviour,
    ctx: FakeContext,
    positions: tuple[PositionReport, ...] = (),
    records: tuple[Record, ...] = (),
) -> None:
    request = ctx.of(SnapshotRequested, "writer")[-1]
    reconciler.receive(
        BrokerSnapshot(
            request_id=request.request_id, orders=(), trades=(), positions=positions, at_ns=NOW
        )
    )
    assert ctx.of(ReplayRequested, "journal")
    reconciler.receive(Replayed(reader_generation=1, records=records, seq=len(records)))


def verdicts(ctx: FakeContext) -> list[bool]:
    return [verdict.is_clean for verdict in ctx.of(Reconciled, "authority")]


def test_when_it_starts_then_it_compares_at_once(
    reconciler: ReconcilerBehaviour, ctx: FakeContext
) -> None:
    answer(reconciler, ctx)
    assert verdicts(ctx) == [True]


def test_when_a_minute_has_passed_then_it_compares_again(
    reconciler: ReconcilerBehaviour, ctx: FakeContext
) -> None:
    answer(reconciler, ctx)
    ctx.advance(reconciler, RECONCILE_EVERY_NS - 1)
    assert len(ctx.of(SnapshotRequested)) == 1
    ctx.advance(reconciler, 1)
    assert len(ctx.of(SnapshotRequested)) == 2


@pytest.mark.conformance("CTL-32", "INV-28")
def test_when_a_difference_lasts_over_two_reads_then_it_is_told_and_nothing_is_traded(
    reconciler: ReconcilerBehaviour, ctx: FakeContext
) -> None:
    answer(reconciler, ctx, ALIEN)
    assert verdicts(ctx) == []
    ctx.advance(reconciler, RECONCILE_RECHECK_NS)
    answer(reconciler, ctx, ALIEN)
    assert verdicts(ctx) == [False]
    (alert,) = ctx.of(AlertRaised, "alerts")
    assert (alert.severity, alert.event) == ("critical", "reconcile_position_differs")
    assert {target for target, _ in ctx.sent} == {
        "writer",
        "journal",
        "authority",
        "alerts",
        "console",
    }
    assert {type(m) for to, m in ctx.sent if to == "writer"} == {SnapshotRequested}
    assert {type(m) for to, m in ctx.sent if to == "journal"} == {ReplayRequested}


def test_when_a_difference_heals_by_itself_then_the_run_is_clean(
    reconciler: ReconcilerBehaviour, ctx: FakeContext
) -> None:
    answer(reconciler, ctx, ALIEN)
    ctx.advance(reconciler, RECONCILE_RECHECK_NS)
    answer(reconciler, ctx)
    assert verdicts(ctx) == [True]
    assert not ctx.of(AlertRaised)


def test_when_a_difference_stays_then_a_person_is_told_once(
    reconciler: ReconcilerBehaviour, ctx: FakeContext
) -> None:
    for _ in range(3):
        answer(reconciler, ctx, ALIEN)
        ctx.advance(reconciler, RECONCILE_RECHECK_NS)
        answer(reconciler, ctx, ALIEN)
        ctx.advance(reconciler, RECONCILE_EVERY_NS)
    assert verdicts(ctx) == [False, False, False]
    assert len(ctx.of(AlertRaised)) == 1


def test_when_nobody_answers_then_the_books_are_not_clean(
    reconciler: ReconcilerBehaviour, ctx: FakeContext
) -> None:
    ctx.advance(reconciler, RECONCILE_ANSWER_NS_MAX)
    assert verdicts(ctx) == [False]
    late = BrokerSnapshot(request_id=1, orders=(), trades=(), positions=(), at_ns=NOW)
    reconciler.receive(late)
    assert verdicts(ctx) == [False]
    ctx.advance(reconciler, RECONCILE_EVERY_NS)
    answer(reconciler, ctx)
    assert verdicts(ctx) == [False, True]


def test_when_a_snapshot_of_another_request_comes_then_it_is_ignored(
    reconciler: ReconcilerBehaviour, ctx: FakeContext
) -> None:
    reconciler.receive(
        BrokerSnapshot(request_id=99, orders=(), trades=(), positions=ALIEN, at_ns=NOW)
    )
    assert not ctx.of(ReplayRequested)


def test_when_the_journal_returns_then_it_compares_at_once(
    reconciler: ReconcilerBehaviour, ctx: FakeContext
) -> None:
    answer(reconciler, ctx)
    for is_available in (False, True):
        reconciler.receive(
            JournalStateChanged(
                is_available=is_available, spooled_count=0, reason="test", at_ns=NOW
            )
        )
    assert len(ctx.of(SnapshotRequested)) == 2


def test_when_authority_waits_then_runs_come_soon_and_then_at_growing_pauses(
    reconciler: ReconcilerBehaviour, ctx: FakeContext
) -> None:
    answer(reconciler, ctx)
    reconciler.receive(authority(Mode.REDUCE))
    pauses = []
    for _ in range(7):
        answer(reconciler, ctx)
        (due_ns, _), asked_at_ns = ctx.timers["next"], ctx.mono_ns()
        pauses.append((due_ns - asked_at_ns) // NS_PER_S)
        ctx.advance(reconciler, due_ns - asked_at_ns)
    assert pauses == [2, 4, 8, 16, 32, 60, 60]


def test_liv_04_when_books_are_unclean_then_they_are_looked_at_each_minute_at_least() -> None:
    reconciler = ReconcilerBehaviour(every_ns=300 * NS_PER_S)
    ctx = FakeContext("reconciler", now_ns=NOW)
    reconciler.open(ctx)
    ctx.advance(reconciler, RECONCILE_ANSWER_NS_MAX)
    reconciler.receive(authority(Mode.REDUCE))
    pauses = []
    for _ in range(8):
        ctx.advance(reconciler, RECONCILE_ANSWER_NS_MAX)
        pauses.append(ctx.timers["next"][0] - ctx.mono_ns())
        ctx.advance(reconciler, pauses[-1])
    assert max(pauses) == RECONCILE_EVERY_NS


def test_liv_08_when_books_are_clean_at_last_then_the_second_look_comes_soon_in_any_mode(
    reconciler: ReconcilerBehaviour, ctx: FakeContext
) -> None:
    held = Ceiling(owner="reconciler", scope="", authority=Authority.REDUCE, reason="no_answer")
    ctx.advance(reconciler, RECONCILE_ANSWER_NS_MAX)
    reconciler.receive(authority(Mode.HALTED, ceilings=(held,)))
    for _ in range(7):
        ctx.advance(reconciler, RECONCILE_ANSWER_NS_MAX)
        ctx.advance(reconciler, ctx.timers["next"][0] - ctx.mono_ns())
    answer(reconciler, ctx)
    assert verdicts(ctx)[-2:] == [False, True]
    assert ctx.timers["next"][0] - ctx.mono_ns() == RECONCILE_RECHECK_NS


def test_when_a_person_asks_during_a_run_then_one_more_run_follows_and_is_answered(
    reconciler: ReconcilerBehaviour, ctx: FakeContext
) -> None:
    command = OperatorCommand(
        command="reconcile", argument="", reason="", by="cli:me", request_id="r", at_ns=NOW
    )
    reconciler.receive(command)
    assert len(ctx.of(SnapshotRequested)) == 1
    answer(reconciler, ctx)
    assert len(ctx.of(SnapshotRequested)) == 2
    assert [done.request_id for done in ctx.of(CommandDone, "console")] == ["r"]
