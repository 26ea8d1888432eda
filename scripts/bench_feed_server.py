"""The other end of the feed bench: a server that streams full packets at an even pace.

Decides nothing of the engine; its sockets are the practice exchange's. Each connection gets every
token it has subscribed once a second, in `SLICES` frames, the connections in turn. The microsecond
of the boot clock at which a frame was begun stands in the volume of its packets, so that the
receiver knows how old each tick is.

Arguments: how many subscribed tokens it waits for, and for how many seconds it streams then. Says
"listening PORT" and, at the end, "sent COUNT"; serves until SIGTERM.
"""

import json
import struct
import sys
from types import SimpleNamespace
from typing import Any, Final

from actors.practice.loop import Loop
from actors.practice.sockets import socket_factory
from actors.runtime.clock import SystemClock, boot_ns
from engine.exchange.practice.hub import Connection
from engine.units import NS_PER_S

SLICES: Final = 10
_stamp: Final = struct.Struct(">II8xI40xI").pack_into
"""Token, price, volume and exchange time at their places of a full packet."""


def say(text: str) -> None:
    """A line to the bench."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Floor:
    """All connections, and what they are sent; stands where the practice exchange's hub stands."""

    is_full = False

    def __init__(self, loop: Loop, tokens_count: int, seconds: float) -> None:
        self.connections: list[Connection] = []
        self._loop = loop
        self._tokens: dict[int, list[int]] = {}
        self._wanted_count = tokens_count
        self._duration_ns = int(seconds * NS_PER_S)
        self._begun_ns = self._turn = self._sent_count = 0

    def hear(self, connection: Connection, text: bytes) -> None:
        """A client's command; the stream begins when all tokens are subscribed."""
        order = json.loads(text)
        if order["a"] != "subscribe":
            return
        self._tokens.setdefault(id(connection), []).extend(order["v"])
        if sum(map(len, self._tokens.values())) >= self._wanted_count:
            self._begun_ns = boot_ns()
            self._go_on()

    def _go_on(self) -> None:
        """Frames by the clock: a late turn does not make the pace slower."""
        every_ns = NS_PER_S // (SLICES * len(self.connections))
        now_ns = boot_ns()
        while self._begun_ns + self._turn * every_ns <= now_ns:
            self._send()
        due_ns = self._begun_ns + self._turn * every_ns
        if due_ns - self._begun_ns > self._duration_ns:
            say(f"sent {self._sent_count}")
        else:
            self._loop.after_real(max(0, due_ns - boot_ns()), self._go_on)

    def _send(self) -> None:
        number, which = divmod(self._turn, len(self.connections))
        self._turn += 1
        connection = self.connections[which]
        some = self._tokens[id(connection)][number % SLICES :: SLICES]
        connection.send(frame_of(some, boot_ns()), True)
        self._sent_count += len(some)


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


def main() -> int:
    """Serve until SIGTERM."""
    loop = Loop(SystemClock())
    floor: Any = Floor(loop, int(sys.argv[1]), float(sys.argv[2]))
    everybody = SimpleNamespace(is_valid=lambda *_: True)
    exchange: Any = SimpleNamespace(tokens=everybody, outer=SimpleNamespace(now_ns=boot_ns))
    say(f"listening {loop.listen(0, socket_factory(exchange, floor))}")
    return loop.run()


if __name__ == "__main__":
    sys.exit(main())
