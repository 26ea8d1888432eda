"""The state directory: one engine at a time, nobody else may look.

Decides whether it is safe to run here. Refuses to know what the files mean. Stands alone because
these checks come before everything else at boot.
"""

import fcntl
import os
import stat
from pathlib import Path

from engine.errors import StateUnsafe

LOCK_NAME = "engine.lock"


class StateDir:
    """An exclusively locked state directory.

    Raises:
        StateUnsafe: not ours, open to others, or another engine runs on it. Boot refuses.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self.path.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise StateUnsafe(f"{path} is not a directory")
        if found.st_uid != os.geteuid():
            raise StateUnsafe(f"{path} belongs to another user")
        if found.st_mode & 0o077:
            self.path.chmod(0o700)
        self._lock = os.open(
            self.path / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._lock, 32, 0).decode("ascii", "replace").strip()
            os.close(self._lock)
            raise StateUnsafe(f"another engine runs on {path} (pid {holder or '?'})") from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    def file(self, name: str) -> Path:
        """A path inside."""
        return self.path / name

    def close(self) -> None:
        """Let another engine run here."""
        os.close(self._lock)
