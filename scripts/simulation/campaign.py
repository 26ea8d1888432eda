"""Many seeds, on all processors, counted.

Decides how seeds are spread and what is added up. Every twentieth seed is run a second time, in a
process with another PYTHONHASHSEED: a trace that differs is a violation like any other.
"""

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Final

import msgspec

from actors.runtime.clock import boot_ns
from engine.units import NS_PER_S
from scripts.simulation.faults import FaultRow
from scripts.simulation.run import Result, run_seed

CHUNK: Final = 25
TWICE_EVERY: Final = 20
OTHER_HASH_SEED: Final = "4242"
FAILURES_KEPT_MAX: Final = 50


class Campaign(msgspec.Struct, kw_only=True):
    """What a campaign came to. `struck` counts strikes, `struck_runs` the runs with one."""

    seed: int
    runs: int = 0
    days: int = 0
    steps: int = 0
    twice: int = 0
    seconds: float = 0.0
    violations: int = 0
    failures: list[Result] = []
    violated: dict[str, int] = {}
    struck: dict[str, int] = {}
    struck_runs: dict[str, int] = {}
    reached: dict[str, int] = {}

    def add(self, result: Result) -> None:
        """Count one run."""
        self.runs += 1
        self.days += result.days
        self.steps += result.steps
        for fault, count in result.struck.items():
            self.struck[fault] = self.struck.get(fault, 0) + count
            self.struck_runs[fault] = self.struck_runs.get(fault, 0) + 1
        for name, count in result.reached.items():
            self.reached[name] = self.reached.get(name, 0) + count
        if result.violated:
            self.fail(result)

    def fail(self, result: Result) -> None:
        """Count a violation; the first ones are kept whole."""
        self.violations += 1
        self.violated[result.violated] = self.violated.get(result.violated, 0) + 1
        if len(self.failures) < FAILURES_KEPT_MAX:
            self.failures.append(result)


def run_campaign(
    seed: int,
    runs: int,
    days: int,
    rows: tuple[FaultRow, ...],
    *,
    workers: int,
    is_first_enough: bool = False,
    progress: Callable[[Campaign], None] = lambda _: None,
) -> Campaign:
    """Run `runs` seeds from `seed` on; with `is_first_enough` no further than the first chunk
    with a violation."""
    campaign = Campaign(seed=seed)
    began_ns = boot_ns()
    digests: dict[int, str] = {}
    work = partial(_run_chunk, days=days, rows=rows)
    chunks = [range(at, min(at + CHUNK, seed + runs)) for at in range(seed, seed + runs, CHUNK)]
    with _pool(min(workers, len(chunks)), "0") as pool:
        for results in pool.map(work, chunks):
            for result in results:
                campaign.add(result)
                if result.seed % TWICE_EVERY == 0:
                    digests[result.seed] = result.digest
            campaign.seconds = (boot_ns() - began_ns) / NS_PER_S
            progress(campaign)
            if is_first_enough and campaign.failures:
                pool.shutdown(wait=False, cancel_futures=True)
                break
    _run_twice(campaign, digests, work, workers)
    campaign.seconds = (boot_ns() - began_ns) / NS_PER_S
    return campaign


def _run_twice(
    campaign: Campaign,
    digests: dict[int, str],
    work: Callable[[range], list[Result]],
    workers: int,
) -> None:
    again = [range(seed, seed + 1) for seed in digests]
    if not again:
        return
    with _pool(min(workers, len(again)), OTHER_HASH_SEED) as pool:
        for (result,) in pool.map(work, again, chunksize=CHUNK):
            campaign.twice += 1
            if result.digest != digests[result.seed]:
                text = f"{digests[result.seed]} and {result.digest} for the same seed"
                differing = msgspec.structs.replace(result, violated="NONDETERMINISM", text=text)
                campaign.fail(differing)


@contextmanager
def _pool(workers: int, hash_seed: str) -> Iterator[ProcessPoolExecutor]:
    """Fresh interpreters with a hash seed of their own."""
    before = os.environ.get("PYTHONHASHSEED")
    os.environ["PYTHONHASHSEED"] = hash_seed
    try:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context, initializer=quiet) as pool:
            yield pool
    finally:
        if before is None:
            del os.environ["PYTHONHASHSEED"]
        else:
            os.environ["PYTHONHASHSEED"] = before


def quiet() -> None:
    """A simulated engine logs to nobody."""
    logging.disable(logging.CRITICAL)


def _run_chunk(seeds: range, *, days: int, rows: tuple[FaultRow, ...]) -> list[Result]:
    return [run_seed(seed, days, rows) for seed in seeds]
