"""`make mutants`: known bugs put into the order path one at a time; the simulation must catch each.

Decides how a bug is applied (a copy of the sources, one piece of text replaced) and when it counts
as caught: `pahara simulate` on the copy reports a violation within the bug's number of seeds, and
the engine without the bug holds on that seed. A bug that is not caught, or no longer fits the
sources, is a failure of the suite.

usage: python -m tests.mutants.run [NAME ...] [--jobs N] [--out FILE.json]
"""

# ruff: noqa: T201 (a command: it prints its table)

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from actors.runtime.clock import boot_ns
from engine.units import NS_PER_S

ROOT = Path(__file__).resolve().parents[2]
BUGS = Path(__file__).parent / "bugs"
SOURCES = ("engine", "actors", "supervisors", "scripts", "configs")


class Mutant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One bug: in `file` the text `old` (found once, any indent) becomes `new`. `faults` as in
    `pahara simulate --faults`."""

    bug: str
    file: str
    old: str
    new: str
    seeds_max: int
    faults: str = "all"


class Caught(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one: `seed` 0 means that nothing noticed."""

    name: str
    bug: str
    seed: int
    by: str
    text: str
    seconds: float


class Unfit(Exception):
    """The bug does not fit the sources any more."""


def load(name: str) -> Mutant:
    """Read a bug by its file's name."""
    return msgspec.convert(yaml.safe_load((BUGS / f"{name}.yaml").read_text("utf-8")), Mutant)


def names() -> list[str]:
    """All bugs there are."""
    return sorted(path.stem for path in BUGS.glob("*.yaml"))


def mutated(source: str, mutant: Mutant) -> str:
    """The source with the bug.

    Raises:
        Unfit: `old` is not there exactly once.
    """
    found = [indent for indent in range(0, 41, 4) if _at(mutant.old, indent) in source]
    if not found:
        raise Unfit(f"{mutant.file}: not found: {mutant.old.strip()[:60]!r}")
    old, new = _at(mutant.old, found[-1]), _at(mutant.new, found[-1])
    if source.count(old) != 1:
        raise Unfit(f"{mutant.file}: {source.count(old)} places for {mutant.old.strip()[:60]!r}")
    return source.replace(old, new)


def _at(text: str, indent: int) -> str:
    return "\n" + textwrap.indent(text.rstrip("\n"), " " * indent) + "\n"


def catch(name: str, jobs: int) -> Caught:
    """Put one bug into a copy and simulate. A seed on which the engine without the bug fails too
    shows nothing of the bug and is passed over."""
    mutant = load(name)
    began_ns = boot_ns()
    first: dict[str, Any] | None = None
    with tempfile.TemporaryDirectory(prefix="pahara-mutant-") as folder:
        copy = Path(folder)
        for part in SOURCES:
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        path = copy / mutant.file
        path.write_text(mutated(path.read_text("utf-8"), mutant), encoding="utf-8")
        seed = 1
        while seed <= mutant.seeds_max:
            first = first_failure(copy, seed, mutant.seeds_max - seed + 1, mutant.faults, jobs)
            if first is None or first_failure(ROOT, first["seed"], 1, mutant.faults, 1) is None:
                break
            seed, first = first["seed"] + 1, None
    return Caught(
        name=name,
        bug=mutant.bug,
        seed=first["seed"] if first else 0,
        by=first["id"] if first else "",
        text=first["text"] if first else "",
        seconds=round((boot_ns() - began_ns) / NS_PER_S, 1),
    )


def first_failure(
    sources: Path, seed: int, runs: int, faults: str, jobs: int
) -> dict[str, Any] | None:
    """The failure with the lowest seed of a campaign on some sources, None if all holds."""
    with tempfile.TemporaryDirectory(prefix="pahara-mutant-state-") as state:
        command = [sys.executable, "-P", "-m", "scripts.cli", "simulate", "--seed", str(seed)]
        command += ["--runs", str(runs), "--faults", faults, "--fail-fast"]
        command += ["--jobs", str(jobs), "--json", "--state-dir", state]
        environ = {**os.environ, "PYTHONPATH": str(sources)}
        done = subprocess.run(
            command, cwd=sources, env=environ, capture_output=True, text=True, check=False
        )
    if not done.stdout:
        raise Unfit(f"the simulation did not run: {done.stderr[-500:]}")
    failures = json.loads(done.stdout)["failures"]
    found: dict[str, Any] | None = min(failures, key=lambda f: f["seed"], default=None)
    return found


def all_caught(wanted: list[str], jobs: int) -> Iterator[Caught]:
    for name in wanted:
        caught = catch(name, jobs)
        seeds = f"seed {caught.seed}" if caught.seed else "NOT CAUGHT"
        print(
            f"{name:34} {seeds:12} {caught.by:10} {caught.seconds:6.1f} s  {caught.bug}", flush=True
        )
        yield caught


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=[])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    results = list(all_caught(args.names or names(), args.jobs))
    if args.out:
        args.out.write_text(json.dumps(msgspec.to_builtins(results), indent=1), encoding="utf-8")
    missed = [result.name for result in results if not result.seed]
    print(f"{len(results) - len(missed)} of {len(results)} caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
