"""The pure check of supervisor specs: every bad field at once, by name, nothing started.

Decides what a supervisor may be told. Stands alone so that `pahara check` and the tests can judge a
tree without running it. Types are checked too, because specs may come from configuration.
"""

from collections import Counter
from collections.abc import Iterator

from actors.runtime.runtime import HostKind
from actors.runtime.target import ProcessTarget
from engine.messages.values import Authority
from supervisors.spec import (
    AutoShutdown,
    Backoff,
    ChildKind,
    ChildSpec,
    OnIntensity,
    Restart,
    Shutdown,
    Strategy,
    SupervisorSpec,
)

MS_MAX = 7 * 24 * 3_600 * 1_000
COUNT_MAX = 1_000_000


def faults(spec: SupervisorSpec) -> tuple[str, ...]:
    """All faults of a supervisor's spec, one line each beginning with the field; () if none."""
    return tuple(_supervisor_faults(spec))


def child_faults(child: object, auto_shutdown: AutoShutdown) -> tuple[str, ...]:
    """All faults of one child, as it would stand under a supervisor with `auto_shutdown`."""
    return tuple(_child_faults(child, auto_shutdown))


def _supervisor_faults(spec: SupervisorSpec) -> Iterator[str]:
    if not isinstance(spec, SupervisorSpec):
        yield f"spec: not a SupervisorSpec: {type(spec).__name__}"
        return
    yield from _is_one_of("strategy", spec.strategy, Strategy)
    yield from _is_int("restarts_max", spec.restarts_max, 0, COUNT_MAX)
    yield from _is_int("window_ms", spec.window_ms, 1, MS_MAX)
    yield from _is_int("children_max", spec.children_max, 1, COUNT_MAX)
    yield from _is_one_of("auto_shutdown", spec.auto_shutdown, AutoShutdown)
    yield from _backoff_faults(spec.backoff)
    names = spec.fence_listeners
    if not (isinstance(names, tuple) and all(isinstance(n, str) and n for n in names)):
        yield "fence_listeners: not a tuple of names"
    for field in ("authority", "journal", "alerts"):
        if not isinstance(getattr(spec, field), str):
            yield f"{field}: not a name"
    yield from _children_faults(spec)


def _children_faults(spec: SupervisorSpec) -> Iterator[str]:
    if not isinstance(spec.children, tuple):
        yield "children: not a tuple"
        return
    is_dynamic = spec.strategy is Strategy.DYNAMIC
    if is_dynamic and (spec.children or spec.template is None):
        yield "template: a dynamic supervisor has exactly one template and no children"
    if not is_dynamic and spec.template is not None:
        yield "template: only a dynamic supervisor has one"
    if not is_dynamic and isinstance(spec.children_max, int):  # noqa: SIM102 reads as a rule
        if len(spec.children) > spec.children_max:
            yield f"children: {len(spec.children)} are more than children_max"
    for child in (*spec.children, *((spec.template,) if spec.template is not None else ())):
        yield from _child_faults(child, spec.auto_shutdown)
    ids = Counter(child.id for child in spec.children if isinstance(child, ChildSpec))
    for child_id, count in ids.items():
        if count > 1:
            yield f"id: {child_id!r} is used {count} times"


def _child_faults(child: object, auto_shutdown: AutoShutdown) -> Iterator[str]:
    if not isinstance(child, ChildSpec):
        yield f"child: not a ChildSpec: {type(child).__name__}"
        return
    at = f"child {child.id!r} "
    if not (isinstance(child.id, str) and child.id and child.id.isprintable()):
        yield f"{at}id: not a name"
    yield from _factory_faults(at, child)
    yield from _is_one_of(f"{at}restart", child.restart, Restart)
    yield from _is_one_of(f"{at}kind", child.kind, ChildKind)
    yield from _is_one_of(f"{at}host", child.host, HostKind)
    yield from _is_one_of(f"{at}authority_on_restart", child.authority_on_restart, Authority)
    yield from _is_one_of(f"{at}on_intensity", child.on_intensity, OnIntensity)
    if not isinstance(child.shutdown, Shutdown):
        yield f"{at}shutdown: not a Shutdown"
    elif child.shutdown.ms is not None:
        yield from _is_int(f"{at}shutdown", child.shutdown.ms, 0, MS_MAX)
    start_min = 0 if child.kind is ChildKind.SUPERVISOR else 1
    yield from _is_int(f"{at}start_timeout_ms", child.start_timeout_ms, start_min, MS_MAX)
    yield from _is_int(f"{at}busy_ms_max", child.busy_ms_max, 1, MS_MAX)
    yield from _is_int(f"{at}inbox_max", child.inbox_max, 1, COUNT_MAX)
    conflate_max = child.inbox_max if isinstance(child.inbox_max, int) else COUNT_MAX
    yield from _is_int(f"{at}conflate_after", child.conflate_after, 1, conflate_max)
    if not (isinstance(child.pool, str) and child.pool):
        yield f"{at}pool: not a name"
    if not isinstance(child.significant, bool):
        yield f"{at}significant: not a bool"
    elif child.significant and child.restart is Restart.PERMANENT:
        yield f"{at}significant: a permanent child never ends for good"
    elif child.significant and auto_shutdown is AutoShutdown.NEVER:
        yield f"{at}significant: means nothing while auto_shutdown is never"


def _factory_faults(at: str, child: ChildSpec) -> Iterator[str]:
    if not callable(child.factory):
        yield f"{at}factory: not callable"
    elif child.host is HostKind.PROCESS and not isinstance(child.factory, ProcessTarget):
        yield f"{at}factory: a process needs a ProcessTarget"


def _backoff_faults(backoff: object) -> Iterator[str]:
    if not isinstance(backoff, Backoff):
        yield "backoff: not a Backoff"
        return
    yield from _is_int("backoff.base_ms", backoff.base_ms, 0, MS_MAX)
    base_ms = backoff.base_ms if isinstance(backoff.base_ms, int) else 0
    yield from _is_int("backoff.cap_ms", backoff.cap_ms, base_ms, MS_MAX)
    yield from _is_int("backoff.jitter_bps", backoff.jitter_bps, 0, 10_000)
    yield from _is_int("backoff.reset_after_ms", backoff.reset_after_ms, 1, MS_MAX)


def _is_int(field: str, value: object, low: int, high: int) -> Iterator[str]:
    if not (type(value) is int and low <= value <= high):
        yield f"{field}: {value!r} is not an int in {low}..{high}"


def _is_one_of(field: str, value: object, kind: type) -> Iterator[str]:
    if not isinstance(value, kind):
        yield f"{field}: {value!r} is not a {kind.__name__}"
