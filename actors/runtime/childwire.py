"""The child's end of the wire to its parent.

Decides how frames leave without ever blocking: at once if the socket takes them, else from a
bounded backlog in which ticks keep only the latest. Refuses to know behaviours. Sends come from
any thread of the child (a websocket client has its own); the socket belongs to the main thread.
"""

import logging
import os
import threading
from itertools import count

import zmq

from actors.runtime.codec import (
    EXIT_ORPHANED,
    FRAME_BYTES_MAX,
    Beat,
    FromChild,
    Logged,
    Sent,
    ToChild,
    decode_to_child,
    encode,
)
from actors.runtime.log import Field
from engine.errors import WireMalformed
from engine.messages.base import Delivery

SOCKET_FRAMES_MAX = 1_000
BACKLOG_MAX = 10_000
READ_MAX = 256
RETRY_MS = 5
LINGER_MS = 1_000


class Wire:
    """A PAIR socket, a wake-up for other threads, and the pipe that ends with the parent.

    Args:
        address: where the parent has bound the socket.
        parent_fd: a descriptor that becomes readable when the parent has gone.
    """

    def __init__(self, address: str, *, parent_fd: int = 0) -> None:
        self.malformed_count = 0
        self._parent_fd = parent_fd
        self._thread_id = threading.get_ident()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PAIR)
        self._socket.set(zmq.LINGER, LINGER_MS)
        self._socket.set(zmq.SNDHWM, SOCKET_FRAMES_MAX)
        self._socket.set(zmq.RCVHWM, SOCKET_FRAMES_MAX)
        self._socket.set(zmq.MAXMSGSIZE, FRAME_BYTES_MAX)
        self._socket.connect(address)
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poller = zmq.Poller()
        for source in (self._socket, self._wake_fd, parent_fd):
            self._poller.register(source, zmq.POLLIN)
        self._lock = threading.Lock()
        self._backlog: dict[str | int, bytes] = {}
        self._tokens = count()

    def send(self, frame: FromChild) -> bool:
        """Send or hold a frame. False: it cannot be encoded, or the backlog is full for it."""
        try:
            body = encode(frame)
        except (TypeError, ValueError, OverflowError):
            return False
        if threading.get_ident() != self._thread_id:
            is_held = self._hold(frame, body)
            self.wake()
            return is_held
        if not self._backlog and self._try_send(body):
            return True
        return self._hold(frame, body)

    def wake(self) -> None:
        """Make the main thread look up, if this is another one."""
        if threading.get_ident() != self._thread_id:
            os.eventfd_write(self._wake_fd, 1)

    def poll(self, timeout_ms: int, frames_max: int = READ_MAX) -> list[ToChild]:
        """Wait for frames, send what is held. A parent that has gone ends this process."""
        self._push()
        wait_ms = min(timeout_ms, RETRY_MS) if self._backlog else timeout_ms
        ready = dict(self._poller.poll(wait_ms))
        if self._parent_fd in ready:
            os._exit(EXIT_ORPHANED)
        if self._wake_fd in ready:
            os.eventfd_read(self._wake_fd)
            self._push()
        return self._read(frames_max) if self._socket in ready else []

    def close(self) -> None:
        """Send what is held, as far as the parent takes it in time."""
        self._push()
        self._socket.close()
        self._context.term()
        os.close(self._wake_fd)

    def _read(self, frames_max: int) -> list[ToChild]:
        frames: list[ToChild] = []
        while len(frames) < frames_max:
            try:
                frames.append(decode_to_child(self._socket.recv(zmq.NOBLOCK)))
            except zmq.Again:
                break
            except WireMalformed:
                self.malformed_count += 1
        return frames

    def _try_send(self, body: bytes) -> bool:
        try:
            self._socket.send(body, zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def _hold(self, frame: FromChild, body: bytes) -> bool:
        key: str | int = next(self._tokens)
        if isinstance(frame, Sent) and frame.message.delivery is Delivery.CONFLATE:
            key = frame.conflation_key
        elif len(self._backlog) >= BACKLOG_MAX and _may_drop(frame):
            return False
        with self._lock:
            self._backlog[key] = body
        return True

    def _push(self) -> None:
        while self._backlog:
            with self._lock:
                key, body = next(iter(self._backlog.items()))
            if not self._try_send(body):
                return
            with self._lock:
                if self._backlog[key] is body:
                    del self._backlog[key]


def _may_drop(frame: FromChild) -> bool:
    if isinstance(frame, Sent):
        return frame.message.delivery in (Delivery.QUEUE, Delivery.DROP_OLDEST)
    return isinstance(frame, Beat | Logged)


class WireLogHandler(logging.Handler):
    """Hands the child's log events to the parent, which writes them."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Field] = getattr(record, "fields", {})
        event = record.getMessage()
        if record.name != "pahara":
            event, fields = "library_logged", {"logger": record.name, "text": event}
        for level in ("ERROR", "WARNING", "INFO"):
            if record.levelno >= getattr(logging, level):
                self._wire.send(Logged(event, level, fields))
                return
