"""`make bench-flatten`: how long until the exchange holds nothing, and until the first cancel.

Decides what is played: an engine LIVE at real speed with open positions whose stop and target rest
at the exchange; an operator's `flatten` or `kill` over the control socket; the exchange's own truth
read until nothing is held and nothing works. The physical limit is one order a position at the
broker's ten a second; two are needed where a target rests beside the stop. JSON on stdout, progress
on stderr.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from actors.runtime.clock import boot_ns
from engine.limits import ORDERS_PER_SECOND_BROKER
from engine.units import NS_PER_S
from scripts.bench_figures import Figures, aim, machine, percentile, wait_for, wait_s
from scripts.bench_live.holding import MARK, MARK_RESTING
from scripts.bench_live.stands import PRICE_PAISE, NotShown, go_live, names, settings, staged
from scripts.client import ConsoleClient
from scripts.rehearsal.guarded import WORKING, naked_names
from scripts.rehearsal.stage import Stage

USE: Final = "scripts.bench_live.holding:Holding"
STRATEGIES: Final = 5
"""Each flatten is a loss for all, and after a hundred in a row a strategy enters no more."""
RESTING_COUNT: Final = 5
ENTRY_PACE_S: Final = 0.65
"""Entry, stop and target of one position within the rate budget."""
OPEN_S: Final = 60.0
FLAT_S: Final = 60.0
LOOK_S: Final = 0.02
KILL_AIM_S: Final = 1.0


def main() -> int:
    """Exit code 0 if it was played, whether or not the aims are met; 1 if not."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench_live.flatten")
    parser.add_argument("--positions", type=int, default=20)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--kills", type=int, default=5)
    args = parser.parse_args()
    result: Figures = {"machine": machine()}
    try:
        result["flatten"] = flattens(args.positions, args.runs)
        result["kill"] = kills(args.positions, args.kills)
    except NotShown as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(result, indent=2))
    return 0


def flattens(positions: int, runs: int) -> Figures:
    """So many times the same engine opens so many positions and flattens. Raises NotShown."""
    took = []
    with staged_for(positions) as stage:
        go_live(stage)
        for number in range(runs):
            hold(stage, names(positions))
            took.append(flatten(stage))
            print(f"flatten {number + 1} of {runs}: {took[-1]}", file=sys.stderr)
            back_to_live(stage)
        if code := stage.end_engine():
            raise NotShown(f"the engine ended with {code}")
    limit_s = positions / ORDERS_PER_SECOND_BROKER
    flat = [run["net_zero_s"] for run in took]
    quiet = [run["quiet_s"] for run in took]
    return {
        "positions": positions,
        "limit_one_order_each_s": limit_s,
        "limit_two_orders_each_s": 2 * limit_s,
        "runs": took,
        "net_zero": _spread(flat),
        "quiet": _spread(quiet),
        "aims": [aim(_spread(flat).get("p95_s"), limit_s, "net 0 p95, s: one order a position")],
    }


def kills(positions: int, runs: int) -> Figures:
    """Each with an engine of its own: a kill is for good. Raises NotShown."""
    took = []
    for number in range(runs):
        with staged_for(positions + RESTING_COUNT) as stage:
            go_live(stage)
            every = names(positions + RESTING_COUNT)
            hold(stage, every[:positions], every[positions:])
            took.append(kill(stage))
            print(f"kill {number + 1} of {runs}: {took[-1]}", file=sys.stderr)
            stage.end_engine()
    return {
        "positions": positions,
        "entries_working": RESTING_COUNT,
        "runs": took,
        "first_cancel": _spread([run["first_cancel_s"] for run in took]),
        "aims": [
            aim(max(run["first_cancel_s"] for run in took), KILL_AIM_S, "kill to first cancel, s")
        ] if took else [],
    }  # fmt: skip


def staged_for(count: int) -> AbstractContextManager[Stage]:
    """The stage with so many instruments, its engine not started."""
    every = names(count)
    share = [every[number::STRATEGIES] for number in range(min(count, STRATEGIES))]
    strategies = [
        {"name": f"holding{number}", "use": USE, "instruments": some}
        for number, some in enumerate(share)
    ]
    config = settings(every, *strategies)
    return staged(config, config)


def hold(stage: Stage, held: Sequence[str], resting: Sequence[str] = ()) -> None:
    """Open a position in each, and an entry that rests in each of the others. Raises NotShown."""
    entries = len(resting)

    def is_there() -> bool:
        truth = stage.floor.ask("GET", "/truth")
        there = _held(truth) | _resting(truth)
        for name in (*held, *resting):
            if name not in there:  # also one whose mark came before its feed was fresh
                _mark(stage, name, MARK if name in held else MARK_RESTING)
                wait_s(ENTRY_PACE_S)
        return (
            _held(truth) == set(held)
            and not naked_names(truth)
            and _working(truth) == 2 * len(held) + entries
        )

    if not wait_for(is_there, OPEN_S):
        truth = stage.floor.ask("GET", "/truth")
        raise NotShown(f"held {sorted(_held(truth))}, working {_working(truth)}")


