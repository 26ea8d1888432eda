"""The state directory as stores see it: one file of bytes, and a folder of small whole files.

Decides how bytes become durable (fsync of the file, of the folder after a rename or a removal).
Refuses to know what is in them. Stands alone so that the logic of spool and latches can run on a
disk that is full, torn or read-only without one.
"""

import os
from pathlib import Path
from typing import Protocol

from engine.errors import StateUnsafe


class DurableFile(Protocol):
    """One open file. Every call may raise OSError."""

    def read(self) -> bytes:
        """All of it."""

    def write(self, data: bytes, at: int) -> None:
        """Write all of the data at an offset; durable after `sync`."""

    def truncate(self, size: int) -> None:
        """Cut it to a size; durable after `sync`."""

    def sync(self) -> None:
        """What was written is on disk when this returns."""

    def close(self) -> None:
        """Let go of it; idempotent."""


class StateFolder(Protocol):
    """A directory and a folder in it, by names without a path. Every call may raise OSError."""

    def exists(self, name: str) -> bool:
        """Whether a file of the directory is there."""

    def has_folder(self, folder: str) -> bool:
        """Whether the folder is there."""

    def make_folder(self, folder: str) -> None:
        """Create the folder, durably; it may be there already."""

    def names(self, folder: str) -> tuple[str, ...]:
        """The names of the folder's files, sorted; hidden ones are left out."""

    def read(self, folder: str, name: str) -> bytes:
        """One file of the folder."""

    def replace(self, folder: str, name: str, body: bytes) -> None:
        """Write a file of the folder whole; the old or the new one is there, whatever happens.
        Durable when this returns."""

    def remove(self, folder: str, name: str) -> None:
        """Remove a file of the folder, durably; it may be gone already."""


class PlainFile:
    """A `DurableFile` on disk, 0600.

    Raises:
        StateUnsafe: the path is a link or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            self._fd = os.open(path, flags, 0o600)
        except OSError as error:
            raise StateUnsafe(f"{path} cannot be opened: {error.strerror}") from error
        try:
            os.fchmod(self._fd, 0o600)
            sync_folder(path.parent)
        except OSError:
            self.close()
            raise

    def read(self) -> bytes:
        data = bytearray()
        while chunk := os.pread(self._fd, 1 << 20, len(data)):
            data += chunk
        return bytes(data)

    def write(self, data: bytes, at: int) -> None:
        view = memoryview(data)
        while view:
            count = os.pwrite(self._fd, view, at)
            view, at = view[count:], at + count

    def truncate(self, size: int) -> None:
        os.ftruncate(self._fd, size)

    def sync(self) -> None:
        os.fsync(self._fd)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class PlainFolder:
    """A `StateFolder` on disk, files 0600, folders 0700."""

    def __init__(self, state: Path) -> None:
        self._state = state

    def exists(self, name: str) -> bool:
        return (self._state / name).exists()

    def has_folder(self, folder: str) -> bool:
        return (self._state / folder).is_dir()

    def make_folder(self, folder: str) -> None:
        (self._state / folder).mkdir(mode=0o700, exist_ok=True)
        sync_folder(self._state)

    def names(self, folder: str) -> tuple[str, ...]:
        found = (path.name for path in (self._state / folder).iterdir())
        return tuple(sorted(name for name in found if not name.startswith(".")))

    def read(self, folder: str, name: str) -> bytes:
        return (self._state / folder / name).read_bytes()

    def replace(self, folder: str, name: str, body: bytes) -> None:
        temporary = self._state / folder / f".{name}.tmp"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
            view = memoryview(body)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(self._state / folder / name)
        sync_folder(self._state / folder)

    def remove(self, folder: str, name: str) -> None:
        (self._state / folder / name).unlink(missing_ok=True)
        sync_folder(self._state / folder)


def sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
