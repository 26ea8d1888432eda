"""PK-22: an engine that stands still is noticed from outside."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.drills.process import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]


def _wait_for(path: Path, text: str, seconds: float) -> bool:
    pause = threading.Event()
    for _ in range(int(seconds * 20)):
        if path.exists() and text in path.read_text():
            return True
        pause.wait(0.05)
    return False


@pytest.mark.conformance("PK-22")
def test_when_the_engine_is_frozen_then_the_outside_watch_writes_an_alert(tmp_path: Path) -> None:
    state = tmp_path / "state"
    command = [sys.executable, "-m", "scripts.cli", "run", "--for", "25s", "--no-ui"]
    command += ["--config", str(ROOT / "configs" / "paper.yaml"), "--state-dir", str(state)]
    with (tmp_path / "output.txt").open("wb") as output:
        engine = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
    try:
        assert _wait_for(state / "engine.jsonl", "engine_started", 20)
        assert not (state / "beats.alert").exists()
        os.kill(engine.pid, signal.SIGSTOP)
        try:
            assert _wait_for(state / "beats.alert", "engine_silent", 15)
        finally:
            os.kill(engine.pid, signal.SIGCONT)
        alert = json.loads((state / "beats.alert").read_text().splitlines()[0])
        assert alert["pid"] == engine.pid
        assert _ended(engine, tmp_path) == 0
        assert "without progress" not in (state / "engine.jsonl").read_text()
    finally:
        engine.kill()
        engine.wait()


def _ended(engine: "subprocess.Popen[bytes]", folder: Path) -> int:
    """Its exit code; where its threads were and what it logged last if it does not end."""
    engine.send_signal(signal.SIGTERM)
    try:
        return engine.wait(45)
    except subprocess.TimeoutExpired:
        engine.send_signal(signal.SIGABRT)
        engine.wait()
        lines = (folder / "state" / "engine.jsonl").read_text().splitlines()[-40:]
        pytest.fail("\n".join([(folder / "output.txt").read_text(), *lines]))
