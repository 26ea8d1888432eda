"""What an end of a child means: restart, quarantine, escalation, or nothing more.

Decides by policy, in the order that keeps the promise: the fence and the report come before any
restart. Every exit of a living generation is taken exactly once.
"""

from actors.runtime.log import log_event
from engine.messages.administration import Outcome
from engine.messages.control import GenerationFenced
from engine.messages.supervision import ChildDue, ChildExited, Due, ExitKind, TimerFired
from engine.units import NS_PER_MS
from supervisors import policy
from supervisors.answers import answer_waiting
from supervisors.children import Child, ChildState, Office, Phase, Then
from supervisors.spec import OnIntensity, Restart
from supervisors.starting import come_back, pump
from supervisors.stopping import begin_end, forget, go_on_ending
from supervisors.subtree import end_subtree

POISON_DIGESTS_MAX = 64
NEVER_PARKED = (TimerFired.__name__,)
"""A timer is not delivered again, it is part of the code that failed; parked it would never be set
anew, and the child would live on without it. It spends the budget instead."""
ENDED_ITS_CHILDREN = (ExitKind.NORMAL, ExitKind.SHUTDOWN, ExitKind.IGNORED, ExitKind.EXCEEDED)


def took_exit(office: Office, exited: ChildExited) -> None:
    """A generation has ended; exits of generations nobody counts any more are only noted."""
    child = office.children.get(exited.name)
    if child is None or not child.is_alive or child.generation != exited.generation:
        log_event("late_exit_noted", "DEBUG", name=exited.name, generation=exited.generation)
        return
    _let_go(office, child, exited)
    if child.state is ChildState.STOPPING:
        _stopped(office, child, exited)
    elif office.phase is Phase.ENDING:
        child.state = ChildState.STOPPED
        _report_odd_stop(office, child, exited)
        go_on_ending(office)
    elif _is_doomed(office, child):
        child.then = Then.GROUP
        _stopped(office, child, exited)
    elif exited.kind is ExitKind.IGNORED and child.state is ChildState.STARTING:
        _ignored(office, child)
    elif child.is_manual:
        _failed_by_hand(office, child, exited)
    elif office.phase is Phase.BOOTING and exited.kind in policy.START_KINDS:
        office.report.failed(child, exited, "start_error", "critical")
        child.state = ChildState.STOPPED
        reason = f"child {child.name}: {exited.kind.value}: {exited.reason}"
        begin_end(office, ExitKind.START_FAILED, reason, exited.trace)
    elif policy.is_restarted(child.spec.restart, exited.kind):
        _died(office, child, exited)
    else:
        _finished(office, child, exited)


def _is_doomed(office: Office, child: Child) -> bool:
    """It was about to be stopped with its group: its own end changes nothing and costs nothing
    (what depends on a dead journal falls over by itself, and must not spend the budget)."""
    return office.restart_from is not None and office.index_of(child) >= office.restart_from


def _let_go(office: Office, child: Child, exited: ChildExited) -> None:
    room, child.room = child.room, None
    child.is_alive = False
    office.alive_count -= 1
    for key in ("start", "stop", "reset"):
        office.ctx.timer_cancel(f"{key}/{child.name}")
    if room is not None:
        office.runtime.hosts.release(child.spec.host, room.pool)
    if child.is_supervisor and exited.kind not in ENDED_ITS_CHILDREN:
        for below in end_subtree(office.runtime, child.name):
            void = GenerationFenced(
                name=below.name, generation=below.spec.generation, reason="its supervisor is gone"
            )
            for listener in office.spec.fence_listeners:
                office.ctx.send(listener, void)


def _stopped(office: Office, child: Child, exited: ChildExited) -> None:
    _report_odd_stop(office, child, exited)
    if office.phase is Phase.ENDING:
        child.state = ChildState.STOPPED
        answer_waiting(office, child, Outcome.ENDING)
        go_on_ending(office)
        return
    is_kept = child.spec.restart is not Restart.TEMPORARY and not office.is_dynamic
    match child.then:
        case Then.GROUP if child.spec.restart is not Restart.TEMPORARY:
            office.report.fenced(child, "restarted with its group")
            child.restarts += 1
            child.state = ChildState.RESTARTING
            office.report.show(child)
        case Then.HOLD if is_kept:
            child.state = ChildState.HELD
            office.report.show(child)
        case Then.RESTART | Then.REPLACE:
            office.report.fenced(child, "restarted by order")
            child.restarts += 1
            come_back(office, child)
            return
        case _:
            forget(office, child)
    answer_waiting(office, child, Outcome.OK)
    pump(office)


def _report_odd_stop(office: Office, child: Child, exited: ChildExited) -> None:
    is_killed_as_told = exited.kind is ExitKind.KILLED and child.spec.shutdown.ms == 0
    if not (exited.kind.is_normal or is_killed_as_told):
        office.report.failed(child, exited, "shutdown_error", "warning")


