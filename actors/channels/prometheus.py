"""Every metric there is, defined once at import.

Decides names, labels and buckets. Refuses to know actors: a restarted one finds its metrics here
and never builds them again, so counters go on where they were. Labels are bounded: kinds of actors,
states, reasons; never a symbol or an order id. Ages are computed when scraped, from the instant a
source was last seen, so that a dead reporter cannot leave a young age standing (INV-45).
"""

import threading
from collections.abc import Callable, Iterator
from math import inf, nan
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from actors.runtime.clock import boot_ns
from engine.units import NS_PER_S

REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

IS_LEADER: Final = Gauge(
    "trader_is_leader", "1 while this instance holds the lease", ["instance_id"], registry=REGISTRY
)
RETRIES: Final = Counter(
    "trader_retries", "Requests to the broker tried again", ["type"], registry=REGISTRY
)
THROTTLE_DEPTH: Final = Gauge(
    "trader_throttle_queue_depth", "Requests waiting for rate budget", registry=REGISTRY
)
KILL_SWITCH: Final = Counter("trader_kill_switch", "Kill switch set", ["reason"], registry=REGISTRY)
ORDERS_PLACED: Final = Counter("trader_orders_placed", "Orders placed", registry=REGISTRY)
HEAT_RUPEES: Final = Gauge(
    "trader_portfolio_heat_rupees", "Loss if every stop were hit", registry=REGISTRY
)
MODE: Final = Gauge("trader_mode", "1 for the engine mode in force", ["mode"], registry=REGISTRY)
NET_RUPEES: Final = Gauge(
    "trader_pnl_net_rupees", "Net profit and loss of the day", registry=REGISTRY
)
POSITIONS_OPEN: Final = Gauge("trader_positions_open", "Open positions", registry=REGISTRY)
LOSS_USED_RATIO: Final = Gauge(
    "trader_loss_limit_used_ratio", "Share of the day's loss limit in use", registry=REGISTRY
)
REFUSALS: Final = Counter(
    "trader_refusals", "Entries refused, by rule", ["rule"], registry=REGISTRY
)
FEEDS: Final = Gauge("trader_feeds", "Feeds by state", ["state"], registry=REGISTRY)
RECONCILE_DIFFERENCES: Final = Gauge(
    "trader_reconcile_differences", "Differences found by the last comparison", registry=REGISTRY
)
RESTARTS: Final = Counter("trader_actor_restarts", "Actor restarts", ["kind"], registry=REGISTRY)
ACTORS: Final = Gauge("trader_actors", "Actors by state", ["state"], registry=REGISTRY)
DEAD_LETTERS: Final = Counter(
    "trader_dead_letters", "Messages not delivered", ["target", "why"], registry=REGISTRY
)
INBOX_DEPTH: Final = Gauge(
    "trader_inbox_depth", "Deepest inbox of a kind of actor", ["kind"], registry=REGISTRY
)
JOURNAL_COMMIT_SECONDS: Final = Histogram(
    "trader_journal_commit_seconds",
    "Time of a journal commit",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
    registry=REGISTRY,
)
JOURNAL_AVAILABLE: Final = Gauge(
    "trader_journal_available", "1 while the database takes records", registry=REGISTRY
)
JOURNAL_SPOOLED: Final = Gauge(
    "trader_journal_spooled", "Records waiting in the local spool", registry=REGISTRY
)
LOGIN_VALID: Final = Gauge(
    "trader_login_valid",
    "1 while the login at Kite is good, NaN where none is needed",
    registry=REGISTRY,
)
LOGIN_LEFT_SECONDS: Final = Gauge(
    "trader_login_left_seconds",
    "Until the login at Kite ends, NaN where none is needed",
    registry=REGISTRY,
)
for _unused in (LOGIN_VALID, LOGIN_LEFT_SECONDS):
    _unused.set(nan)
VIEWS_MALFORMED: Final = Counter(
    "trader_views_malformed", "Published views that did not parse", registry=REGISTRY
)


class Ages:
    """When each source was last seen, and how long ago that is now.

    A source that was never seen is infinitely old. Stamps are boot-clock instants; any thread.
    """

    def __init__(self, mono_ns: Callable[[], int] = boot_ns) -> None:
        self._mono_ns = mono_ns
        self._lock = threading.Lock()
        self._stamps: dict[tuple[str, str], int] = {}

    def see(self, name: str, key: str, at_mono_ns: int) -> None:
        """A source was alive at that instant; an instant in the future counts as now."""
        with self._lock:
            self._stamps[name, key] = min(at_mono_ns, self._mono_ns())

    def forget(self, name: str, key: str) -> None:
        with self._lock:
            self._stamps.pop((name, key), None)

    def clear(self) -> None:
        """A new engine in this process: nothing has been seen yet."""
        with self._lock:
            self._stamps.clear()

    def youngest_s(self, name: str) -> float:
        """Seconds since any key of the source was seen."""
        return min((age for _, age in self.of(name)), default=inf)

    def of(self, name: str) -> list[tuple[str, float]]:
        """(key, seconds) of all keys of a source."""
        with self._lock:
            stamps = [(key, at) for (source, key), at in self._stamps.items() if source == name]
        now_ns = self._mono_ns()
        return [(key, max(0, now_ns - at) / NS_PER_S) for key, at in stamps]


AGES: Final = Ages()


class AgeCollector(Collector):
    """The staleness gauges, worked out at each scrape."""

    def __init__(self, ages: Ages) -> None:
        self._ages = ages

    def describe(self) -> Iterator[GaugeMetricFamily]:
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for name, source, text in (
            ("trader_marketdata_heartbeat_seconds", "tick", "Since the last tick of anything"),
            ("trader_order_stream_heartbeat_seconds", "order_stream", "Since the order stream"),
            ("trader_reconcile_age_seconds", "reconcile", "Since the last comparison"),
            ("trader_metrics_age_seconds", "metrics", "Since these figures were gathered"),
        ):
            yield GaugeMetricFamily(name, text, value=self._ages.youngest_s(source))
        yield self._oldest("trader_tick_age_seconds_max", "Oldest feed", "tick", "bucket", ":")
        yield self._oldest(
            "trader_actor_progress_age_seconds",
            "Longest wait of a message at the head of an inbox",
            "progress",
            "kind",
            "/",
        )

    def _oldest(self, name: str, text: str, source: str, label: str, cut: str) -> GaugeMetricFamily:
        family = GaugeMetricFamily(name, text, labels=[label])
        oldest: dict[str, float] = {}
        for key, age_s in self._ages.of(source):
            bucket = key.split(cut, 1)[0]
            oldest[bucket] = max(age_s, oldest.get(bucket, 0.0))
        for bucket, age_s in sorted(oldest.items()):
            family.add_metric([bucket], age_s)
        return family


REGISTRY.register(AgeCollector(AGES))


class Tally:
    """Feeds counters from running totals that somebody else keeps and may start anew."""

    def __init__(self) -> None:
        self._seen: dict[tuple[object, ...], float] = {}

    def bring(self, counter: Counter, total: float, *labels: str) -> None:
        """Raise the counter by what the total grew; a smaller total was started anew."""
        key = (id(counter), *labels)
        before = self._seen.get(key, 0.0)
        self._seen[key] = total
        grown = total - before if total >= before else total
        if grown > 0:
            (counter.labels(*labels) if labels else counter).inc(grown)


TALLY: Final = Tally()