def _mark(stage: Stage, name: str, mark: int) -> None:
    stage.floor.ask(
        "POST", "/price", name=name, paise=PRICE_PAISE, bid=PRICE_PAISE - 5, ask=PRICE_PAISE,
        units=mark,
    )  # fmt: skip


def flatten(stage: Stage) -> Figures:
    """Order it, and wait until nothing is held, then until nothing works. Raises NotShown."""
    before = int(stage.floor.ask("GET", "/status")["orders_day"])
    began_ns = boot_ns()
    command(stage, "flatten", scope="all")
    seen: Figures = {"answer_s": _since(began_ns)}
    naked_s, naked_since_ns = 0.0, dict[str, int]()

    def is_quiet() -> bool:
        nonlocal naked_s
        truth, now_ns = stage.floor.ask("GET", "/truth"), boot_ns()
        if not _held(truth):
            seen.setdefault("net_zero_s", _since(began_ns))
        naked = naked_names(truth)
        for name in naked:
            since_ns = naked_since_ns.setdefault(name, now_ns)
            naked_s = max(naked_s, (now_ns - since_ns) / NS_PER_S)
        for name in naked_since_ns.keys() - naked:
            del naked_since_ns[name]
        return not _held(truth) and not _working(truth)

    if not wait_for_slowly(is_quiet, FLAT_S):
        raise NotShown("not flat in time")
    requests = int(stage.floor.ask("GET", "/status")["orders_day"]) - before
    return {**seen, "quiet_s": _since(began_ns), "requests": requests, "naked_s": round(naked_s, 3)}


def kill(stage: Stage) -> Figures:
    """Order it, and wait for the first order that is gone. Raises NotShown."""
    truth = stage.floor.ask("GET", "/truth")
    gone = _cancelled(truth)
    began_ns = boot_ns()
    command(stage, "kill")
    seen: Figures = {"answer_s": _since(began_ns)}

    def is_cancelled() -> bool:
        return len(_cancelled(stage.floor.ask("GET", "/truth")) - gone) > 0

    if not wait_for_slowly(is_cancelled, FLAT_S):
        raise NotShown("nothing was cancelled")
    return {**seen, "first_cancel_s": _since(began_ns)}


def back_to_live(stage: Stage) -> None:
    """The operator types the phrase again. Raises NotShown."""
    if not wait_for_slowly(lambda: stage.operate() == "LIVE", OPEN_S):
        raise NotShown(f"not LIVE again: {stage.status()}")


def command(stage: Stage, verb: str, **arguments: str) -> None:
    """One verb over the control socket, as `pahara` sends it. Raises NotShown."""
    with ConsoleClient(stage.state_dir, timeout_s=15) as client:
        reply = client.ask(verb, {"reason": "bench", **arguments})
    if reply.get("code") not in ("OK", "TIMEOUT"):
        raise NotShown(f"{verb}: {reply}")


def wait_for_slowly(is_true: Callable[[], bool], timeout_s: float) -> bool:
    """Look every 20 ms: each look costs the exchange."""
    ends_ns = boot_ns() + int(timeout_s * NS_PER_S)
    while not is_true():
        if boot_ns() > ends_ns:
            return False
        wait_s(LOOK_S)
    return True


def _held(truth: Mapping[str, Any]) -> set[str]:
    return {position["name"] for position in truth["positions"] if position["units"]}


def _resting(truth: Mapping[str, Any]) -> set[str]:
    rows = [order["row"] for order in truth["orders"]]
    return {row["instrument"] for row in rows if row["status"] in WORKING}


def _working(truth: Mapping[str, Any]) -> int:
    return sum(order["row"]["status"] in WORKING for order in truth["orders"])


def _cancelled(truth: Mapping[str, Any]) -> set[str]:
    return {
        order["row"]["venue_order_id"]
        for order in truth["orders"]
        if order["row"]["status"] == "CANCELLED"
    }


def _since(began_ns: int) -> float:
    return round((boot_ns() - began_ns) / NS_PER_S, 3)


def _spread(seconds: Sequence[float]) -> Figures:
    if not seconds:
        return {}
    return {
        "p50_s": percentile(seconds, 0.5),
        "p95_s": percentile(seconds, 0.95),
        "max_s": max(seconds),
        "count": len(seconds),
    }


if __name__ == "__main__":
    sys.exit(main())
