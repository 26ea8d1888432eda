"""Latches on disk: what must survive any restart, with the database up or down.

Decides how a latch is made durable and what counts as one. Refuses to know modes. Stands alone
because KILL has to work when everything else is broken.

A latch is `latches/<name>.json` in the state directory, 0600, written to a temporary file, fsynced
and renamed, the folder fsynced. A file that can't be read counts as set. The files KILL_SWITCH and
STOP in the state directory and KILL_SWITCH=1 in the environment count as a kill latch. A missing
latch folder is not "no latch": unless the state is new, it is a halt (BAD-42).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from actors.stores.files import PlainFolder, StateFolder

KILL: Final = "kill"
HALT: Final = "halt"
FOLDER: Final = "latches"
_SUFFIX: Final = ".json"
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
        files: the directory as files, if it is not a plain one.
    """

    def __init__(
        self,
        state: Path,
        environ: Mapping[str, str],
        *,
        is_new_state: bool,
        files: StateFolder | None = None,
    ) -> None:
        self._files = files or PlainFolder(state)
        self._environ = environ
        self._is_new_state = is_new_state

    def load(self) -> tuple[Latch, ...]:
        found = []
        if sentinel := self.sentinel():
            found.append(Latch(KILL, sentinel))
        if not self._files.has_folder(FOLDER):
            if not self._is_new_state:
                return (*found, Latch(HALT, "the latch folder is missing: state lost?"))
            self._files.make_folder(FOLDER)
        for name in self._files.names(FOLDER):
            if name.endswith(_SUFFIX):
                found.append(Latch(name.removesuffix(_SUFFIX), self._reason(name)))
        return tuple(found)

    def sentinel(self) -> str:
        if self._environ.get("KILL_SWITCH") == "1":
            return "KILL_SWITCH=1 in the environment"
        present = [name for name in SENTINELS if self._files.exists(name)]
        return f"file {present[0]}" if present else ""

    def set(self, name: str, *, reason: str, by: str, at_ns: int) -> None:
        assert name.isidentifier(), name
        if not self._files.has_folder(FOLDER):
            self._files.make_folder(FOLDER)
        body = json.dumps({"latch": name, "reason": reason, "by": by, "at_ns": at_ns})
        self._files.replace(FOLDER, name + _SUFFIX, body.encode())

    def clear(self, name: str) -> None:
        if self._files.has_folder(FOLDER):
            self._files.remove(FOLDER, name + _SUFFIX)
        else:
            self._files.make_folder(FOLDER)

    def _reason(self, name: str) -> str:
        try:
            body = json.loads(self._files.read(FOLDER, name))
        except (OSError, ValueError):
            return "unreadable latch file"
        reason = body.get("reason") if isinstance(body, dict) else None
        return reason if isinstance(reason, str) else "unreadable latch file"
