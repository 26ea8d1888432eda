"""`make bench-latency`: from a frame to the acknowledged order, beside a bare kiteconnect script.

Decides the load (marks in turns for the engine and for the script, the market ticking meanwhile)
and what is compared: from the instant at which the exchange begins to write the marked frame to the
instant at which the client has the answer to its order. Ours is taken late, when the answer is back
from the writer's process in the core. Boot clock everywhere. The disk is asked what one durable
write costs it, because that is in our line and not in the script's. JSON on stdout.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from actors.runtime.clock import boot_ns
from actors.runtime.environment import without_secrets
from engine.units import NS_PER_MS, NS_PER_S
from scripts.bench_figures import Figures, aim, machine, spread_ms, wait_for, wait_s
from scripts.bench_live.instants import Lapse, Passed, passages
from scripts.bench_live.marked import MARK_BARE, MARK_OURS
from scripts.bench_live.stands import PRICE_PAISE, NotShown, go_live, names, settings, staged
from scripts.rehearsal.stage import Stage

OURS: Final = names(20)
BARE: Final = "NSE:BARE"
PACE_NS: Final = 220 * NS_PER_MS
WORKING_S: Final = 0.1
WARM_COUNT: Final = 10
SCALE: Final = 10
"""The exchange lets both in: two clients share the account, and it takes ten a second."""
DISK_COUNT: Final = 100
PAGE_BYTES: Final = 8_192
RATIO_AIM: Final = 1.2
STRATEGY: Final[dict[str, Any]] = {
    "name": "marked", "use": "scripts.bench_live.marked:Marked",
}  # fmt: skip


class Answer(NamedTuple):
    """One order of the bare script, boot clock."""

    order_id: str
    received: int
    acked: int


class Bare:
    """The script as a process of its own; its lines are read when it has ended."""

    def __init__(self, stage: Stage) -> None:
        state = stage.floor.state
        keys = stage.environ()
        token = Path(keys["KITE_ACCESS_TOKEN_FILE"]).read_text(encoding="utf-8")
        command = [sys.executable, "-m", "scripts.bench_live.bare"]
        self._output = (stage.folder / "bare.out").open("w+")
        self._popen = subprocess.Popen(  # noqa: S603 our own interpreter and module
            [*command, str(state["rest"]), str(state["ws"]), BARE],
            env={**without_secrets(keys), "KITE_API_KEY": keys["KITE_API_KEY"],
                 "KITE_ACCESS_TOKEN": token},
            stdout=self._output,
        )  # fmt: skip

    def lines(self) -> list[dict[str, Any]]:
        """What it has said so far."""
        self._output.seek(0)
        return [json.loads(line) for line in self._output if line.endswith("\n")]

    def close(self) -> None:
        """End it."""
        self._popen.kill()
        self._popen.wait()
        self._output.close()


def main() -> int:
    """Exit code 0 if it was played, whether or not the aim is met; 1 if not."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench_live.latency")
    parser.add_argument("--orders", type=int, default=300, help="of each side")
    parser.add_argument("--no-margin", action="store_true", help="Kite's margin is not asked")
    parser.add_argument("--folder", type=Path, help="parent of the state directories")
    args = parser.parse_args()
    try:
        figures = {
            "machine": machine(),
            "latency": measure(args.orders, args.folder, is_margin_asked=not args.no_margin),
        }
    except NotShown as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(figures, indent=2))
    return 0


def measure(orders: int, parent: Path | None, *, is_margin_asked: bool = True) -> Figures:
    """So many orders of each side, in turns. Raises NotShown."""
    market, traded = settings([*OURS, BARE], STRATEGY), settings(OURS, STRATEGY)
    if not is_margin_asked:
        traded["live"]["margin_cushion_pct"] = None
    with staged(market, traded, parent) as stage:
        stage.floor.ask("POST", "/limits", scale=SCALE)
        state = stage.floor.state
        lapse = Lapse(int(state["start_ns"]), int(state["origin_ns"]))
        disk = durable_write(stage.folder / "written")
        go_live(stage)
        bare = Bare(stage)
        try:
            if not wait_for(lambda: bool(bare.lines()), 20.0):
                raise NotShown("the bare script does not listen")
            wait_s(2.0)
            marks = _play(stage, bare, lapse, orders + WARM_COUNT)
            wait_s(3.0)
            answers = [Answer(**_renamed(line)) for line in bare.lines() if "order_id" in line]
        finally:
            bare.close()
        truth = stage.floor.ask("GET", "/truth")
        if code := stage.end_engine():
            raise NotShown(f"the engine ended with {code}")
        taken = {
            name: lapse.mono(order["placed_at_ns"])
            for order in truth["orders"]
            for name in (order["tag"], order["row"]["venue_order_id"])
            if name
        }
        ours = _matched(marks, passages(stage.state_dir, lapse))
    theirs = list(zip([at_ns for name, at_ns in marks if name == BARE], answers, strict=False))
    if min(len(ours), len(theirs)) < orders + WARM_COUNT:
        raise NotShown(f"{len(ours)} and {len(theirs)} of {orders + WARM_COUNT} orders")
    figures = compared(ours[WARM_COUNT:], theirs[WARM_COUNT:], taken, orders)
    return {"is_margin_asked": is_margin_asked, **figures, "one_durable_write": disk}


