"""Tick to paper order: the real tree on thread hosts, durable in an embedded PostgreSQL.

Decides the load (marked ticks in frames of twenty, one order every 50 ms and instrument) and where
the stages are cut. The wiring's factories are used as they are; only the store and the paper
broker are wrapped to note the instants.
"""

import argparse
import gc
import random
import sys
from collections.abc import Iterator, Mapping, Sequence

from actors.brokers.paper import PaperBroker
from actors.runtime.clock import LapseClock, boot_ns
from actors.runtime.runtime import HostKind, Runtime, ThreadHosts
from actors.stores.journal_store import JournalStore
from actors.stores.port import Entry
from actors.writer import WriterBehaviour
from engine.exchange.venue import VenueSettings
from engine.limits import QUANTITY_MAX
from engine.market.source import SourceItem
from engine.market.staleness import StalenessLimits
from engine.messages.broker import IntentAnswered
from engine.messages.market import MarketFrame, Tick
from engine.messages.records import IntentPlanned
from engine.messages.values import Book
from engine.risk.gate import GateCaps
from engine.session import ist_day, midnight_ns, ns_from_ist
from engine.units import NS_PER_S
from scripts.bench_figures import Figures, run_section, spread_ms, stores, wait_for, wait_s
from scripts.bench_hosts import Deaf
from scripts.bench_strategy import MARK, PROPOSED_NS
from supervisors.config import (
    EngineConfig,
    InstrumentConfig,
    MarketConfig,
    RiskConfig,
    StrategyConfig,
    instruments,
)
from supervisors.root import Tree
from supervisors.spec import ChildSpec, SupervisorSpec
from supervisors.stores import Stores
from supervisors.supervisor import supervising, supervisor_child
from supervisors.tables import load_charges, load_sessions
from supervisors.tree import root
from supervisors.wiring import Parts, factories

DAY = "2024-01-02"
START_NS = ns_from_ist(f"{DAY} 10:00:00")
SPEED = 10
ORDERS_PER_S = 20
FRAME_TICKS = 20
PRICE_PAISE = 100_000
PATIENT = StalenessLimits(stale_ms_max=600_000, mute_ms_max=700_000, dead_ms_max=700_000)


class NotedStore(JournalStore):
    """The store, noting when an intent became durable."""

    durable_ns: dict[str, int] = {}  # noqa: RUF012 of the one store of the process
    commit_ns: list[int] = []  # noqa: RUF012

    def commit(self, batch: Sequence[Entry]) -> None:
        began_ns = boot_ns()
        super().commit(batch)
        now_ns = boot_ns()
        self.commit_ns.append(now_ns - began_ns)
        for entry in batch:
            if isinstance(entry.record, IntentPlanned):
                self.durable_ns.setdefault(entry.record.instrument, now_ns)


class NotedBroker(PaperBroker):
    """The paper broker, noting when an order was accepted."""

    accepted_ns: dict[str, int] = {}  # noqa: RUF012 of the one broker of the process

    def place(self, intent: IntentPlanned, now_ns: int) -> IntentAnswered:
        answer = super().place(intent, now_ns)
        self.accepted_ns.setdefault(intent.instrument, boot_ns())
        return answer


class NoSource:
    """The driver plays the market."""

    instruments: tuple[str, ...] = ()
    rows_rejected: Mapping[str, int] = {}
    bars_read = 0

    def items(self, from_ns: int) -> Iterator[SourceItem]:
        return iter(())


def a_config(orders: int) -> EngineConfig:
    """As many instruments as orders, and limits that are in nobody's way."""
    return EngineConfig(
        name="bench",
        market=MarketConfig(source="synthetic", speed=SPEED, segment="cash_other"),
        risk=RiskConfig(
            capital_inr=1_000_000_000,
            loss_day_inr=1_000_000,
            risk_per_trade_inr=1_000,
            heat_max_pct=50,
            positions_max=500,
            notional_max_inr=1_000_000_000,
            notional_symbol_max_inr=10_000_000,
            orders_day_max=10_000,
            tick_age_ms_max=600_000,
            proposals_minute_max=600,
        ),
        instruments=tuple(InstrumentConfig(name=f"NSE:BENCH{n:04}") for n in range(orders)),
        strategies=(StrategyConfig(name="bench", use="scripts.bench_strategy:Resting"),),
    )


