"""The risk guard of the account: the one serialised place that says yes.

Decides each proposal by engine/risk and reserves at once, so that a second proposal in the same
millisecond sees the first. Refuses to know orders and brokers: an approved plan is the protection
supervisor's to start. Stands alone because two places that say yes are no guard.

Receives EntryProposed, Tick, FeedStateChanged, PhaseChanged, AuthorityChanged, GenerationFenced,
Journaled, Replayed, AppendRefused, TimerFired. Sends Append to "journal", ChildWanted to
"protection", EntryDecided to "strategy/<name>", CeilingMoved and RecoveryDone to "authority",
AlertRaised to "alerts", FlattenOrdered to "custodian", ViewPublished to "console".

Latch of the daily loss: reached -> latch journaled, entries refused, account ceiling REDUCE, all
groups flattened; it falls with the next trading day and never with a restart.
"""

from collections import Counter
from collections.abc import Mapping

import msgspec

from actors.guard_loss import LossWatch, move_ceiling, note
from actors.guard_view import printable, risk_body
from actors.journaled import JournalReader
from actors.runtime.behaviour import Context, Opening
from actors.runtime.log import log_event
from actors.telling import alert, append
from engine.authority import STORM_OWNER
from engine.instruments import Instrument
from engine.limits import VIEW_EVERY_NS
from engine.messages.base import Message
from engine.messages.control import (
    AuthorityChanged,
    GenerationFenced,
    RecoveryDone,
    ViewPublished,
)
from engine.messages.journal import AppendRefused
from engine.messages.market import FeedStateChanged, PhaseChanged, PhaseWanted, Tick
from engine.messages.plans import PlanApproved
from engine.messages.records import IntentPlanned, OrderFilled, Record
from engine.messages.signals import EntryDecided, EntryProposed
from engine.messages.supervision import ChildWanted, TimerFired
from engine.messages.values import Authority, Refusal
from engine.risk.account import Account
from engine.risk.approval import decision_records, make_plan
from engine.risk.pauses import Pauses
from engine.risk.settings import RiskSettings
from engine.risk.shape import is_text
from engine.risk.size_rules import assess
from engine.risk.view import RiskView, Sized

_VIEW_TIMER = "view"
_UNRECORDED = frozenset({"shape", "storm", "duplicate_plan"})
"""Refusals without a decision record: not encodable, a flood, or decided already."""


