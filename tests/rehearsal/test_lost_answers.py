"""The broker took the order and its answer was lost, again and again, while the engine trades.

`PAHARA_LOST` sets how often (`make lost-answers`: 200).
"""

import threading
from pathlib import Path

import pytest

from actors.runtime.clock import boot_ns
from scripts.rehearsal.command import journal_of
from scripts.rehearsal.stage import Stage
from scripts.rehearsal.truth import compare, show
from tests.drills.process import note
from tests.rehearsal.stages import (
    busy_config,
    close,
    environ_count,
    figures,
    records_of,
    resolutions_s,
)

LOST = environ_count("PAHARA_LOST", 16)
SECONDS = 30.0 + 1.5 * LOST
MEDIAN_S = 5.0


@pytest.mark.slow
@pytest.mark.timeout(int(SECONDS) + 120)
@pytest.mark.conformance("FLT-17", "KITE-1", "KITE-3", "ORD-02", "ORD-03", "CTL-15")
def test_when_every_answer_is_lost_then_each_order_is_there_once_and_bound_by_its_tag(
    tmp_path: Path,
) -> None:
    stage = Stage(busy_config(tmp_path), tmp_path / "rehearsal", SECONDS)
    try:
        stage.prepare()
        stage.floor.ask(
            "POST", "/faults", fault="FLT-17", count=LOST, amount=1, method="POST", path="/orders"
        )
        stage.start_engine(SECONDS)
        pause, over_ns = threading.Event(), boot_ns() + int((SECONDS + 30) * 1e9)
        assert stage.engine is not None
        while stage.engine.poll() is None and boot_ns() < over_ns:
            stage.operate()
            pause.wait(0.25)
        assert stage.end_engine() == 0, (stage.folder / "engine.out").read_text()[-2_000:]
        struck = stage.floor.ask("GET", "/faults")["struck"].get("FLT-17", 0)
        found = compare(stage.floor.ask("GET", "/truth"), journal_of(stage.state_dir))
        resolved = resolutions_s(records_of(stage.state_dir), stage.times.speed)
    finally:
        close(stage)
    note(f"\n{struck} answers lost; resolved {figures(resolved)}\n{show(found)}")
    assert struck == LOST
    assert found.is_equal, found.differences
    assert found.orders_exchange >= LOST
    assert sorted(resolved)[len(resolved) // 2] < MEDIAN_S
