"""`make bench`: every figure that the README quotes, measured in one run on one machine.

Decides which sections run, with how much time, and which aims their figures are held against. Each
section is a process of its own, so that memory and CPU are its own. One JSON object on stdout,
progress on stderr.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from scripts.bench_figures import Figures, aim, machine

TIMEOUT_S = 180


def section(module: str, *arguments: str) -> Figures:
    """Run one section's process and take its figures.

    Raises:
        subprocess.SubprocessError: it failed or took too long; its stderr was shown.
    """
    command = [sys.executable, "-m", f"scripts.{module}", *arguments]
    done = subprocess.run(  # noqa: S603 our own interpreter and module
        command, stdout=subprocess.PIPE, check=True, timeout=TIMEOUT_S
    )
    figures: Figures = json.loads(done.stdout)
    return figures


def actors(*arguments: str) -> Figures:
    """Both hosts and their ratio; threads fall behind, so they get a shorter load by default."""
    short = () if "--seconds" in arguments else ("--seconds", "2")
    pooled = section("bench_actors", "--host", "pooled", *arguments)
    threading = section("bench_actors", "--host", "threading", *short, *arguments)
    steady, burst = pooled["steady"], pooled["burst"]["last_handled"]
    return {
        "pooled": pooled,
        "threading": threading,
        "ratio_threading_to_pooled": {
            "steady_p99": ratio(threading, pooled, "steady", "latency", "p99_ms"),
            "steady_cpu": ratio(threading, pooled, "steady", "cpu_cores"),
            "burst_p50": ratio(threading, pooled, "burst", "last_handled", "p50_ms"),
            "rss": ratio(threading, pooled, "rss_mb"),
        },
        "aims": [
            aim(steady["latency"].get("p99_ms"), 0.5, "steady p99, ms"),
            aim(steady["cpu_cores"], 0.33, "CPU at 9,000 ticks/s, cores"),
            aim(burst.get("p99_ms"), 60, "burst of 3,000 p99, ms"),
            aim(pooled["rss_mb"], 300, "RSS, MB"),
        ],
    }


def ratio(above: Figures, below: Figures, *path: str) -> float | None:
    """How many times the one figure is the other."""
    values: list[Any] = [above, below]
    for key in path:
        values = [value.get(key) if value else None for value in values]
    return round(values[0] / values[1], 1) if values[0] and values[1] else None


def order_path(*arguments: str) -> Figures:
    """Tick to paper order."""
    figures = section("bench_order", *arguments)
    p99_ms = figures["tick_to_order"].get("p99_ms")
    return {**figures, "aims": [aim(p99_ms, 2.0, "tick to paper order p99, ms")]}


def journal(*arguments: str) -> Figures:
    """Durable commits; no aim of their own."""
    return {**section("bench_journal", *arguments), "aims": []}


def restart(*arguments: str) -> Figures:
    """Crash to READY."""
    figures = section("bench_restart", *arguments)
    aims = [
        aim(figures[where].get("p99_ms"), 1.0, f"crash to READY p99, {where}, ms")
        for where in ("alone", "among_9000")
    ]
    return {**figures, "aims": aims}


def backtest(*arguments: str) -> Figures:
    """The seeded host; no aim of its own."""
    return {**section("bench_backtest", *arguments), "aims": []}


def capture(*arguments: str) -> Figures:
    """What capture adds to each message on the rooms' threads."""
    figures = section("bench_capture", *arguments)
    return {**figures, "aims": [aim(figures["hot_path_ns"], 1_000, "capture a message, ns")]}


def feed(*arguments: str) -> Figures:
    """Kite's stream at full size, and the two parsers."""
    figures = section("bench_feed", *arguments)
    stream, parsers = figures["stream"], figures["parsers"]
    return {
        **figures,
        "aims": [
            aim(stream["lost_count"], 0, "ticks lost"),
            aim(stream["frame_to_strategy"].get("p99_ms"), 25, "frame to strategy p99, ms"),
            aim(round(1 / parsers["ratio"], 3), 0.04, "our parser's time, share of the library's"),
        ],
    }


SECTIONS: dict[str, Callable[..., Figures]] = {
    "actors": actors,
    "order_path": order_path,
    "journal": journal,
    "restart": restart,
    "backtest": backtest,
    "capture": capture,
    "feed": feed,
}


def main() -> int:
    """Exit code 0 if every section ran, whether or not its aims are met; 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench", description=__doc__)
    parser.add_argument("--seconds", type=float, help="of each measurement (each has its own)")
    parser.add_argument("--only", choices=sorted(SECTIONS), help="one section")
    parser.add_argument("--instruments", type=int, help="actors and others beside a restart")
    args = parser.parse_args()
    shared = [] if args.seconds is None else ["--seconds", str(args.seconds)]
    if args.instruments is not None:
        shared += ["--instruments", str(args.instruments)]
    result: Figures = {"machine": machine()}
    has_failed = False
    for name, measure in SECTIONS.items():
        if args.only not in (None, name):
            continue
        print(f"{name} ...", file=sys.stderr)
        try:
            result[name] = measure(*shared)
        except subprocess.SubprocessError as error:
            has_failed = True
            result[name] = {"error": str(error)}
    print(json.dumps(result, indent=2))
    return int(has_failed)


if __name__ == "__main__":
    sys.exit(main())
