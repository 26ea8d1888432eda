"""The ledger of live entries on disk: `live_orders_today.json` in the state directory.

Decides that an entry is in the file before it leaves, that another day starts an empty list, and
that a file which is missing, damaged or of a later day is no ledger: nobody knows what was entered
then. It is begun by a person or in a new state directory, never by the writer. Refuses to judge
caps (`engine/risk/live_caps.py`).

The end of any process takes nothing of it. A power cut may take the entries added since the last
`sync`; the journal has them, durable before the writer heard of them (`actors/live_entries.py`).
"""

import os
from pathlib import Path
from typing import Final

import msgspec

from actors.stores.files import sync_folder
from engine.errors import StateUnsafe
from engine.risk.live_caps import LedgerDay, LiveEntry

LEDGER_FILE: Final = "live_orders_today.json"
_DRAFT: Final = ".new"


class LiveLedger:
    """One file, written by one process."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self, day: str) -> None:
        """An empty ledger. Raises OSError: the disk refuses."""
        self._replace(LedgerDay(day=day))
        self.sync()

    def read(self, day: str) -> LedgerDay:
        """The entries of a trading day.

        Raises:
            StateUnsafe: there is no ledger that can be believed. No live entry leaves.
        """
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=LedgerDay)
        except OSError as error:
            text = f"no ledger of live orders ({error.strerror}): run --mode live --new-ledger"
            raise StateUnsafe(f"{self._path}: {text}") from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise StateUnsafe(f"{self._path}: the ledger of live orders is damaged") from None
        if found.day > day:
            raise StateUnsafe(f"{self._path}: of {found.day}, and today is {day}")
        return found if found.day == day else LedgerDay(day=day)

    def add(self, ledger: LedgerDay, entry: LiveEntry) -> LedgerDay:
        """The ledger with the entry, in the file when this returns; `sync` makes it durable. Raises
        OSError."""
        made = LedgerDay(day=ledger.day, entries=(*ledger.entries, entry))
        self._replace(made)
        return made

    def sync(self) -> None:
        """What was added is on the disk when this returns. Raises OSError."""
        with self._path.open("rb") as file:
            os.fsync(file.fileno())
        sync_folder(self._path.parent)

    def _replace(self, ledger: LedgerDay) -> None:
        draft = self._path.with_name(self._path.name + _DRAFT)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(draft, flags, 0o600), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(ledger), indent=1))
        draft.replace(self._path)
