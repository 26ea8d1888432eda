"""The right to bind the console's sockets, one engine at a time.

Decides by a flock on a file beside the sockets, taken before the bind. Refuses to know sockets.
Stands alone because it outlives the console actor: its generations hand the right on, so that a
fenced one that never closed cannot keep the new one out.
"""

import fcntl
import os
from pathlib import Path
from typing import Final, Protocol

from actors.channels.socket_path import prepare_socket_dir
from engine.errors import StateUnsafe

LOCK_NAME: Final = "control.lock"


class Holder(Protocol):
    """Who serves the sockets now."""

    def close(self) -> None:
        """Stop serving (idempotent, any thread)."""


class SocketLease:
    """The right to bind, taken once by an engine and handed on between generations."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._lock_fd: int | None = None
        self._holder: Holder | None = None

    def take(self, holder: Holder) -> Path:
        """Make `holder` the one that serves; an older generation's is closed first.

        Raises:
            StateUnsafe: another engine has the sockets, or the directory is not safe.
        """
        if self._holder is not None and self._holder is not holder:
            self._holder.close()
        folder = prepare_socket_dir(self._state_dir)
        if self._lock_fd is None:
            self._lock_fd = _lock(folder / LOCK_NAME)
        self._holder = holder
        return folder

    def release(self) -> None:
        """Let another engine have the sockets: at the end of the process's engine."""
        if self._holder is not None:
            self._holder.close()
            self._holder = None
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None


def _lock(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StateUnsafe("another engine has this state directory's console") from None
    return descriptor
