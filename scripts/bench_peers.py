"""`make bench-peers`: the same work in Pahara and in NautilusTrader, in one run on one machine.

Decides who runs, how often and in which order (in turns, so that a busy minute hurts all alike),
and how far counts may differ. Each run is a process of its own. One JSON object on stdout, progress
and a table on stderr.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from actors.runtime.clock import boot_ns
from scripts.bench_figures import Figures, machine
from scripts.bench_peers_work import LAUNCHED

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT_S = 600
TOLERANCE = 0.01
"""How far entries and fills may differ: who is told first of an exit may enter a cross earlier."""
ENGINES = {
    "pahara": ("scripts.bench_peers_pahara",),
    "nautilus_documented": ("scripts.bench_peers_nautilus", "--engine", "python"),
    "nautilus_rust": ("scripts.bench_peers_nautilus", "--engine", "rust"),
}
COUNTED = ("entries", "orders", "fills")
MEDIANS = (
    "ticks_per_s",
    "wall_s",
    "cpu_us_a_tick",
    "start_s",
    "imported_mb",
    "ready_mb",
    "peak_mb",
)


def play(name: str, python: Path, arguments: list[str]) -> Figures:
    """Run one engine once.

    Raises:
        subprocess.SubprocessError: it failed or took too long; its stderr was shown.
    """
    told = {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", LAUNCHED: str(boot_ns())}
    done = subprocess.run(  # noqa: S603 our own modules
        [str(python), "-m", *ENGINES[name], *arguments],
        stdout=subprocess.PIPE,
        check=True,
        timeout=TIMEOUT_S,
        cwd=ROOT,
        env={**os.environ, **told},
    )
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def summed_up(runs: list[Figures]) -> Figures:
    """Medians of what varies; what is counted must be the same in every run."""
    result = {key: runs[0][key] for key in COUNTED}
    result["counts_equal"] = all(run[key] == runs[0][key] for run in runs for key in COUNTED)
    for key in MEDIANS:
        if key in runs[0]:
            result[key] = statistics.median(run[key] for run in runs)
    result["ticks_per_s_runs"] = [run["ticks_per_s"] for run in runs]
    if "journal_digest" in runs[0]:
        result["journal_digests"] = sorted({run["journal_digest"] for run in runs})
    return result


def compared(results: dict[str, Figures]) -> Figures:
    """Pahara against each peer: how many times as fast, by the clock and by CPU time, and whether
    the work was the same."""
    ours, verdict = results["pahara"], {}
    for name, theirs in results.items():
        if name == "pahara":
            continue
        apart = max(abs(ours[key] - theirs[key]) / max(theirs[key], 1) for key in COUNTED)
        verdict[name] = {
            "speed_ratio": round(ours["ticks_per_s"] / theirs["ticks_per_s"], 2),
            "cpu_ratio": round(theirs["cpu_us_a_tick"] / ours["cpu_us_a_tick"], 2),
            "counts_apart": round(apart, 5),
            "same_work": apart <= TOLERANCE,
        }
    return verdict


def table(results: dict[str, Figures]) -> str:
    """The figures for people."""
    keys = ("ticks_per_s", "cpu_us_a_tick", *COUNTED, "start_s", "imported_mb", "peak_mb")
    lines = [f"{'':14}" + "".join(f"{name:>22}" for name in results)]
    lines += [
        f"{key:14}" + "".join(f"{result.get(key, '-')!s:>22}" for result in results.values())
        for key in keys
    ]
    return "\n".join(lines)


def main() -> int:
    """Exit code 0 if all engines ran and did the same work, whatever the ratio; else 1."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench_peers", description=__doc__)
    parser.add_argument("--peer-python", type=Path, required=True, help="has nautilus_trader")
    parser.add_argument("--ticks", type=int, default=2_000_000)
    parser.add_argument("--instruments", type=int, default=1)
    parser.add_argument("--runs", type=int, default=1)
    args = parser.parse_args()
    arguments = ["--ticks", str(args.ticks), "--instruments", str(args.instruments)]
    runs: dict[str, list[Figures]] = {name: [] for name in ENGINES}
    for number in range(args.runs):
        for name in ENGINES:
            print(f"{name}, run {number + 1} of {args.runs} ...", file=sys.stderr)
            python = Path(sys.executable) if name == "pahara" else args.peer_python
            runs[name].append(play(name, python, arguments))
    results = {name: summed_up(found) for name, found in runs.items()}
    verdict = compared(results)
    print(table(results), file=sys.stderr)
    report = {
        "machine": machine(),
        "ticks": args.ticks,
        "instruments": args.instruments,
        "tolerance": TOLERANCE,
        "engines": results,
        "pahara_to": verdict,
    }
    print(json.dumps(report, indent=2))
    return int(not all(one["same_work"] for one in verdict.values()))


if __name__ == "__main__":
    sys.exit(main())