def make_tree(config: EngineConfig, runtime: Runtime, made: Stores) -> Tree:
    """The engine's tree, with the noted broker in the writer."""
    names = instruments(config)
    parts = Parts(
        config=config,
        sessions=load_sessions(),
        charges=load_charges(),
        source=NoSource(),
        make_store=lambda: NotedStore(
            made.dsn, made.realm, made.epoch, 2_000, engine_id=made.engine_id
        ),
        make_spool=made.make_spool,
        latches=made.latches,
        since_ns=midnight_ns(ist_day(START_NS)),
        trading_day=DAY,
        clock_speed=SPEED,
        staleness=PATIENT,
        extra={"console": lambda _: Deaf(), "alerts": lambda _: Deaf()},
    )
    caps = GateCaps(quantity_max=QUANTITY_MAX, notional_paise_max=10_000_000_00)

    def writer(_: object) -> WriterBehaviour:
        broker = NotedBroker({item.name: item for item in names}, VenueSettings(), DAY)
        return WriterBehaviour(brokers={Book.PAPER: broker}, instruments=names, caps=caps)

    rng = random.Random(0)  # noqa: S311 jitter

    def make(name: str, spec: SupervisorSpec) -> ChildSpec:
        return supervisor_child(name, supervising(runtime, spec, rng))

    hosts = {"strategy/bench": HostKind.POOLED}
    spec = root(make, {**factories(parts), "writer": writer}, hosts)
    return Tree(runtime, supervising(runtime, spec, rng))


class Driver:
    """Plays the market; notes when it handed a marked tick over."""

    def __init__(self, config: EngineConfig, runtime: Runtime) -> None:
        self.names = [item.name for item in config.instruments]
        self.received_ns: dict[str, int] = {}
        self._runtime = runtime
        self._number = 0

    def frame(self, marked: str = "") -> None:
        """The next instruments tick; the marked one is in the middle."""
        first, names = self._number * FRAME_TICKS, self.names
        self._number += 1
        at_ns, count = self._runtime.clock.now_ns(), min(FRAME_TICKS, len(names))
        chosen = [names[(first + number) % len(names)] for number in range(count)]
        chosen = [name for name in chosen if name != marked]
        if marked:
            chosen.insert(len(chosen) // 2, marked)
        ticks = tuple(
            Tick(
                instrument=name,
                price_paise=PRICE_PAISE + self._number % 20 * 5,
                at_ns=at_ns,
                received_at_ns=at_ns,
                volume_day=self._number,
                oi=MARK if name == marked else 0,
            )
            for name in chosen
        )
        if marked:
            self.received_ns[marked] = boot_ns()
        self._runtime.directory.deliver("market", MarketFrame(ticks=ticks))

    def run(self) -> None:
        """Warm up, then one order an interval, each on an instrument of its own."""
        for _ in range(3 * len(self.names) // FRAME_TICKS + 3):
            self.frame()
            wait_s(0.002)
        gc.collect()
        gc.freeze()
        due_ns = boot_ns()
        for name in self.names:
            due_ns += NS_PER_S // ORDERS_PER_S
            wait_s((due_ns - boot_ns()) / NS_PER_S)
            self.frame(name)


def between(first: Mapping[str, int], last: Mapping[str, int]) -> Figures:
    """The stage from one set of instants to another."""
    return spread_ms([last[name] - at_ns for name, at_ns in first.items() if name in last])


def measure(args: argparse.Namespace) -> Figures:
    """The section; `seconds` at 20 orders a second."""
    orders = max(10, min(450, int(args.seconds * ORDERS_PER_S)))
    config = a_config(orders)
    with stores("paper") as made:
        hosts = ThreadHosts(LapseClock(start_ns=START_NS, speed=SPEED))
        runtime = Runtime(hosts)
        tree = make_tree(config, runtime, made)
        try:
            assert tree.porter.ready.wait(30.0), tree.porter.exited
            wait_s(1.0)
            print(f"order_path: {orders} orders", file=sys.stderr)
            driver = Driver(config, runtime)
            driver.run()
            wait_for(lambda: len(NotedBroker.accepted_ns) >= orders, 5.0)
        finally:
            tree.stop("measured")
            tree.porter.ended.wait(20.0)
            tree.close()
            hosts.close(5.0)
    received, accepted = driver.received_ns, NotedBroker.accepted_ns
    return {
        "orders": len(accepted),
        "orders_wanted": orders,
        "tick_to_order": between(received, accepted),
        "stages": {
            "tick_to_proposal": between(received, PROPOSED_NS),
            "proposal_to_durable_intent": between(PROPOSED_NS, NotedStore.durable_ns),
            "durable_intent_to_order": between(NotedStore.durable_ns, accepted),
            "commit": spread_ms(NotedStore.commit_ns),
        },
    }


if __name__ == "__main__":
    run_section(measure, 16.0)
