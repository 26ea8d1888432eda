"""Alerts as lines of JSON in the state directory, for a person and for tools that follow files.

Decides the file's shape, mode (0600) and rotation. Refuses to follow a link put in its place.
"""

import json
import os
from pathlib import Path
from typing import Final

import msgspec

from engine.alerting import Severity
from engine.messages.control import AlertRaised

NAME: Final = "alerts.jsonl"
BYTES_MAX: Final = 2_000_000
KEPT_MAX: Final = 5


class AlertFile:
    """`<state_dir>/alerts.jsonl`, then `.1` to `.5`, the oldest last."""

    name = "file"
    severity_min = Severity.INFO

    def __init__(self, state_dir: Path, *, bytes_max: int = BYTES_MAX) -> None:
        self._path = state_dir / NAME
        self._bytes_max = bytes_max

    def send(self, alert: AlertRaised) -> None:
        """Append one line.

        Raises:
            OSError: the file can't be written.
        """
        line = json.dumps(msgspec.structs.asdict(alert), ensure_ascii=True) + "\n"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o600)
        try:
            os.write(descriptor, line.encode("ascii"))
            size = os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
        if size >= self._bytes_max:
            self._rotate()

    def close(self) -> None:
        """Nothing is kept open."""

    def _rotate(self) -> None:
        for number in range(KEPT_MAX, 0, -1):
            older = self._path.with_name(f"{NAME}.{number}")
            newer = self._path.with_name(f"{NAME}.{number - 1}") if number > 1 else self._path
            if newer.exists():
                newer.replace(older)
