"""The peers' work in NautilusTrader, in the environment that `make bench-peers` makes.

Decides how the same quotes and the same rule are put to its documented engine (`--engine python`)
and to the Rust engine of the same wheel (`--engine rust`). Imports nothing of Pahara but the work,
so that start-up and memory are the peer's own. One JSON object on stdout.
"""

# ruff: noqa: TID251 (it runs without our clock, and measures)

import argparse
import json
import resource
import time
from pathlib import Path
from typing import Any

from scripts.bench_peers_work import (
    DISTANCE_PAISE,
    QUANTITY,
    SPREAD_PAISE,
    Cross,
    Quotes,
    cpu_s,
    launched_ns,
    quotes,
)

CASH = 1_000_000_000
VENUE = "XNSE"


class Rule:
    """The rule as both engines call it; mixed into their own strategy classes."""

    def take(self, ids: list[Any], model: Any) -> None:  # noqa: ANN401 the peer's own module
        """Keep what the rule needs; `model` has Price, Quantity and OrderSide."""
        self.ids, self.model = ids, model
        self.crosses = {one: Cross() for one in ids}
        self.taken: set[Any] = set()

    def judge(self, tick: Any) -> None:  # noqa: ANN401
        """One quote."""
        name = tick.instrument_id
        bid, ask = tick.bid_price.as_double(), tick.ask_price.as_double()
        turn = self.crosses[name].turned((bid + ask) * 50)
        if turn and name not in self.taken:
            self.taken.add(name)
            self.enter(name, turn, ask if turn > 0 else bid)

    def enter(self, name: Any, sign: int, price: float) -> None:  # noqa: ANN401
        """An entry at the market and its bracket."""
        model, away = self.model, sign * DISTANCE_PAISE / 100
        orders = self.order_factory.bracket(  # type: ignore[attr-defined]
            instrument_id=name,
            order_side=model.OrderSide.BUY if sign > 0 else model.OrderSide.SELL,
            quantity=model.Quantity.from_int(QUANTITY),
            sl_trigger_price=model.Price(price - away, 2),
            tp_price=model.Price(price + away, 2),
            tp_post_only=False,
        )
        self.submit_order_list(orders)  # type: ignore[attr-defined]

    def on_position_closed(self, event: Any) -> None:  # noqa: ANN401
        """Free for the next cross."""
        self.taken.discard(event.instrument_id)


def documented() -> tuple[Any, Any, Any]:
    """The engine of the documentation, its model and a strategy of the rule."""
    from nautilus_trader import model  # noqa: PLC0415
    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig  # noqa: PLC0415
    from nautilus_trader.config import LoggingConfig  # noqa: PLC0415
    from nautilus_trader.model import currencies, enums, instruments  # noqa: PLC0415
    from nautilus_trader.trading.strategy import Strategy  # noqa: PLC0415

    class Documented(Rule, Strategy):  # type: ignore[misc]
        def on_start(self) -> None:
            for one in self.ids:
                self.subscribe_quote_ticks(one)

        on_quote_tick = Rule.judge

    logging = LoggingConfig(bypass_logging=True)
    engine = BacktestEngine(BacktestEngineConfig(logging=logging, run_analysis=False))
    parts = {**vars(model), **vars(enums), **vars(instruments), "USD": currencies.USD}
    return engine, argparse.Namespace(**parts), Documented()


def in_rust() -> tuple[Any, Any, Any]:
    """The Rust engine, its model and a strategy of the rule."""
    from nautilus_trader.core import nautilus_pyo3 as model  # noqa: PLC0415

    class InRust(Rule, model.trading.Strategy):  # type: ignore[misc]
        def on_start(self) -> None:
            for one in self.ids:
                self.subscribe_quotes(one)

        on_quote = Rule.judge

    silent = model.LoggerConfig(bypass_logging=True)
    config = model.BacktestEngineConfig(bypass_logging=True, logging=silent, run_analysis=False)
    parts = {**vars(model), "USD": model.Currency.from_str("USD")}
    return model.BacktestEngine(config), argparse.Namespace(**parts), InRust()


def prepare(engine: Any, model: Any, instruments: int) -> list[Any]:  # noqa: ANN401
    """Venue and instruments; the tick is five paise, the lot one."""
    engine.add_venue(
        venue=model.Venue(VENUE),
        oms_type=model.OmsType.NETTING,
        account_type=model.AccountType.MARGIN,
        base_currency=model.USD,
        starting_balances=[model.Money(CASH, model.USD)],
    )
    ids = [model.InstrumentId.from_str(f"Q{number:03}.{VENUE}") for number in range(instruments)]
    for one in ids:
        engine.add_instrument(
            model.Equity(
                instrument_id=one,
                raw_symbol=one.symbol,
                currency=model.USD,
                price_precision=2,
                price_increment=model.Price.from_str("0.05"),
                lot_size=model.Quantity.from_int(1),
                ts_event=0,
                ts_init=0,
            )
        )
    return ids


def built(model: Any, ids: list[Any], columns: Quotes) -> list[Any]:  # noqa: ANN401
    """The quotes as the peer's objects."""
    bids = set(columns.bids)
    prices = {p: model.Price(p / 100, 2) for p in bids | {p + SPREAD_PAISE for p in bids}}
    sizes = {n: model.Quantity.from_int(n) for n in range(1_000)}
    tick, spread = model.QuoteTick, SPREAD_PAISE
    return [
        tick(ids[number], prices[bid], prices[bid + spread], sizes[buys], sizes[sells], at, at)
        for number, bid, buys, sells, at in zip(*columns, strict=True)
    ]


def memory_now_mb() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return round(pages * resource.getpagesize() / 1_048_576, 1)


def measure(kind: str, count: int, instruments: int) -> dict[str, Any]:
    """Play the quotes once."""
    engine, model, strategy = (documented if kind == "python" else in_rust)()
    imported_mb = memory_now_mb()
    ids = prepare(engine, model, instruments)
    start_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - launched_ns()
    ready_mb, began_s = memory_now_mb(), time.perf_counter()
    engine.add_data(built(model, ids, quotes(count, instruments)))
    strategy.take(ids, model)
    engine.add_strategy(strategy)
    made_s = time.perf_counter() - began_s
    began_s = time.perf_counter()
    cpu_before_s = cpu_s()
    engine.run()
    wall_s, run_cpu_s = time.perf_counter() - began_s, cpu_s() - cpu_before_s
    cache = engine.cache
    orders = cache.orders()
    filled = [order for order in orders if order.filled_qty.as_double() > 0]
    entries = [order for order in filled if type(order).__name__ == "MarketOrder"]
    return {
        "ticks": count,
        "instruments": instruments,
        "ticks_per_s": round(count / wall_s),
        "wall_s": round(wall_s, 2),
        "cpu_us_a_tick": round(run_cpu_s / count * 1e6, 2),
        "entries": len(entries),
        "orders": len(orders),
        "fills": len(filled),
        "start_s": round(start_ns / 1e9, 2),
        "ready_mb": ready_mb,
        "quotes_made_s": round(made_s, 2),
        "imported_mb": imported_mb,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024, 1),
    }


def main() -> None:
    """Arguments: engine, how many quotes and instruments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("python", "rust"), default="python")
    parser.add_argument("--ticks", type=int, default=2_000_000)
    parser.add_argument("--instruments", type=int, default=1)
    args = parser.parse_args()
    print(json.dumps(measure(args.engine, args.ticks, args.instruments)))


if __name__ == "__main__":
    main()
