"""The custodian: no open group is left without its actor, and flat means verified flat.

Decides which groups must live and who is told to go flat. Refuses to place orders: each group
flattens itself under its own state machine. Stands alone because the position of a dead strategy,
a dead group or a dead supervisor still has to be protected by somebody who only reads the journal.

Receives Journaled (GroupOpened, GroupClosed, OrderAccepted, OrderFilled, RiskNoted), Replayed,
FlattenOrdered, EntriesCancelled, PhaseChanged, FeedsCalled, ChildReady, ChildExited, TimerFired.
Sends ChildWanted to "protection", ExitAdvised, EntriesCancelled and FeedsCalled to "oco/<group>",
FlatVerified, FlattenOrdered and RecoveryDone to "authority", AlertRaised to "alerts", Append to
"journal".

Going flat is a state per group, not an event: a group that was told to exit stays told until its
GroupClosed is read, over crashes of the group, its supervisor and the custodian. So a flatten that
is repeated after a restart changes nothing (INV-39). A person's flatten is in the journal, as the
mode that it brought or as his command; who was open then is told again in the next life (LIV-02).
A HALTED engine lets no exit leave, so a flatten of everything by anybody but the authority is told
to it as well (reliability 2.4: the command, the loss limit, the time to be flat).
"""

from actors.custody import Told, covers
from actors.journaled import JournalReader
from actors.runtime.log import log_event
from actors.telling import alert, append
from engine.limits import FLAT_CHECK_NS, GROUP_ENDED, LATE_AGAIN_NS
from engine.messages.base import Message
from engine.messages.control import (
    EntriesCancelled,
    FlattenOrdered,
    FlatVerified,
    RecoveryDone,
)
from engine.messages.market import FeedsCalled, PhaseChanged, PhaseWanted
from engine.messages.plans import PlanApproved
from engine.messages.records import (
    GroupClosed,
    GroupOpened,
    ModeChanged,
    OperatorActed,
    OrderAccepted,
    OrderFilled,
    Record,
    RiskNoted,
)
from engine.messages.signals import ExitAdvised, TradePlan
from engine.messages.supervision import ChildExited, ChildReady, ChildWanted, TimerFired
from engine.messages.values import SessionPhase

_OCO = "oco/"
_FLAT_BY, _ENTRIES_END, _CHECK, _LATE = "flat_by", "entries_end", "check", "late"
_TOLD = "told"
_FLAT_DONE = "flat_by_ordered"


