"""One HTTP connection under the client library, which takes it for its `requests` session.

Decides what was seen of a request: whether a byte may have left, the raw status, type and body, or
the name of what failed. Refuses everything that a session of `requests` does unasked: redirects,
retries, proxies of the environment, cookies, authentication from .netrc. TLS is verified; plain
HTTP goes to this machine alone.

A connection is reused only if it is young and silent, because a request on a connection that the
server has just closed is a doubtful order. One deadline bounds a whole request: connecting,
writing and every read; one that takes long gives way before it to whoever is awaited. Only the
look-up of a host's name escapes both, and the process host's watchdog ends that.
Source: reset on a reused connection may follow a processed request (RFC 9110 9.2.2, 2022-06).
"""

import contextlib
import http.client
import io
import select
import socket
import ssl
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import certifi
import msgspec

from actors.brokers.kite.reading import DeadlinePassed, Patience, Pipe
from actors.brokers.kite.request import request_bytes, root_fault
from actors.runtime.clock import boot_ns
from engine.errors import ConfigInvalid
from engine.units import NS_PER_MS, NS_PER_S

BODY_BYTES_MAX: Final = 64 * 1_048_576
"""The instruments dump is about 10 MB unpacked."""
_CHUNK_BYTES: Final = 262_144
_GZIP: Final = 16 + zlib.MAX_WBITS
ROOT: Final = "https://api.kite.trade"


class TransportSettings(NamedTuple):
    """Bounds in ns: to connect, of a whole request (a read has less: exits wait behind it), and how
    old a silent connection is reused. `yield_ns`, `read_yield_ns`: from when on a request gives way
    to whoever is awaited.

    `ca_file` "": the certificates that the client library trusts.
    """

    connect_ns_max: int = 3 * NS_PER_S
    total_ns_max: int = 7 * NS_PER_S
    read_ns_max: int = 3 * NS_PER_S
    yield_ns: int = NS_PER_S
    read_yield_ns: int = 300 * NS_PER_MS
    idle_ns_max: int = 20 * NS_PER_S
    ca_file: str = ""


class Seen:
    """What was seen of the newest request; see `engine.kite.outcome.Observation`."""

    __slots__ = ("body", "content_type", "error", "is_late", "is_written", "status")

    def __init__(self) -> None:
        self.is_written = False
        self.status = 0
        self.content_type = ""
        self.body = b""
        self.error = ""
        self.is_late = False


class Answer:
    """What the client library looks at, instead of a `requests.Response`."""

    __slots__ = ("content", "headers", "status_code")

    def __init__(self, status_code: int, headers: Mapping[str, str], content: bytes) -> None:
        self.status_code = status_code
        self.headers = headers
        self.content = content

    def json(self) -> object:
        """Raises ValueError: no JSON."""
        return msgspec.json.decode(self.content)


class Unanswered(Exception):
    """Leaves the client library; `Seen` tells what happened."""


class BodyTooLong(Exception):
    """More bytes than any answer of Kite has."""


_FAILURES: Final = (OSError, http.client.HTTPException, zlib.error, DeadlinePassed, BodyTooLong)


