"""The administration of a supervisor in OTP's sense: add, start, terminate, restart, delete, ask.

Decides the outcome of each request in each state. Answers go to a named reader when the thing is
done. A dynamic child's reference is (id, generation), as OTP's is its pid.
"""

from typing import assert_never

from engine.messages.administration import Admin, Administration, ChildAdministered, Outcome
from supervisors.answers import answer, answer_waiting, counts_of, line_of
from supervisors.children import Child, ChildState, Office, Phase, Then
from supervisors.faults import child_faults, faults
from supervisors.spec import ChildSpec, Restart, SupervisorSpec
from supervisors.starting import come_back, pump
from supervisors.stopping import forget, order_stop


class SpecBrought(Administration, frozen=True, kw_only=True):
    """A new static child (ChildSpec) or changed flags (SupervisorSpec). Holds factories, so it
    lives here and not with the messages that may cross a process border."""

    spec: object


def take_spec(office: Office, request: SpecBrought) -> None:
    """Add a child or change the flags."""
    waiting = (request.request_id, request.reply_to)
    if office.phase is Phase.ENDING:
        answer(office, waiting, Outcome.ENDING)
    elif isinstance(request.spec, SupervisorSpec):
        _change(office, request.spec, waiting)
    else:
        _add(office, request.spec, waiting)


def administer(office: Office, request: ChildAdministered) -> None:
    """Carry out one request."""
    waiting = (request.request_id, request.reply_to)
    if office.phase is Phase.ENDING:
        answer(office, waiting, Outcome.ENDING)
        return
    match request.action:
        case Admin.START:
            _start(office, request, waiting)
        case Admin.TERMINATE:
            _terminate(office, request, waiting)
        case Admin.RESTART:
            _restart(office, request, waiting)
        case Admin.DELETE:
            _delete(office, request, waiting)
        case Admin.LIST | Admin.COUNT | Admin.SPEC:
            _tell(office, request, waiting)
        case _:
            assert_never(request.action)


def _tell(office: Office, request: ChildAdministered, waiting: tuple[str, str]) -> None:
    if request.action is Admin.COUNT:
        answer(office, waiting, Outcome.OK, counts=counts_of(office))
        return
    if request.action is Admin.LIST:
        lines = tuple(line_of(child) for child in office.children.values())
        answer(office, waiting, Outcome.OK, lines=lines)
        return
    child = _referred(office, request)
    lines = (line_of(child),) if child is not None else ()
    answer(office, waiting, Outcome.OK if lines else Outcome.NOT_FOUND, child, lines=lines)


def _referred(office: Office, request: ChildAdministered) -> Child | None:
    child = office.children.get(office.name_of(request.child_id))
    if child is not None and request.generation not in (0, child.generation):
        return None
    return child


def _presence(child: Child) -> Outcome:
    """Why a name cannot be started once more."""
    is_loop = child.failures > 0 and child.state is not ChildState.READY
    return Outcome.ALREADY_STARTED if child.is_alive and not is_loop else Outcome.ALREADY_PRESENT


def _business(child: Child) -> Outcome | None:
    """What stands against a restart or a deletion by hand; None if nothing does."""
    if child.state in (ChildState.RESTARTING, ChildState.PENDING):
        return Outcome.RESTARTING
    if child.state is ChildState.STARTING and child.failures:
        return Outcome.RESTARTING
    return Outcome.RUNNING if child.is_alive else None


def _add(office: Office, spec: object, waiting: tuple[str, str]) -> None:
    wrong = child_faults(spec, office.spec.auto_shutdown)
    if office.is_dynamic:
        answer(office, waiting, Outcome.UNSUPPORTED)
    elif wrong or not isinstance(spec, ChildSpec):
        answer(office, waiting, Outcome.REFUSED, text="; ".join(wrong))
    elif (present := office.children.get(spec.id)) is not None:
        answer(office, waiting, _presence(present), present)
    elif len(office.children) >= office.spec.children_max:
        answer(office, waiting, Outcome.MAX_CHILDREN)
    else:
        _start_by_hand(office, Child(spec, spec.id), waiting)