class CustodianBehaviour(JournalReader):
    """See the module. `_late`: reopened groups, with the facts heard since their actor was last
    wanted; one that ends with none has seen them all."""

    def __init__(self) -> None:
        self._plans: dict[str, TradePlan] = {}
        self._closed: dict[str, TradePlan] = {}
        self._late: dict[str, int] = {}
        self._flattens: dict[str, str] = {}
        self._told = Told()
        self._flat_days: set[str] = set()
        self._day = ""
        self._is_live = False

    def receive(self, message: Message) -> None:
        match message:
            case FlattenOrdered():
                if not message.scope and not message.by:
                    self._want_mode(message.reason)
                self._flatten(message.scope, message.reason)
            case EntriesCancelled():
                self._withdraw(message)
            case PhaseChanged():
                self._session(message)
            case ChildReady():
                if message.name == "protection":
                    self._want_all()
            case FeedsCalled():
                self._call_readers(message)
            case ChildExited():
                self._exited(message)
            case TimerFired():
                self._timer(message.key)
            case _:
                super().receive(message)

    # -- the journal ----------------------------------------------------------------------

    def fold(self, record: Record) -> None:
        match record:
            case GroupOpened():
                self._plans[record.plan.group_id] = record.plan
                if self._told.is_flattening:
                    self._told.reasons[record.plan.group_id] = "flatten"
                if self._is_live:
                    self._advise_new(record.plan)
            case GroupClosed():
                self._close(record.group_id)
            case OrderAccepted() | OrderFilled():
                if record.group_id in self._closed or record.group_id in self._late:
                    self._reopen(record.group_id)
            case ModeChanged() | OperatorActed():
                self._told.commanded(record, self._plans)
            case RiskNoted() if record.event == _FLAT_DONE:
                self._flat_days.add(record.subject)
            case _:
                pass

    def _close(self, group_id: str) -> None:
        """A group is over, and may be heard of again until the day is."""
        plan = self._plans.pop(group_id, None)
        self._told.reasons.pop(group_id, None)
        if plan is not None:
            self._closed[group_id] = plan
        if self._is_live and self._flattens:
            self._verify(is_due=False)

    def _reopen(self, group_id: str) -> None:
        """An order of a closed group works or has filled: somebody must look after it."""
        plan = self._closed.pop(group_id, None)
        if plan is not None:
            self._plans[group_id] = plan
        self._late[group_id] = self._late.get(group_id, 0) + 1
        if plan is not None and self._is_live:
            log_event("group_reopened", "WARNING", group_id=group_id)
            self._want(plan)

    def recovered(self) -> None:
        self._late = dict.fromkeys(self._late, 0)
        self.ctx.send("calendar", PhaseWanted(reader=self.ctx.name))
        self._is_live = True
        self._want_all()
        for group_id, reason in self._told.reasons.items():
            self._flatten(f"actor:{_OCO}{group_id}", reason)
        self._want_mode(self._told.all_reason(self._plans))
        if self._told.reasons:  # their actors are only being started
            self.ctx.timer_after(_TOLD, LATE_AGAIN_NS, TimerFired(key=_TOLD))
        now_ns = self.ctx.now_ns()
        done = RecoveryDone(part=self.ctx.name, at_ns=now_ns, generation=self.ctx.generation)
        self.ctx.send("authority", done)

    def _want_all(self) -> None:
        """Ask for every open group's actor; a group that lives already ignores it."""
        for plan in self._plans.values():
            self._want(plan)

    def _want(self, plan: TradePlan) -> None:
        wanted = ChildWanted(child_id=plan.group_id, argument=PlanApproved(plan=plan))
        self.ctx.send("protection", wanted)

    def _call_readers(self, called: FeedsCalled) -> None:
        """A market began that knows no group: those that live without it would stay blind."""
        for group_id in self._plans:
            self.ctx.send(_OCO + group_id, called)

    def _exited(self, exited: ChildExited) -> None:
        group_id = exited.name.removeprefix(_OCO)
        plan = self._plans.get(group_id)
        if plan is None or not exited.kind.is_normal:
            return
        if group_id not in self._late:
            if exited.reason != GROUP_ENDED:
                self._want(plan)
        elif self._late[group_id]:
            # Heard of again while it was ending: it can't have seen everything. Look once more
            # when its room is gone.
            self._late[group_id] = 0
            self.ctx.timer_after(_LATE, LATE_AGAIN_NS, TimerFired(key=_LATE))
        else:
            del self._late[group_id]
            self._close(group_id)

    def _want_late(self) -> None:
        for group_id in self._late:
            self._want(self._plans[group_id])

    # -- going flat -----------------------------------------------------------------------

    def _flatten(self, scope: str, reason: str) -> None:
        log_event("flatten_ordered", "WARNING", scope=scope, reason=reason)
        self._flattens[scope] = reason
        self._advise(scope, reason)
        self._verify(is_due=False)

    def _want_mode(self, reason: str) -> None:
        """HALTED lets no exit leave: the authority takes the edge to FLATTENING from there."""
        if reason and self._plans:
            now_ns, by = self.ctx.now_ns(), self.ctx.name
            self.ctx.send("authority", FlattenOrdered(scope="", reason=reason, at_ns=now_ns, by=by))

    def _advise(self, scope: str, reason: str) -> None:
        for plan in self._of(scope):
            self._send_exit(plan, reason)

    def _advise_new(self, plan: TradePlan) -> None:
        """A group that opened while its scope goes flat goes flat too."""
        for scope, reason in self._flattens.items():
            if covers(scope, plan):
                self._send_exit(plan, reason)

    def _send_exit(self, plan: TradePlan, reason: str) -> None:
        advised = ExitAdvised(group_id=plan.group_id, reason=reason, at_ns=self.ctx.now_ns())
        self.ctx.send(_OCO + plan.group_id, advised)

    def _verify(self, *, is_due: bool) -> None:
        """Say which scopes are flat; ask and warn again about the others when a check is due."""
        now_ns = self.ctx.now_ns()
        for scope, reason in tuple(self._flattens.items()):
            open_plans = self._of(scope)
            verdict = FlatVerified(scope=scope, groups_open=len(open_plans), at_ns=now_ns)
            self.ctx.send("authority", verdict)
            if not open_plans:
                del self._flattens[scope]
                alert(self.ctx, "info", "flat_verified", scope or "all", f"flat: {reason}")
            elif is_due:
                groups = ", ".join(plan.group_id for plan in open_plans[:10])
                text = f"NOT FLAT: {len(open_plans)} groups open after {reason}: {groups}"
                alert(self.ctx, "critical", "not_flat", scope or "all", text)
                self._advise(scope, reason)
        if self._flattens:
            self.ctx.timer_after(_CHECK, FLAT_CHECK_NS, TimerFired(key=_CHECK))

    def _withdraw(self, cancelled: EntriesCancelled) -> None:
        for plan in self._of(cancelled.scope):
            self.ctx.send(_OCO + plan.group_id, cancelled)

    def _of(self, scope: str) -> list[TradePlan]:
        return [plan for plan in self._plans.values() if covers(scope, plan)]

    # -- the session ----------------------------------------------------------------------

    def _session(self, changed: PhaseChanged) -> None:
        if changed.trading_day != self._day:
            if self._day:  # at the start of a life the groups of today are known from the journal
                self._flattens.clear()
                self._closed.clear()
            self._day = changed.trading_day
        if changed.phase is SessionPhase.CLOSED and self._plans:
            self._flatten("", "session closed")
        for key, at_ns in (
            (_FLAT_BY, changed.flat_by_at_ns),
            (_ENTRIES_END, changed.entries_end_at_ns),
        ):
            if at_ns > 0:
                self.ctx.timer_at(key, at_ns, TimerFired(key=key))

    def _timer(self, key: str) -> None:
        match key:
            case "flat_by":
                self._flat_by()
            case "entries_end":
                reason, now_ns = "entry window is over", self.ctx.now_ns()
                self._withdraw(EntriesCancelled(scope="", reason=reason, at_ns=now_ns))
            case "check":
                self._verify(is_due=True)
            case "late":
                self._want_late()
            case "told":
                for scope, reason in self._flattens.items():
                    self._advise(scope, reason)
            case _:
                raise AssertionError(key)

    def _flat_by(self) -> None:
        if self._day not in self._flat_days:
            self._flat_days.add(self._day)
            note = RiskNoted(
                at_ns=self.ctx.now_ns(),
                event=_FLAT_DONE,
                subject=self._day,
                measured=len(self._plans),
                limit=0,
                why="flat-by time",
            )
            append(self.ctx, note)
        if self._plans:
            self._want_mode("flat-by time")
            self._flatten("", "flat-by time")
