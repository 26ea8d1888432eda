"""A loopback server that plays whatever bytes a test has written down, and keeps what it heard."""

import contextlib
import json
import os
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

WAIT_S = 10.0
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Heard:
    """One request as it came in."""

    connection: int
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


@dataclass
class Peer:
    """The client's end of one connection, for a step to play on."""

    held: socket.socket
    is_over: threading.Event

    def send(self, raw: bytes) -> None:
        self.held.sendall(raw)

    def reset(self) -> None:
        self.held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        os.close(self.held.detach())  # close() would wait for whoever reads a file of it

    def wait_gone(self) -> None:
        """Until the client lets the connection go (or the test ends)."""
        self.held.settimeout(WAIT_S)
        with contextlib.suppress(OSError):
            while self.held.recv(65_536):
                pass

    def drip(self, raw: bytes, pause_s: float) -> None:
        with contextlib.suppress(OSError):
            for byte in raw:
                self.held.sendall(bytes([byte]))
                if self.is_over.wait(pause_s):
                    return


Step = Callable[[Peer], object]


def answer(
    status: int, body: object, content_type: str | None = "application/json", *more: str
) -> bytes:
    """A whole HTTP answer; a body that is not bytes is written as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(raw)}", *more]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    return "\r\n".join([*lines, "", ""]).encode() + raw


def says(status: int, body: object, content_type: str | None = "application/json") -> Step:
    return lambda peer: peer.send(answer(status, body, content_type))


def good(order_id: str = "1953341975595868160") -> Step:
    return says(200, {"status": "success", "data": {"order_id": order_id}})


def data(value: object) -> Step:
    return says(200, {"status": "success", "data": value})


def error(status: int, kind: str, message: str) -> Step:
    return says(status, {"status": "error", "error_type": kind, "message": message, "data": None})


@dataclass
class ScriptedKite:
    """Each request takes the next step; one without a step is closed without an answer."""

    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    wrap: Callable[[socket.socket], socket.socket] = lambda held: held
    steps: deque[Step] = field(default_factory=deque)
    heard: list[Heard] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)
    _threads: list[Any] = field(default_factory=list)
    _open: list[socket.socket] = field(default_factory=list)
    connections: int = 0

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def then(self, *steps: Step) -> None:
        self.steps.extend(steps)

    def start(self) -> None:
        self._run(self._accept)

    def close(self) -> None:
        self.is_over.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for held in self._open:
            with contextlib.suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)
            held.close()
        for thread in self._threads:
            thread.join(WAIT_S)
            assert not thread.is_alive(), "a connection is still served"

    def hang_up(self) -> None:
        """Close every connection from this side, as a server does with idle ones."""
        for held in self._open:
            with contextlib.suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)

    def _run(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)  # noqa: TID251 a test's server
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.is_over.is_set():
            try:
                held, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(held)
            number = self.connections
            self._run(lambda held=held, number=number: self._serve(held, number))  # type: ignore[misc]

    def _serve(self, plain: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), self.wrap(plain) as held:
            reader = held.makefile("rb")
            with reader:
                while heard := _request(reader, number):
                    self.heard.append(heard)
                    if not self.steps:
                        return
                    self.steps.popleft()(Peer(held, self.is_over))


def _request(reader: "socket.SocketIO", number: int) -> Heard | None:
    first = reader.readline().decode()
    if not first:
        return None
    method, target, _ = first.split()
    headers: dict[str, str] = {}
    while line := reader.readline().decode().strip():
        key, _, value = line.partition(": ")
        headers[key.lower()] = value
    body = reader.read(int(headers.get("content-length", 0))) or b""
    return Heard(number, method, target, headers, body)


@pytest.fixture
def kite() -> Iterator[ScriptedKite]:
    """A server at which nothing is scripted yet."""
    server = ScriptedKite()
    server.start()
    yield server
    server.close()
