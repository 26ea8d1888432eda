"""What all sections of the bench share: percentiles, aims, a database to throw away.

Decides how a figure is written down. Refuses to measure.
"""

import argparse
import json
import math
import os
import platform
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from actors.runtime.clock import boot_ns
from actors.runtime.log import configure_logging
from actors.stores.embedded import EmbeddedPostgres
from engine.units import NS_PER_MS, NS_PER_S
from supervisors.boot import SWITCH_INTERVAL_S
from supervisors.stores import Stores

Figures = dict[str, Any]
_pause = threading.Event()


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread_ms(values_ns: Sequence[int]) -> Figures:
    """p50, p99, maximum in ms and the count; {} of nothing."""
    if not values_ns:
        return {}
    figures: Figures = {
        f"p{share}_ms": round(percentile(values_ns, share / 100) / NS_PER_MS, 4)
        for share in (50, 99)
    }
    return {**figures, "max_ms": round(max(values_ns) / NS_PER_MS, 4), "count": len(values_ns)}


def aim(measured: float | None, limit: float, what: str) -> Figures:
    """An aim beside its figure; a figure that is missing does not meet it."""
    is_met = measured is not None and measured <= limit
    return {"what": what, "measured": measured, "limit": limit, "met": is_met}


def rss_mb() -> float:
    """Resident memory of this process."""
    return round(psutil.Process().memory_info().rss / 1_048_576, 1)


def machine() -> Figures:
    """What the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "load_1m_before": round(os.getloadavg()[0], 2),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "architecture": platform.machine(),
        "python": platform.python_version(),
    }


def wait_s(seconds: float) -> None:
    """Let time pass; a measuring process has nobody to wake it."""
    if seconds > 0:
        _pause.wait(seconds)


def wait_for(is_true: Callable[[], bool], timeout_s: float) -> bool:
    """Look every 2 ms until a condition holds. False: it did not in time."""
    ends_ns = boot_ns() + int(timeout_s * NS_PER_S)
    while not is_true():
        if boot_ns() > ends_ns:
            return False
        _pause.wait(0.002)
    return True


@contextmanager
def stores(realm: str) -> Iterator[Stores]:
    """Stores on a fresh embedded database; nothing of it is left afterwards."""
    with tempfile.TemporaryDirectory(prefix="pahara-bench-") as folder:
        made = Stores(Path(folder), realm, environ={})
        database = made.database
        assert isinstance(database, EmbeddedPostgres)
        try:
            with made:
                yield made
        finally:
            shutil.rmtree(database.place.home, ignore_errors=True)
            shutil.rmtree(database.place.sockets, ignore_errors=True)


def run_section(measure: Callable[[argparse.Namespace], Figures], seconds: float) -> None:
    """The main program of one section: set up as boot does, measure, print one JSON object."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=seconds)
    parser.add_argument("--host", default="pooled", choices=("pooled", "threading"))
    parser.add_argument("--instruments", type=int, default=9_000)
    args = parser.parse_args()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        configure_logging(log)
        figures = measure(args)
    print(json.dumps(figures))
