"""The supervisor: one behaviour that starts, watches, restarts and stops its children.

Decides nothing itself: it is the table of what each message leads to. Hosted like every actor, so
it runs pooled and seeded alike. READY once all its children are. Never blocks, never asks.

Differs from OTP on purpose: a spent budget is its own abnormal end (EXCEEDED), so that a transient
sub-supervisor is restarted by its parent; a child stopped by an operator stays down in group
restarts (HELD); QUARANTINE children have budgets of their own; restarts after the first of a row
back off; a child wanted by message is retried like any other if its first start fails.
"""

import random
from collections.abc import Callable

from actors.runtime.behaviour import Behaviour, Context, Opening
from actors.runtime.log import log_event
from actors.runtime.runtime import HostKind, Runtime
from engine.errors import ConfigInvalid
from engine.messages.administration import ChildAdministered
from engine.messages.base import Message
from engine.messages.supervision import (
    ChildDue,
    ChildExited,
    ChildReady,
    ChildUnwanted,
    ChildWanted,
    Due,
    ExitKind,
    RestartWanted,
    StopOrdered,
)
from supervisors.administering import SpecBrought, administer, take_spec
from supervisors.children import Child, Office, Phase, RestartLedger
from supervisors.failing import reset_due, retry_due, took_exit
from supervisors.faults import faults
from supervisors.ordering import unwant, want, want_restart
from supervisors.reporting import Reporter
from supervisors.spec import ChildKind, ChildSpec, Factory, SupervisorSpec
from supervisors.starting import pump, start_overdue, took_ready
from supervisors.stopping import begin_end, stop_overdue

CONTROL_POOL = "control"


class Supervisor(Behaviour):
    """Supervises the children of one spec.

    Args:
        runtime: starts rooms; its board gets the children's rows.
        rng: jitter of the back-off, seeded by the caller.
        ledger: restarts of the day, if they are kept beyond the process.

    Raises:
        ConfigInvalid: from `open`, all faults of the spec at once; nothing was started.
    """

    handles_stop = True

    def __init__(
        self,
        runtime: Runtime,
        spec: SupervisorSpec,
        *,
        rng: random.Random,
        ledger: RestartLedger | None = None,
    ) -> None:
        self._office = Office(runtime, spec, rng, ledger)

    def open(self, ctx: Context) -> Opening:
        super().open(ctx)
        office = self._office
        wrong = faults(office.spec)
        if wrong:
            raise ConfigInvalid(wrong)
        office.ctx = ctx
        office.report = Reporter(office)
        if not office.spec.children:
            office.phase = Phase.RUNNING
            return Opening.READY
        for spec in office.spec.children:
            office.children[spec.id] = child = Child(spec, spec.id)
            office.report.show(child)
        pump(office)
        return Opening.DEFERRED

    def receive(self, message: Message) -> None:
        office = self._office
        match message:
            case ChildReady():
                took_ready(office, message)
            case ChildExited():
                took_exit(office, message)
            case ChildDue():
                self._due(message)
            case ChildWanted():
                want(office, message)
            case ChildUnwanted():
                unwant(office, message)
            case RestartWanted():
                want_restart(office, message)
            case StopOrdered():
                begin_end(office, ExitKind.SHUTDOWN, message.reason)
            case ChildAdministered():
                administer(office, message)
            case SpecBrought():
                take_spec(office, message)
            case _:
                log_event(
                    "unexpected_message_ignored",
                    "WARNING",
                    supervisor=self.ctx.name,
                    kind=type(message).__name__,
                )

    def close(self, reason: str) -> None:
        """After an end out of order: nothing below may outlive this generation. A newer
        generation's rooms are left alone (this may run late, on a worker that was stuck)."""
        office = self._office
        if office.alive_count == 0:
            return
        runtime, ctx = office.runtime, office.ctx
        rooms = runtime.directory.below(ctx.name)
        if runtime.directory.generation(ctx.name) <= ctx.generation:
            for room in reversed(rooms):
                room.fence(ExitKind.KILLED, f"its supervisor ended: {reason}")
                runtime.hosts.release(HostKind.THREAD, room.pool)
        for child in office.children.values():
            if child.room is not None:
                child.room.fence(ExitKind.KILLED, f"its supervisor ended: {reason}")

    def _due(self, due: ChildDue) -> None:
        if due.what is Due.RETRY:
            retry_due(self._office, due)
            return
        child = self._office.children.get(due.name)
        if child is None or child.generation != due.generation:
            return
        if due.what is Due.START:
            start_overdue(child)
        elif due.what is Due.STOP:
            stop_overdue(child)
        else:
            reset_due(child, due.count)


def supervising(
    runtime: Runtime,
    spec: SupervisorSpec,
    rng: random.Random,
    ledger: RestartLedger | None = None,
) -> Callable[[Message | None], Behaviour]:
    """A factory of supervisors, for `ChildSpec.factory`."""
    return lambda _: Supervisor(runtime, spec, rng=rng, ledger=ledger)


def supervisor_child(name: str, factory: Factory, pool: str = CONTROL_POOL) -> ChildSpec:
    """The spec of a sub-supervisor with the usual values: permanent, INFINITY, on its pool."""
    return ChildSpec(id=name, factory=factory, kind=ChildKind.SUPERVISOR, pool=pool)