def _ignored(office: Office, child: Child) -> None:
    """The child is not needed: no error, no restart counted."""
    if office.is_dynamic or child.spec.restart is Restart.TEMPORARY:
        forget(office, child)
    else:
        child.state = ChildState.STOPPED
        office.report.show(child)
    child.is_manual = False
    answer_waiting(office, child, Outcome.IGNORED)
    pump(office)


def _failed_by_hand(office: Office, child: Child, exited: ChildExited) -> None:
    office.report.failed(child, exited, "start_error", "warning")
    child.is_manual = False
    if child.then is Then.FORGET:
        forget(office, child)
    else:
        child.state = ChildState.HELD
        office.report.show(child)
    answer_waiting(office, child, Outcome.FAILED, f"{exited.kind.value}: {exited.reason}")
    pump(office)


def _finished(office: Office, child: Child, exited: ChildExited) -> None:
    """It ended by itself and stays down."""
    if not exited.kind.is_normal:
        office.report.failed(child, exited, "child_terminated", "warning")
    is_over = child.spec.significant and policy.ends_supervisor(
        office.spec.auto_shutdown,
        is_significant=True,
        others=(
            other.is_alive or other.state in (ChildState.PENDING, ChildState.RESTARTING)
            for other in office.children.values()
            if other is not child and other.spec.significant
        ),
    )
    if office.is_dynamic or child.spec.restart is Restart.TEMPORARY:
        forget(office, child)
    else:
        child.state = ChildState.STOPPED
        office.report.show(child)
    if is_over:
        begin_end(office, ExitKind.SHUTDOWN, f"auto shutdown: {child.name} ended")
    else:
        pump(office)


def _died(office: Office, child: Child, exited: ChildExited) -> None:
    """It ended and is to come back, if the budget allows."""
    spec = office.spec
    context = "child_terminated" if child.was_ready else "start_error"
    office.report.failed(child, exited, context, "warning")
    may_park = exited.message_type not in NEVER_PARKED
    if may_park and policy.poison_counted(child.poison_seen, exited.poison, POISON_DIGESTS_MAX):
        child.parked |= {exited.poison}
        text = f"a {exited.message_type} killed two generations; it is parked"
        office.report.alert("critical", "message_parked", child.name, text)
    child.restarts += 1
    child.failures += 1
    is_own = child.spec.on_intensity is OnIntensity.QUARANTINE
    window = child.window if is_own else office.window
    is_spent = window.spend(office.ctx.mono_ns(), spec.restarts_max, spec.window_ms)
    now_ns = office.ctx.now_ns()
    is_day_spent = office.ledger is not None and office.ledger.note(
        child.name, exited.kind.value, now_ns
    )
    if is_own and (is_spent or is_day_spent):
        _quarantine(office, child, "day's restarts spent" if is_day_spent else "budget spent")
    elif is_spent:
        reason = f"intensity exceeded: child {child.name}: {exited.kind.value}: {exited.reason}"
        child.state = ChildState.STOPPED
        office.report.alert("critical", "supervisor_escalated", office.ctx.name, reason[:400])
        begin_end(office, ExitKind.EXCEEDED, reason, exited.trace)
    else:
        _schedule(office, child)


def _quarantine(office: Office, child: Child, why: str) -> None:
    """It stays down until an operator wants it back; the others go on."""
    child.state = ChildState.QUARANTINED
    office.report.show(child)
    office.report.alert("critical", "actor_quarantined", child.name, why)
    log_event("actor_quarantined", "ERROR", name=child.name, why=why)
    pump(office)


def _schedule(office: Office, child: Child) -> None:
    ctx = office.ctx
    child.state = ChildState.RESTARTING
    wait_ms = policy.delay_ms(office.spec.backoff, child.failures, office.rng)
    if office.spec.strategy.is_group:
        first = policy.group_from(office.spec.strategy, office.index_of(child))
        office.restart_from = (
            first if office.restart_from is None else min(first, office.restart_from)
        )
        if wait_ms:
            office.is_waiting = True
            office.retry_count += 1
            due = ChildDue(what=Due.RETRY, name="", generation=0, count=office.retry_count)
            ctx.timer_after("retry", wait_ms * NS_PER_MS, due)
        pump(office)
    elif wait_ms:
        due = ChildDue(what=Due.RETRY, name=child.name, generation=child.generation)
        ctx.timer_after(f"retry/{child.name}", wait_ms * NS_PER_MS, due)
    else:
        come_back(office, child)
        return
    if child.state is ChildState.RESTARTING:
        office.report.show(child)


def retry_due(office: Office, due: ChildDue) -> None:
    """A delay is over; notes about children that moved on are stale."""
    if not due.name:
        if office.is_waiting and due.count == office.retry_count:
            office.is_waiting = False
            pump(office)
        return
    child = office.children.get(due.name)
    if (
        child is not None
        and child.state is ChildState.RESTARTING
        and child.generation == due.generation
    ):
        come_back(office, child)


def reset_due(child: Child, failures_seen: int) -> None:
    """Healthy for long enough: the next failure is a first one again."""
    if policy.is_reset_valid(failures_seen, child.failures):
        child.failures = 0
