"""The guard: says yes once, reserves at once, latches the daily loss."""

import json
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from actors.guard import GuardBehaviour
from engine.limits import REJECTS_ROW_MAX
from engine.messages.control import (
    AlertRaised,
    Ceiling,
    CeilingMoved,
    FlattenOrdered,
    GenerationFenced,
    RecoveryDone,
    ViewPublished,
)
from engine.messages.journal import AppendRefused
from engine.messages.market import FeedStateChanged
from engine.messages.plans import PlanApproved
from engine.messages.records import (
    DecisionRecorded,
    LatchChanged,
    OrderLost,
    OrderUnknown,
    Record,
    RiskNoted,
    SignalRecorded,
)
from engine.messages.signals import EntryDecided, EntryProposed
from engine.messages.supervision import ChildWanted
from engine.messages.values import Authority, FeedState, Leg, Mode, Refusal, Side
from engine.units import NS_PER_S
from tests.fakes import FakeContext, journaled, opened
from tests.risk_samples import (
    DAY_NS,
    INFY,
    NOW,
    PROPOSAL,
    SESSION,
    SETTINGS,
    TCS,
    authority,
    closed_group,
    fill,
    intent,
    opened_group,
    tick,
)

NAMES = frozenset({"NSE:INFY", "NSE:TCS"})


def make_guard(**changes: Any) -> GuardBehaviour:
    return GuardBehaviour(
        settings=replace(SETTINGS, **changes),
        instruments=(INFY, TCS),
        strategies={"ema": NAMES, "other": NAMES},
        config_sha="c",
    )


def awake(guard: GuardBehaviour, records: tuple[Record, ...] = ()) -> FakeContext:
    ctx = opened(guard, FakeContext("guard", now_ns=NOW), records)
    guard.receive(authority())
    guard.receive(SESSION)
    for name in NAMES:
        guard.receive(
            FeedStateChanged(
                instrument=name, state=FeedState.FRESH, reasons=(), at_ns=NOW, tick_at_ns=NOW
            )
        )
        guard.receive(tick(150_000, name))
    return ctx


@pytest.fixture
def guard() -> GuardBehaviour:
    return make_guard()


@pytest.fixture
def ctx(guard: GuardBehaviour) -> FakeContext:
    return awake(guard)


def propose(guard: GuardBehaviour, signal: str = "sig-1", **changes: Any) -> EntryProposed:
    proposal = replace(PROPOSAL, signal_id=signal, **changes)
    guard.receive(proposal)
    return proposal


def rule_of(ctx: FakeContext) -> str:
    refusal = ctx.of(EntryDecided)[-1].refusal
    return refusal.rule if refusal else ""


def approvals(ctx: FakeContext) -> list[PlanApproved]:
    wanted = ctx.of(ChildWanted, "protection")
    return [want.argument for want in wanted if isinstance(want.argument, PlanApproved)]


def test_when_recovered_then_it_is_ready_and_says_so(
    guard: GuardBehaviour, ctx: FakeContext
) -> None:
    assert ctx.is_ready
    assert [done.part for done in ctx.of(RecoveryDone, "authority")] == ["guard"]


def test_when_approved_then_the_group_is_started_with_its_records(
    guard: GuardBehaviour, ctx: FakeContext
) -> None:
    propose(guard)
    (approved,) = approvals(ctx)
    assert [type(record) for record in approved.preface] == [SignalRecorded, DecisionRecorded]
    assert approved.plan.quantity == 33
    assert approved.plan.mode_seq == 7
    assert ctx.of(ChildWanted)[0].child_id == approved.plan.group_id
    decided = ctx.of(EntryDecided, "strategy/ema")[0]
    assert (decided.group_id, decided.refusal) == (approved.plan.group_id, None)
    assert not ctx.records()


