"""A session with crashes and an outage in it, captured on threads, comes out the same again.

`PAHARA_DRILL_SESSION_S`: for how long it trades, in real seconds (60 for two market hours).
`PAHARA_OTHER_PYTHON`: an interpreter of another version, with the dependencies, to replay it too.
"""

import json
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from actors.capture.sessions import find_folder
from actors.stores.embedded import EmbeddedPostgres
from engine.messages.records import ActorFailed
from engine.messages.supervision import ExitKind
from scripts.cli import main
from supervisors.config import EngineConfig
from supervisors.stores import Stores
from tests.drills.house import House, Nonsense, drill_config
from tests.drills.process import ROOT, EngineProcess, note, stay, wait_until
from tests.fixtures.postgres import remove_server

SESSION_S = float(os.environ.get("PAHARA_DRILL_SESSION_S", "3"))
OTHER_PYTHON = os.environ.get("PAHARA_OTHER_PYTHON", "")
CRASHED = ("guard", "strategy/eager", "watcher")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180 + 2 * int(SESSION_S))]


@pytest.fixture(scope="module")
def a_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state directory of an engine that has ended; its session had a rough life."""
    state_dir = tmp_path_factory.mktemp("replay") / "state"
    state_dir.mkdir(mode=0o700)
    try:
        with House(state_dir, _config(state_dir)) as house:
            house.trade()
            _live_through(house)
        yield state_dir
    finally:
        if (state_dir / "postgres.place").exists():
            remove_server(EmbeddedPostgres(state_dir))


def _config(state_dir: Path) -> EngineConfig:
    return drill_config(state_dir / "orders")


def _live_through(house: House) -> None:
    for name in CRASHED:
        stay(SESSION_S / 6)
        generation = house.upset(name)
        house.wait(lambda n=name, g=generation: house.generation(n) > g, 10, "it is back")
    server = EmbeddedPostgres(house.state_dir)
    server.stop("fast")
    wait_until(lambda: house.events("journal_state_changed"), 10, "the journal misses it")
    stay(SESSION_S / 6)
    server.start()
    house.wait(lambda: house.mode == "PAPER", 20, "PAPER again")
    house.trades_on(25)
    stay(SESSION_S / 3)
    house.settle()
    names = {x.name for x in house.books.records() if isinstance(x, ActorFailed)}
    assert names == set(CRASHED)


def _journal_head(state_dir: Path) -> tuple[int, str]:
    """What the database holds as the end of the journal."""
    with Stores(state_dir, "paper", environ={}) as stores:
        store = stores.make_store()
        head = store.open()
        store.close()
    return head.seq, head.chain.hex()


def _replay(state_dir: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, Any]:
    arguments = ["replay", "last", "--verify", "--json", "--state-dir", str(state_dir), *more]
    code = main(arguments)
    return code, json.loads(capsys.readouterr().out)


def test_when_a_rough_session_is_replayed_then_it_is_identical(
    a_state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, result = _replay(a_state, capsys)
    assert code == 0, result["difference"]
    assert result["is_identical"]
    assert result["is_complete"]
    assert result["failures"] == len(CRASHED)
    assert result["failures_imposed"] == 0
    assert (result["journal_seq"], result["journal_digest"]) == _journal_head(a_state)
    folder = find_folder(a_state, "last")
    assert folder.stat().st_mode & 0o777 == 0o700
    size = sum(path.stat().st_size for path in folder.iterdir())
    note(f"{result['events']} events, {result['records']} records, {size} bytes")


@pytest.mark.skipif(not OTHER_PYTHON, reason="PAHARA_OTHER_PYTHON names no interpreter")
def test_when_another_python_replays_it_then_it_is_identical(a_state: Path) -> None:
    command = [OTHER_PYTHON, "-m", "scripts.cli", "replay", "last", "--verify", "--json"]
    done = subprocess.run(
        [*command, "--state-dir", str(a_state)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=False,
    )
    result = json.loads(done.stdout)
    assert done.returncode == 0, result["difference"]
    versions = {key: result[f"{key}_python"] for key in ("recorded", "replayed")}
    assert versions["recorded"].split(".")[:2] != versions["replayed"].split(".")[:2], versions
    note(f"recorded under {versions['recorded']}, replayed under {versions['replayed']}")


CONTROL_SIDE = ("console", "metrics", "alerts", "heartbeat")
TWICE = ("guard", "reconciler")
"""The core's budget is three restarts in ten minutes."""


@pytest.mark.parametrize("seed", [1, 2])
def test_when_anything_fails_at_any_moment_then_the_replay_is_identical(
    state_dir: Path, capsys: pytest.CaptureFixture[str], seed: int
) -> None:
    rng = random.Random(seed)
    with House(state_dir, _config(state_dir)) as house:
        house.trade()
        core = list(TWICE)
        for _ in range(14):
            stay(rng.random() * 0.6)
            names = [x for x in house.rooms() if x.startswith(("feed/", "oco/", "strategy/"))]
            name = rng.choice([*names, *CONTROL_SIDE, *core])
            room = house.rooms().get(name)
            if name in core:
                core.remove(name)
            if room is not None and rng.random() < 0.4:
                room.fence(ExitKind.STUCK, "by the drill")
            elif room is not None:
                house.directory.deliver(name, Nonsense(number=rng.getrandbits(40)), "drill")
        stay(1)
        failed = sum(house.reports().values())
    code, result = _replay(state_dir, capsys)
    assert code == 0, result["difference"]
    note(f"seed {seed}: {failed} failures, {result['events']} events")


def test_when_a_strategy_parameter_is_changed_then_the_first_decision_that_differs_is_shown(
    a_state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = msgspec.to_builtins(_config(a_state))
    (eager,) = [item for item in config["strategies"] if item["name"] == "eager"]
    eager["parameters"]["cooldown_min"] = 30
    changed = tmp_path / "changed.yaml"
    changed.write_text(yaml.safe_dump(config), encoding="utf-8")
    code, result = _replay(a_state, capsys, "--config", str(changed))
    assert code == 1
    found = result["difference"]
    assert found["room"] == "guard"
    assert found["recorded"] == "guard handled a EntryProposed"
    assert any("strategy='eager'" in line for line in found["journal"])
    assert found["at"].startswith("2024-01-01 09:")
    arguments = ["replay", "last", "--verify", "--state-dir", str(a_state)]
    assert main([*arguments, "--config", str(changed)]) == 1
    text = capsys.readouterr().out
    assert f"first difference: event {found['number']}, {found['at']} IST, guard" in text
    assert "the recorded journal goes on with" in text


def test_when_a_byte_of_the_capture_is_changed_then_it_is_said(
    a_state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    segment = find_folder(a_state, "last") / "000001.cap"
    whole = segment.read_bytes()
    changed = bytearray(whole)
    changed[len(whole) * 2 // 3] ^= 0x10
    segment.write_bytes(changed)
    try:
        code, result = _replay(a_state, capsys)
    finally:
        segment.write_bytes(whole)
    assert code == 1
    assert "block" in result["damage"]


def test_when_the_engine_is_killed_then_its_session_replays_up_to_there(
    an_engine: EngineProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    an_engine.start()
    stay(2)
    an_engine.kill()
    code, result = _replay(an_engine.state_dir, capsys)
    assert code == 0, result["difference"]
    assert not result["is_complete"]
    assert result["records"] > 0
