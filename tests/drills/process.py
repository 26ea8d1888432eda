"""An engine as a process of its own, to be killed; and the waiting that drills do."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from actors.runtime.clock import boot_ns
from actors.stores.embedded import EmbeddedPostgres
from scripts.client import ConsoleClient, NoAnswer, NotRunning

ROOT = Path(__file__).resolve().parents[2]
PAPER = ROOT / "configs" / "paper.yaml"


def wait_until(is_true: Callable[[], Any], seconds: float, what: str) -> float:
    """Wait for a condition with a deadline; the seconds it took."""
    pause, began_ns = threading.Event(), boot_ns()
    while not is_true():
        assert boot_ns() - began_ns < seconds * 1e9, f"not within {seconds} s: {what}"
        pause.wait(0.02)
    return (boot_ns() - began_ns) / 1e9


def stay(seconds: float) -> None:
    """Let real time pass: the moment of a kill is drawn, not waited for."""
    threading.Event().wait(seconds)


def note(figures: str) -> None:
    """Tell a drill's figures to whom watches it (`pytest -s`)."""
    sys.stdout.write(figures + "\n")


class EngineProcess:
    """`pahara run` on a state directory; may be started, killed and started again."""

    def __init__(self, state_dir: Path, config: Path = PAPER) -> None:
        self.state_dir = state_dir
        self.postgres = EmbeddedPostgres(state_dir)
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it and wait until it trades on paper; the seconds it took."""
        command = [sys.executable, "-m", "scripts.cli", "run", "--config", str(self._config)]
        self.state_dir.mkdir(mode=0o700, exist_ok=True)
        with (self.state_dir / "output.txt").open("ab") as output:
            self._process = subprocess.Popen(
                [*command, "--state-dir", str(self.state_dir), "--no-ui"],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        return wait_until(self._is_paper, 45, "status says PAPER")

    def ask(self, command: str) -> Any:
        """The body of an answer; None while nobody answers."""
        try:
            with ConsoleClient(self.state_dir, timeout_s=2) as client:
                reply = client.ask(command)
        except (NotRunning, NoAnswer):
            return None
        return reply.get("body") if reply.get("pid") == self._running().pid else None

    def actors(self) -> set[str]:
        """Names of all actors in `tree`."""
        found, waiting = set(), [self.ask("tree") or {}]
        while waiting:
            node = waiting.pop()
            found.add(str(node.get("name")))
            waiting.extend(node.get("children", ()))
        return found

    def kill(self) -> None:
        """SIGKILL, as an out-of-memory killer would."""
        self._running().send_signal(signal.SIGKILL)
        self._running().wait(10)

    def stop(self) -> int:
        """An orderly end; the exit code."""
        self._running().send_signal(signal.SIGTERM)
        return self._running().wait(40)

    def close(self) -> None:
        """Leave nothing running."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def _is_paper(self) -> bool:
        assert self._running().poll() is None, (self.state_dir / "output.txt").read_text()[-2_000:]
        status = self.ask("status")
        return bool(status) and status["mode"] == "PAPER"

    def _running(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None
        return self._process
