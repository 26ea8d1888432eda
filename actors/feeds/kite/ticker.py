"""KiteTicker as a source of raw frames: the socket, its thread, its end.

Decides what of the client library is used: the URL, the headers, the handshake, subscribing. Not
its parser, its retries, its resubscription or its TLS context, which verifies nothing. Everything
that happens becomes an event for the behaviour; nothing is decided on the socket's thread.

Source: kiteconnect 5.2.2, autobahn 19.11.2 and Twisted, read and run, 2026-11. The reactor is one
per process, starts once and is never stopped; the process ends with its actor.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from autobahn.twisted.websocket import connectWS
from kiteconnect import KiteTicker
from kiteconnect.ticker import KiteTickerClientFactory
from twisted.internet import reactor as _reactor
from twisted.internet import ssl

from actors.brokers.kite.credentials import Credentials
from actors.feeds.kite.plan import FrameCame, Slot, SocketLost, SocketOpened

reactor: Any = _reactor  # its type is chosen at import

PAYLOAD_BYTES_MAX: Final = 4_000_000
"""Of one frame. 3,000 full packets are 558,002 bytes."""
CONNECT_TIMEOUT_S: Final = 20
HANDSHAKE_TIMEOUT_S: Final = 10
TOKENS_PER_REQUEST_MAX: Final = 1_000
TEXT_CHARS_MAX: Final = 300


class _Factory(KiteTickerClientFactory):  # type: ignore[misc]
    """One attempt: it never retries, and its end is told once."""

    on_end: Callable[[str], None]

    def clientConnectionFailed(self, connector: Any, reason: Any) -> None:  # noqa: ANN401, N802
        self.on_end(reason.getErrorMessage())

    def clientConnectionLost(self, connector: Any, reason: Any) -> None:  # noqa: ANN401, N802
        self.on_end(reason.getErrorMessage())


class RawTicker(KiteTicker):  # type: ignore[misc]
    """One attempt to have a stream: made, connected, ended, thrown away.

    Args:
        root: address of the stream; see `places.address_fault`.
        wanted: token -> mode, sent once after the handshake.
        slot: gets every event.
        clocks: market time and boot clock, ns; read on the socket's thread.
        ca_file: PEM of a private authority to trust instead of the platform's ("": the platform's).
    """

    def __init__(
        self,
        login: Credentials,
        root: str,
        wanted: dict[int, str],
        slot: Slot,
        clocks: tuple[Callable[[], int], Callable[[], int]],
        ca_file: str = "",
    ) -> None:
        token = login.access_token.reveal()
        super().__init__(
            login.api_key.reveal(), token, root=root, connect_timeout=CONNECT_TIMEOUT_S
        )
        self._redacted = login.redacted
        self._wanted = dict(wanted)
        self._slot = slot
        self._now_ns, self._mono_ns = clocks
        self._ca_file = ca_file
        self._close_text = ""

    # -- from the behaviour's thread ----------------------------------------------------------

    def begin(self) -> None:
        """Start to connect. `SocketOpened` may follow, `SocketLost` will."""
        start_reactor()
        reactor.callFromThread(self._slot.guarded(self.connect))

    def drop(self) -> None:
        """Cut the connection without a closing handshake: the other side does not answer."""
        reactor.callFromThread(self._slot.guarded(self._abort))

    # -- on the socket's thread ---------------------------------------------------------------

    def connect(self) -> None:
        """The library's, with a TLS context that verifies and a factory that does not retry."""
        self._create_connection(
            self.socket_url, useragent=self._user_agent(), headers={"X-Kite-Version": "3"}
        )
        context = self._tls(self.factory.host) if self.factory.isSecure else None
        connectWS(self.factory, contextFactory=context, timeout=self.connect_timeout)

    def _create_connection(self, url: str, **kwargs: Any) -> None:  # noqa: ANN401
        guarded = self._slot.guarded
        self.factory = factory = _Factory(url, **kwargs)
        factory.on_open = guarded(self._on_open)
        factory.on_error = None
        factory.on_close = guarded(self._on_close)
        factory.on_message = guarded(self._on_message)
        factory.on_connect = guarded(self._on_connect)
        factory.on_end = guarded(self._on_end)
        factory.setProtocolOptions(
            maxFramePayloadSize=PAYLOAD_BYTES_MAX,
            maxMessagePayloadSize=PAYLOAD_BYTES_MAX,
            openHandshakeTimeout=HANDSHAKE_TIMEOUT_S,
            tcpNoDelay=True,
        )

    def _tls(self, host: str) -> Any:  # noqa: ANN401
        if not self._ca_file:
            return ssl.optionsForClientTLS(host)
        certificate = ssl.Certificate.loadPEM(Path(self._ca_file).read_bytes())
        return ssl.optionsForClientTLS(host, trustRoot=certificate)

    def _on_connect(self, ws: Any, response: Any) -> None:  # noqa: ANN401
        self.ws = ws

    def _on_open(self, ws: Any) -> None:  # noqa: ANN401
        by_mode: dict[str, list[int]] = {}
        for token, mode in self._wanted.items():
            by_mode.setdefault(mode, []).append(token)
        for mode, tokens in by_mode.items():
            for start in range(0, len(tokens), TOKENS_PER_REQUEST_MAX):
                some = tokens[start : start + TOKENS_PER_REQUEST_MAX]
                self.subscribe(some)
                self.set_mode(mode, some)  # a subscribe sets the mode back to quote
        self._slot.post(SocketOpened(self._mono_ns()))

    def _on_message(self, ws: Any, payload: bytes, is_binary: bool) -> None:  # noqa: ANN401
        self._slot.post(FrameCame(payload, is_binary, self._now_ns(), self._mono_ns()))

    def _on_close(self, ws: Any, code: Any, reason: Any) -> None:  # noqa: ANN401
        self._close_text = f"{code}: {reason}"

    def _on_end(self, text: str) -> None:
        told = self._redacted(self._close_text or text)[:TEXT_CHARS_MAX]
        self._slot.post(SocketLost(told, self._mono_ns()))

    def _abort(self) -> None:
        if self.ws is not None:
            self.ws.dropConnection(abort=True)


_started = threading.Event()


def start_reactor() -> None:
    """Run the process's reactor in a thread of its own, once and to the end of the process."""
    if not _started.is_set():
        _started.set()
        threading.Thread(  # noqa: TID251 Twisted's, not an actor's
            target=reactor.run,
            kwargs={"installSignalHandlers": False},
            name="kite-reactor",
            daemon=True,
        ).start()
