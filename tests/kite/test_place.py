"""A live account as configuration: its bounds, its process, and the way into the tree."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from actors.brokers.kite.credentials import Redacting
from actors.brokers.kite.place import KitePlace, make_broker
from actors.runtime.runtime import HostKind
from actors.runtime.target import ProcessTarget
from actors.writer import WriterBehaviour
from engine.errors import ConfigInvalid
from engine.limits import BROKER_CALL_MS_MAX
from engine.session import ns_from_ist
from supervisors.config import load_config
from supervisors.live import make_parts
from supervisors.spec import ChildSpec, SupervisorSpec
from supervisors.supervisor import supervisor_child
from supervisors.tree import root
from supervisors.wiring import Parts, factories

CONFIG = Path(__file__).resolve().parents[2] / "configs" / "paper.yaml"
KEYS = {"KITE_API_KEY": "apikey0123456789", "KITE_ACCESS_TOKEN": "accesstoken9876543210"}


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """The filter that a broker puts on the handlers of its process ends with the test."""
    yield
    for handler in logging.getLogger().handlers:
        assert sum(isinstance(one, Redacting) for one in handler.filters) <= 1
        handler.filters[:] = [one for one in handler.filters if not isinstance(one, Redacting)]


@pytest.fixture
def parts() -> Parts:
    """The shipped paper profile."""
    stores = SimpleNamespace(make_store=None, make_spool=None, latches=None)
    now_ns = ns_from_ist("2026-11-20 10:00:00")
    return make_parts(load_config(CONFIG), now_ns, stores, {})  # type: ignore[arg-type]


def writer_spec(parts: Parts) -> ChildSpec:
    made: dict[str, SupervisorSpec] = {}

    def make(name: str, spec: SupervisorSpec) -> ChildSpec:
        made[name] = spec
        return supervisor_child(name, lambda _: None)  # type: ignore[arg-type, return-value]

    root(make, factories(parts), {})
    return next(child for child in made["core"].children if child.id == "writer")


def test_when_there_is_no_live_account_then_the_writer_stays_in_the_pool(parts: Parts) -> None:
    assert writer_spec(parts).host is HostKind.POOLED


def test_when_there_is_a_live_account_then_the_writer_has_a_process_that_may_be_killed(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = writer_spec(replace(parts, kite=KitePlace(root="http://127.0.0.1:9")))
    assert (spec.host, spec.busy_ms_max) == (HostKind.PROCESS, BROKER_CALL_MS_MAX)
    assert isinstance(spec.factory, ProcessTarget)
    assert b"token" not in spec.factory.packed()
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    assert isinstance(spec.factory(), WriterBehaviour)


@pytest.mark.parametrize(
    "place",
    [
        KitePlace(connect_ms=0),
        KitePlace(connect_ms=8_000),
        KitePlace(read_ms=7_000),
        KitePlace(write_ms=0),
        KitePlace(write_ms=9_000),
        KitePlace(protection_bps=-1),
        KitePlace(protection_bps=10_001),
        KitePlace(idle_ms=-1),
        KitePlace(root="http://api.kite.trade"),
    ],
)
def test_when_a_bound_is_impossible_then_the_place_is_refused(place: KitePlace) -> None:
    with pytest.raises(ConfigInvalid):
        make_broker(place, KEYS)


def test_when_the_shipped_bounds_are_taken_then_a_call_ends_in_time() -> None:
    assert KitePlace().faults() == ()
    assert make_broker(KitePlace(), KEYS).closed_because is None


def test_when_the_engine_is_loaded_then_the_client_library_is_not() -> None:
    """It takes as long to load as all the rest, at each start of an engine, live or not."""
    asked = "import sys, scripts.backtest, supervisors.boot; print('kiteconnect' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "False"
