"""One operating-system process and our end of its wire.

Decides how a child is spawned (never forked: threads), addressed (a private ipc socket) and
reaped (by pidfd, so that a recycled pid is never signalled). Refuses to know actors. Used by the
hub's thread only; that thread must outlive the child, because the kernel's parent-death signal
follows the thread that spawned.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import zmq

from actors.runtime.codec import FRAME_BYTES_MAX
from actors.runtime.environment import without_secrets
from actors.runtime.log import log_event

SOCKET_FRAMES_MAX = 1_000
TRACE_CHARS_MAX = 4_000
REAP_WAIT_S = 5.0
FOLDER_PREFIX = "pahara-ipc-"


def make_folder() -> Path:
    """A private folder for sockets, named by our pid; folders of dead owners are swept."""
    base = Path(tempfile.gettempdir())
    for stale in base.glob(f"{FOLDER_PREFIX}*-*"):
        pid = stale.name.removeprefix(FOLDER_PREFIX).partition("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(stale, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}-", dir=base))


class ChildProcess:
    """A running `actors.runtime.child`, waiting for its first frame.

    Raises:
        OSError: the process cannot be started (no memory, no pids, no descriptors).
    """

    def __init__(
        self, folder: Path, number: int, context: "zmq.Context[zmq.Socket[bytes]]"
    ) -> None:
        self._socket_path = folder / f"{number}.sock"
        self._trace_path = folder / f"{number}.trace"
        self.socket = context.socket(zmq.PAIR)
        self.socket.set(zmq.LINGER, 0)
        self.socket.set(zmq.SNDHWM, SOCKET_FRAMES_MAX)
        self.socket.set(zmq.RCVHWM, SOCKET_FRAMES_MAX)
        self.socket.set(zmq.MAXMSGSIZE, FRAME_BYTES_MAX)
        address = f"ipc://{self._socket_path}"
        try:
            self.socket.bind(address)
            self._popen = self._spawn(address)
        except BaseException:
            self.socket.close()
            raise
        self.pid = self._popen.pid
        self.pidfd = os.pidfd_open(self.pid)

    def _spawn(self, address: str) -> "subprocess.Popen[bytes]":
        # Where the parent looks for modules the child looks too, and not in the current folder.
        paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
        module = "actors.runtime.child"
        return subprocess.Popen(  # noqa: S603 our own interpreter and module
            [sys.executable, "-P", "-m", module, address, str(os.getpid()), str(self._trace_path)],
            stdin=subprocess.PIPE,  # held open by us alone: it closes when we are gone
            stdout=2,  # what third parties print does not belong into our output
            env={**without_secrets(os.environ), "PYTHONPATH": paths},
            process_group=0,
        )

    def send(self, body: bytes) -> bool:
        """Hand over a frame. False: not connected yet, or the child does not read."""
        try:
            self.socket.send(body, zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def read(self) -> bytes | None:
        """The next frame, if there is one."""
        try:
            return self.socket.recv(zmq.NOBLOCK)
        except zmq.Again:
            return None

    def signal(self, number: signal.Signals) -> None:
        """Signal the process; one that has gone is fine."""
        try:
            signal.pidfd_send_signal(self.pidfd, number)
        except ProcessLookupError:
            return

    def exit_code(self) -> int | None:
        """The return code (negative: a signal) once it has ended."""
        return self._popen.poll()

    def trace(self) -> str:
        """Where the child's threads were at a fault or when asked by SIGUSR1; maybe empty."""
        try:
            return self._trace_path.read_text(errors="replace")[:TRACE_CHARS_MAX]
        except OSError:
            return ""

    def close(self) -> None:
        """End the process by force, reap it, release all."""
        self.signal(signal.SIGKILL)
        try:
            self._popen.wait(REAP_WAIT_S)
        except subprocess.TimeoutExpired:  # in the kernel, beyond reach: the init system's turn
            log_event("child_process_unreaped", "ERROR", pid=self.pid)
        assert self._popen.stdin is not None
        self._popen.stdin.close()
        os.close(self.pidfd)
        self.socket.close()
        self._trace_path.unlink(missing_ok=True)
        self._socket_path.unlink(missing_ok=True)
