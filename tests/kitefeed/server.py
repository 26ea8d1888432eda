"""A scripted websocket server: `python -m tests.kitefeed.server [--tls KEY CERT]`.

It does what it is told, one JSON object a line on stdin, and tells what it sees on stdout:
{"event": "listening", "port"}, {"event": "asked", "path"}, {"event": "open"}, {"event": "text",
"text"}, {"event": "lost", "code"}.

Orders, by "do": frame (hex), text (text), close (with code 1000), abort, refuse (status: of the
next handshakes, 0 for none), once (close: whether a connection is closed as soon as it is open),
pulse (ms: between heartbeats, 0 for silence).
"""

import json
import sys
import threading
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.types import ConnectionDeny
from twisted.internet import reactor as _reactor
from twisted.internet import ssl
from twisted.internet.task import LoopingCall

reactor: Any = _reactor


def tell(event: str, **fields: Any) -> None:
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


class Script:
    """What the server does."""

    def __init__(self) -> None:
        self.clients: list[Any] = []
        self.refuse_status = 0
        self.is_closing_at_once = False
        self._pulse = LoopingCall(self._beat)

    def obey(self, order: dict[str, Any]) -> None:
        getattr(self, f"do_{order.pop('do')}")(**order)

    def do_frame(self, hex: str) -> None:  # noqa: A002 the word on the wire
        self._send(bytes.fromhex(hex), is_binary=True)

    def do_text(self, text: str) -> None:
        self._send(text.encode(), is_binary=False)

    def do_close(self) -> None:
        for client in self.clients:
            client.sendClose(1000, "bye")

    def do_abort(self) -> None:
        for client in self.clients:
            client.dropConnection(abort=True)

    def do_refuse(self, status: int) -> None:
        self.refuse_status = status

    def do_once(self, *, close: bool) -> None:
        self.is_closing_at_once = close

    def do_pulse(self, ms: int) -> None:
        if self._pulse.running:
            self._pulse.stop()
        if ms:
            self._pulse.start(ms / 1_000)

    def _send(self, payload: bytes, *, is_binary: bool) -> None:
        for client in self.clients:
            client.sendMessage(payload, is_binary)

    def _beat(self) -> None:
        self._send(b"\0", is_binary=True)


class Protocol(WebSocketServerProtocol):  # type: ignore[misc]
    script: Script

    def onConnect(self, request: Any) -> None:  # noqa: N802
        tell("asked", path=request.path, params=request.params)
        if self.script.refuse_status:
            raise ConnectionDeny(self.script.refuse_status, "no")

    def onOpen(self) -> None:  # noqa: N802
        tell("open")
        self.script.clients.append(self)
        if self.script.is_closing_at_once:
            self.sendClose(1000, "bye")

    def onMessage(self, payload: bytes, is_binary: bool) -> None:  # noqa: N802
        tell("text", text=payload.decode())

    def onClose(self, was_clean: bool, code: int, reason: str) -> None:  # noqa: N802
        if self in self.script.clients:
            self.script.clients.remove(self)
        tell("lost", code=code)


def main() -> None:
    script = Script()
    Protocol.script = script
    factory = WebSocketServerFactory()
    factory.protocol = Protocol
    if "--tls" in sys.argv:
        key, certificate = sys.argv[2:4]
        context = ssl.DefaultOpenSSLContextFactory(key, certificate)
        port = reactor.listenSSL(0, factory, context, interface="127.0.0.1")
    else:
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    tell("listening", port=port.getHost().port)

    def read() -> None:
        for line in sys.stdin:
            reactor.callFromThread(script.obey, json.loads(line))
        reactor.callFromThread(reactor.stop)

    threading.Thread(target=read, daemon=True).start()  # noqa: TID251 the server's own
    reactor.run()


if __name__ == "__main__":
    main()
