"""From a sized proposal to a plan, and the records of a decision.

Decides ids, expiry and the records. Refuses to judge. Stands alone so that the same proposal gives
the same plan in live, replay and backtest.
"""

from engine.ids import client_plan_id, decision_id, group_id
from engine.limits import ENTRY_LIFE_NS_MAX
from engine.messages.records import DecisionRecorded, SignalRecorded
from engine.messages.signals import EntryProposed, TradePlan
from engine.messages.values import Book, Refusal
from engine.risk.rules import entries_end_ns
from engine.risk.settings import RiskSettings
from engine.risk.view import RiskView, Sized


def make_plan(
    proposal: EntryProposed,
    sized: Sized,
    view: RiskView,
    settings: RiskSettings,
    *,
    mode_seq: int,
    config_sha: str,
) -> TradePlan:
    """The plan of an approved proposal. Its entry never outlives the entry window."""
    spec, session = view.instrument, view.session
    assert spec is not None
    assert session is not None
    plan_id = client_plan_id(view.book, proposal.signal_id)
    return TradePlan(
        group_id=group_id(plan_id),
        client_plan_id=plan_id,
        decision_id=decision_id(plan_id),
        signal_id=proposal.signal_id,
        strategy=proposal.strategy,
        instrument=proposal.instrument,
        book=view.book,
        side=proposal.side,
        quantity=sized.quantity,
        lot=spec.lot,
        tick_paise=spec.tick_paise,
        price_limit_paise=proposal.price_limit_paise,
        price_stop_paise=proposal.price_stop_paise,
        targets=proposal.targets,
        trail_paise=proposal.trail_paise,
        product=spec.product,
        risk_paise=sized.risk_paise,
        notional_paise=sized.notional_paise,
        mode_seq=mode_seq,
        config_sha=config_sha,
        at_ns=view.now_ns,
        entry_expires_at_ns=min(
            proposal.expires_at_ns,
            view.now_ns + ENTRY_LIFE_NS_MAX,
            entries_end_ns(session, settings),
        ),
    )


def decision_records(
    proposal: EntryProposed,
    book: Book,
    quantity: int,
    refusal: Refusal | None,
    *,
    config_sha: str,
    now_ns: int,
) -> tuple[SignalRecorded, DecisionRecorded]:
    """What the journal keeps of a proposal and the verdict on it."""
    plan_id = client_plan_id(book, proposal.signal_id)
    decision = DecisionRecorded(
        at_ns=now_ns,
        decision_id=decision_id(plan_id),
        client_plan_id=plan_id,
        signal_id=proposal.signal_id,
        strategy=proposal.strategy,
        instrument=proposal.instrument,
        is_approved=refusal is None,
        quantity=quantity,
        refusal=refusal,
        config_sha=config_sha,
    )
    return SignalRecorded(at_ns=now_ns, signal=proposal), decision
