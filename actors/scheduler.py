"""The in-process scheduler: IST jobs as data, on the market clock, never silently skipped.

Decides when a job's turn has come (APScheduler's cron trigger computes the instant) and records
every turn. Refuses to do the work itself: an action is a message to the room that does it. What
ran today is read from the journal, so a restart neither repeats nor forgets a turn (INV-39).

Receives Journaled, Replayed, PhaseChanged, TimerFired. Sends the actions' messages, Append (JobRan)
to "journal", AlertRaised to "alerts".
"""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from actors.journaled import JournalReader
from actors.runtime.log import log_event
from actors.telling import alert, append
from engine.messages.base import Message
from engine.messages.control import AlertRaised, FlattenOrdered, OperatorCommand
from engine.messages.records import JobRan, Record
from engine.messages.supervision import TimerFired
from engine.schedule import Job, outcome_of
from engine.session import SegmentClass, SessionTable, ist_day, midnight_ns
from engine.units import NS_PER_S

IST = ZoneInfo("Asia/Kolkata")
Action = Callable[[str, int], tuple[str, Message]]


def _reconcile(job: str, now_ns: int) -> tuple[str, Message]:
    command = OperatorCommand(
        command="reconcile",
        argument="",
        reason=f"job {job}",
        by="scheduler",
        request_id=f"job-{job}-{now_ns}",
        at_ns=now_ns,
    )
    return "reconciler", command


def _square_off(job: str, now_ns: int) -> tuple[str, Message]:
    return "custodian", FlattenOrdered(scope="", reason=f"job {job}", at_ns=now_ns)


def _say_alive(job: str, now_ns: int) -> tuple[str, Message]:
    text = "the engine is up"
    return "alerts", AlertRaised(
        severity="info", event="daily_heartbeat", subject=job, text=text, at_ns=now_ns
    )


ACTIONS: dict[str, Action] = {
    "reconcile": _reconcile,
    "square_off": _square_off,
    "say_alive": _say_alive,
}
"""Name in the configuration to the message it sends. A new action is a function and a row."""


class SchedulerBehaviour(JournalReader):
    """Behaviour `scheduler`: runs `jobs` on every day on which the segment has a session."""

    def __init__(self, jobs: tuple[Job, ...], table: SessionTable, segment: SegmentClass) -> None:
        self._jobs = {job.name: job for job in jobs}
        self._triggers = {job.name: _trigger(job) for job in jobs}
        self._table = table
        self._segment = segment
        self._ran: dict[str, str] = {}

    def receive(self, message: Message) -> None:
        if isinstance(message, TimerFired):
            self._turn(self._jobs[message.key])
        else:
            super().receive(message)

    def fold(self, record: Record) -> None:
        if isinstance(record, JobRan):
            self._ran[record.job] = record.trading_day

    def recovered(self) -> None:
        """A turn of today that was missed while the engine was down has its turn now."""
        now_ns = self.ctx.now_ns()
        for job in self._jobs.values():
            due_ns = self._next_ns(job, midnight_ns(ist_day(now_ns)) - 1)
            is_missed = due_ns < now_ns and self._ran.get(job.name) != _day(now_ns)
            if is_missed and self._table.sessions(ist_day(now_ns), self._segment):
                self._run(job, due_ns, now_ns)
            self._arrange(job, now_ns)

    def _turn(self, job: Job) -> None:
        now_ns = self.ctx.now_ns()
        has_session = bool(self._table.sessions(ist_day(now_ns), self._segment))
        if has_session and self._ran.get(job.name) != _day(now_ns):
            due_ns = self._next_ns(job, midnight_ns(ist_day(now_ns)) - 1)
            self._run(job, due_ns, now_ns)
        self._arrange(job, now_ns)

    def _run(self, job: Job, due_ns: int, now_ns: int) -> None:
        outcome = outcome_of(job, due_ns, now_ns)
        self._ran[job.name] = _day(now_ns)
        log_event("job_ran", job=job.name, outcome=outcome)
        append(
            self.ctx,
            JobRan(at_ns=now_ns, job=job.name, trading_day=_day(now_ns), outcome=outcome),
        )
        if outcome == "skipped":
            alert(self.ctx, "warning", "job_skipped", job.name, "its grace had passed")
            return
        self.ctx.send(*ACTIONS[job.action](job.name, now_ns))

    def _arrange(self, job: Job, now_ns: int) -> None:
        self.ctx.timer_at(job.name, self._next_ns(job, now_ns), TimerFired(key=job.name))

    def _next_ns(self, job: Job, after_ns: int) -> int:
        after = datetime.fromtimestamp(after_ns // NS_PER_S + 1, IST)
        due = self._triggers[job.name].get_next_fire_time(None, after)
        return int(due.timestamp()) * NS_PER_S


def _trigger(job: Job) -> CronTrigger:
    hour, _, minute = job.at.partition(":")
    return CronTrigger(hour=int(hour), minute=int(minute), second=0, timezone=IST)


def _day(now_ns: int) -> str:
    return ist_day(now_ns).isoformat()
