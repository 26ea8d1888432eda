"""`pahara simulate`: a campaign, its report, artefacts of failures, their shrinking.

Decides what is printed and the exit code: 0 if every property held in every run, 1 if not. Ids
that nothing checks or injects yet are printed each time, so that nobody believes they are.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from scripts.simulation.campaign import Campaign, quiet, run_campaign
from scripts.simulation.catalogue import FAULTS
from scripts.simulation.checks import ALL_CHECKS
from scripts.simulation.checks.coverage import NOT_CHECKED, SOMETIMES
from scripts.simulation.faults import FaultRow
from scripts.simulation.profile import draw_profile
from scripts.simulation.rows import ROWS, not_covered
from scripts.simulation.run import Result
from scripts.simulation.scenario import load, of_shrunk, play, save
from scripts.simulation.shrink import Shrinker, Shrunk
from scripts.simulation.story import told

SOMETIMES_RUNS_MIN = 1_000
"""A campaign of that many seeds must have reached every sometimes property."""

FAILURES_SHOWN_MAX = 100
STORY_LINES_MAX = 200
"""Of an artefact."""


def simulate(args: argparse.Namespace) -> int:
    """The command."""
    if args.scenario is not None:
        return play_scenario(args.scenario)
    try:
        rows = chosen(args.faults)
    except KeyError as error:
        print(f"error: no model of {error.args[0]}", file=sys.stderr)
        return 2
    quiet()
    workers = args.jobs or os.cpu_count() or 1
    show = progress if sys.stderr.isatty() and not args.json else lambda _: None
    campaign = run_campaign(args.seed, args.runs, args.days, rows, workers=workers, progress=show)
    never = tuple(name for name in SOMETIMES if not campaign.reached.get(name))
    is_red = bool(campaign.violations)
    if args.faults == "all" and args.runs >= SOMETIMES_RUNS_MIN:
        is_red = is_red or bool(never)
    shrunk = shrink_first(campaign, args.days, rows) if args.shrink else None
    for failure in campaign.failures:
        write_artefact(args.state_dir, failure, args)
    if args.json:
        print(json.dumps(report(campaign, never)))
    else:
        print_report(campaign, never, args)
    if shrunk is not None:
        path = args.state_dir / "simulations" / f"seed-{shrunk.result.seed}.scenario.json"
        save(of_shrunk(shrunk), path)
        if not args.json:
            print_story(shrunk)
            print(f"kept as {path}")
    return 1 if is_red else 0


def play_scenario(path: Path) -> int:
    """Run a kept scenario and tell its story; 0 if every property holds now."""
    quiet()
    result = play(load(path))
    print("\n".join(told(result.story, result.text)))
    print(result.violated or "every property holds")
    return 1 if result.violated else 0


def chosen(faults: str) -> tuple[FaultRow, ...]:
    """The rows that `--faults` means: all, none, or ids separated by commas; `FLT-35x5` is five
    times as likely and strikes five times as often, for a place that is reached too seldom.

    Raises:
        KeyError: an id without a model, or a factor that is no number.
    """
    if faults == "all":
        return tuple(ROWS.values())
    return tuple(_row(fault) for fault in faults.split(",") if fault and fault != "none")


def _row(fault: str) -> FaultRow:
    name, times, factor = fault.partition("x")
    row = ROWS[name]
    if not times:
        return row
    if not factor.isdecimal() or int(factor) < 1:
        raise KeyError(fault)
    ppm_max = min(1_000_000, row.ppm_max * int(factor))
    return FaultRow(id=name, ppm_max=ppm_max, budget_max=row.budget_max * int(factor))


def progress(campaign: Campaign) -> None:
    """One line, rewritten."""
    rate = campaign.runs / max(campaign.seconds, 0.001)
    print(
        f"\r{campaign.runs} runs, {campaign.violations} violations, {rate:.0f}/s",
        end="",
        file=sys.stderr,
        flush=True,
    )


def report(campaign: Campaign, never: tuple[str, ...]) -> dict[str, Any]:
    """The figures as one JSON object."""
    return {
        "seed": campaign.seed,
        "runs": campaign.runs,
        "days": campaign.days,
        "steps": campaign.steps,
        "seconds": round(campaign.seconds, 2),
        "days_per_s": round(campaign.days / campaign.seconds, 1),
        "steps_per_s": round(campaign.steps / campaign.seconds),
        "twice": campaign.twice,
        "violations": campaign.violations,
        "violated": campaign.violated,
        "failures": [{"seed": f.seed, "id": f.violated, "text": f.text} for f in campaign.failures],
        "faults": {
            fault: {"strikes": count, "runs": campaign.struck_runs[fault]}
            for fault, count in sorted(campaign.struck.items())
        },
        "sometimes": dict(sorted(campaign.reached.items())),
        "never": list(never),
        "checks": sorted(check.id for check in ALL_CHECKS if check.id),
        "not_covered": {**not_covered(), **NOT_CHECKED},
    }


def print_report(campaign: Campaign, never: tuple[str, ...], args: argparse.Namespace) -> None:
    """The same for people."""
    body = report(campaign, never)
    for key in ("runs", "days", "steps", "seconds", "days_per_s", "steps_per_s", "twice"):
        print(f"{key:14} {body[key]}")
    print("\nfaults injected")
    for fault, row in body["faults"].items():
        print(f"  {fault} {row['strikes']:>8} in {row['runs']:>6} runs  {FAULTS[fault]}")
    print("\nsometimes")
    for name, count in body["sometimes"].items():
        print(f"  {count:>8} {name}")
    for name in never:
        print(f"     never {name}")
    print("\nnot covered")
    for name, why in body["not_covered"].items():
        print(f"  {name} {why}")
    print(f"\nviolations     {campaign.violations} {campaign.violated or ''}")
    for failure in campaign.failures[:FAILURES_SHOWN_MAX]:
        print(f"  seed {failure.seed}: {failure.violated}: {failure.text[:300]}")
        print(f"    again: {reproduction(failure, args)}")


def reproduction(failure: Result, args: argparse.Namespace) -> str:
    """The command that shows the failure again and makes it small."""
    return (
        f"pahara simulate --seed {failure.seed} --days {args.days} --faults {args.faults} --shrink"
    )


def write_artefact(state_dir: Path, failure: Result, args: argparse.Namespace) -> None:
    """Everything about a failure in one file: `<state-dir>/simulations/seed-N.json`."""
    folder = state_dir / "simulations"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    body = {
        **msgspec.to_builtins(failure),
        "story": failure.story[-STORY_LINES_MAX:],
        "profile": msgspec.to_builtins(draw_profile(failure.seed, args.days, chosen(args.faults))),
        "commit": commit(),
        "again": reproduction(failure, args),
    }
    path = folder / f"seed-{failure.seed}.json"
    path.write_text(json.dumps(body, indent=1), encoding="utf-8")


def commit() -> str:
    """The commit that runs, "" outside of a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return ""
    return done.stdout.strip()


def shrink_first(campaign: Campaign, days: int, rows: tuple[FaultRow, ...]) -> Shrunk | None:
    """The first failure made small, None if there is none that a seed reproduces."""
    for failure in campaign.failures:
        if failure.violated != "NONDETERMINISM":
            profile = draw_profile(failure.seed, days, rows)
            return Shrinker(profile, failure.violated).shrink()
    return None


def print_story(shrunk: Shrunk) -> None:
    """The story of a shrunk run."""
    result = shrunk.result
    print(
        f"\nseed {result.seed}, shrunk in {shrunk.tries} runs to {len(shrunk.decisions)} decisions"
    )
    for (point, ordinal), value in shrunk.decisions.items():
        print(f"  decision {point} #{ordinal} = {value}")
    for line in told(result.story, result.text):
        print(f"  {line}")
