"""Latches on disk: what must survive any restart, with the database up or down.

Decides how a latch is made durable and what counts as one. Refuses to know modes. Stands alone
because KILL has to work when everything else is broken.

A latch is `latches/<name>.json` in the state directory, 0600, written to a temporary file, fsynced
and renamed, the folder fsynced. A file that can't be read counts as set. The files KILL_SWITCH and
STOP in the state directory and KILL_SWITCH=1 in the environment count as a kill latch. A missing
latch folder is not "no latch": unless the state is new, it is a halt (BAD-42).
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple, Protocol

KILL: Final = "kill"
HALT: Final = "halt"
SENTINELS: Final = ("KILL_SWITCH", "STOP")


class Latch(NamedTuple):
    """One latch that is set."""

    name: str
    reason: str


class LatchStore(Protocol):
    """Where latches are kept."""

    def load(self) -> tuple[Latch, ...]:
        """All that are set, sentinels included."""

    def sentinel(self) -> str:
        """The kill sentinel that is present now, "" if none. Cheap enough to ask each second."""

    def set(self, name: str, *, reason: str, by: str, at_ns: int) -> None:
        """Set a latch; on disk when this returns.

        Raises:
            OSError: it is not durable. The caller acts on it in memory and says so.
        """

    def clear(self, name: str) -> None:
        """Remove a latch; gone from disk when this returns."""


class FileLatches:
    """The adapter for a state directory.

    Args:
        state: the directory; it exists.
        environ: the process's environment.
        is_new_state: the operator said that this state is new, so nothing can be latched.
    """

    def __init__(self, state: Path, environ: Mapping[str, str], *, is_new_state: bool) -> None:
        self._state = state
        self._folder = state / "latches"
        self._environ = environ
        self._is_new_state = is_new_state

    def load(self) -> tuple[Latch, ...]:
        found = []
        if sentinel := self.sentinel():
            found.append(Latch(KILL, sentinel))
        if not self._folder.is_dir():
            if not self._is_new_state:
                return (*found, Latch(HALT, "the latch folder is missing: state lost?"))
            self._make_folder()
        for path in sorted(self._folder.glob("*.json")):
            found.append(Latch(path.stem, _reason(path)))
        return tuple(found)

    def sentinel(self) -> str:
        if self._environ.get("KILL_SWITCH") == "1":
            return "KILL_SWITCH=1 in the environment"
        present = [name for name in SENTINELS if (self._state / name).exists()]
        return f"file {present[0]}" if present else ""

    def set(self, name: str, *, reason: str, by: str, at_ns: int) -> None:
        assert name.isidentifier(), name
        if not self._folder.is_dir():
            self._make_folder()
        body = json.dumps({"latch": name, "reason": reason, "by": by, "at_ns": at_ns})
        temporary = self._folder / f".{name}.tmp"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
            os.write(descriptor, body.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(self._folder / f"{name}.json")
        _sync(self._folder)

    def clear(self, name: str) -> None:
        if self._folder.is_dir():
            (self._folder / f"{name}.json").unlink(missing_ok=True)
            _sync(self._folder)
        else:
            self._make_folder()

    def _make_folder(self) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        _sync(self._state)


def _reason(path: Path) -> str:
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "unreadable latch file"
    reason = body.get("reason") if isinstance(body, dict) else None
    return reason if isinstance(reason, str) else "unreadable latch file"


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
