"""Orders from other rooms and from operators: wanted, unwanted, restart.

Decides what each order means in each state of a child. Idempotent, and never answered: the
outcome is seen on the board and in the messages of the child itself.
"""

from actors.runtime.log import log_event
from engine.messages.administration import Outcome
from engine.messages.supervision import ChildUnwanted, ChildWanted, RestartWanted
from supervisors import policy
from supervisors.answers import answer_waiting
from supervisors.children import Child, ChildState, Office, Phase, Then
from supervisors.starting import come_back, pump
from supervisors.stopping import forget, order_stop


def want(office: Office, order: ChildWanted) -> None:
    """Start a dynamic child. A failing first start is retried as any failure is: nobody waits
    for an answer, and a group of orders must not be lost to one slow database."""
    name = office.name_of(order.child_id)
    child = office.children.get(name)
    template = office.spec.template
    if office.phase is Phase.ENDING or template is None:
        _refuse(office, name, "ending" if template is not None else "no template")
    elif child is not None:
        if child.state is ChildState.STOPPING and child.then in (Then.FORGET, Then.REPLACE):
            child.then = Then.REPLACE
            child.argument = order.argument
    elif len(office.children) >= office.spec.children_max:
        _refuse(office, name, "children_max")
    else:
        office.children[name] = child = Child(template, name, order.argument)
        come_back(office, child)


def unwant(office: Office, order: ChildUnwanted) -> None:
    """Stop a child and forget it."""
    child = office.children.get(office.name_of(order.child_id))
    if child is None or office.phase is Phase.ENDING:
        return
    if child.is_alive:
        order_stop(office, child, Then.FORGET, "unwanted")
    else:
        answer_waiting(office, child, Outcome.REFUSED, "unwanted")
        forget(office, child)
        pump(office)


def want_restart(office: Office, order: RestartWanted) -> None:
    """Restart for an operator: authority falls first, own budget starts anew, and it is no part
    of the supervisor's budget (a person is not a failure loop)."""
    child = office.children.get(office.name_of(order.child_id))
    if child is None or office.phase is Phase.ENDING:
        _refuse(office, order.child_id, "ending" if child is not None else "not found")
        return
    log_event("restart_ordered", name=child.name, reason=order.reason)
    child.window.clear()
    child.failures = 0
    office.report.fenced(child, f"restart ordered: {order.reason}")
    if child.is_alive and not office.spec.strategy.is_group:
        order_stop(office, child, Then.RESTART, order.reason)
    elif child.is_alive:
        first = policy.group_from(office.spec.strategy, office.index_of(child))
        office.restart_from = (
            first if office.restart_from is None else min(first, office.restart_from)
        )
        pump(office)
    elif child.state is ChildState.RESTARTING and office.spec.strategy.is_group:
        office.is_waiting = False
        pump(office)
    else:
        child.restarts += 1
        child.is_manual = child.state is not ChildState.RESTARTING
        child.then = Then.HOLD
        office.ctx.timer_cancel(f"retry/{child.name}")
        come_back(office, child)


def _refuse(office: Office, name: str, why: str) -> None:
    log_event("child_order_refused", "WARNING", supervisor=office.ctx.name, name=name, why=why)
    office.report.alert("warning", "child_order_refused", name, why)
