"""Waiting for a socket up to one deadline, and noticing what was sent too much.

Decides how long each wait of a request may be: what is left of the request's time, anew for each
piece, so that a server that drips bytes cannot stretch it; and once a request takes long, only as
long as nobody has to send something more urgent. Refuses to know HTTP.
"""

import contextlib
import errno
import io
import os
import select
import socket
import ssl
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from engine.errors import PaharaError
from engine.units import NS_PER_MS, NS_PER_S

SLICE_NS: Final = 20 * NS_PER_MS
"""How often the one who may be more urgent is asked."""


class DeadlinePassed(PaharaError):
    """The request's time is over. What it did at the other side is not known."""


class GaveWay(DeadlinePassed):
    """Its time was not over yet, but somebody else is more urgent."""


class Patience(NamedTuple):
    """The time of one request. Instants of the clock `mono_ns`.

    Args:
        until_ns: its end.
        yield_at_ns: from then on `is_awaited` is asked; True ends it.
    """

    mono_ns: Callable[[], int]
    until_ns: int
    yield_at_ns: int = 0
    is_awaited: Callable[[], bool] | None = None

    def within(self, ns_max: int) -> "Patience":
        """The same for a part of it that has less time."""
        return self._replace(until_ns=min(self.until_ns, self.mono_ns() + ns_max))

    def left_s(self) -> float:
        """How long the next wait may be before this is asked again.

        Raises:
            DeadlinePassed: the time is over, or (GaveWay) somebody else's has come.
        """
        now_ns = self.mono_ns()
        wait_ns = self.until_ns - now_ns
        if wait_ns <= 0:
            raise DeadlinePassed
        if self.is_awaited is not None:
            if now_ns < self.yield_at_ns:
                wait_ns = min(wait_ns, self.yield_at_ns - now_ns)
            elif self.is_awaited():
                raise GaveWay
            else:
                wait_ns = min(wait_ns, SLICE_NS)
        return wait_ns / NS_PER_S

    def rest_s(self) -> float:
        """All that is left, for what cannot be done in pieces. Raises DeadlinePassed."""
        self.left_s()
        return max(self.until_ns - self.mono_ns(), SLICE_NS) / NS_PER_S

    def connect(self, held: socket.socket, address: Any) -> None:  # noqa: ANN401 the library's
        """Connect a new socket. Raises DeadlinePassed, OSError."""
        held.setblocking(False)
        number = held.connect_ex(address)
        if number == errno.EINPROGRESS:
            poll = select.poll()
            poll.register(held, select.POLLOUT)
            while not poll.poll(self.left_s() * 1_000):
                pass
            number = held.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise OSError(number, os.strerror(number))

    def shake_hands(self, tls: ssl.SSLContext, held: socket.socket, host: str) -> ssl.SSLSocket:
        """The connection under TLS. Raises DeadlinePassed, OSError."""
        held.settimeout(self.left_s())
        made = tls.wrap_socket(held, server_hostname=host, do_handshake_on_connect=False)
        with contextlib.ExitStack() as failing:
            failing.callback(made.close)
            self.again(made, made.do_handshake)
            failing.pop_all()
        return made

    def again(self, held: socket.socket, act: Callable[[], int | None]) -> int | None:
        """Do what waits for the socket until it is done. Raises DeadlinePassed, OSError."""
        while True:
            held.settimeout(self.left_s())
            try:
                return act()
            except TimeoutError as error:
                if error.errno is not None:  # the network's time-out, not ours
                    raise


class _Stream(io.RawIOBase):
    """The socket as a raw stream; each read has what is left of the time."""

    def __init__(self, held: socket.socket, patience: Patience) -> None:
        self._socket = held
        self._patience = patience
        self.is_stopped = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Raises DeadlinePassed when the time is over."""
        if self.is_stopped:
            return 0
        return self._patience.again(self._socket, lambda: self._socket.recv_into(buffer)) or 0


class BoundedReader(io.BufferedReader):
    """Knows when it is closed whether bytes were left over in it."""

    def __init__(self, stream: _Stream, on_rest: Callable[[], None]) -> None:
        super().__init__(stream)
        self._stream = stream
        self._on_rest = on_rest

    def close(self) -> None:
        if not self.closed:
            self._stream.is_stopped = True
            if self.peek(1):
                self._on_rest()
        super().close()


class Pipe:
    """What `http.client.HTTPResponse` takes for its socket.

    `has_rest`: more came than the answer; the connection must not be used again, or an answer to
    nobody would be taken for the next one.
    """

    def __init__(self, held: socket.socket, patience: Patience) -> None:
        self._socket = held
        self._patience = patience
        self.has_rest = False

    def makefile(self, _mode: str) -> BoundedReader:
        """The one reader of the answer."""
        return BoundedReader(_Stream(self._socket, self._patience), self._note_rest)

    def _note_rest(self) -> None:
        self.has_rest = True
