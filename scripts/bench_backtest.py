"""The seeded host with the full tree on minute bars: ticks and events a second.

Decides the slice: the first days of the recorded index data, or a random walk where there is none.
"""

import argparse
import gzip
import random
import sys
import tempfile
from pathlib import Path

from actors.runtime.clock import boot_ns
from engine.units import NS_PER_S
from scripts.backtest import Backtest, csv_source
from scripts.bench_figures import Figures, rss_mb, run_section, stores
from supervisors.config import load_config

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "marketdata" / "index_1m"
NAMES = ("NIFTY50", "BANKNIFTY")
DAYS = 15
BARS_DAY = 375


def cut(name: str, days: int, folder: Path) -> Path:
    """The first `days` days of an instrument as a file of its own."""
    target = folder / f"{name}_1m.csv.gz"
    found = sorted(DATA.glob(f"{name}_1m_2024*.csv.gz"))
    rows = recorded(found[0], days) if found else walk(name, days)
    with gzip.open(target, "wt", encoding="utf-8") as out:
        out.write("ts_ist,open,high,low,close\n")
        out.writelines(rows)
    return target


def recorded(path: Path, days: int) -> list[str]:
    """Rows of the first days of a file."""
    seen: set[str] = set()
    rows = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        next(lines)
        for line in lines:
            seen.add(line[:10])
            if len(seen) > days:
                break
            rows.append(line)
    return rows


def walk(name: str, days: int) -> list[str]:
    """Rows of a seeded random walk over the weekdays of January 2024."""
    rng = random.Random(name)  # noqa: S311 a market, not secrets
    price, rows = 2_000_000, []
    weekdays = [day for day in range(1, 32) if (day - 1) % 7 < 5 and day not in (22, 26)]
    for day in weekdays[:days]:
        for minute in range(555, 555 + BARS_DAY):
            close = price + 5 * rng.randint(-60, 60)
            high, low = max(price, close) + 50, min(price, close) - 50
            prices = ",".join(f"{value / 100:.2f}" for value in (price, high, low, close))
            rows.append(f"2024-01-{day:02} {minute // 60:02}:{minute % 60:02}:00,{prices}\n")
            price = close
    return rows


def measure(args: argparse.Namespace) -> Figures:
    """One backtest; `seconds` scales the days (the default is the full slice)."""
    days = max(1, min(DAYS, int(args.seconds)))
    config = load_config(ROOT / "configs" / "backtest.yaml")
    with tempfile.TemporaryDirectory(prefix="pahara-bench-") as folder, stores("backtest") as made:
        files = [cut(name, days, Path(folder)) for name in NAMES]
        source = csv_source(config, files)
        test = Backtest(config, source, made)
        print(f"backtest: {days} days of {', '.join(NAMES)}", file=sys.stderr)
        began_ns = boot_ns()
        test.run(lambda _: None)
        wall_s = (boot_ns() - began_ns) / NS_PER_S
        ticks = 4 * source.bars_read
        return {
            "data": "recorded" if DATA.is_dir() else "synthetic",
            "days": days,
            "bars": source.bars_read,
            "wall_s": round(wall_s, 2),
            "ticks_per_s": round(ticks / wall_s),
            "events_per_s": round(test.pool.served_count / wall_s),
            "rss_mb": rss_mb(),
        }


if __name__ == "__main__":
    run_section(measure, 15.0)