def test_when_the_plan_crosses_a_process_border_then_it_is_unchanged(
    guard: GuardBehaviour, ctx: FakeContext
) -> None:
    propose(guard)
    (approved,) = approvals(ctx)
    encoded = msgspec.msgpack.encode(approved)
    assert msgspec.msgpack.decode(encoded, type=PlanApproved) == approved


@pytest.mark.conformance("CTL-09", "CTL-10")
def test_when_two_proposals_race_for_the_last_room_then_one_wins(ctx: FakeContext) -> None:
    guard = make_guard(positions_max=1)
    ctx = awake(guard)
    propose(guard)
    propose(guard, "sig-2", instrument="NSE:TCS")
    assert len(approvals(ctx)) == 1
    assert rule_of(ctx) == "positions_max"


@pytest.mark.conformance("CTL-14", "INV-44")
def test_when_a_signal_is_repeated_then_it_is_refused_also_after_a_restart(
    guard: GuardBehaviour, ctx: FakeContext
) -> None:
    propose(guard)
    propose(guard)
    assert rule_of(ctx) == "duplicate_plan"
    assert not ctx.records()
    (approved,) = approvals(ctx)
    again = make_guard()
    other = awake(again, approved.preface)
    propose(again)
    assert rule_of(other) == "duplicate_plan"


def test_when_refused_then_signal_and_decision_are_recorded(
    guard: GuardBehaviour, ctx: FakeContext
) -> None:
    propose(guard, price_stop_paise=150_000)
    signal, decision = ctx.records()
    assert isinstance(signal, SignalRecorded)
    assert isinstance(decision, DecisionRecorded)
    assert decision.refusal is not None
    assert decision.refusal.rule == "stop_side"
    assert not approvals(ctx)


def test_when_restarted_then_reservations_are_those_of_the_journal(
    guard: GuardBehaviour, ctx: FakeContext
) -> None:
    again = make_guard()
    other = awake(again, (opened_group("a", instrument="NSE:TCS"), opened_group("b")))
    propose(again)
    assert rule_of(other) == "group_open"
    other.advance(again, NS_PER_S)
    shown = json.loads(other.of(ViewPublished, "console")[-1].body)
    assert (shown["positions_count"], shown["heat_paise"]) == (2, 23_000)


def test_when_an_append_is_refused_then_its_reservation_is_released(
    guard: GuardBehaviour, ctx: FakeContext
) -> None:
    propose(guard)
    group = approvals(ctx)[0].plan.group_id
    refused = AppendRefused(sender="oco/x", sender_generation=1, group_id=group, why="journal_away")
    guard.receive(refused)
    propose(guard, "sig-2")
    assert rule_of(ctx) == ""


def test_when_a_group_never_opens_then_its_reservation_ends_with_its_entry(
    guard: GuardBehaviour, ctx: FakeContext
) -> None:
    propose(guard)
    ctx.advance(guard, 700 * NS_PER_S)
    guard.receive(tick(150_000, at_ns=ctx.now_ns()))
    propose(guard, "sig-2", at_ns=ctx.now_ns(), expires_at_ns=ctx.now_ns() + NS_PER_S)
    assert rule_of(ctx) == "group_open"
    ctx.advance(guard, NS_PER_S)
    propose(guard, "sig-3", at_ns=ctx.now_ns(), expires_at_ns=ctx.now_ns() + NS_PER_S)
    assert rule_of(ctx) == ""


@pytest.mark.conformance("BAD-63")
@pytest.mark.parametrize(
    "changes",
    [
        {"price_limit_paise": None},
        {"price_limit_paise": 150_000.0},
        {"price_stop_paise": float("nan")},
        {"instrument": None},
        {"instrument": ["NSE:INFY"]},
        {"strategy": None},
        {"strategy": []},
        {"side": None},
        {"targets": None},
        {"features": object()},
    ],
)
def test_when_a_strategy_sends_rubbish_then_it_is_refused_and_the_guard_lives(
    guard: GuardBehaviour, ctx: FakeContext, changes: dict[str, Any]
) -> None:
    propose(guard, **changes)
    assert not approvals(ctx)
    (note,) = ctx.records()
    assert isinstance(note, RiskNoted)
    assert note.event == "proposal_malformed"
    propose(guard, "sig-2")
    assert len(approvals(ctx)) == 1


