"""The validator: pure, and all faults at once."""

import itertools

import msgspec
import pytest

from engine.messages.administration import Outcome
from supervisors.faults import faults
from supervisors.policy import ends_supervisor
from supervisors.spec import (
    INFINITY,
    KILL,
    AutoShutdown,
    Backoff,
    ChildKind,
    ChildSpec,
    HostKind,
    Restart,
    Shutdown,
    Strategy,
    SupervisorSpec,
)
from tests.supervisors.harness import House, Script

ids = pytest.mark.conformance
FACTORY = Script().factory


def child(**fields: object) -> ChildSpec:
    return ChildSpec(**({"id": "a", "factory": FACTORY} | fields))  # type: ignore[arg-type]


@ids("SUP-044")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", ""),
        ("id", 7),
        ("factory", "not callable"),
        ("restart", "sometimes"),
        ("shutdown", Shutdown(-10)),
        ("shutdown", 5_000),
        ("kind", "boss"),
        ("significant", 1),
        ("host", "moon"),
        ("host", HostKind.PROCESS),
        ("pool", ""),
        ("authority_on_restart", 9),
        ("start_timeout_ms", 0),
        ("start_timeout_ms", 1.5),
        ("busy_ms_max", 0),
        ("inbox_max", 0),
        ("conflate_after", 20_000),
        ("on_intensity", "pray"),
    ],
)
def test_when_a_field_is_invalid_then_it_is_named(field: str, value: object) -> None:
    named = faults(SupervisorSpec(children=(child(**{field: value}),)))
    blamed = "factory" if value is HostKind.PROCESS else field
    assert any(blamed in fault for fault in named), named


@ids("SUP-044", "SUP-048")
def test_when_many_are_invalid_then_all_are_named_and_nothing_starts(house: House) -> None:
    spec = SupervisorSpec(
        restarts_max=-1, window_ms=0, children=(child(id=""), child(busy_ms_max=0))
    )
    assert len(faults(spec)) == 4
    assert not house.runtime.directory.rooms
    house.tree()
    assert house.bring(child(busy_ms_max=0)).outcome is Outcome.REFUSED
    assert house.counts().specs == 0


@ids("SUP-045")
def test_when_a_combination_is_legal_then_it_is_accepted() -> None:
    combinations = itertools.product(
        Restart, (KILL, Shutdown(1), INFINITY), ChildKind, (False, True), AutoShutdown
    )
    for restart, shutdown, kind, significant, auto in combinations:
        spec = SupervisorSpec(
            auto_shutdown=auto,
            children=(
                child(restart=restart, shutdown=shutdown, kind=kind, significant=significant),
            ),
        )
        is_legal = not significant or (
            restart is not Restart.PERMANENT and auto is not AutoShutdown.NEVER
        )
        assert (faults(spec) == ()) == is_legal


@ids("SUP-046")
def test_when_an_id_is_used_twice_then_it_is_refused() -> None:
    (fault,) = faults(SupervisorSpec(children=(child(), child())))
    assert "'a' is used 2 times" in fault


@ids("SUP-047")
@pytest.mark.parametrize("fields", [{}, {"template": child(), "children": (child(id="b"),)}])
def test_when_a_dynamic_supervisor_has_not_one_template_then_it_is_refused(
    fields: dict[str, object],
) -> None:
    named = faults(SupervisorSpec(strategy=Strategy.DYNAMIC, **fields))  # type: ignore[arg-type]
    assert any(fault.startswith("template") for fault in named)


@ids("SUP-049")
def test_when_significant_means_nothing_then_it_is_refused_also_at_run_time(house: House) -> None:
    house.tree()
    for wrong in (
        child(significant=True),
        child(significant=True, restart=Restart.TRANSIENT),
    ):
        assert any("significant" in f for f in faults(SupervisorSpec(children=(wrong,))))
        answer = house.bring(wrong)
        assert answer.outcome is Outcome.REFUSED
        assert "significant" in answer.text


@ids("SUP-050")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("strategy", "all_for_none"),
        ("restarts_max", -1),
        ("restarts_max", float("inf")),
        ("restarts_max", True),
        ("window_ms", 0),
        ("window_ms", float("inf")),
        ("auto_shutdown", "perhaps"),
        ("children_max", 0),
        ("children", [1]),
        ("children", ("no spec",)),
        ("backoff", None),
        ("backoff", Backoff(base_ms=10, cap_ms=5)),
        ("backoff", Backoff(jitter_bps=20_000)),
        ("fence_listeners", "writer"),
        ("journal", None),
        ("alerts", 3),
    ],
)
def test_when_a_flag_is_invalid_then_it_is_named(field: str, value: object) -> None:
    spec = msgspec.structs.replace(SupervisorSpec(), **{field: value})
    word = "child" if field == "children" else field
    assert any(word in fault for fault in faults(spec)), faults(spec)


@ids("SUP-050")
def test_when_it_is_no_spec_at_all_then_it_is_refused() -> None:
    assert faults("root") == ("spec: not a SupervisorSpec: str",)  # type: ignore[arg-type]


@ids("SUP-094")
def test_when_all_is_the_mode_then_only_the_last_end_counts() -> None:
    assert not ends_supervisor(AutoShutdown.ALL, is_significant=True, others=[True, False])
    assert ends_supervisor(AutoShutdown.ALL, is_significant=True, others=[False])
    assert ends_supervisor(AutoShutdown.ANY, is_significant=True, others=[True])
    assert not ends_supervisor(AutoShutdown.ANY, is_significant=False, others=[])
    assert not ends_supervisor(AutoShutdown.NEVER, is_significant=True, others=[])
