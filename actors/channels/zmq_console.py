"""The console's sockets and the thread that polls them.

Decides how bytes get in and out: a ROUTER for requests, a PUB for watchers, both in a directory
that only the engine's user can enter. Refuses to know what commands mean: a request becomes a
message to the console actor, a reply comes back as finished bytes. Stands alone because an actor is
driven by messages and a socket by polling; the thread here joins the two.

One process may hold a socket path: a flock on a sibling file, held by a `SocketLease` that outlives
a restart of the console actor. The bound file's inode is checked again and again: libzmq removes an
existing file on bind, so another process of the same user could take the path away.
"""

import os
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final, Protocol

import zmq

from actors.channels.commands import Code
from actors.channels.envelope import REQUEST_BYTES_MAX, Rejection, Request, decode_request
from actors.channels.limiter import Limiter
from actors.channels.socket_lease import SocketLease
from actors.channels.socket_path import CONTROL_NAME, EVENTS_NAME
from actors.runtime.clock import boot_ns
from actors.runtime.log import log_event
from engine.errors import StateUnsafe
from engine.messages.base import Message
from engine.messages.console import RequestReceived
from engine.messages.control import AlertRaised
from engine.units import NS_PER_S

FRAMES_MAX: Final = 3
HWM: Final = 100
HANDSHAKE_MS: Final = 2_000
POLL_MS: Final = 250
TURN_MAX: Final = 64
OUTBOX_MAX: Final = 1_000
STEALS_MAX: Final = 20
CHECK_NS: Final = NS_PER_S

Send = Callable[[str, Message], None]


class ConsoleChannel(Protocol):
    """What the console actor needs of its sockets."""

    def start(self, send: Send, now_ns: Callable[[], int]) -> None:
        """Bind and serve; requests go to the actor "console", trouble to "alerts"."""

    def reply(self, peer: str, raw: bytes) -> None:
        """Answer a peer. Never blocks, never raises; a peer that left is forgotten."""

    def publish(self, topic: str, raw: bytes) -> None:
        """Tell all watchers. Never blocks, never raises."""

    def close(self) -> None:
        """Stop serving and remove the sockets (idempotent)."""


