"""The terminal view beside a running engine: live on a terminal, one line each 5 s elsewhere.

Decides when to draw. Refuses to know figures (scripts/screen.py) and to touch the engine: it
listens to the published events like any watcher, so that a slow terminal cannot slow a trade.
"""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import zmq

from actors.runtime.clock import boot_ns
from engine.units import NS_PER_MS, NS_PER_S
from scripts.client import ConsoleClient, NoAnswer, NotRunning
from scripts.screen import Screen

if TYPE_CHECKING:
    from rich.console import RenderableType

LINE_EVERY_S: Final = 5.0
DRAW_EVERY_S: Final = 0.5
RETRY_S: Final = 0.2
ASKED_FIRST: Final = ("positions", "pnl", "risk", "feeds")
_COLOURS: Final = {"PAPER": "cyan", "LIVE": "bold white on red", "REDUCE": "yellow"}


class LiveView:
    """Shows an engine until stopped.

    Args:
        state_dir: whose engine; it may come up later.
        is_rich: a live screen instead of lines.
        out: where lines go.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        is_rich: bool,
        out: IO[str] | None = None,
        line_every_s: float = LINE_EVERY_S,
    ) -> None:
        self.screen = Screen()
        self._state_dir = state_dir
        self._is_rich = is_rich
        self._out = out or sys.stdout
        self._line_every_s = line_every_s
        self._is_over = threading.Event()
        self._thread: threading.Thread | None = None  # noqa: TID251 - its own thread

    def start(self) -> None:
        """Show from a thread of its own, beside an engine in this process."""
        self._thread = threading.Thread(target=self.show, name="live-view", daemon=True)  # noqa: TID251 - its own thread
        self._thread.start()

    def stop(self) -> None:
        """End the view and leave the terminal clean (idempotent)."""
        self._is_over.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(3)

    def show(self) -> None:
        """Show in this thread until `stop`."""
        client = self._connect()
        if client is None:
            return
        with client:
            events = client.events()
            self._ask_first(client)
            if self._is_rich:
                self._show_rich(events)
            else:
                self._follow(events, self._line_every_s, self._print_line)

    def _connect(self) -> ConsoleClient | None:
        while not self._is_over.is_set():
            try:
                return ConsoleClient(self._state_dir, timeout_s=2)
            except NotRunning:
                self._is_over.wait(RETRY_S)
        return None

    def _ask_first(self, client: ConsoleClient) -> None:
        """What was published before we came."""
        try:
            for topic in ASKED_FIRST:
                self.screen.views.setdefault(topic, client.ask(topic).get("body"))
        except NoAnswer:
            return

    def _follow(self, events: "zmq.Socket[bytes]", every_s: float, draw: Callable[[], Any]) -> None:
        next_ns = boot_ns()
        while not self._is_over.is_set():
            wait_ms = max(0, min(200, (next_ns - boot_ns()) // NS_PER_MS))
            if events.poll(wait_ms):
                topic, body = events.recv_multipart()
                self.screen.apply(topic.decode("ascii", "replace"), body)
            if self.screen.status and boot_ns() >= next_ns:
                draw()
                next_ns = boot_ns() + int(every_s * NS_PER_S)

    def _print_line(self) -> None:
        print(self.screen.line(), file=self._out, flush=True)

    def _show_rich(self, events: "zmq.Socket[bytes]") -> None:
        from rich.live import Live  # noqa: PLC0415 slow to import; only for a terminal

        with Live(auto_refresh=False, transient=True) as live:
            self._follow(
                events, DRAW_EVERY_S, lambda: live.update(rendered(self.screen), refresh=True)
            )


def rendered(screen: Screen) -> "RenderableType":
    """The screen for a terminal: mode badge on top, a panel a section."""
    from rich.console import Group  # noqa: PLC0415
    from rich.panel import Panel  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    mode = str(screen.status.get("mode", "?"))
    badge = Text(f" {mode} ", style=_COLOURS.get(mode, "bold white on magenta"))
    panels = [
        Panel(Text("\n".join(lines)), title=title, title_align="left")
        for title, lines in screen.sections()
        if lines
    ]
    return Group(badge, *panels)
