"""The watch from outside: `python -m supervisors.outside <beat file> <deadline_ms>`.

Decides when to say that the engine stands still, is back, or is gone; writes one JSON line to
`<beat file>.alert` and stderr for each. Restarts nothing: that is the init system's. A separate
process, because a GIL hog or a frozen engine stops all of its own threads.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from actors.runtime.clock import boot_ns, wall_ns
from actors.runtime.environment import without_secrets
from supervisors.beats import is_late, read_beat

EXIT_IN_ORDER = 0
EXIT_GONE = 1
EXIT_USAGE = 2
POLLS_PER_DEADLINE = 5
OUTSIDE_DEADLINE_MS = 3_000


class Watch:
    """One observer of one board; `look` is a step, so tests need no process."""

    def __init__(self, path: Path, deadline_ms: int, tell: Callable[[str, int], None]) -> None:
        self._path = path
        self._deadline_ms = deadline_ms
        self._tell = tell
        self._is_silent = False

    def look(self, mono_ns: int, is_alive: Callable[[int], bool]) -> int | None:
        """Judge the latest beat. Returns an exit code when there is nothing more to watch."""
        beat = read_beat(self._path)
        if beat is None:
            return None
        if beat.pid == 0:
            return EXIT_IN_ORDER
        if not is_alive(beat.pid):
            self._tell("engine_gone", beat.pid)
            return EXIT_GONE
        silent = is_late(beat, mono_ns, self._deadline_ms)
        if silent and not self._is_silent:
            self._tell("engine_silent", beat.pid)
        elif self._is_silent and not silent:
            self._tell("engine_back", beat.pid)
        self._is_silent = silent
        return None


def is_process_alive(pid: int) -> bool:
    """Whether the process exists (a zombie counts as gone)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}


def write_alert(path: Path, event: str, pid: int) -> None:
    """Append one line to the alert file (0600) and to stderr."""
    line = json.dumps({"event": event, "pid": pid, "at_ns": wall_ns()}) + "\n"
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(path, flags, 0o600)
    try:
        os.write(fd, line.encode())
    finally:
        os.close(fd)
    sys.stderr.write(line)
    sys.stderr.flush()


def watch_from_outside(beats: Path, log: TextIO) -> "subprocess.Popen[bytes]":
    """A process of its own that notices when this one stands still (a C call that keeps the
    interpreter, a stopped process): it writes `beats.alert` and a log line, and ends with us."""
    command = [sys.executable, "-m", "supervisors.outside", str(beats), str(OUTSIDE_DEADLINE_MS)]
    return subprocess.Popen(  # noqa: S603 - ours
        command, stderr=log, stdin=subprocess.DEVNULL, env=without_secrets(os.environ)
    )


def main(arguments: list[str]) -> int:
    """Watch until the engine has ended."""
    if len(arguments) != 2 or not arguments[1].isdigit() or int(arguments[1]) < 1:
        sys.stderr.write("usage: python -m supervisors.outside <beat file> <deadline_ms>\n")
        return EXIT_USAGE
    path, deadline_ms = Path(arguments[0]), int(arguments[1])
    alerts = path.with_name(path.name + ".alert")
    watch = Watch(path, deadline_ms, lambda event, pid: write_alert(alerts, event, pid))
    sys.stderr.write(json.dumps({"event": "outside_watching", "deadline_ms": deadline_ms}) + "\n")
    sys.stderr.flush()
    pause = threading.Event()
    while True:
        code = watch.look(boot_ns(), is_process_alive)
        if code is not None:
            return code
        pause.wait(deadline_ms / 1_000 / POLLS_PER_DEADLINE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
