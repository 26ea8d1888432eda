"""Scheduled jobs as data: what is due, what is late, what was missed.

Decides what happens with one turn of a job. Refuses to know cron arithmetic (the scheduler actor
asks a library for the next instant) and what a job does. A turn is never skipped silently: each
ends as a `JobRan` record.
"""

from enum import Enum, unique

import msgspec

from engine.units import NS_PER_S


@unique
class Misfire(Enum):
    """What to do with a turn whose grace has passed: run it late, or skip it and say so."""

    RUN_LATE = "run_late"
    SKIP = "skip"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job of every trading day.

    `at` is "HH:MM" IST; `action` names a row of the scheduler's table; `grace_s` is how late a
    turn may begin without being a misfire.
    """

    name: str
    at: str
    action: str
    misfire: Misfire = Misfire.RUN_LATE
    grace_s: int = 60


def outcome_of(job: Job, due_ns: int, now_ns: int) -> str:
    """done, late or skipped: the outcome that a turn beginning now will be recorded with."""
    if now_ns - due_ns <= job.grace_s * NS_PER_S:
        return "done"
    return "late" if job.misfire is Misfire.RUN_LATE else "skipped"


def job_faults(job: Job, actions: frozenset[str]) -> tuple[str, ...]:
    """All that is wrong with a job's data."""
    faults = []
    hour, _, minute = job.at.partition(":")
    is_time = hour.isdecimal() and minute.isdecimal() and len(job.at) == 5
    if not (is_time and int(hour) < 24 and int(minute) < 60):
        faults.append(f"{job.name}: at {job.at!r} is not HH:MM")
    if job.action not in actions:
        faults.append(f"{job.name}: unknown action {job.action!r}")
    if not 0 <= job.grace_s <= 86_400:
        faults.append(f"{job.name}: grace_s not within a day")
    return tuple(faults)
