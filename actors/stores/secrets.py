"""Secrets in files: read and written safely or not at all.

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


def write_secret(path: Path, secret: Secret) -> None:
    """Put a secret in the place of an old one, whole or not at all, 0600 from its first byte on.

    Raises:
        StateUnsafe: the folder is missing, open to others or in a git tree, what is there is not a
            plain file of ours, or the disk refuses. The old one is left as it was.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        if fault := _place_fault(path):
            raise StateUnsafe(f"secret file {path}: {fault}")
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise StateUnsafe(f"secret file {path}: not a plain file")
        draft.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(draft, flags, 0o600), "wb") as file:
            file.write(secret.reveal().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise StateUnsafe(f"secret file {path}: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)


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
