"""`pahara backtest`: the engine's own tree on recorded data, in one thread on a virtual clock.

Decides what surrounds the run: database, realm, progress, summary. Refuses to know trading: every
decision is made by the same actors as in paper. The result is a function of configuration and
data alone.
"""

import argparse
import gc
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from actors.feeds.csvfile import CsvSource
from actors.runtime.behaviour import Behaviour
from actors.runtime.clock import VirtualClock, boot_ns
from actors.runtime.log import configure_logging
from actors.runtime.runtime import Runtime, SeededHosts
from actors.runtime.seeded import SeededPool
from actors.stores.batched import BatchedStore
from actors.stores.report_queries import realm_figures, round_trips
from engine.errors import ConfigInvalid, PaharaError
from engine.market.quality import TickLimits
from engine.market.source import FrameSource, due_ns
from engine.market.staleness import StalenessLimits
from engine.messages.base import Message
from engine.reports.html import report_page
from engine.session import SegmentClass, ist_day, ist_text
from engine.units import NS_PER_MINUTE, NS_PER_S
from scripts.configuration import print_faults
from supervisors.config import EngineConfig, fingerprint, load_config
from supervisors.engine import Engine
from supervisors.stores import Stores
from supervisors.summary import Collector, summarise
from supervisors.tables import load_charges, load_sessions
from supervisors.wiring import Parts

CHUNK_NS = 6 * 3_600 * NS_PER_S
RECONCILE_EVERY_NS = 60 * NS_PER_MINUTE
STEADY_EVERY_NS = 4 * RECONCILE_EVERY_NS
"""The paper venue lives in this process and loses no report; the reconciler's reading is enough."""
LEAD_NS = NS_PER_MINUTE
GARBAGE_MIN = 50_000
MINUTE_BARS = StalenessLimits(stale_ms_max=90_000, mute_ms_max=180_000, dead_ms_max=120_000)
RECORDED = TickLimits(stuck_ms_max=600_000, confirm_ms_max=60_000, jump_bps_max=1_000)
"""Bar data has a tick each twenty seconds and may jump by what a minute brings."""


class Ignore(Behaviour):
    """Stands where alerts go in the running engine."""

    def receive(self, message: Message) -> None:
        return None


class Backtest:
    """One run of a configuration over a source, on stores that the caller provides."""

    def __init__(self, config: EngineConfig, source: FrameSource, stores: Stores) -> None:
        first = next(source.items(0), None)
        if first is None:
            raise ConfigInvalid(("data: no usable row in the files",))
        start_ns = due_ns(first) - LEAD_NS
        self.collector = Collector()
        self.sessions = load_sessions()
        self.segment = SegmentClass(config.market.segment)
        self.clock = VirtualClock(start_ns)
        self.pool = SeededPool(self.clock)
        parts = Parts(
            config=config,
            sessions=self.sessions,
            charges=load_charges(),
            source=source,
            make_store=lambda: BatchedStore(stores.make_store()),
            make_spool=stores.make_spool,
            latches=stores.latches,
            since_ns=0,
            trading_day=ist_day(start_ns).isoformat(),
            check_every_ns=NS_PER_MINUTE,
            view_every_ns=0,
            reconcile_every_ns=RECONCILE_EVERY_NS,
            steady_every_ns=STEADY_EVERY_NS,
            sentinel_every_ns=0,
            staleness=MINUTE_BARS,
            tick_limits=RECORDED,
            extra={"console": lambda _: self.collector, "alerts": lambda _: Ignore()},
        )
        self.runtime = Runtime(SeededHosts(self.pool))
        self.engine = Engine(self.runtime, parts)

    def run(self, progress: Callable[[int], None]) -> None:
        """Play everything there is; `progress` gets the market clock now and then.

        The collector of cycles looks rarely meanwhile: messages and records hold none, and what a
        group leaves behind when it ends is small.

        Raises:
            PaharaError: the tree gave up; the reason is its last failure.
        """
        usual = gc.get_threshold()
        gc.freeze()
        gc.set_threshold(GARBAGE_MIN, *usual[1:])
        try:
            self._play(progress)
        finally:
            gc.set_threshold(*usual)
            gc.unfreeze()

    def _play(self, progress: Callable[[int], None]) -> None:
        while not self._is_over():
            self.pool.run_until(self.clock.now_ns() + CHUNK_NS, is_done=self._is_over)
            progress(self.clock.now_ns())
        if self.engine.exited is not None:
            raise PaharaError(f"the engine gave up: {self.engine.exited.reason}")
        session = self.sessions.session_at(self.clock.now_ns(), self.segment)
        end_ns = session.closes_at_ns if session else self.clock.now_ns()
        self.pool.run_until(end_ns + LEAD_NS)
        self.engine.tree.stop("the data ended")
        self.pool.run_until(self.clock.now_ns() + LEAD_NS)

    def _is_over(self) -> bool:
        return self.collector.is_over or self.engine.tree.porter.exited is not None


def run_backtest(args: argparse.Namespace) -> int:
    """The command. Exit code 0, 1 (error) or 4 (configuration)."""
    try:
        config = load_config(args.config)
        source = csv_source(config, args.data)
        with (
            Stores(args.state_dir, f"backtest-{fingerprint(config)[:8]}") as stores,
            (args.state_dir / "backtest.jsonl").open("a", encoding="utf-8") as log,
        ):
            configure_logging(log, "WARNING")
            test = Backtest(config, source, stores)
            began_ns = boot_ns()
            with progress_bar(test, source, is_shown=not args.json) as progress:
                test.run(progress)
            wall_s = (boot_ns() - began_ns) / NS_PER_S
            with psycopg.connect(stores.dsn) as conn:
                figures = realm_figures(conn, stores.realm)
                trips = round_trips(conn, stores.realm)
    except ConfigInvalid as error:
        return print_faults(error, as_json=args.json)
    except (PaharaError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    result = summarise(
        figures,
        test.collector.views,
        bars=source.bars_read,
        rows_rejected=source.rows_rejected,
        events=test.pool.served_count,
        restarts=test.engine.restarts(),
        wall_s=wall_s,
    )
    result["realm"] = stores.realm
    if args.report is not None:
        times = [ist_text(int(trip[9])) for trip in trips]
        page = report_page(f"Backtest {config.name}", result, trips, times)
        Path(args.report).write_text(page, encoding="utf-8")
    print_summary(result, as_json=args.json)
    return 0


def csv_source(config: EngineConfig, files: list[Path]) -> CsvSource:
    """The files as one source, names as configured ("NIFTY50" is also "NSE:NIFTY50")."""
    segment = SegmentClass(config.market.segment)
    aliases = {item.name.rpartition(":")[2]: item.name for item in config.instruments}
    segments = {item.name: segment for item in config.instruments}
    return CsvSource(files, load_sessions(), instruments=aliases, segments=segments)


def print_summary(result: dict[str, Any], *, as_json: bool) -> None:
    """One JSON object, or aligned lines for people."""
    if as_json:
        print(json.dumps(result))
        return
    for key, value in result.items():
        print(f"{key:18} {value}")


@contextmanager
def progress_bar(
    test: Backtest, source: CsvSource, *, is_shown: bool
) -> Iterator[Callable[[int], None]]:
    """A bar over market time on a terminal's stderr; elsewhere nothing."""
    if not (is_shown and sys.stderr.isatty()):
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as bar:
        start_ns, end_ns = test.clock.now_ns(), source.ends_at_ns
        task = bar.add_task("backtest", total=max(end_ns - start_ns, 1))
        yield lambda now_ns: bar.update(task, completed=now_ns - start_ns)