def durable_write(path: Path) -> Figures:
    """What the disk takes for a page that must stay."""
    took_ns = []
    with path.open("wb", buffering=0) as file:
        for _ in range(DISK_COUNT):
            began_ns = boot_ns()
            file.write(bytes(PAGE_BYTES))
            os.fdatasync(file.fileno())
            took_ns.append(boot_ns() - began_ns)
            wait_s(0.01)
    return spread_ms(took_ns)


def _renamed(line: dict[str, Any]) -> dict[str, Any]:
    return {key.removesuffix("_ns"): value for key, value in line.items()}


def _play(stage: Stage, bare: Bare, lapse: Lapse, count: int) -> list[tuple[str, int]]:
    """Marks in turns; each with the boot-clock instant at which its frame began to leave. The
    script's orders are taken off again: strange orders in its account end the engine's LIVE."""
    marks, due_ns, gone = list[tuple[str, int]](), boot_ns(), 0
    for number in range(2 * count):
        due_ns += PACE_NS
        wait_s((due_ns - boot_ns()) / NS_PER_S)
        is_ours = number % 2 == 0
        name = OURS[number // 2 % len(OURS)] if is_ours else BARE
        told = stage.floor.ask(
            "POST", "/price", name=name, paise=PRICE_PAISE, bid=PRICE_PAISE - 5, ask=PRICE_PAISE,
            units=MARK_OURS if is_ours else MARK_BARE,
        )  # fmt: skip
        marks.append((name, lapse.mono(told["at_ns"])))
        if not is_ours:
            wait_s(WORKING_S)
            placed = [line["order_id"] for line in bare.lines() if "order_id" in line]
            for order_id in placed[gone:]:
                stage.floor.ask("POST", "/withdraw", order_id=order_id)
            gone = len(placed)
    return marks


def _matched(
    marks: Sequence[tuple[str, int]], passed: Iterable[Passed]
) -> list[tuple[int, Passed]]:
    """Each entry of ours with its mark: the last one of its instrument before it."""
    found = []
    for entry in passed:
        before = [at for name, at in marks if name == entry.instrument and at < entry.planned]
        if before:
            found.append((before[-1], entry))
    return found


def compared(
    ours: Sequence[tuple[int, Passed]],
    bare: Sequence[tuple[int, Answer]],
    taken: dict[str, int],
    wanted: int,
) -> Figures:
    """Both sides and their ratio, and where the time goes on each.

    Args:
        ours, bare: each order with the instant at which its frame began to leave.
        taken: when the exchange took an order, by its tag and by its number.
        wanted: orders of each side that were asked for.
    """
    mine = spread_ms([entry.acked - at for at, entry in ours if entry.acked])
    theirs = spread_ms([answer.acked - at for at, answer in bare])
    ratio = {
        key: round(mine[key] / theirs[key], 2) for key in ("p50_ms", "p99_ms") if mine and theirs
    }
    return {
        "wanted": wanted,
        "ours": mine,
        "bare": theirs,
        "ratio": ratio,
        "stages_ours": _stages(ours, _places_ours(taken)),
        "stages_bare": _stages(bare, _places_bare(taken)),
        "aims": [aim(ratio.get("p50_ms"), RATIO_AIM, "p50, times the bare script")],
    }


def _places_ours(taken: dict[str, int]) -> dict[str, Callable[[Passed], int]]:
    return {
        "frame_to_stream_process": lambda x: x.received,
        "to_strategy": lambda x: x.handled,
        "to_plan": lambda x: x.planned,
        "to_durable": lambda x: x.durable,
        "to_exchange": lambda x: taken.get(x.client_order_id, 0),
        "to_answer_in_core": lambda x: x.acked,
    }


def _places_bare(taken: dict[str, int]) -> dict[str, Callable[[Answer], int]]:
    return {
        "frame_to_callback": lambda x: x.received,
        "to_exchange": lambda x: taken.get(x.order_id, 0),
        "to_answer": lambda x: x.acked,
    }


def _stages(orders: Sequence[tuple[int, Any]], places: dict[str, Callable[[Any], int]]) -> Figures:
    """Each stage from the place before it."""
    found: Figures = {}
    before: Callable[[Any], int] | None = None
    for name, place in places.items():
        pairs = [(before(order) if before else at, place(order)) for at, order in orders]
        found[name] = spread_ms([end - start for start, end in pairs if start and end])
        before = place
    return found


if __name__ == "__main__":
    sys.exit(main())
