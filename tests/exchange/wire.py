"""A websocket client of a few lines: the upgrade, one frame out, one frame in."""

import base64
import json
import socket
import struct
from typing import Any


class Socket:
    """Connected when made; `status` is that of the upgrade, 101 if it was taken."""

    def __init__(self, port: int, api_key: str, access_token: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self._bytes = b""
        nonce = base64.b64encode(b"practice-sockets").decode()
        self._socket.sendall(
            f"GET /?api_key={api_key}&access_token={access_token} HTTP/1.1\r\n"
            f"Host: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {nonce}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        while b"\r\n\r\n" not in self._bytes:
            self._fill()
        head, _, self._bytes = self._bytes.partition(b"\r\n\r\n")
        self.status = int(head.split()[1])

    def send(self, **command: Any) -> None:
        text = json.dumps(command).encode()
        mask = b"\x01\x02\x03\x04"
        body = bytes(byte ^ mask[i % 4] for i, byte in enumerate(text))
        size = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + struct.pack(
            ">H", len(text)
        )  # fmt: skip
        self._socket.sendall(b"\x81" + size + mask + body)

    def frame(self, timeout_s: float = 5.0) -> tuple[bool, bytes]:
        """(is_binary, payload) of the next frame. Raises TimeoutError, or EOFError at the end."""
        self._socket.settimeout(timeout_s)
        head = self._take(2)
        size = head[1] & 0x7F
        if size == 126:
            size = struct.unpack(">H", self._take(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self._take(8))[0]
        if head[0] & 0x0F == 8:
            raise EOFError
        return head[0] & 0x0F == 2, self._take(size)

    def market(self) -> bytes:
        """The next frame with packets in it."""
        while True:
            is_binary, payload = self.frame()
            if is_binary and len(payload) > 1:
                return payload

    def text(self) -> Any:
        """The next text frame, parsed."""
        while True:
            is_binary, payload = self.frame()
            if not is_binary:
                return json.loads(payload)

    def close(self) -> None:
        self._socket.close()

    def _take(self, count: int) -> bytes:
        while len(self._bytes) < count:
            self._fill()
        taken, self._bytes = self._bytes[:count], self._bytes[count:]
        return taken

    def _fill(self) -> None:
        data = self._socket.recv(65_536)
        if not data:
            raise EOFError
        self._bytes += data
