"""Websocket subscriptions: who gets which instrument in which mode, and in what bytes.

Decides admission, the frames of each connection and what goes wrong with them. Refuses to know
sockets: a connection is a number and a way to send. Source: Kite Connect v3, websocket.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from engine.exchange.practice.faults import Menu
from engine.exchange.practice.frames import HEARTBEAT, frame, packet
from engine.exchange.practice.listing import Listing
from engine.exchange.practice.quotes import Quote

CONNECTIONS_MAX: Final = 3
TOKENS_MAX: Final = 3_000
MODES: Final = frozenset({"ltp", "quote", "full"})
GARBAGE: Final = '{"type":"order","data":{"order_id":'
ODD_PACKET: Final = b"\x00\x00\x00\x01" * 3
"""12 bytes: no packet of any mode."""


class _Command(msgspec.Struct):
    a: str
    v: list[object] = []


@dataclass(eq=False, slots=True, kw_only=True)
class Connection:
    """One open socket: its tokens with their modes. `is_silent`: nothing leaves any more."""

    send: Callable[[bytes, bool], None]
    close: Callable[[], None]
    modes: dict[int, str] = field(default_factory=dict)
    is_silent: bool = False


class Hub:
    """See the module."""

    def __init__(self, listing: Listing, quotes: Mapping[str, Quote], menu: Menu) -> None:
        self._listing, self._quotes, self._menu = listing, quotes, menu
        self.connections: list[Connection] = []
        self.frame_count = 0

    @property
    def is_full(self) -> bool:
        """A fourth connection is refused with 429."""
        return len(self.connections) >= CONNECTIONS_MAX

    def hear(self, connection: Connection, text: bytes) -> None:
        """A client's command; what is none is answered with an error frame."""
        try:
            command = msgspec.json.decode(text, type=_Command)
        except msgspec.DecodeError:
            self._error(connection, "Invalid message")
            return
        if command.a == "subscribe":
            self._set(connection, command.v, "quote")
        elif command.a == "unsubscribe":
            for token in command.v:
                if isinstance(token, int):
                    connection.modes.pop(token, None)
        elif command.a == "mode" and len(command.v) == 2 and isinstance(command.v[1], list):
            if command.v[0] in MODES:
                self._set(connection, command.v[1], str(command.v[0]))
        else:
            self._error(connection, "Invalid action")

    def _set(self, connection: Connection, tokens: Iterable[object], mode: str) -> None:
        known = [x for x in tokens if isinstance(x, int) and x in self._listing.by_token]
        if len(connection.modes.keys() | set(known)) > TOKENS_MAX:
            self._error(connection, f"Only {TOKENS_MAX} tokens can be subscribed to")
            return
        connection.modes.update(dict.fromkeys(known, mode))
        names = [self._listing.by_token[token].instrument.name for token in known]
        seen = [name for name in names if self._quotes[name].last_paise]
        self._send_frame(connection, seen)

    def on_frame(self, names: tuple[str, ...]) -> None:
        """Prices moved: one binary frame for each connection that wants any of them."""
        for connection in tuple(self.connections):
            self._send_frame(connection, names)

    def beat(self) -> None:
        """Each second."""
        for connection in self.connections:
            self._send(connection, HEARTBEAT, is_binary=True)

    def on_update(self, row: Mapping[str, object]) -> None:
        """An order changed: every connection of the user hears it, whatever it is subscribed to."""
        self._text(msgspec.json.encode({"type": "order", "data": row}))

    def on_garbage(self) -> None:
        """A text frame that is torn (FLT-50)."""
        self._text(GARBAGE.encode())

    def close_all(self) -> None:
        """Every socket is closed by the server."""
        for connection in tuple(self.connections):
            connection.close()

    def _text(self, text: bytes) -> None:
        for connection in self.connections:
            self._send(connection, text, is_binary=False)

    def _send_frame(self, connection: Connection, names: Iterable[str]) -> None:
        packets = []
        for name in names:
            quote = self._quotes[name]
            mode = connection.modes.get(quote.listed.token)
            if mode is not None and not self._menu.strikes("FLT-01"):
                packets.append(packet(quote, mode))
        if not packets:
            return
        data = self._spoilt(connection, packets)
        if data:
            self.frame_count += 1
            self._send(connection, data, is_binary=True)

    def _spoilt(self, connection: Connection, packets: list[bytes]) -> bytes:
        """The bytes that leave, with what the menu has for market frames."""
        menu = self._menu
        if menu.strikes("FLT-02"):
            connection.is_silent = True
        if menu.strikes("FLT-03"):
            connection.close()
            return b""
        if menu.strikes("KITE-45"):
            packets.append(ODD_PACKET)
        if menu.strikes("FLT-04"):
            packets += packets
        data = frame(packets)
        if menu.strikes("FLT-14"):
            return data[: menu.amount("FLT-14", 3, len(data) - 1)]
        return data

    def _error(self, connection: Connection, text: str) -> None:
        frame_text = msgspec.json.encode({"type": "error", "data": text})
        self._send(connection, frame_text, is_binary=False)

    def _send(self, connection: Connection, data: bytes, *, is_binary: bool) -> None:
        if not connection.is_silent:
            connection.send(data, is_binary)
