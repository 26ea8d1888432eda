"""Where the console's sockets are, for the engine and for its clients.

Decides the path from the state directory alone. An AF_UNIX path may have about 100 bytes; where
the state directory is deeper, the sockets live in a 0700 directory of the system's temporary
directory named by a digest, and `<state_dir>/control.path` says where. Imports little: the command
line reads it at each start.
"""

import os
import stat
import tempfile
from hashlib import blake2b
from pathlib import Path
from typing import Final

from engine.errors import StateUnsafe

PATH_BYTES_MAX: Final = 100
CONTROL_NAME: Final = "control.sock"
EVENTS_NAME: Final = "events.sock"
POINTER_NAME: Final = "control.path"


def prepare_socket_dir(state_dir: Path) -> Path:
    """The directory to bind in, made and checked; leaves a pointer if it is elsewhere.

    Raises:
        StateUnsafe: the directory is not ours or open to others.
    """
    state_dir = state_dir.absolute()
    folder, pointer = state_dir, state_dir / POINTER_NAME
    if _is_too_long(state_dir):
        digest = blake2b(os.fsencode(state_dir.resolve()), digest_size=8).hexdigest()
        folder = Path(tempfile.gettempdir()) / f"pahara-{os.geteuid()}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise StateUnsafe(f"{folder} is not a directory of ours")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise StateUnsafe(f"{folder} is open to others (mode {stat.S_IMODE(found.st_mode):o})")
    if folder == state_dir:
        pointer.unlink(missing_ok=True)
    else:
        pointer.write_text(f"{folder}\n", encoding="utf-8")
        pointer.chmod(0o600)
    return folder


def find_socket_dir(state_dir: Path) -> Path:
    """The directory in which an engine on `state_dir` has its sockets, if one runs."""
    state_dir = state_dir.absolute()
    if not _is_too_long(state_dir):
        return state_dir
    try:
        return Path((state_dir / POINTER_NAME).read_text(encoding="utf-8").strip())
    except OSError:
        return state_dir


def _is_too_long(state_dir: Path) -> bool:
    return len(os.fsencode(state_dir / CONTROL_NAME)) > PATH_BYTES_MAX