class ZmqConsole:
    """A ROUTER and a PUB on ipc, served by one thread."""

    def __init__(self, lease: SocketLease) -> None:
        self.counts: Counter[str] = Counter()
        self._lease = lease
        self._outbox: SimpleQueue[tuple[bytes, bytes] | tuple[None, bytes, bytes]] = SimpleQueue()
        self._is_closing = threading.Event()
        self._thread: threading.Thread | None = None  # noqa: TID251 - its own thread

    def start(self, send: Send, now_ns: Callable[[], int]) -> None:
        folder = self._lease.take(self)
        self._send, self._now_ns = send, now_ns
        self._limiter = Limiter(boot_ns())
        self._wake_out, self._wake_in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._context = zmq.Context()
        self._router = self._socket(zmq.ROUTER)
        self._pub = self._socket(zmq.PUB)
        self._paths = {folder / CONTROL_NAME: self._router, folder / EVENTS_NAME: self._pub}
        self._inodes: dict[Path, int] = {}
        try:
            for path in self._paths:
                self._bind(path)
        except zmq.ZMQError as error:
            self._release()
            raise StateUnsafe(f"console cannot bind: {error}") from error
        self._thread = threading.Thread(target=self._serve, name="console-sockets", daemon=True)  # noqa: TID251 - its own thread
        self._thread.start()

    def reply(self, peer: str, raw: bytes) -> None:
        self._put((bytes.fromhex(peer), raw))

    def publish(self, topic: str, raw: bytes) -> None:
        self._put((None, topic.encode(), raw))

    def close(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            self._is_closing.set()
            self._wake()
            thread.join(2)

    # -- the actor's side -----------------------------------------------------------------------

    def _put(self, item: tuple[bytes, bytes] | tuple[None, bytes, bytes]) -> None:
        if self._thread is None or self._outbox.qsize() >= OUTBOX_MAX:
            self.counts["outbox_dropped"] += 1
            return
        self._outbox.put(item)
        self._wake()

    def _wake(self) -> None:
        try:
            os.write(self._wake_in, b"w")
        except OSError:
            self.counts["wake_full"] += 1  # the pipe is full or gone: the thread wakes anyway

    # -- the thread's side ----------------------------------------------------------------------

    def _serve(self) -> None:
        poller = zmq.Poller()
        poller.register(self._router, zmq.POLLIN)
        poller.register(self._wake_out, zmq.POLLIN)
        checked_at_ns = boot_ns()
        try:
            while not self._is_closing.is_set():
                ready = dict(poller.poll(POLL_MS))
                if self._wake_out in ready:
                    os.read(self._wake_out, 4_096)
                if self._router in ready:
                    self._receive()
                self._flush()
                if boot_ns() - checked_at_ns >= CHECK_NS:
                    checked_at_ns = boot_ns()
                    self._check_paths()
            self._flush()
        finally:
            self._release()

    def _receive(self) -> None:
        for _ in range(TURN_MAX):
            try:
                frames, is_whole = _frames(self._router)
            except zmq.Again:
                return
            if not is_whole:
                self.counts["frames_refused"] += 1
                continue
            self._admit(frames[0], frames[-1] if len(frames) > 1 else b"")

    def _admit(self, peer: bytes, raw: bytes) -> None:
        parsed = decode_request(raw)
        is_kill = isinstance(parsed, Request) and parsed.command == "kill"
        message = _message(peer, parsed)
        if not self._limiter.admits(peer, is_kill=is_kill, now_ns=boot_ns()):
            self.counts["throttled"] += 1
            if not self._limiter.may_explain(boot_ns()):
                return
            text = "coalesced with a kill under way" if is_kill else "too many requests"
            message = _message(peer, Rejection(Code.THROTTLED, text, message.request_id))
        elif message.code:
            self.counts[message.code] += 1
            log_event("request_refused", "WARNING", code=message.code, why=message.text)
        self._send("console", message)

    def _flush(self) -> None:
        for _ in range(OUTBOX_MAX):
            try:
                item = self._outbox.get_nowait()
            except Empty:
                return
            try:
                if item[0] is None:
                    self._pub.send_multipart(item[1:], zmq.NOBLOCK)
                else:
                    self._router.send_multipart(item, zmq.NOBLOCK)
            except zmq.ZMQError:
                self.counts["send_failed"] += 1

    def _check_paths(self) -> None:
        for path in self._paths:
            if _inode(path) == self._inodes[path]:
                continue
            self.counts["paths_stolen"] += 1
            log_event("console_path_stolen", "ERROR", path=str(path))
            self._alert(f"the socket {path.name} was replaced from outside; bound again")
            # The old listener stays: unbinding would remove whatever has the path, in its own time.
            self._inodes[path] = 0
            if self.counts["paths_stolen"] > STEALS_MAX:
                continue
            try:
                self._bind(path)
            except zmq.ZMQError as error:
                log_event("console_rebind_failed", "ERROR", why=str(error))

    def _alert(self, text: str) -> None:
        alert = AlertRaised(
            severity="critical",
            event="console_path_stolen",
            subject="console",
            text=text,
            at_ns=self._now_ns(),
        )
        self._send("alerts", alert)

    # -- sockets --------------------------------------------------------------------------------

    def _socket(self, kind: int) -> "zmq.Socket[bytes]":
        socket: zmq.Socket[bytes] = self._context.socket(kind)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.MAXMSGSIZE, REQUEST_BYTES_MAX)
        socket.setsockopt(zmq.RCVHWM, HWM)
        socket.setsockopt(zmq.SNDHWM, HWM)
        socket.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
        socket.setsockopt(zmq.HEARTBEAT_IVL, 5_000)
        socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 10_000)
        socket.setsockopt(zmq.BACKLOG, 64)
        return socket

    def _bind(self, path: Path) -> None:
        # The mask keeps search permission for the owner: it holds for the whole process, and a
        # directory that another thread makes just now must stay usable. chmod does the rest; the
        # parent directory is 0700, so nobody can get in between.
        mask = os.umask(0o077)
        try:
            self._paths[path].bind(f"ipc://{path}")
        finally:
            os.umask(mask)
        path.chmod(0o600)
        self._inodes[path] = _inode(path)

    def _release(self) -> None:
        for path, socket in self._paths.items():
            socket.close(0)
            if _inode(path) == self._inodes.get(path, -1):
                path.unlink(missing_ok=True)
        self._context.term()
        os.close(self._wake_out)
        os.close(self._wake_in)


def _message(peer: bytes, parsed: Request | Rejection) -> RequestReceived:
    if isinstance(parsed, Rejection):
        return RequestReceived(
            peer=peer.hex(), request_id=parsed.request_id, code=parsed.code.value, text=parsed.text
        )
    return RequestReceived(peer=peer.hex(), **parsed._asdict())


def _frames(socket: "zmq.Socket[bytes]") -> tuple[list[bytes], bool]:
    """One message's first frames; the rest is read and dropped. False: it had too many."""
    frames = [socket.recv(zmq.NOBLOCK)]
    count = 1
    while socket.getsockopt(zmq.RCVMORE):
        frame = socket.recv(zmq.NOBLOCK)
        count += 1
        if count <= FRAMES_MAX:
            frames.append(frame)
    return frames, count <= FRAMES_MAX and (count < FRAMES_MAX or not frames[1])


def _inode(path: Path) -> int:
    try:
        return path.lstat().st_ino
    except OSError:
        return 0
