"""What the tests of the real stream share: the scripted server, and a feed in its own process."""

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from actors.brokers.kite.credentials import KEYS
from actors.runtime.room import RoomSpec
from actors.runtime.roomspec import RoomState
from actors.runtime.runtime import HostKind
from actors.runtime.target import ProcessTarget
from engine.messages.base import Message
from tests.actors.runtime.hosting import DEADLINE_S, Listener, ProcessHouse

ROOT = Path(__file__).resolve().parents[2]
INFY = 408_065
M = TypeVar("M", bound=Message)


class Server:
    """The scripted server as a child process."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "tests.kitefeed.server", *arguments]
        self._popen = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        self._events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.seen: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self._read)  # noqa: TID251 a reader of a pipe
        self._thread.start()
        self.port = self.wait("listening")["port"]

    def _read(self) -> None:
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            self._events.put(json.loads(line))

    def do(self, what: str, **fields: Any) -> None:
        assert self._popen.stdin is not None
        self._popen.stdin.write(json.dumps({"do": what, **fields}) + "\n")
        self._popen.stdin.flush()

    def frame(self, payload: bytes) -> None:
        self.do("frame", hex=payload.hex())

    def wait(self, event: str) -> dict[str, Any]:
        """The next event of a kind; others on the way are kept in `seen`."""
        while True:
            found = self._events.get(timeout=DEADLINE_S)
            self.seen.append(found)
            if found["event"] == event:
                return found

    def asked_count(self) -> int:
        """Handshakes that were tried so far."""
        while not self._events.empty():
            self.seen.append(self._events.get())
        return sum(event["event"] == "asked" for event in self.seen)

    def close(self) -> None:
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._popen.stdin.close()
        try:
            self._popen.wait(DEADLINE_S)
        finally:
            self._popen.kill()
            self._popen.wait()
            self._thread.join(DEADLINE_S)
            self._popen.stdout.close()


class Stream:
    """A house with a feed process and listeners in place of the rooms that it talks to."""

    def __init__(self, house: ProcessHouse, login_file: Path) -> None:
        self.house = house
        self.login_file = login_file
        self.market, self.alerts = self._listener("market"), self._listener("alerts")
        self.watcher = self._listener("watcher")
        self.console = self._listener("console")
        self.authority = self._listener("authority")
        self._listener("calendar")
        self.write_login("secret-token")

    def _listener(self, name: str) -> Listener:
        listener = Listener()
        spec = RoomSpec(name=name, generation=1, supervisor="", factory=lambda: listener)
        self.house.runtime.start(spec, pool="control")
        return listener

    def write_login(self, token: str) -> None:
        """A person logs in."""
        self.login_file.touch(0o600)
        self.login_file.write_text(token)

    def start(
        self,
        root: str,
        *,
        limits: Mapping[str, int] | None = None,
        factory: str = "actors.feeds.kite.maker:make",
        **plan: Any,
    ) -> None:
        arguments = {
            "root": root,
            "names": {str(INFY): "NSE:INFY"},
            "hint_to": "watcher",
            "limits": {"retry_ms": 50, "retry_ms_max": 200, **(limits or {})},
            **plan,
        }
        spec = RoomSpec(
            name="kitefeed/1",
            generation=self.house.runtime.directory.next_generation("kitefeed/1"),
            supervisor="boss",
            factory=ProcessTarget(factory=factory, arguments=arguments, environ=KEYS),
        )
        self.room = self.house.runtime.start(spec, HostKind.PROCESS)

    @property
    def is_running(self) -> bool:
        return self.room.state is RoomState.READY

    def of(self, listener: Listener, kind: type[M], is_it: Callable[[M], bool] = bool) -> M:
        """The next message of a kind that fits."""
        while True:
            message = listener.next()
            if isinstance(message, kind) and is_it(message):
                return message