class Transport:
    """See the module. Belongs to one thread; one request at a time.

    Raises:
        ConfigInvalid: `root` is neither HTTPS nor on this machine.
    """

    def __init__(
        self,
        root: str,
        settings: TransportSettings | None = None,
        mono_ns: Callable[[], int] = boot_ns,
    ) -> None:
        self._place = urlsplit(root)
        if fault := root_fault(self._place):
            raise ConfigInvalid((f"kite root {root!r}: {fault}",))
        self._settings = settings or TransportSettings()
        self._mono_ns = mono_ns
        self._tls: ssl.SSLContext | None = None
        if self._place.scheme == "https":
            self._tls = ssl.create_default_context(cafile=self._settings.ca_file or certifi.where())
        self._socket: socket.socket | None = None
        self._idle_since_ns = 0
        self.seen = Seen()
        self.connects_count = 0
        self.is_awaited: Callable[[], bool] | None = None

    def forget(self) -> None:
        """A new request begins; what was seen of the last one is gone."""
        self.seen = Seen()

    def close(self) -> None:
        """Let the connection go. The next request makes another."""
        held, self._socket = self._socket, None
        if held is not None:
            held.close()

    def request(
        self,
        method: str,
        url: str,
        *,
        json: object = None,
        data: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        verify: bool = True,
        **_ignored: object,
    ) -> Answer:
        """Send one request and read its answer; the signature is `requests.Session.request`'s.

        Raises:
            Unanswered: there was no full answer; `seen` says how far it came.
            ValueError: a header or the address cannot be written. Nothing was sent.
        """
        assert verify, "certificates are verified"
        seen = self.seen
        raw = request_bytes(method, urlsplit(url), json, data, params, headers or {})
        is_read = method == "GET" or json is not None  # Kite's calculations are asked in JSON
        patience = self._patience(is_read=is_read)
        answer: Answer | None = None
        try:
            held = self._connection(patience)
            held.settimeout(patience.rest_s())
            seen.is_written = True
            held.sendall(raw)
            answer = self._read(held, method, patience)
        except _FAILURES as error:
            seen.error = type(error).__name__
            seen.is_late = isinstance(error, TimeoutError | DeadlinePassed)
            raise Unanswered(seen.error) from None
        finally:
            if answer is None:
                self.close()  # half an answer may be in it
        self._idle_since_ns = self._mono_ns()
        return answer

    # -- the connection -------------------------------------------------------------------

    def _patience(self, *, is_read: bool) -> Patience:
        bounds, now_ns = self._settings, self._mono_ns()
        total_ns = bounds.read_ns_max if is_read else bounds.total_ns_max
        patient_ns = bounds.read_yield_ns if is_read else bounds.yield_ns
        return Patience(self._mono_ns, now_ns + total_ns, now_ns + patient_ns, self.is_awaited)

    def _connection(self, patience: Patience) -> socket.socket:
        if self._socket is not None and not self._is_fit(self._socket):
            self.close()
        if self._socket is None:
            self._socket = self._connect(patience)
        return self._socket

    def _is_fit(self, held: socket.socket) -> bool:
        """Young, and with nothing to read: neither the end nor an answer to nobody."""
        if self._mono_ns() - self._idle_since_ns > self._settings.idle_ns_max:
            return False
        poll = select.poll()
        poll.register(held, select.POLLIN)
        return not poll.poll(0)

    def _connect(self, patience: Patience) -> socket.socket:
        """A new connection, by IPv4: the broker lists the machines that may trade by address, and
        one that has two would be locked out by the other."""
        patience = patience.within(self._settings.connect_ns_max)
        host = self._place.hostname or ""
        port = self._place.port or (443 if self._tls else 80)
        found = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)
        with contextlib.ExitStack() as failing:
            held = failing.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            patience.connect(held, found[0][4])
            held.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                held = patience.shake_hands(self._tls, held, host)
            failing.pop_all()
        self.connects_count += 1
        return held

    # -- the answer -----------------------------------------------------------------------

    def _read(self, held: socket.socket, method: str, patience: Patience) -> Answer:
        pipe = Pipe(held, patience)
        response = http.client.HTTPResponse(pipe, method=method)  # type: ignore[arg-type]
        with response:
            response.begin()
            self.seen.status = response.status
            headers = {key.lower(): value for key, value in response.getheaders()}
            self.seen.content_type = headers.get("content-type", "")
            body = _body(response)
            is_over = response.will_close
        if is_over or pipe.has_rest:
            self.close()
        if headers.get("content-encoding", "").lower() == "gzip":
            body = _unpacked(body)
        self.seen.body = body
        return Answer(response.status, headers, body)


def _body(response: http.client.HTTPResponse) -> bytes:
    """All of it: a short one raises IncompleteRead."""
    if response.length is not None:
        if response.length > BODY_BYTES_MAX:
            raise BodyTooLong
        return response.read()
    parts = io.BytesIO()
    while part := response.read(_CHUNK_BYTES):
        parts.write(part)
        if parts.tell() > BODY_BYTES_MAX:
            raise BodyTooLong
    return parts.getvalue()


def _unpacked(body: bytes) -> bytes:
    opened = zlib.decompressobj(_GZIP)
    text = opened.decompress(body, BODY_BYTES_MAX)
    if opened.unconsumed_tail:
        raise BodyTooLong
    if not opened.eof:
        raise zlib.error("cut short")
    return text
