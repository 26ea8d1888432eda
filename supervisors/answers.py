"""Answers to administration requests: to the named reader, when the thing asked for is done."""

from engine.messages.administration import ChildAdministrated, ChildCounts, ChildLine, Outcome
from supervisors.children import Child, ChildState, Office
from supervisors.reporting import shown_state
from supervisors.spec import ChildKind

ACTIVE = (ChildState.READY, ChildState.STOPPING)


def answer(
    office: Office,
    waiting: tuple[str, str],
    outcome: Outcome,
    child: Child | None = None,
    *,
    text: str = "",
    lines: tuple[ChildLine, ...] = (),
    counts: ChildCounts | None = None,
) -> None:
    """Send one answer to (request_id, reply_to)."""
    request_id, reply_to = waiting
    office.ctx.send(
        reply_to,
        ChildAdministrated(
            request_id=request_id,
            outcome=outcome,
            name=child.name if child is not None else "",
            generation=child.generation if child is not None and child.is_alive else 0,
            text=text,
            lines=lines,
            counts=counts or ChildCounts(),
        ),
    )


def answer_waiting(office: Office, child: Child, outcome: Outcome, text: str = "") -> None:
    """Answer all who wait for this child."""
    waiting, child.replies = child.replies, []
    for one in waiting:
        answer(office, one, outcome, child, text=text)


def line_of(child: Child) -> ChildLine:
    """A child as an answer shows it; the factory stays inside."""
    return ChildLine(
        name=child.name,
        generation=child.generation if child.state in ACTIVE else 0,
        state=shown_state(child),
        kind=child.spec.kind.value,
        restart=child.spec.restart.value,
        shutdown_ms=child.spec.shutdown.ms,
        is_significant=child.spec.significant,
    )


def counts_of(office: Office) -> ChildCounts:
    """Specs, active children, supervisors and workers among the specs."""
    children = office.children.values()
    supervisors = sum(child.spec.kind is ChildKind.SUPERVISOR for child in children)
    return ChildCounts(
        specs=len(children),
        active=sum(child.state in ACTIVE for child in children),
        supervisors=supervisors,
        workers=len(children) - supervisors,
    )
