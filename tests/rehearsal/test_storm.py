"""kill -9 of writer, stream and engine at random moments of a LIVE rehearsal: at the end exchange
and journal agree on every order and fill, nothing is there twice, nothing stood unprotected.

`PAHARA_STORM_S` sets how long (`make storm`: 1800), `PAHARA_STORM_SEED` the moments.
"""

from pathlib import Path
from typing import Any

import pytest

from scripts.rehearsal.command import journal_of
from scripts.rehearsal.guarded import naked_names
from scripts.rehearsal.stage import Stage
from scripts.rehearsal.truth import compare, show
from tests.drills.process import note
from tests.rehearsal.stages import busy_config, close, environ_count
from tests.rehearsal.storming import Storm

SECONDS = environ_count("PAHARA_STORM_S", 75)
SEED = environ_count("PAHARA_STORM_SEED", 20240101)
NAKED_S_MAX = 10.0
PAUSE_S = (5.0, 10.0) if SECONDS < 600 else (15.0, 60.0)


def _row(tag: str, side: str, status: str, quantity: int, filled: int = 0) -> dict[str, Any]:
    row = {"instrument": "NSE:A", "side": side, "status": status, "quantity": quantity,
           "filled_quantity": filled}  # fmt: skip
    return {"tag": tag, "row": row}


@pytest.mark.parametrize(
    ("units", "orders", "is_naked"),
    [
        (0, [], False),
        (10, [], True),
        (10, [_row("LS1", "SELL", "TRIGGER PENDING", 10)], False),
        (10, [_row("LS1", "SELL", "TRIGGER PENDING", 9)], True),
        (10, [_row("LS1", "BUY", "TRIGGER PENDING", 10)], True),
        (10, [_row("LS1", "SELL", "CANCELLED", 10)], True),
        (10, [_row("LA1", "SELL", "OPEN", 10)], True),
        (-10, [_row("LX1", "BUY", "OPEN", 12, 2)], False),
        (-10, [_row("LX1", "BUY", "OPEN", 12, 3)], True),
    ],
)
def test_when_a_position_is_larger_than_what_protects_it_then_it_is_naked(
    units: int, orders: list[dict[str, Any]], is_naked: bool
) -> None:
    truth = {"positions": [{"name": "NSE:A", "units": units}], "orders": orders}
    assert bool(naked_names(truth)) is is_naked


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 180)
@pytest.mark.conformance("DRL-storm", "ORD-15", "ORD-18", "REC-writer")
def test_when_processes_are_killed_at_random_then_exchange_and_journal_agree(
    tmp_path: Path,
) -> None:
    stage = Stage(busy_config(tmp_path), tmp_path / "rehearsal", float(SECONDS))
    storm = Storm(stage, SEED, PAUSE_S)
    try:
        stage.prepare()
        stage.start_engine()
        storm.rage()
        code = stage.end_engine()
        found = compare(stage.floor.ask("GET", "/truth"), journal_of(stage.state_dir))
    finally:
        note("\n" + "\n".join([*storm.log, *storm.guarded.story]))
        close(stage)
    kills = dict(storm.killed)
    note(f"killed {kills}; longest naked {storm.guarded.naked_s_max:.1f} s; ended by itself")
    note(f"{storm.ended_itself}; armed {stage.armed_count} times; exit code {code}\n{show(found)}")
    assert found.is_equal, found.differences
    assert storm.guarded.naked_s_max <= NAKED_S_MAX
    assert found.by_leg.get("entry", 0) > 0
    assert sum(kills.values()) >= 3
