"""The peers' work in Pahara: the whole tree on the seeded host, journal in PostgreSQL.

Decides the configuration (limits that stand in nobody's way, but stand), and what is counted. One
JSON object on stdout.
"""

import argparse
import json
import resource
import sys
import tempfile
from collections.abc import Iterator, Mapping

import psycopg

from actors.runtime.clock import boot_ns
from actors.runtime.log import configure_logging
from actors.stores.report_queries import realm_figures
from engine.market.source import SourceItem
from engine.messages.market import MarketFrame, PhaseChanged, Tick
from engine.messages.values import Side, Target
from engine.strategies.base import Closed, Decided, Parameters, Proposal, Strategy, View
from engine.units import NS_PER_S
from scripts.backtest import Backtest
from scripts.bench_figures import Figures, rss_mb, stores
from scripts.bench_peers_work import (
    DISTANCE_PAISE,
    LEVEL_PAISE,
    SPREAD_PAISE,
    Cross,
    Quotes,
    cpu_s,
    launched_ns,
    quotes,
)
from supervisors.config import (
    EngineConfig,
    InstrumentConfig,
    MarketConfig,
    RiskConfig,
    SessionConfig,
    StrategyConfig,
)

VALID_NS = 5 * NS_PER_S


class EmaCross(Strategy[Parameters]):
    """Enter with the cross at the market's price, one bracket an instrument at a time."""

    def on_start(self, view: View) -> None:
        self._crosses = {item.name: Cross() for item in view.instruments}
        self._taken: set[str] = set()

    def on_phase(self, phase: PhaseChanged) -> None:
        del phase

    def on_tick(self, tick: Tick) -> None:
        name = tick.instrument
        turn = self._crosses[name].turned((tick.bid_paise + tick.ask_paise) / 2)
        if turn and name not in self._taken:
            self._enter(tick, Side.BUY if turn > 0 else Side.SELL)

    def _enter(self, tick: Tick, side: Side) -> None:
        price = tick.ask_paise if side is Side.BUY else tick.bid_paise
        away = side.sign * DISTANCE_PAISE
        proposal = Proposal(
            instrument=tick.instrument,
            side=side,
            price_limit_paise=price,
            price_stop_paise=price - away,
            targets=(Target(price_paise=price + away, share_bps=10_000),),
            idea_at_ns=tick.at_ns,
            expires_at_ns=tick.at_ns + VALID_NS,
        )
        if self.port.propose(proposal):
            self._taken.add(tick.instrument)

    def on_decision(self, decided: Decided) -> None:
        if not decided.group_id:
            self._taken.discard(decided.instrument)

    def on_group_closed(self, closed: Closed) -> None:
        self._taken.discard(closed.instrument)


class QuoteSource:
    """The quotes as frames of one tick; the messages are made as they fall due."""

    rows_rejected: Mapping[str, int] = {}
    bars_read = 0

    def __init__(self, columns: Quotes, instruments: tuple[str, ...]) -> None:
        self.instruments = instruments
        self.first_at_ns = 0
        self._columns = columns

    def items(self, from_ns: int) -> Iterator[SourceItem]:
        self.first_at_ns = boot_ns()
        names, spread = self.instruments, SPREAD_PAISE
        for number, bid, bid_quantity, ask_quantity, at_ns in zip(*self._columns, strict=True):
            tick = Tick(
                instrument=names[number],
                price_paise=bid,
                at_ns=at_ns,
                received_at_ns=at_ns,
                bid_paise=bid,
                ask_paise=bid + spread,
                bid_quantity=bid_quantity,
                ask_quantity=ask_quantity,
            )
            yield MarketFrame(ticks=(tick,))


def a_config(names: tuple[str, ...]) -> EngineConfig:
    """Limits so wide that all brackets pass; the cap on one name makes the quantity one."""
    level_inr = LEVEL_PAISE / 100
    return EngineConfig(
        name="peers",
        market=MarketConfig(source="csv", segment="cash_other"),
        risk=RiskConfig(
            capital_inr=1_000_000_000,
            loss_day_inr=10_000_000,
            risk_per_trade_inr=1_000,
            heat_max_pct=50,
            positions_max=500,
            notional_max_inr=1_000_000_000,
            notional_symbol_max_inr=1.39 * level_inr,
            orders_day_max=20_000,
            tick_age_ms_max=60_000,
            proposals_minute_max=600,
            losses_row_max=100,
        ),
        session=SessionConfig(entries_end_min=2, flat_by_min=1),
        instruments=tuple(InstrumentConfig(name=name) for name in names),
        strategies=(StrategyConfig(name="cross", use="scripts.bench_peers_pahara:EmaCross"),),
    )


def measure(count: int, instruments: int) -> Figures:
    """Play the quotes once."""
    imported_mb, began_ns = rss_mb(), boot_ns()
    names = tuple(f"NSE:Q{number:03}" for number in range(instruments))
    config = a_config(names)
    columns = quotes(count, instruments)
    columns_ns = boot_ns() - began_ns
    with stores("backtest-peers") as made:
        source = QuoteSource(columns, names)
        test = Backtest(config, source, made)
        ready_mb, start_ns = rss_mb(), boot_ns()
        cpu_before_s = cpu_s()
        test.run(lambda _: None)
        wall_s, run_cpu_s = (boot_ns() - start_ns) / NS_PER_S, cpu_s() - cpu_before_s
        with psycopg.connect(made.dsn) as conn:
            figures = realm_figures(conn, made.realm)
    return {
        "ticks": count,
        "instruments": instruments,
        "ticks_per_s": round(count / wall_s),
        "wall_s": round(wall_s, 2),
        "cpu_us_a_tick": round(run_cpu_s / count * 1e6, 2),
        "entries": figures.round_trips,
        "orders": figures.orders,
        "fills": figures.fills,
        "messages": test.pool.served_count,
        "records": figures.records,
        "restarts": test.engine.restarts(),
        "journal_digest": figures.journal_digest,
        "start_s": round((source.first_at_ns - launched_ns() - columns_ns) / NS_PER_S, 2),
        "imported_mb": imported_mb,
        "ready_mb": ready_mb,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024, 1),
        "quotes_made_s": round(columns_ns / NS_PER_S, 2),
        "pnl_gross_paise": figures.pnl_gross_paise,
    }


def main() -> None:
    """Arguments: how many quotes and instruments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ticks", type=int, default=2_000_000)
    parser.add_argument("--instruments", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        configure_logging(log, "WARNING")
        figures = measure(args.ticks, args.instruments)
        log.seek(0)
        sys.stderr.write(log.read()[:4000])
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
