"""The metrics page: read-only, on the loopback interface, nothing but three paths.

Decides what /metrics, /live and /ready answer. Refuses to bind anywhere but 127.0.0.1 and to take
a lock that trading uses. The endpoint outlives the metrics actor: its generations start it again,
so that a fenced one cannot keep the port.
"""

import json
import os
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

HOST: Final = "127.0.0.1"
PORT_NAME: Final = "metrics.port"
REQUEST_S_MAX: Final = 2

Probe = Callable[[], tuple[bool, dict[str, object]]]


class MetricsEndpoint:
    """Serves a registry.

    Args:
        port: 0 takes a free one; the port in use is written to `<state_dir>/metrics.port`.
    """

    def __init__(self, registry: CollectorRegistry, state_dir: Path, port: int) -> None:
        self.port = port
        self._registry = registry
        self._state_dir = state_dir
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None  # noqa: TID251 - its own thread

    def start(self, live: Probe, ready: Probe) -> None:
        """Serve from now on; an older generation's server is closed first.

        Raises:
            OSError: the port is taken.
        """
        self.close()
        pages = {"/live": live, "/ready": ready}
        server = _Server((HOST, self.port), _handler(self._registry, pages))
        self.port = int(server.server_address[1])
        self._server = server
        self._thread = threading.Thread(  # noqa: TID251 - its own thread
            target=server.serve_forever, args=(0.1,), name="metrics-http", daemon=True
        )
        self._thread.start()
        path = self._state_dir / PORT_NAME
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{self.port}\n")

    def close(self) -> None:
        """Stop serving (idempotent)."""
        server, self._server = self._server, None
        if server is None:
            return
        server.shutdown()
        server.server_close()
        if self._thread is not None:
            self._thread.join(2)
        (self._state_dir / PORT_NAME).unlink(missing_ok=True)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 16

    def handle_error(self, *_: object) -> None:
        """A peer that leaves in the middle is nobody's business."""


def _handler(registry: CollectorRegistry, pages: dict[str, Probe]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_S_MAX
        server_version, sys_version = "pahara", ""

        def do_GET(self) -> None:
            path = self.path.split("?", 1)[0]
            if path == "/metrics":
                self._send(200, generate_latest(registry), CONTENT_TYPE_LATEST)
            elif path in pages:
                is_good, body = pages[path]()
                raw = json.dumps(body).encode()
                self._send(200 if is_good else 503, raw, "application/json")
            else:
                self._send(404, b"not found\n", "text/plain")

        def log_message(self, *_: object) -> None:
            """Scrapes are not events."""

        def _send(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

    return Handler