class GuardBehaviour(JournalReader):
    """See the module.

    Args:
        settings: sound limits (`faults()` is empty).
        instruments: all configured names.
        strategies: the instruments each strategy may propose.
        config_sha: the configuration's fingerprint, for the records.
        view_every_ns: real time between views; 0: only when the session moves.
    """

    def __init__(
        self,
        *,
        settings: RiskSettings,
        instruments: tuple[Instrument, ...],
        strategies: Mapping[str, frozenset[str]],
        config_sha: str,
        view_every_ns: int = VIEW_EVERY_NS,
    ) -> None:
        assert not settings.faults(), settings.faults()
        self._account = Account(settings=settings, instruments=instruments, strategies=strategies)
        self._settings = settings
        self._strategies = strategies
        self._config_sha = config_sha
        self._refused: Counter[str] = Counter()
        self._view_every_ns = view_every_ns
        self._pauses = Pauses()
        self._rejects_told: dict[str, int] = {}
        self._is_view_due = False
        self._is_live = False

    def open(self, ctx: Context) -> Opening:
        can_rest = not self._view_every_ns
        self._loss = LossWatch(ctx, self._account, self._settings, can_rest=can_rest)
        return super().open(ctx)

    def receive(self, message: Message) -> None:
        match message:
            case Tick():
                self._account.ticks[message.instrument] = message
                if self._account.ledger.is_held(message.instrument):
                    self._loss.on_tick(message)
                    self._changed()
                else:
                    self._loss.rest(message.instrument)
            case EntryProposed():
                self._decide(message)
                self._changed()
            case FeedStateChanged():
                self._account.take_feed(message)
            case PhaseChanged():
                self._session(message)
            case AuthorityChanged():
                self._account.take_authority(message)
                self._pauses.follow(message.ceilings)
                self._loss.follow_book()
            case GenerationFenced():
                self._account.take_fence(message.name, message.generation)
            case AppendRefused():
                self._append_refused(message)
            case TimerFired():
                self._publish()
            case _:
                super().receive(message)

    # -- the past -------------------------------------------------------------------------

    def fold(self, record: Record) -> None:
        if not self._is_live and not self._account.now_day:
            self._account.start(self.ctx.now_ns())
        self._account.fold(record)
        if self._is_live:
            if isinstance(record, OrderFilled):
                self._loss.look()
            elif isinstance(record, IntentPlanned):
                self._pause(record.strategy, _by_hand(record), "strategy_paused")
            self._changed()

    def recovered(self) -> None:
        self.ctx.send("calendar", PhaseWanted(reader=self.ctx.name))
        self._is_live = True
        self._account.start(self.ctx.now_ns())
        if self._account.is_loss_latched:
            self._loss.stop_entries()
        self._changed()
        now_ns = self.ctx.now_ns()
        done = RecoveryDone(part=self.ctx.name, at_ns=now_ns, generation=self.ctx.generation)
        self.ctx.send("authority", done)

    # -- proposals ------------------------------------------------------------------------

    def _decide(self, proposal: EntryProposed) -> None:
        now_ns = self.ctx.now_ns()
        strategy = proposal.strategy
        is_known = isinstance(strategy, str) and strategy in self._strategies
        count = self._account.count_proposal(strategy, now_ns) if is_known else 1
        view = self._account.view(proposal, count, now_ns)
        verdict = assess(proposal, view, self._settings)
        if isinstance(verdict, Refusal):
            self._refuse(proposal, view, verdict)
        else:
            self._approve(proposal, view, verdict)

    def _approve(self, proposal: EntryProposed, view: RiskView, sized: Sized) -> None:
        assert self._account.authority is not None
        plan = make_plan(
            proposal,
            sized,
            view,
            self._settings,
            mode_seq=self._account.authority.mode_seq,
            config_sha=self._config_sha,
        )
        preface = decision_records(
            proposal,
            view.book,
            sized.quantity,
            None,
            config_sha=self._config_sha,
            now_ns=view.now_ns,
        )
        self._account.reserve(plan)
        self._account.decided(proposal.signal_id)
        approved = PlanApproved(plan=plan, preface=preface)
        self.ctx.send("protection", ChildWanted(child_id=plan.group_id, argument=approved))
        self._answer(proposal, plan.group_id, None)

    def _refuse(self, proposal: EntryProposed, view: RiskView, refusal: Refusal) -> None:
        self._refused[refusal.rule] += 1
        if refusal.rule == "storm":
            self._pause(proposal.strategy, refusal)
        elif refusal.rule == "rejects_row":
            self._tell_rejects(proposal.strategy, refusal)
        elif refusal.rule == "shape":
            note(self.ctx, "proposal_malformed", printable(proposal.strategy), refusal)
        if refusal.rule not in _UNRECORDED:
            self._account.decided(proposal.signal_id)
            records = decision_records(
                proposal, view.book, 0, refusal, config_sha=self._config_sha, now_ns=view.now_ns
            )
            append(self.ctx, *records)
        self._answer(proposal, "", refusal)

    def _answer(self, proposal: EntryProposed, group_id: str, refusal: Refusal | None) -> None:
        texts = (proposal.strategy, proposal.signal_id, proposal.instrument)
        if not all(is_text(text) for text in texts):
            return
        decided = EntryDecided(
            signal_id=proposal.signal_id,
            strategy=proposal.strategy,
            instrument=proposal.instrument,
            group_id=group_id,
            refusal=refusal,
            at_ns=self.ctx.now_ns(),
        )
        self.ctx.send(f"strategy/{proposal.strategy}", decided)

    def _pause(self, strategy: str, refusal: Refusal, event: str = "proposal_storm") -> None:
        """A storm of proposals (BAD-63, CTL-13), or somebody else who trades what the strategy
        holds (ORD-14), pauses it until a person lets it go on. Its exits are not its own."""
        if not self._pauses.start(strategy):
            return
        note(self.ctx, event, strategy, refusal)
        move_ceiling(self.ctx, STORM_OWNER, f"strategy:{strategy}", Authority.NONE, refusal.why)
        alert(self.ctx, "critical", event, strategy, f"{strategy} is paused: {refusal.why}")

    def _tell_rejects(self, strategy: str, refusal: Refusal) -> None:
        """Once for each refused order that prolongs the pause."""
        if self._rejects_told.get(strategy) != refusal.measured:
            self._rejects_told[strategy] = refusal.measured
            alert(self.ctx, "critical", "entries_rejected", strategy, refusal.why)

    def _append_refused(self, refused: AppendRefused) -> None:
        if self._account.reservations.refused(refused.group_id):
            log_event("reservation_released", group_id=refused.group_id, why=refused.why)
            self._changed()

    # -- the day --------------------------------------------------------------------------

    def _session(self, changed: PhaseChanged) -> None:
        if not self._view_every_ns:
            self._publish()
        was_latched = self._account.is_loss_latched
        if not self._account.take_session(changed):
            return
        self._pauses.clear()
        self._rejects_told.clear()
        self._loss.start_day(was_latched=was_latched)

    # -- telling --------------------------------------------------------------------------

    def _changed(self) -> None:
        if not self._is_view_due and self._view_every_ns:
            self._is_view_due = True
            timer = TimerFired(key=_VIEW_TIMER)
            self.ctx.timer_after(_VIEW_TIMER, self._view_every_ns, timer)

    def _publish(self) -> None:
        self._is_view_due = False
        now_ns = self.ctx.now_ns()
        for group_id in self._account.reservations.never_opened(now_ns):
            self._account.reservations.release(group_id)
            alert(
                self.ctx, "warning", "group_never_opened", group_id, "its reservation is released"
            )
        body = msgspec.json.encode(risk_body(self._account, self._refused)).decode()
        self.ctx.send("console", ViewPublished(topic="risk", body=body, at_ns=now_ns))


def _by_hand(adopted: IntentPlanned) -> Refusal:
    """Somebody else has closed a part of a position; the guard hears of no other intents."""
    why = f"somebody else has traded {adopted.instrument}, which it holds"
    return Refusal(rule="alien_exit", measured=adopted.quantity, limit=0, why=why)
