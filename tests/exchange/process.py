"""A practice exchange in a process of its own, and the clients that speak to it."""

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from kiteconnect import KiteConnect

ROOT = Path(__file__).resolve().parents[2]
INFY = "NSE:INFY"
PRICE = 150_000
START = "2024-01-01 10:00:00"


class Practice:
    """Started when made; `stop` ends it and checks that nothing in it failed."""

    def __init__(self, state_dir: Path, *options: str) -> None:
        command = [sys.executable, "-m", "scripts.cli", "exchange", "--state-dir", str(state_dir)]
        self.process = subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert self.process.stdout is not None
        self.state: dict[str, Any] = json.loads(self.process.stdout.readline())
        self.root = f"http://127.0.0.1:{self.state['rest']}"
        self.ws_root = f"ws://127.0.0.1:{self.state['ws']}"

    def control(self, method: str, path: str, /, **body: object) -> Any:
        """One verb of the control port."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.state['control']}{path}",
            method=method,
            data=json.dumps(body).encode() if body else None,
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def client(self, timeout: float = 5.0) -> KiteConnect:
        """The real client, logged in by a new token."""
        kite = KiteConnect(self.state["api_key"], root=self.root, timeout=timeout)
        kite.set_access_token(self.control("POST", "/token")["access_token"])
        return kite

    def price(self, paise: int, name: str = INFY, **more: int) -> None:
        self.control("POST", "/price", name=name, paise=paise, **more)

    def arm(self, fault: str, **more: object) -> None:
        self.control("POST", "/faults", fault=fault, **more)

    def truth(self) -> Any:
        return self.control("GET", "/truth")

    def calm(self) -> None:
        """No fault, no limit, no order, the market standing at 1500.00."""
        self.control("DELETE", "/faults")
        self.control("POST", "/limits", scale=1_000)
        self.control("POST", "/market", is_stopped=True)
        self.control("POST", "/reset")
        self.price(PRICE)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(10) == 0
        assert self.process.stdout is not None
        self.process.stdout.close()