def _start(office: Office, request: ChildAdministered, waiting: tuple[str, str]) -> None:
    template = office.spec.template
    name = office.name_of(request.child_id)
    present = office.children.get(name)
    if present is not None:
        answer(office, waiting, _presence(present), present)
    elif template is None:
        answer(office, waiting, Outcome.NOT_FOUND)
    elif len(office.children) >= office.spec.children_max:
        answer(office, waiting, Outcome.MAX_CHILDREN)
    else:
        _start_by_hand(office, Child(template, name, request.argument), waiting)


def _start_by_hand(office: Office, child: Child, waiting: tuple[str, str]) -> None:
    child.is_manual = True
    child.then = Then.FORGET
    child.replies.append(waiting)
    office.children[child.name] = child
    come_back(office, child)


def _terminate(office: Office, request: ChildAdministered, waiting: tuple[str, str]) -> None:
    child = office.children.get(office.name_of(request.child_id))
    if office.is_dynamic and not request.generation:
        answer(office, waiting, Outcome.UNSUPPORTED)
    elif office.is_dynamic and (child is None or child.generation != request.generation):
        is_past = request.generation <= office.runtime.directory.generation(
            office.name_of(request.child_id)
        )
        is_ours = not office.runtime.directory.is_live(request.child_id)
        answer(office, waiting, Outcome.OK if is_past and is_ours else Outcome.NOT_FOUND)
    elif child is None or (request.generation and not office.is_dynamic):
        answer(office, waiting, Outcome.NOT_FOUND)
    elif child.is_alive:
        answer_waiting(office, child, Outcome.REFUSED, "terminated meanwhile")
        child.replies.append(waiting)
        order_stop(office, child, Then.HOLD, "terminated by administration")
    else:
        _hold(office, child)
        answer(office, waiting, Outcome.OK, child)
        office.is_waiting = False
        pump(office)


def _hold(office: Office, child: Child) -> None:
    office.ctx.timer_cancel(f"retry/{child.name}")
    if office.is_dynamic or child.spec.restart is Restart.TEMPORARY:
        forget(office, child)
    elif child.state is not ChildState.QUARANTINED:
        child.state = ChildState.HELD
        office.report.show(child)


def _restart(office: Office, request: ChildAdministered, waiting: tuple[str, str]) -> None:
    child = office.children.get(office.name_of(request.child_id))
    if office.is_dynamic:
        answer(office, waiting, Outcome.UNSUPPORTED)
    elif child is None:
        answer(office, waiting, Outcome.NOT_FOUND)
    elif (against := _business(child)) is not None:
        answer(office, waiting, against, child)
    else:
        child.is_manual = True
        child.then = Then.HOLD
        child.failures = 0
        child.window.clear()
        child.replies.append(waiting)
        come_back(office, child)


def _delete(office: Office, request: ChildAdministered, waiting: tuple[str, str]) -> None:
    child = office.children.get(office.name_of(request.child_id))
    if office.is_dynamic:
        answer(office, waiting, Outcome.UNSUPPORTED)
    elif child is None:
        answer(office, waiting, Outcome.NOT_FOUND)
    elif (against := _business(child)) is not None:
        answer(office, waiting, against, child)
    else:
        forget(office, child)
        answer(office, waiting, Outcome.OK)


def _change(office: Office, spec: SupervisorSpec, waiting: tuple[str, str]) -> None:
    """Replace flags and known specs in place. New specs are listed, not started; missing ones
    stay. A faulty spec, or static made dynamic, changes nothing."""
    wrong = faults(spec)
    if wrong:
        answer(office, waiting, Outcome.REFUSED, text="; ".join(wrong))
        return
    old = office.spec.template
    is_same_template = (old is None) == (spec.template is None) and (
        old is None or spec.template is None or old.id == spec.template.id
    )
    if not is_same_template:
        answer(office, waiting, Outcome.REFUSED, text="template: cannot come, go or be renamed")
        return
    office.spec = spec
    if spec.template is not None:
        for child in office.children.values():
            child.spec = spec.template
    for child_spec in spec.children:
        known = office.children.get(child_spec.id)
        if known is not None:
            known.spec = child_spec
            continue
        office.children[child_spec.id] = added = Child(child_spec, child_spec.id)
        added.state = ChildState.STOPPED
        office.report.show(added)
    answer(office, waiting, Outcome.OK)
