"""The metrics page and the heartbeat: honest ages, private port, metrics built once."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import cast

import pytest
from prometheus_client import Counter
from prometheus_client.parser import text_string_to_metric_families

from actors.channels import prometheus as metric
from actors.channels.metrics_http import PORT_NAME, MetricsEndpoint
from actors.heartbeat import Heartbeat
from actors.metrics import Metrics
from actors.runtime.clock import VirtualClock
from actors.runtime.directory import Directory
from actors.runtime.pool import Pool
from actors.runtime.pulses import Pulse
from actors.runtime.room import Room, RoomSpec
from actors.runtime.runtime import HostKind
from actors.runtime.seeded import SeededPool
from engine.messages.console import SourceSeen
from engine.messages.control import AuthorityChanged, ViewPublished
from engine.messages.market import Tick
from engine.messages.supervision import StopOrdered
from engine.messages.values import Mode
from engine.units import NS_PER_S
from tests.fixtures.engine import TestEngine, wait_for

NAMES = {
    "trader_is_leader",
    "trader_retries",
    "trader_throttle_queue_depth",
    "trader_marketdata_heartbeat_seconds",
    "trader_order_stream_heartbeat_seconds",
    "trader_kill_switch",
    "trader_orders_placed",
    "trader_portfolio_heat_rupees",
    "trader_actor_restarts",
    "trader_dead_letters",
    "trader_inbox_depth",
    "trader_journal_commit_seconds",
    "trader_mode",
}


@pytest.fixture
def endpoint(engine: TestEngine) -> MetricsEndpoint:
    return MetricsEndpoint(metric.REGISTRY, engine.state_dir, 0)


@pytest.fixture
def metrics(engine: TestEngine, endpoint: MetricsEndpoint) -> Room:
    return _start(engine, endpoint)


def _start(engine: TestEngine, endpoint: MetricsEndpoint) -> Room:
    runtime = engine.runtime
    room = engine.start(
        "metrics",
        lambda: Metrics(endpoint, runtime.board, runtime.directory.dead_letters),
        HostKind.THREAD,
    )
    wait_for((engine.state_dir / PORT_NAME).exists)
    return room


def _get(state_dir: Path, path: str) -> tuple[int, str]:
    port = int((state_dir / PORT_NAME).read_text())
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as page:
            return page.status, page.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def _samples(state_dir: Path) -> dict[str, float]:
    found = {}
    for family in text_string_to_metric_families(_get(state_dir, "/metrics")[1]):
        for sample in family.samples:
            labels = ",".join(sample.labels.values())
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def test_when_the_page_is_scraped_then_all_named_metrics_parse(
    engine: TestEngine, metrics: Room
) -> None:
    text = _get(engine.state_dir, "/metrics")[1]
    names = {family.name for family in text_string_to_metric_families(text)}
    assert names >= NAMES
    assert (engine.state_dir / PORT_NAME).stat().st_mode & 0o777 == 0o600


def test_when_views_are_published_then_figures_follow(engine: TestEngine, metrics: Room) -> None:
    engine.view("risk", json.dumps({"heat_paise": 12_345, "orders_day": 3, "refused": {"r": 2}}))
    changed = AuthorityChanged(seq=1, mode=Mode.PAPER, mode_seq=1, ceilings=(), at_ns=1)
    engine.runtime.directory.deliver("metrics", changed)
    wait_for(lambda: _samples(engine.state_dir)["trader_portfolio_heat_rupees"] == 123.45)
    samples = _samples(engine.state_dir)
    assert samples["trader_mode{PAPER}"] == 1
    assert samples["trader_mode{LIVE}"] == 0
    assert samples["trader_refusals_total{r}"] >= 2


def test_when_the_mode_changes_then_ready_says_so_and_live_stays(
    engine: TestEngine, metrics: Room
) -> None:
    assert _get(engine.state_dir, "/ready")[0] == 503
    for seq, (mode, status) in enumerate(((Mode.PAPER, 200), (Mode.HALTED, 503)), start=1):
        changed = AuthorityChanged(seq=seq, mode=mode, mode_seq=seq, ceilings=(), at_ns=seq)
        engine.runtime.directory.deliver("metrics", changed)
        wait_for(lambda status=status: _get(engine.state_dir, "/ready")[0] == status)  # type: ignore[misc]
    assert _get(engine.state_dir, "/live")[0] == 200
    assert _get(engine.state_dir, "/debug")[0] == 404


def test_when_the_actor_restarts_then_counters_go_on_and_the_port_stays(
    engine: TestEngine, endpoint: MetricsEndpoint, metrics: Room
) -> None:
    engine.row("restarter", n=4)
    wait_for(lambda: _samples(engine.state_dir).get("trader_actor_restarts_total{restarter}") == 4)
    port = endpoint.port
    engine.runtime.directory.deliver("metrics", StopOrdered(reason="again"))
    wait_for(lambda: metrics.is_ended)
    wait_for(lambda: not (engine.state_dir / PORT_NAME).exists())
    _start(engine, endpoint)
    assert endpoint.port == port
    assert _samples(engine.state_dir)["trader_actor_restarts_total{restarter}"] == 4


def test_when_a_total_starts_anew_then_the_counter_goes_on() -> None:
    tally = metric.Tally()
    counter = Counter("t", "t", registry=None)
    for total in (3, 5, 1):
        tally.bring(counter, total)
    assert counter._value.get() == 6


class Beating:
    """A heartbeat on a virtual clock."""

    def __init__(self) -> None:
        self.clock = VirtualClock(1_000 * NS_PER_S)
        self.ages = metric.Ages(self.clock.mono_ns)
        self.pulses: list[Pulse] = []
        self.pool, self.directory = SeededPool(self.clock), Directory()
        spec = RoomSpec(
            name="heartbeat",
            generation=1,
            supervisor="s",
            factory=lambda: Heartbeat(lambda: self.pulses, self.ages),
        )
        self.room = Room.begin(spec, cast("Pool", self.pool), self.directory)
        self.run(1)

    def run(self, seconds: int) -> None:
        self.pool.run_until(self.clock.now_ns() + seconds * NS_PER_S)

    def send(self, message: Tick | SourceSeen | ViewPublished) -> None:
        self.directory.deliver("heartbeat", message)
        self.pool.run_idle()


@pytest.fixture
def beating() -> Iterator[Beating]:
    beating = Beating()
    yield beating
    beating.directory.deliver("heartbeat", StopOrdered(reason="test over"))
    beating.pool.run_idle()


@pytest.mark.conformance("INV-45")
def test_when_a_message_waited_then_the_age_counts_from_its_content(beating: Beating) -> None:
    seen_at_ns = beating.clock.now_ns()
    beating.run(3)
    tick = Tick(instrument="NSE:INFY", price_paise=1, at_ns=seen_at_ns, received_at_ns=seen_at_ns)
    beating.send(tick)
    assert beating.ages.youngest_s("tick") == 3
    beating.run(2)
    assert beating.ages.youngest_s("tick") == 5


@pytest.mark.conformance("INV-45")
def test_when_a_source_was_never_seen_then_its_age_is_infinite(beating: Beating) -> None:
    assert beating.ages.youngest_s("order_stream") == inf
    future_ns = beating.clock.now_ns() + 60 * NS_PER_S
    beating.send(SourceSeen(source="order_stream", seen_at_ns=future_ns))
    beating.run(1)
    assert beating.ages.youngest_s("order_stream") == 1


@pytest.mark.conformance("INV-45")
def test_when_the_heartbeat_is_dead_then_ages_go_on_growing(beating: Beating) -> None:
    body = json.dumps({"feeds": [{"instrument": "NSE:INFY", "age_s": 2.0}]})
    beating.send(ViewPublished(topic="feeds", body=body, at_ns=beating.clock.now_ns()))
    beating.directory.deliver("heartbeat", StopOrdered(reason="dead"))
    beating.run(10)
    assert beating.ages.of("tick") == [("NSE:INFY", 12.0)]


def test_when_an_actor_serves_nothing_while_messages_wait_then_its_progress_ages(
    beating: Beating,
) -> None:
    beating.pulses = [
        Pulse("oco/1", 1, 7, 3, False),
        Pulse("guard", 1, 7, 0, False),
        Pulse("book", 1, 7, 0, True),
    ]
    beating.run(5)
    ages = dict(beating.ages.of("progress"))
    assert ages["guard"] <= 1
    assert ages["oco/1"] >= 4
    assert ages["book"] >= 4
    beating.pulses = []
    beating.run(1)
    assert beating.ages.of("progress") == []
