"""The day's instrument list on disk.

Decides how the list is kept: one file, replaced whole, 0600. Refuses to judge its age, and to fetch
it (fetch.py, which loads the client library: who only reads the list need not pay for that).
"""

import os
from pathlib import Path
from typing import Final

import msgspec

from engine.errors import ConfigInvalid
from engine.market.kite_table import InstrumentTable

TABLE_FILE: Final = "kite_instruments.mpk"
"""In the state directory."""
_decode = msgspec.msgpack.Decoder(InstrumentTable).decode


def write_table(path: Path, table: InstrumentTable) -> None:
    """Replace the list; a crash leaves the old one.

    Raises:
        OSError: the disk refuses.
    """
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.msgpack.encode(table))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read_table(path: Path) -> InstrumentTable:
    """The list on disk.

    Raises:
        ConfigInvalid: there is none, or it is damaged. Fetch it anew.
    """
    try:
        return _decode(path.read_bytes())
    except FileNotFoundError:
        raise ConfigInvalid((f"{path}: no instrument list: run `pahara instruments`",)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ConfigInvalid((f"{path}: damaged: run `pahara instruments`",)) from None
