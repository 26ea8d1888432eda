"""A client of a running engine's console, for the command line and small scripts.

Decides when an engine counts as not running and how long an answer is waited for. Refuses to know
verbs and output. Imports zmq and msgpack only: `pahara kill` has to start quickly.
"""

import os
import socket
from pathlib import Path
from typing import Any, Final, Self

import zmq

from actors.channels.envelope import REPLY_BYTES_MAX, decode_reply, encode_request
from actors.channels.socket_path import CONTROL_NAME, EVENTS_NAME, find_socket_dir

TIMEOUT_S: Final = 5.0


class NotRunning(Exception):
    """Nobody serves the state directory's console."""


class NoAnswer(Exception):
    """The engine has the socket but did not answer in time."""


class ConsoleClient:
    """One connection.

    Raises:
        NotRunning: no engine listens for this state directory.
    """

    def __init__(self, state_dir: Path, *, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_ms = int(timeout_s * 1_000)
        self._folder = find_socket_dir(state_dir)
        _probe(self._folder / CONTROL_NAME)
        self._context = zmq.Context()
        self._socket = self._connect(zmq.DEALER, CONTROL_NAME)

    def ask(self, command: str, arguments: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send one command and wait for its reply.

        Returns:
            The reply: `code`, `text`, `body`, `engine_id`, `boot_id`, `pid`, `mode`.

        Raises:
            NoAnswer: not in time, or the answer was not understood. Whether a command had its
                effect is then unknown; asking again with the same verb is safe.
        """
        request_id = os.urandom(8).hex()  # noqa: TID251 - a nonce, no decision
        by = os.environ.get("USER", "") or f"uid{os.getuid()}"
        who = "".join(c for c in by if c.isascii() and (c.isalnum() or c in "._-"))[:40]
        self._socket.send(encode_request(request_id, command, arguments or {}, by=who or "cli"))
        while self._socket.poll(self._timeout_ms):
            try:
                reply = decode_reply(self._socket.recv())
            except ValueError as error:
                raise NoAnswer(str(error)) from error
            if reply.get("id") == request_id:
                return reply
        raise NoAnswer(f"no answer within {self._timeout_ms / 1_000:g} s")

    def events(self) -> "zmq.Socket[bytes]":
        """A socket that receives (topic, JSON) of everything published; closed with the client."""
        self._events = self._connect(zmq.SUB, EVENTS_NAME)
        self._events.setsockopt(zmq.SUBSCRIBE, b"")
        return self._events

    def close(self) -> None:
        """Let go of the sockets."""
        self._context.destroy(linger=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connect(self, kind: int, name: str) -> "zmq.Socket[bytes]":
        made: zmq.Socket[bytes] = self._context.socket(kind)
        made.setsockopt(zmq.LINGER, 0)
        made.setsockopt(zmq.MAXMSGSIZE, REPLY_BYTES_MAX)
        made.connect(f"ipc://{self._folder / name}")
        return made


def _probe(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as error:
            raise NotRunning(f"no engine runs on {path.parent}") from error
        except BlockingIOError:
            return  # its backlog is full: somebody is there
        except OSError as error:
            raise NotRunning(f"the console at {path} can't be reached: {error}") from error
