"""The login as its files say it now.

Decides when they are to be read again: when a file is another one than it was (a person has logged
in), so that no order is the one that finds the old token dead. Refuses to watch: whoever is about
to use the keys asks, for the price of two looks at the file system.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from actors.brokers.kite.credentials import Credentials, load_credentials, redact_logs

_FILES: Final = ("KITE_API_KEY_FILE", "KITE_ACCESS_TOKEN_FILE")
_Stamp = tuple[tuple[int, int, int], ...]


class Keys:
    """Belongs to one thread."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._paths = tuple(Path(environ[name]) for name in _FILES if environ.get(name))
        self._stamp: _Stamp = ()

    def __call__(self) -> Credentials:
        """Read them; from here on no handler of the process's log writes them.

        Raises:
            ConfigInvalid: all that is missing or malformed.
            StateUnsafe: a file is not safe to hold a secret.
        """
        self._stamp = self._now()  # before the reading: a file that changes meanwhile is read again
        found = load_credentials(self._environ)
        redact_logs(found)
        return found

    def is_renewed(self) -> bool:
        """Whether a file is another one than when it was read."""
        return self._now() != self._stamp

    def _now(self) -> _Stamp:
        return tuple(_stamp(path) for path in self._paths)


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_mtime_ns, found.st_size)