@pytest.mark.conformance("BAD-63", "CTL-13")
def test_when_a_strategy_storms_then_it_is_paused_once_and_the_journal_is_spared(
    guard: GuardBehaviour, ctx: FakeContext
) -> None:
    for number in range(1_000):
        propose(guard, f"sig-{number}", instrument="NSE:TCS", price_stop_paise=1)
    (moved,) = ctx.of(CeilingMoved, "authority")
    assert moved.ceiling.scope == "strategy:ema"
    assert moved.ceiling.authority is Authority.NONE
    notes = [record for record in ctx.records() if isinstance(record, RiskNoted)]
    assert len(notes) == 1
    assert len(ctx.records()) == 1 + 2 * SETTINGS.proposals_minute_max
    assert len(ctx.of(AlertRaised)) == 1
    propose(guard, "sig-x", strategy="other")
    assert len(approvals(ctx)) == 1


def test_when_a_pause_was_lifted_then_the_next_storm_pauses_again(
    guard: GuardBehaviour, ctx: FakeContext
) -> None:
    paused = Ceiling(owner="storm", scope="strategy:ema", authority=Authority.NONE, reason="x")
    for number in range(10):
        propose(guard, f"sig-{number}")
    guard.receive(authority(seq=2))
    propose(guard, "a")
    guard.receive(authority(seq=3, ceilings=(paused,)))
    propose(guard, "b")
    assert len(ctx.of(CeilingMoved)) == 1
    guard.receive(authority(seq=4))
    propose(guard, "c")
    assert len(ctx.of(CeilingMoved)) == 2


def test_when_views_are_not_wanted_then_they_come_with_the_session_only() -> None:
    guard = GuardBehaviour(
        settings=SETTINGS,
        instruments=(INFY, TCS),
        strategies={"ema": NAMES},
        config_sha="c",
        view_every_ns=0,
    )
    ctx = awake(guard)
    ctx.forget()
    propose(guard)
    ctx.advance(guard, 60 * NS_PER_S)
    assert not ctx.of(ViewPublished)
    guard.receive(SESSION)
    (view,) = ctx.of(ViewPublished)
    assert json.loads(view.body)["heat_max_pct"] == pytest.approx(0.3795)


@pytest.mark.conformance("PK-07")
def test_when_a_fenced_strategy_proposes_then_it_is_refused(
    guard: GuardBehaviour, ctx: FakeContext
) -> None:
    guard.receive(GenerationFenced(name="strategy/ema", generation=1, reason="stuck"))
    propose(guard)
    assert rule_of(ctx) == "generation"
    propose(guard, "sig-2", strategy_generation=2)
    assert rule_of(ctx) == ""


def test_when_nothing_is_known_then_nothing_is_approved(guard: GuardBehaviour) -> None:
    ctx = opened(guard, FakeContext("guard", now_ns=NOW))
    propose(guard)
    assert rule_of(ctx) == "authority"


def test_when_authority_falls_then_entries_are_refused(
    guard: GuardBehaviour, ctx: FakeContext
) -> None:
    guard.receive(authority(Mode.REDUCE, seq=2))
    guard.receive(authority(Mode.PAPER, seq=1))
    propose(guard)
    assert rule_of(ctx) == "authority"


