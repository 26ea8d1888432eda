"""How children go down: one ordered stop with its deadline, and the supervisor's own end.

Decides the stop order: exact reverse of the start order, dynamic children in parallel. A child
that does not stop in time is fenced; if its worker is stuck, the watchdog replaces the worker.
"""

from engine.messages.administration import Outcome
from engine.messages.supervision import ChildDue, Due, ExitKind, StopOrdered
from engine.units import NS_PER_MS
from supervisors.answers import answer_waiting
from supervisors.children import Child, ChildState, Office, Phase, Then


def order_stop(office: Office, child: Child, then: Then, reason: str) -> None:
    """Order a living child down; `then` says what follows (a later order replaces it)."""
    child.then = then
    if child.state is ChildState.STOPPING:
        return
    child.state = ChildState.STOPPING
    office.ctx.timer_cancel(f"start/{child.name}")
    office.report.show(child)
    room = child.room
    if room is None:
        return
    stop_ms = child.spec.shutdown.ms
    if stop_ms == 0:
        room.fence(ExitKind.KILLED, f"killed: {reason}")
        return
    room.offer(StopOrdered(reason=reason))
    if stop_ms is not None:
        due = ChildDue(what=Due.STOP, name=child.name, generation=child.generation)
        office.ctx.timer_after(f"stop/{child.name}", stop_ms * NS_PER_MS, due)


def stop_overdue(child: Child) -> None:
    """Fence a child that did not stop in time."""
    if child.state is ChildState.STOPPING and child.room is not None:
        child.room.fence(ExitKind.KILLED, f"did not stop within {child.spec.shutdown.ms} ms")


def forget(office: Office, child: Child) -> None:
    """Drop a child and its spec."""
    del office.children[child.name]
    for key in ("start", "stop", "retry", "reset"):
        office.ctx.timer_cancel(f"{key}/{child.name}")
    office.report.hide(child.name)


def begin_end(office: Office, kind: ExitKind, reason: str, trace: str = "") -> None:
    """End this supervisor: its children first. The first cause stands."""
    if office.phase is Phase.ENDING:
        return
    office.phase = Phase.ENDING
    office.ending = (kind, reason, trace)
    for child in office.children.values():
        if child.is_alive:
            office.stop_stack.append(child)
            continue
        child.state = ChildState.STOPPED
        office.ctx.timer_cancel(f"retry/{child.name}")
        answer_waiting(office, child, Outcome.ENDING)
    if office.is_dynamic:
        for child in office.stop_stack:
            order_stop(office, child, Then.END, reason)
    go_on_ending(office)


def go_on_ending(office: Office) -> None:
    """Order the next one down, or end."""
    if office.is_dynamic:
        if office.alive_count == 0:
            _finish(office)
        return
    stack = office.stop_stack
    while stack:
        child = stack[-1]
        if child.is_alive:
            order_stop(office, child, Then.END, office.ending[1])
            return
        stack.pop()
    _finish(office)


def _finish(office: Office) -> None:
    office.stop_stack.clear()
    for name in office.children:
        office.report.hide(name)
    kind, reason, trace = office.ending
    office.ctx.stop(reason, kind, trace)
