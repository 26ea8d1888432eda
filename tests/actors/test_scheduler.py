"""Jobs: once a day, late or skipped by policy, never silently."""

import pytest

from actors.scheduler import ACTIONS, SchedulerBehaviour
from engine.messages.control import AlertRaised, OperatorCommand
from engine.messages.journal import Append, Replayed
from engine.messages.records import JobRan, Record
from engine.messages.supervision import TimerFired
from engine.schedule import Job, Misfire
from engine.session import SegmentClass, ns_from_ist
from supervisors.config import JOB_ACTIONS
from supervisors.tables import load_sessions
from tests.fakes import FakeContext

CLOSING = Job(name="closing", at="15:35", action="reconcile")
MORNING = Job(name="morning", at="09:00", action="say_alive", misfire=Misfire.SKIP)


def _scheduler(at: str, *records: Record) -> tuple[SchedulerBehaviour, FakeContext]:
    ctx = FakeContext(name="scheduler", now_ns=ns_from_ist(at))
    scheduler = SchedulerBehaviour((CLOSING, MORNING), load_sessions(), SegmentClass.INDEX)
    scheduler.open(ctx)
    scheduler.receive(Replayed(reader_generation=ctx.generation, records=records, seq=len(records)))
    return scheduler, ctx


def _ran(ctx: FakeContext) -> list[JobRan]:
    appends = [message for _, message in ctx.sent if isinstance(message, Append)]
    return [r for append in appends for r in append.records if isinstance(r, JobRan)]


def test_when_actions_are_configured_then_each_has_a_row() -> None:
    assert set(ACTIONS) == JOB_ACTIONS


def test_when_the_time_comes_then_the_job_runs_once() -> None:
    scheduler, ctx = _scheduler("2024-01-02 15:34:00")
    ctx.sent.clear()
    ctx._now_ns = ns_from_ist("2024-01-02 15:35:00")
    for _ in range(2):
        scheduler.receive(TimerFired(key="closing"))
    assert [record.outcome for record in _ran(ctx)] == ["done"]
    assert sum(isinstance(message, OperatorCommand) for _, message in ctx.sent) == 1


def test_when_the_engine_was_down_at_the_time_then_policy_decides() -> None:
    _, ctx = _scheduler("2024-01-02 16:10:00")
    assert {record.job: record.outcome for record in _ran(ctx)} == {
        "closing": "late",
        "morning": "skipped",
    }
    assert any(isinstance(m, AlertRaised) and m.event == "job_skipped" for _, m in ctx.sent)


def test_when_it_ran_before_the_restart_then_it_is_not_run_again() -> None:
    done = JobRan(
        at_ns=ns_from_ist("2024-01-02 15:35:00"),
        job="closing",
        trading_day="2024-01-02",
        outcome="done",
    )
    _, ctx = _scheduler("2024-01-02 15:40:00", done)
    assert "closing" not in {record.job for record in _ran(ctx)}


@pytest.mark.parametrize("day", ["2024-01-26", "2024-01-21"])
def test_when_there_is_no_session_then_nothing_runs(day: str) -> None:
    scheduler, ctx = _scheduler(f"{day} 15:35:00")
    scheduler.receive(TimerFired(key="closing"))
    assert _ran(ctx) == []
