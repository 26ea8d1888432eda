"""What a supervisor says of a failure: first the fence, then the record, the alert, the log line.

Decides the order and the size of reports and strikes out secrets. Refuses to decide restarts.
A journal that is itself down gets the records when the next child is ready.
"""

import re
from collections import deque

from actors.runtime.board import ChildRow
from actors.runtime.log import log_event
from engine.messages.base import Message
from engine.messages.control import AlertRaised, Ceiling, CeilingMoved, GenerationFenced
from engine.messages.journal import Append
from engine.messages.records import ActorFailed, RiskNoted
from engine.messages.supervision import ChildExited
from engine.messages.values import Authority
from supervisors.children import Child, ChildState, Office

REASON_CHARS_MAX = 400
TRACE_CHARS_MAX = 1_500
UNRECORDED_MAX = 200

_SECRET = re.compile(
    r"(?i)(token|secret|password|passwd|api_key|apikey|checksum|authorization|enctoken|dsn)"
    r"(['\"]?\s*[=:]\s*['\"]?)(?:(?:token|bearer|basic)\s+)?[^\s'\",;&)}]+"
)
_DSN = re.compile(r"(://[^/\s:@]*):[^@\s]+@")


def redacted(text: str, chars_max: int) -> str:
    """The text without what looks like a secret, cut to a bound."""
    clean = _DSN.sub(r"\1:***@", _SECRET.sub(r"\1\2***", text))
    return clean if len(clean) <= chars_max else clean[: chars_max - 3] + "..."


class Reporter:
    """Reports of one supervisor."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._unrecorded: deque[ActorFailed | RiskNoted] = deque(maxlen=UNRECORDED_MAX)

    def fenced(self, child: Child, reason: str) -> None:
        """Lower the authority of a generation before anything else happens to its name."""
        office, ctx = self._office, self._office.ctx
        fence = GenerationFenced(name=child.name, generation=child.generation, reason=reason)
        for listener in office.spec.fence_listeners:
            self._send(listener, fence)
        if office.spec.authority and child.spec.authority_on_restart < Authority.FULL:
            ceiling = Ceiling(
                owner=ctx.name,
                scope=f"actor:{child.name}",
                authority=child.spec.authority_on_restart,
                reason=reason,
            )
            self._send(office.spec.authority, CeilingMoved(ceiling=ceiling, at_ns=ctx.now_ns()))

    def failed(self, child: Child, exited: ChildExited, context: str, severity: str) -> None:
        """Tell of one unexpected end, once: fence, record, alert, log line."""
        reason = redacted(exited.reason, REASON_CHARS_MAX)
        self.fenced(child, f"{exited.kind.value}: {reason}")
        self._record(
            ActorFailed(
                at_ns=self._office.ctx.now_ns(),
                name=child.name,
                generation=exited.generation,
                kind=exited.kind.value,
                reason=reason,
            )
        )
        self.alert(severity, "actor_failed", child.name, f"{exited.kind.value}: {reason}")
        log_event(
            "actor_failed",
            "ERROR",
            supervisor=self._office.ctx.name,
            context=context,
            name=child.name,
            generation=exited.generation,
            kind=exited.kind.value,
            reason=reason,
            message_type=exited.message_type,
            restart=child.spec.restart.value,
            shutdown_ms=child.spec.shutdown.ms,
            type=child.spec.kind.value,
            trace=redacted(exited.trace, TRACE_CHARS_MAX),
        )

    def alert(self, severity: str, event: str, subject: str, text: str) -> None:
        """Something a person should know."""
        office = self._office
        if office.spec.alerts:
            raised = AlertRaised(
                severity=severity,
                event=event,
                subject=subject,
                text=text,
                at_ns=office.ctx.now_ns(),
            )
            self._send(office.spec.alerts, raised)

    def record_waiting(self) -> None:
        """Hand the journal what it missed, if it is there again."""
        journal = self._office.spec.journal
        if not self._unrecorded or not self._office.runtime.directory.is_live(journal):
            return
        records = tuple(self._unrecorded)
        self._unrecorded.clear()
        ctx = self._office.ctx
        self._send(
            journal, Append(records=records, sender=ctx.name, sender_generation=ctx.generation)
        )

    def show(self, child: Child) -> None:
        """Write the child's row on the board."""
        if not self._is_current():
            return
        self._office.runtime.board.put(
            ChildRow(
                name=child.name,
                supervisor=self._office.ctx.name,
                kind=child.spec.kind.value,
                host=child.spec.host.value,
                state=shown_state(child),
                generation=child.generation,
                restarts=child.restarts,
            )
        )

    def hide(self, name: str) -> None:
        """Take a child's row off the board."""
        if self._is_current():
            self._office.runtime.board.remove(name)

    def _is_current(self) -> bool:
        """Whether the board is ours still: a void generation would hide its successor's rows."""
        ctx = self._office.ctx
        return self._office.runtime.directory.is_current(ctx.name, ctx.generation)

    def _record(self, record: ActorFailed) -> None:
        if self._office.spec.journal:
            self._unrecorded.append(record)
            self.record_waiting()

    def _send(self, target: str, message: Message) -> None:
        self._office.ctx.send(target, message)


def shown_state(child: Child) -> str:
    """The state in the board's words."""
    match child.state:
        case ChildState.PENDING | ChildState.STARTING:
            return "restarting" if child.failures else "starting"
        case ChildState.STOPPING:
            return "ready" if child.was_ready else "starting"
        case _:
            return str(child.state.value)
