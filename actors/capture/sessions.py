"""The folders of captured sessions, and what each begins with.

Decides how a session is named, which old ones make room for a new one, and what its header says.
Refuses to know events.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from actors.capture.blocks import Pace, Seen, Unpacker
from actors.capture.files import SegmentReader
from actors.runtime.log import log_event
from engine.errors import CaptureDamaged
from engine.limits import CAPTURE_BYTES_MAX, CAPTURE_SESSIONS_MAX

FOLDER: Final = "sessions"
FORMAT: Final = 1


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay must know before the first event, and what a person wants to know of a session.

    `config` is the configuration as JSON, `schema` the number of the database schema, `source_sha`
    a digest of all code and tables, `seed` of the supervisors' back-off.
    """

    session: str
    config: str
    config_sha: str
    pace: Pace
    seed: int
    version: str
    commit: str
    source_sha: str
    schema: int
    python: str
    format: int = FORMAT


def new_folder(state_dir: Path, session: str) -> Path:
    """The folder of a new session (0700); the oldest ones go if there are too many.

    Raises:
        OSError: it cannot be made.
    """
    parent = state_dir / FOLDER
    parent.mkdir(mode=0o700, exist_ok=True)
    make_room(parent)
    folder = parent / session
    folder.mkdir(mode=0o700)
    return folder


def make_room(
    parent: Path, sessions_max: int = CAPTURE_SESSIONS_MAX, bytes_max: int = CAPTURE_BYTES_MAX
) -> None:
    """Remove the oldest sessions until one more is within the bounds."""
    found = sorted(path for path in parent.iterdir() if path.is_dir() and not path.is_symlink())
    sizes = {path: sum(x.stat().st_size for x in path.glob("*.cap")) for path in found}
    while found and (len(found) >= sessions_max or sum(sizes.values()) > bytes_max):
        oldest = found.pop(0)
        del sizes[oldest]
        shutil.rmtree(oldest)
        log_event("session_removed", session=oldest.name)


def find_folder(state_dir: Path, session: str) -> Path:
    """The folder of a session by its name, by a path, or the newest as "last".

    Raises:
        FileNotFoundError: there is none.
    """
    parent = state_dir / FOLDER
    known = sorted(path for path in parent.glob("*") if path.is_dir()) if parent.is_dir() else []
    if session == "last" and known:
        return known[-1]
    for folder in (parent / session, Path(session)):
        if session and folder.is_dir():
            return folder
    raise FileNotFoundError(f"no session {session!r} in {parent}")


class Session:
    """One captured session, to be read as often as wanted. `bytes_cut` tells, after a whole
    reading, how much of a torn tail was left out.

    Raises:
        CaptureDamaged: from the constructor and `events`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bytes_cut = 0
        for payload in SegmentReader(folder).payloads():
            self.header = _header(payload)
            return
        raise CaptureDamaged("the header is missing")

    def events(self) -> Iterator[Seen]:
        """All events in order."""
        reader, unpacker = SegmentReader(self.folder), Unpacker(self.header.pace)
        payloads = reader.payloads()
        next(payloads)
        for payload in payloads:
            yield from unpacker.unpack(payload)
        self.bytes_cut = reader.bytes_cut


def _header(payload: bytes) -> Header:
    try:
        header = msgspec.json.decode(payload, type=Header)
    except msgspec.DecodeError as error:
        raise CaptureDamaged(f"unreadable header: {error}") from error
    if header.format != FORMAT:
        raise CaptureDamaged(f"format {header.format}, this engine reads {FORMAT}")
    return header
