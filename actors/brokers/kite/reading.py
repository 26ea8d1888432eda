"""Reading from a socket up to one deadline, and noticing what was sent too much.

Decides how long a read may wait: what is left of the request's time, anew for each piece, so that
a server that drips bytes cannot stretch it. Refuses to know HTTP.
"""

import io
import socket
from collections.abc import Callable

from engine.errors import PaharaError


class DeadlinePassed(PaharaError):
    """The request's time is over. What it did at the other side is not known."""


class _Stream(io.RawIOBase):
    """The socket as a raw stream; each read has what is left of the time."""

    def __init__(self, held: socket.socket, left_s: Callable[[], float]) -> None:
        self._socket = held
        self._left_s = left_s
        self.is_stopped = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Raises DeadlinePassed or TimeoutError when the time is over."""
        if self.is_stopped:
            return 0
        self._socket.settimeout(self._left_s())
        return self._socket.recv_into(buffer)


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

    def __init__(self, held: socket.socket, left_s: Callable[[], float]) -> None:
        self._socket = held
        self._left_s = left_s
        self.has_rest = False

    def makefile(self, _mode: str) -> BoundedReader:
        """The one reader of the answer."""
        return BoundedReader(_Stream(self._socket, self._left_s), self._note_rest)

    def _note_rest(self) -> None:
        self.has_rest = True
