"""Secrets from files: read safely or not at all.

Decides whether a file may hold a secret: a plain file of ours, 0600, in no folder that others
write to and in no git tree. Refuses with the reason, never with the content. The value cannot be
printed, formatted or pickled by accident.
"""

import os
import stat
from pathlib import Path
from typing import NoReturn

from engine.errors import StateUnsafe

SECRET_BYTES_MAX = 4_096


class Secret:
    """A value that shows itself only when asked by name."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value, for the one door that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __format__(self, spec: str) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not serialised")


def read_secret(path: Path) -> Secret:
    """Read a secret, without surrounding white space.

    Raises:
        StateUnsafe: the file is a link, not ours, open to others, in a git tree, empty or too
            long. Boot refuses.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise StateUnsafe(f"secret file {path}: {error.strerror}") from None
    try:
        fault = _fault(os.fstat(descriptor)) or _place_fault(path)
        if fault:
            raise StateUnsafe(f"secret file {path}: {fault}")
        value = os.read(descriptor, SECRET_BYTES_MAX + 1)
    finally:
        os.close(descriptor)
    text = value.decode("utf-8", "replace").strip()
    if not 0 < len(value) <= SECRET_BYTES_MAX or not text:
        raise StateUnsafe(f"secret file {path}: empty or too long")
    return Secret(text)


def _fault(found: os.stat_result) -> str:
    if not stat.S_ISREG(found.st_mode):
        return "not a plain file"
    if found.st_uid != os.geteuid():
        return "belongs to another user"
    if found.st_mode & 0o077:
        return f"mode is {found.st_mode & 0o777:04o}, need 0600"
    return ""


def _place_fault(path: Path) -> str:
    for folder in path.absolute().parents:
        mode = folder.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            return f"{folder} is writable by everybody"
        if (folder / ".git").exists():
            return f"{folder} is a git tree"
    return ""