@pytest.mark.conformance("CTL-12")
def test_when_an_order_is_unknown_then_its_instrument_takes_no_entry(
    guard: GuardBehaviour, ctx: FakeContext
) -> None:
    number = journaled()
    fact = {"at_ns": NOW, "client_order_id": "E9", "group_id": "g9", "leg": Leg.ENTRY}
    guard.receive(number(OrderUnknown(instrument="NSE:INFY", reason="timeout", **fact)))
    propose(guard)
    assert rule_of(ctx) == "order_unknown"
    propose(guard, "sig-2", instrument="NSE:TCS")
    assert rule_of(ctx) == ""
    guard.receive(number(OrderLost(instrument="NSE:INFY", reason="absent", **fact)))
    propose(guard, "sig-3")
    assert rule_of(ctx) == ""


LOSS_80, LOSS_100 = 150_000 - 16_000, 150_000 - 20_000


@pytest.fixture
def holding(guard: GuardBehaviour, ctx: FakeContext) -> FakeContext:
    """Ten shares bought at 1,500.00: the limit of 2,000.00 is 200.00 a share away."""
    number = journaled()
    guard.receive(number(opened_group()))
    guard.receive(number(fill()))
    ctx.forget()
    return ctx


@pytest.mark.conformance("CTL-46", "INV-27")
def test_when_the_loss_nears_the_limit_then_a_person_is_warned_once(
    guard: GuardBehaviour, holding: FakeContext
) -> None:
    guard.receive(tick(LOSS_80 + 1))
    assert not holding.of(AlertRaised)
    guard.receive(tick(LOSS_80))
    guard.receive(tick(LOSS_80 - 1))
    assert [alert.event for alert in holding.of(AlertRaised)] == ["loss_day_near"]
    assert not holding.of(FlattenOrdered)


@pytest.mark.conformance("CTL-46", "INV-27", "CTL-19")
def test_when_the_loss_reaches_the_limit_then_it_latches_and_all_goes_flat(
    guard: GuardBehaviour, holding: FakeContext
) -> None:
    guard.receive(tick(LOSS_100 + 1))
    assert not holding.of(FlattenOrdered)
    guard.receive(tick(LOSS_100))
    guard.receive(tick(LOSS_100 - 500))
    assert [order.scope for order in holding.of(FlattenOrdered, "custodian")] == [""]
    (moved,) = holding.of(CeilingMoved, "authority")
    assert (moved.ceiling.owner, moved.ceiling.authority) == ("account", Authority.REDUCE)
    latches = [record for record in holding.records() if isinstance(record, LatchChanged)]
    assert [(latch.latch, latch.is_set) for latch in latches] == [("loss_day", True)]
    guard.receive(tick(150_000))
    propose(guard, instrument="NSE:TCS")
    assert rule_of(holding) == "loss_day"


@pytest.mark.conformance("CTL-46", "INV-13", "INV-26")
def test_when_restarted_after_the_loss_then_the_latch_holds_and_is_told_again(
    guard: GuardBehaviour, holding: FakeContext
) -> None:
    guard.receive(tick(LOSS_100))
    past = (opened_group(), fill(), *holding.records())
    again = make_guard()
    ctx = awake(again, past)
    assert [m.ceiling.authority for m in ctx.of(CeilingMoved)] == [Authority.REDUCE]
    assert ctx.of(FlattenOrdered)
    propose(again, instrument="NSE:TCS")
    assert rule_of(ctx) == "loss_day"


def test_when_a_new_day_begins_then_the_latch_falls(
    guard: GuardBehaviour, holding: FakeContext
) -> None:
    guard.receive(tick(LOSS_100))
    guard.receive(replace(SESSION, trading_day="2024-10-07", at_ns=NOW + 3 * DAY_NS))
    assert [m.ceiling.authority for m in holding.of(CeilingMoved)][-1] is Authority.FULL
    latches = [record for record in holding.records() if isinstance(record, LatchChanged)]
    assert [latch.is_set for latch in latches] == [True, False]


def test_when_the_bid_is_gone_then_the_worst_mark_counts(
    guard: GuardBehaviour, holding: FakeContext
) -> None:
    guard.receive(tick(150_000, bid_paise=LOSS_100, ask_paise=150_000))
    assert holding.of(FlattenOrdered)


