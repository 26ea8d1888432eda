"""A practice exchange in a process of its own, and what is asked of its control port.

Decides how it is started for a rehearsal and how its truth is read. Refuses to talk to anything but
this machine: what is not proven to be a practice exchange gets no phrase (`is_practice`).
"""

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Final

from engine.errors import PaharaError

STATE_FILE: Final = "exchange.json"
ANSWER_S: Final = 10
STOP_S: Final = 15


class FloorClosed(PaharaError):
    """The practice exchange does not run or does not answer. The rehearsal ends."""


class Floor:
    """The running exchange. `close` ends it; its exit code tells whether anything in it failed."""

    def __init__(self, config: Path, state_dir: Path, *options: str) -> None:
        self.state_file = state_dir / STATE_FILE
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._errors = (state_dir / "exchange.log").open("ab")
        command = [sys.executable, "-m", "scripts.cli", "exchange", "--config", str(config)]
        self.process = subprocess.Popen(  # noqa: S603 our own module
            [*command, "--state-dir", str(state_dir), *options],
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            process_group=0,  # Ctrl-C is for the engine: the exchange ends after it
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            text = (state_dir / "exchange.log").read_text(errors="replace")[-2_000:]
            raise FloorClosed(f"the exchange did not start: {text}")
        self.state: dict[str, Any] = json.loads(line)

    def ask(self, method: str, path: str, /, **body: object) -> Any:  # noqa: ANN401 any JSON
        """One verb of the control port. Raises FloorClosed."""
        return ask(self.state, method, path, **body)

    def token(self) -> str:
        """A new access token; those before it die."""
        return str(self.ask("POST", "/token")["access_token"])

    def close(self) -> int:
        """End it; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait(STOP_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._errors.close()
        return code


def ask(state: dict[str, Any], method: str, path: str, /, **body: object) -> Any:  # noqa: ANN401
    """One verb of the control port that an `exchange.json` names. Raises FloorClosed."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{int(state['control'])}{path}",
        method=method,
        data=json.dumps(body).encode() if body else None,
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:  # noqa: S310
            return json.load(answer)
    except (OSError, ValueError) as error:
        raise FloorClosed(f"the control port: {error}") from None


def is_practice(state: dict[str, Any]) -> bool:
    """Whether what an `exchange.json` names is a practice exchange on this machine: Kite has no
    control port, and whoever answers there is the process that wrote the file."""
    if state.get("host") != "127.0.0.1":
        return False
    try:
        status = ask(state, "GET", "/status")
    except FloorClosed:
        return False
    return isinstance(status, dict) and "is_stopped" in status
