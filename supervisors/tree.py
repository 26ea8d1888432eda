"""The supervision tree, on one page. It reads like section 3 of the README.

Decides who supervises whom, in which order they start, and what a spent restart budget means.
Refuses to know how a behaviour is built: factories come from the wiring, by name.
"""

from collections.abc import Callable, Mapping
from typing import Any

from actors.runtime.runtime import HostKind
from actors.runtime.target import ProcessTarget
from engine.limits import BROKER_CALL_MS_MAX, JOURNAL_START_MS, RESTARTS_CORE_MAX, RESTARTS_WINDOW_S
from engine.messages.values import Authority
from supervisors.spec import (
    ChildSpec,
    Factory,
    OnIntensity,
    Restart,
    Strategy,
    SupervisorSpec,
)

Make = Callable[[str, SupervisorSpec], ChildSpec]
"""Makes the spec of a sub-supervisor from its name and what it supervises."""

ROOT = "root"
FENCE_LISTENERS = ("authority", "writer", "guard", "journal")
START_MS = 10_000
WINDOW_MS = RESTARTS_WINDOW_S * 1_000
BUSY_MS = 2_000
PROCESS_BUSY_MS = {"writer": BROKER_CALL_MS_MAX}
"""The writer of a live account waits for a broker, and is killed if that lasts."""

CONTROL: tuple[tuple[str, HostKind], ...] = (
    ("alerts", HostKind.POOLED),
    ("console", HostKind.THREAD),
    ("metrics", HostKind.THREAD),
    ("heartbeat", HostKind.POOLED),
    ("login", HostKind.POOLED),
)
CORE_FIRST: tuple[tuple[str, HostKind], ...] = (
    ("journal", HostKind.THREAD),
    ("calendar", HostKind.POOLED),
    ("authority", HostKind.POOLED),
    ("writer", HostKind.POOLED),
    ("watcher", HostKind.POOLED),
    ("book", HostKind.POOLED),
    ("reconciler", HostKind.POOLED),
    ("guard", HostKind.POOLED),
)
CORE_LAST: tuple[tuple[str, HostKind], ...] = (
    ("scheduler", HostKind.POOLED),
    ("source", HostKind.POOLED),
)


def root(
    make: Make, factories: Mapping[str, Factory], strategies: Mapping[str, HostKind]
) -> SupervisorSpec:
    """The whole tree: `factories` by actor name (feeds as "feed/<instrument>", strategies as
    "strategy/<name>", Kite's stream as "kitefeed/<n>", groups as "oco/"); actors without a factory
    are left out."""
    control = tuple(
        _worker(name, factories, host=host, pool="control")
        for name, host in CONTROL
        if name in factories
    )
    sight = SupervisorSpec(
        children=control, restarts_max=20, window_ms=60_000, journal="journal", alerts="alerts"
    )
    return SupervisorSpec(
        restarts_max=2,
        window_ms=WINDOW_MS,
        children=(
            *((make("control", sight),) if control else ()),
            make("core", _core(make, factories, strategies)),
        ),
    )


def _core(
    make: Make, factories: Mapping[str, Factory], strategies: Mapping[str, HostKind]
) -> SupervisorSpec:
    first = tuple(
        _worker(n, factories, host=h, start_ms=JOURNAL_START_MS if n == "journal" else START_MS)
        for n, h in CORE_FIRST
        if n in factories
    )
    last = tuple(
        _worker(n, factories, host=h, pool="market" if n == "source" else "core")
        for n, h in CORE_LAST
        if n in factories
    )
    protection = _supervisor(
        strategy=Strategy.DYNAMIC,
        template=ChildSpec(id="oco/", factory=factories["oco/"], restart=Restart.TRANSIENT),
        children_max=1_000,
        restarts_max=20,
        window_ms=60_000,
    )
    feeds = tuple(_worker(n, factories, pool="market") for n in factories if n.startswith("feed/"))
    streams = tuple(
        _worker(n, factories, host=HostKind.PROCESS) for n in factories if n.startswith("kitefeed/")
    )
    markets = _supervisor(
        children=(_worker("market", factories, pool="market"), *feeds, *streams),
        restarts_max=20,
        window_ms=60_000,
    )
    ideas = _supervisor(
        children=tuple(_strategy(n, factories, host) for n, host in strategies.items()),
    )
    return _supervisor(
        strategy=Strategy.REST_FOR_ONE,
        restarts_max=RESTARTS_CORE_MAX,
        window_ms=WINDOW_MS,
        children=(
            *first,
            make("protection", protection),
            _worker("custodian", factories),
            make("markets", markets),
            make("strategies", ideas),
            *last,
        ),
    )


def _supervisor(**fields: Any) -> SupervisorSpec:  # noqa: ANN401 the fields of SupervisorSpec
    """A supervisor of the core: fences first, then records, alerts and restarts."""
    return SupervisorSpec(
        fence_listeners=FENCE_LISTENERS, journal="journal", alerts="alerts", **fields
    )


def _worker(
    name: str,
    factories: Mapping[str, Factory],
    *,
    host: HostKind = HostKind.POOLED,
    pool: str = "core",
    start_ms: int = START_MS,
) -> ChildSpec:
    """A factory that can be built anywhere has a process of its own."""
    factory = factories[name]
    if isinstance(factory, ProcessTarget):
        return ChildSpec(
            id=name,
            factory=factory,
            host=HostKind.PROCESS,
            start_timeout_ms=start_ms,
            busy_ms_max=PROCESS_BUSY_MS.get(name, BUSY_MS),
        )
    return ChildSpec(id=name, factory=factory, host=host, pool=pool, start_timeout_ms=start_ms)


def _strategy(name: str, factories: Mapping[str, Factory], host: HostKind) -> ChildSpec:
    """A strategy that spends its budget stays down; its position keeps its protection."""
    return ChildSpec(
        id=name,
        factory=factories[name],
        host=host,
        pool="market",
        authority_on_restart=Authority.NONE,
        busy_ms_max=500,
        on_intensity=OnIntensity.QUARANTINE,
    )
