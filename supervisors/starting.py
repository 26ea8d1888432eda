"""How children come up: one start, its READY, its deadline, and whose turn is next.

Decides the start order. A child has started when it said READY(generation), never earlier.
"""

from actors.runtime.log import log_event
from actors.runtime.roomspec import RoomSpec
from engine.messages.administration import Outcome
from engine.messages.supervision import ChildDue, ChildExited, ChildReady, Due, ExitKind
from engine.units import NS_PER_MS
from supervisors.answers import answer_waiting
from supervisors.children import DOWN_BY_ORDER, Child, ChildState, Office, Phase, Then, maker_of
from supervisors.spec import Restart
from supervisors.stopping import go_on_ending, order_stop


def come_back(office: Office, child: Child) -> None:
    """Start a child now, or when its turn comes."""
    child.state = ChildState.PENDING
    if office.is_sequential:
        pump(office)
    else:
        start(office, child)


def pump(office: Office) -> None:
    """Do the next thing of an ordered start or group restart; safe to call at any time."""
    if office.phase is Phase.ENDING:
        go_on_ending(office)
        return
    if office.restart_from is not None and not _is_group_down(office, office.restart_from):
        return
    if not office.is_sequential:
        return
    for child in office.children.values():
        if child.state in (ChildState.STARTING, ChildState.RESTARTING):
            return
        if child.state is ChildState.PENDING:
            start(office, child)
            return
    if office.phase is Phase.BOOTING:
        office.phase = Phase.RUNNING
        office.ctx.ready()


def _is_group_down(office: Office, first: int) -> bool:
    """Stop the group in reverse order; True once all are down and may come up."""
    group = list(office.group(first))
    for child in reversed(group):
        if child.is_alive:
            if child.state is not ChildState.STOPPING:
                order_stop(office, child, Then.GROUP, "restarted with its group")
            return False
    if office.is_waiting:
        return False
    office.restart_from = None
    for child in group:
        if child.state not in DOWN_BY_ORDER:
            child.state = ChildState.PENDING
    return True


def start(office: Office, child: Child) -> None:
    """Start the next generation; its READY or its end arrives as a message."""
    ctx, runtime, spec = office.ctx, office.runtime, child.spec
    child.generation = runtime.directory.next_generation(child.name)
    child.state = ChildState.STARTING
    child.is_alive = True
    child.was_ready = False
    office.alive_count += 1
    if spec.start_timeout_ms:
        due = ChildDue(what=Due.START, name=child.name, generation=child.generation)
        ctx.timer_after(f"start/{child.name}", spec.start_timeout_ms * NS_PER_MS, due)
    room = RoomSpec(
        name=child.name,
        generation=child.generation,
        supervisor=ctx.name,
        supervisor_generation=ctx.generation,
        factory=maker_of(child),
        inbox_max=spec.inbox_max,
        conflate_after=spec.conflate_after,
        busy_ms_max=spec.busy_ms_max,
        poison=child.parked,
    )
    if spec.restart is Restart.TEMPORARY:
        child.argument = None
    try:
        child.room = runtime.start(room, spec.host, spec.pool)
    except (RuntimeError, OSError, LookupError, ValueError) as error:
        exited = ChildExited(
            name=child.name,
            generation=child.generation,
            kind=ExitKind.START_FAILED,
            reason=f"{type(error).__name__}: {error}",
        )
        runtime.directory.notify(ctx.name, exited)
    office.report.show(child)


def took_ready(office: Office, ready: ChildReady) -> None:
    """A child serves its data lane; late words of given-up generations are nothing."""
    child = office.children.get(ready.name)
    if (
        child is None
        or child.generation != ready.generation
        or child.state is not ChildState.STARTING
    ):
        return
    child.state = ChildState.READY
    child.was_ready = True
    child.is_manual = False
    ctx = office.ctx
    ctx.timer_cancel(f"start/{child.name}")
    if child.failures:
        due = ChildDue(
            what=Due.RESET, name=child.name, generation=child.generation, count=child.failures
        )
        reset_ns = office.spec.backoff.reset_after_ms * NS_PER_MS
        ctx.timer_after(f"reset/{child.name}", reset_ns, due)
    office.report.show(child)
    if child.restarts:
        log_event("actor_restarted", name=child.name, generation=child.generation)
    if child.replies:
        answer_waiting(office, child, Outcome.OK)
    office.report.record_waiting()
    if office.is_sequential:
        pump(office)


def start_overdue(child: Child) -> None:
    """Give up on a generation that did not say READY in time."""
    if child.state is ChildState.STARTING and child.room is not None:
        waited_ms = child.spec.start_timeout_ms
        child.room.fence(ExitKind.START_TIMEOUT, f"not ready within {waited_ms} ms")