@pytest.mark.conformance("CTL-47")
def test_when_a_strategy_loses_in_a_row_then_its_entries_stop(
    guard: GuardBehaviour, ctx: FakeContext
) -> None:
    number = journaled()
    for group in ("a", "b", "c"):
        guard.receive(number(opened_group(group)))
        guard.receive(number(closed_group(group, pnl_gross_paise=-1)))
    propose(guard)
    assert rule_of(ctx) == "losses_row"
    propose(guard, "sig-2", strategy="other")
    assert rule_of(ctx) == ""


@pytest.mark.conformance("KITE-27")
def test_when_the_broker_refuses_entries_in_a_row_then_the_strategy_pauses_and_a_person_knows(
    guard: GuardBehaviour, ctx: FakeContext
) -> None:
    number = journaled()
    for count in range(REJECTS_ROW_MAX):
        group = f"grp-{count}"
        guard.receive(number(opened_group(group)))
        guard.receive(number(closed_group(group, reason="entry_rejected", quantity_entered=0)))
    for name in ("sig-1", "sig-2"):
        propose(guard, name)
        assert rule_of(ctx) == "rejects_row"
    assert [alert.event for alert in ctx.of(AlertRaised)] == ["entries_rejected"]
    propose(guard, "sig-3", strategy="other")
    assert rule_of(ctx) == ""


def test_when_an_entry_trades_then_refusals_before_it_do_not_count(
    guard: GuardBehaviour, ctx: FakeContext
) -> None:
    number = journaled()
    reasons = ["entry_rejected"] * (REJECTS_ROW_MAX - 1)
    for count, reason in enumerate([*reasons, "target", *reasons]):
        group, units = f"grp-{count}", 10 if reason == "target" else 0
        guard.receive(number(opened_group(group)))
        guard.receive(number(closed_group(group, reason=reason, quantity_entered=units)))
    propose(guard)
    assert rule_of(ctx) == ""


def test_when_records_are_of_yesterday_then_they_count_for_positions_only(
    guard: GuardBehaviour,
) -> None:
    old = NOW - DAY_NS
    past = (opened_group("a", at_ns=old), fill(at_ns=old, group_id="a", client_order_id="old"))
    again = make_guard(orders_day_max=1)
    ctx = awake(again, past)
    propose(again, instrument="NSE:TCS")
    assert rule_of(ctx) == ""


def test_when_another_strategy_holds_the_other_direction_then_it_is_refused(
    guard: GuardBehaviour, ctx: FakeContext
) -> None:
    number = journaled()
    guard.receive(number(opened_group("a", strategy="other", side=Side.SELL)))
    propose(guard)
    assert rule_of(ctx) == "group_open"


def test_when_much_happens_then_the_view_is_told_once_per_interval(
    guard: GuardBehaviour, ctx: FakeContext
) -> None:
    for number in range(5):
        propose(guard, f"sig-{number}")
    ctx.advance(guard, NS_PER_S)
    views = [view for view in ctx.of(ViewPublished, "console") if view.topic == "risk"]
    assert len(views) == 1
    assert json.loads(views[0].body)["positions_count"] == 1
    ctx.advance(guard, 10 * NS_PER_S)
    assert len(ctx.of(ViewPublished)) == 1


def test_when_settings_are_unsound_then_the_guard_is_not_built() -> None:
    with pytest.raises(AssertionError):
        make_guard(capital_paise_max=0)


def test_when_a_refusal_is_unknown_to_it_then_an_intent_is_none_of_its_business(
    guard: GuardBehaviour, ctx: FakeContext
) -> None:
    with pytest.raises(TypeError, match="does not understand"):
        guard.receive(Refusal(rule="x", measured=0, limit=0, why=""))
    with pytest.raises(TypeError, match="does not understand"):
        guard.receive(intent())
