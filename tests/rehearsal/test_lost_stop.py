"""LIVE at the practice exchange: the request of a stop is lost on its way, and the position stands
without it until that is proven.

`PAHARA_LOST_STOP_SPEED=1` measures it at the speed of a real market.
"""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from actors.runtime.clock import boot_ns
from engine.orders.resolve import ResolveSettings
from engine.units import NS_PER_S
from scripts.client import ConsoleClient
from scripts.rehearsal.command import journal_of
from scripts.rehearsal.guarded import WORKING, Guarded
from scripts.rehearsal.stage import Stage
from scripts.rehearsal.truth import compare, show
from tests.drills.process import note
from tests.rehearsal.stages import SHIPPED, close, environ_count

SPEED = environ_count("PAHARA_LOST_STOP_SPEED", 20)
SECONDS = 30.0 if SPEED > 1 else 240.0
NAME = "NSE:INFY"
NAKED_S_MAX = ResolveSettings().settle_ns / NS_PER_S / SPEED + 5.0
"""The settle time is of the market; three looks a second apart and the way of the next are not."""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A rehearsal of one patient strategy in one instrument, its engine not started."""
    config: dict[str, Any] = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    rules = {"trades_day_max": 1, "entry_valid_s": 900, "entry_for_min": 375}
    config["strategies"] = [
        {
            "name": "patient",
            "use": "tests.drills.ideas:Patient",
            "instruments": [NAME],
            "parameters": rules,
        }
    ]
    config["instruments"] = [item for item in config["instruments"] if item["name"] == NAME]
    config["market"]["speed"] = SPEED
    config["session"] = {"entries_end_min": 26, "flat_by_min": 25}
    path = tmp_path / "lost.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    made = Stage(path, tmp_path / "rehearsal", SECONDS)
    try:
        made.prepare()
        yield made
    finally:
        close(made)


def legs(truth: dict[str, Any], letter: str) -> list[dict[str, Any]]:
    return [order["row"] for order in truth["orders"] if order["tag"][1:2] == letter]


def until(stage: Stage, is_true: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
    """The exchange's truth as soon as a condition holds in it; an operator looks on meanwhile."""
    pause, over_ns = threading.Event(), boot_ns() + int(SECONDS * NS_PER_S)
    while True:
        truth: dict[str, Any] = stage.floor.ask("GET", "/truth")
        if is_true(truth):
            return truth
        log = stage.state_dir / "engine.jsonl"
        assert boot_ns() < over_ns, f"not in time: {what}\n{log.read_text()[-2_000:]}"
        stage.operate()
        pause.wait(0.1)


@pytest.mark.slow
@pytest.mark.timeout(int(SECONDS) + 90)
@pytest.mark.conformance("FLT-16", "ORD-03", "INV-17")
def test_when_the_request_of_a_stop_is_lost_then_the_next_one_works_when_that_is_proven(
    stage: Stage,
) -> None:
    ask = stage.floor.ask
    stage.start_engine(SECONDS)
    resting = until(stage, lambda truth: bool(legs(truth, "E")), "an entry that rests")
    (entry,) = legs(resting, "E")
    assert entry["filled_quantity"] == 0
    ask("POST", "/market", is_stopped=True)
    ask("POST", "/faults", fault="FLT-16", amount=1, count=1, method="POST", path="/orders")
    low = int(entry["price_limit_paise"]) - 100
    ask("POST", "/price", name=NAME, paise=low, bid=low - 5, ask=low, units=1_000_000)
    guarded, pause = Guarded(), threading.Event()
    over_ns = boot_ns() + int((NAKED_S_MAX + 10) * NS_PER_S)
    while boot_ns() < over_ns:
        truth = ask("GET", "/truth")
        guarded.look(truth, boot_ns())
        if legs(truth, "S"):
            break
        pause.wait(0.05)
    assert ask("GET", "/faults")["struck"] == {"FLT-16": 1}
    note(f"naked for {guarded.naked_s_max:.1f} s at {SPEED} times the speed of the market")
    assert ResolveSettings().settle_ns / NS_PER_S / SPEED <= guarded.naked_s_max <= NAKED_S_MAX
    with ConsoleClient(stage.state_dir, timeout_s=5) as client:
        reply = client.ask("disarm", {"reason": "rehearsal"})
    assert (reply["code"], reply["body"]["confirmed"]) == ("OK", True), reply
    assert stage.status()["mode"] in ("REDUCE", "PAPER")
    (stop,) = legs(ask("GET", "/truth"), "S")
    assert stop["status"] in WORKING, "disarmed, and still protected"
    ask("POST", "/market", is_stopped=False)
    assert stage.play() == 0, (stage.folder / "engine.out").read_text()[-2_000:]
    found = compare(ask("GET", "/truth"), journal_of(stage.state_dir))
    note(show(found))
    assert found.is_equal, found.differences
    assert len(legs(ask("GET", "/truth"), "S")) == 1
