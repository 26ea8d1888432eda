"""The websocket on loopback: the token at the upgrade, then frames both ways.

Decides who is let in. Refuses to know what a frame says. The one door to autobahn's server.
"""

from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.types import ConnectionDeny

from engine.exchange.practice.hub import Connection, Hub
from engine.exchange.practice.venue import PracticeExchange

TOO_MANY = 429
CLOSED = 1_000


def socket_factory(exchange: PracticeExchange, hub: Hub) -> Any:  # noqa: ANN401 no types there
    """A factory of server connections of the one user."""
    factory = WebSocketServerFactory()
    factory.protocol = _KiteSocket
    factory.noisy = False
    factory.exchange, factory.hub = exchange, hub
    return factory


class _KiteSocket(WebSocketServerProtocol):  # type: ignore[misc]  # autobahn has no types
    """One connection. Method names are autobahn's."""

    connection: Connection | None = None

    def onConnect(self, request: Any) -> None:  # noqa: ANN401, N802
        """403 for a token that is not in force, 429 for a fourth connection."""
        exchange, hub = self.factory.exchange, self.factory.hub
        key, token = (request.params.get(name, [""])[0] for name in ("api_key", "access_token"))
        if not exchange.tokens.is_valid(key, token, exchange.outer.now_ns()):
            raise ConnectionDeny(ConnectionDeny.FORBIDDEN, "Forbidden")
        if hub.is_full:
            raise ConnectionDeny(TOO_MANY, "Too Many Requests")

    def onOpen(self) -> None:  # noqa: N802
        self.connection = Connection(
            send=lambda data, is_binary: self.sendMessage(data, isBinary=is_binary),
            close=lambda: self.sendClose(CLOSED),
        )
        self.factory.hub.connections.append(self.connection)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: N802, N803
        if self.connection is not None and not isBinary:
            self.factory.hub.hear(self.connection, payload)

    def onClose(self, wasClean: bool, code: int, reason: str) -> None:  # noqa: N802, N803
        if self.connection in self.factory.hub.connections:
            self.factory.hub.connections.remove(self.connection)
