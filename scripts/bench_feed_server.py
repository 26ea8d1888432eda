"""The other end of the feed bench: a websocket server that streams full packets at an even pace.

Decides nothing of the engine. Each connection gets every token it has subscribed once a second, in
`SLICES` frames, the connections in turn. The microsecond of the boot clock at which a frame was
begun stands in the volume of its packets, so that the receiver knows how old each tick is. Talks by
lines: "listening PORT", "subscribed COUNT", then after "go" on stdin, until "stop": "sent COUNT".
"""

import json
import struct
import sys
import threading
from typing import Any, Final

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet import reactor as _reactor
from twisted.internet.task import LoopingCall

from actors.runtime.clock import boot_ns
from engine.units import NS_PER_S

reactor: Any = _reactor
SLICES: Final = 10
_stamp: Final = struct.Struct(">II8xI40xI").pack_into
"""Token, price, volume and exchange time at their places of a full packet."""


def say(text: str) -> None:
    """A line to the bench."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Floor:
    """All connections, and what they are sent."""

    def __init__(self) -> None:
        self.tokens: dict[Any, list[int]] = {}
        self.sent_count = 0
        self._turn = 0
        self._loop = LoopingCall(self._send)

    def subscribe(self, client: Any, tokens: list[int]) -> None:  # noqa: ANN401 untyped package
        self.tokens.setdefault(client, []).extend(tokens)
        say(f"subscribed {sum(map(len, self.tokens.values()))}")

    def obey(self, line: str) -> None:
        """`go` or `stop`."""
        if line == "go":
            self._loop.start(1 / (SLICES * len(self.tokens)), now=True)
        else:
            self._loop.stop()
            say(f"sent {self.sent_count}")

    def _send(self) -> None:
        number, which = divmod(self._turn, len(self.tokens))
        self._turn += 1
        client, tokens = list(self.tokens.items())[which]
        some = tokens[number % SLICES :: SLICES]
        client.sendMessage(frame_of(some, boot_ns()), True)
        self.sent_count += len(some)


def frame_of(tokens: list[int], now_ns: int) -> bytes:
    """A frame of full packets, stamped."""
    frame = bytearray(2 + 186 * len(tokens))
    struct.pack_into(">H", frame, 0, len(tokens))
    stamp_us, second = now_ns // 1_000 & 0xFFFFFFFF, now_ns // NS_PER_S
    for number, token in enumerate(tokens):
        at = 2 + 186 * number
        struct.pack_into(">H", frame, at, 184)
        _stamp(frame, at + 2, token, 100_000 + (second + number) % 40 * 5, stamp_us, second)
    return bytes(frame)


class Protocol(WebSocketServerProtocol):  # type: ignore[misc]
    """One connection."""

    floor: Floor

    def onMessage(self, payload: bytes, is_binary: bool) -> None:  # noqa: N802 autobahn's name
        order = json.loads(payload)
        if order["a"] == "subscribe":
            self.floor.subscribe(self, order["v"])

    def onClose(self, *_: object) -> None:  # noqa: N802
        self.floor.tokens.pop(self, None)


def main() -> None:
    """Serve until stdin ends."""
    Protocol.floor = floor = Floor()
    factory = WebSocketServerFactory()
    factory.protocol = Protocol
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    say(f"listening {port.getHost().port}")

    def read() -> None:
        for line in sys.stdin:
            reactor.callFromThread(floor.obey, line.strip())
        reactor.callFromThread(reactor.stop)

    threading.Thread(target=read, daemon=True).start()  # noqa: TID251 a server of its own
    reactor.run()


if __name__ == "__main__":
    main()
