"""The beat board: one small mapped file by which an outside process sees this one live.

Decides the layout of the file and when a beat is late. A thread inside cannot see that the whole
interpreter stands still; a reader of this file can. Boot clock: it is one for all processes.
"""

import mmap
import os
import struct
from pathlib import Path
from typing import NamedTuple

from engine.units import NS_PER_MS

_LAYOUT = struct.Struct("<8sQQQQ")
_MAGIC = b"PAHBEAT1"


class Beat(NamedTuple):
    """`pid` 0: the engine ended in order. `stuck_count`: fenced workers that are still alive."""

    pid: int
    seq: int
    mono_ns: int
    stuck_count: int


class BeatWriter:
    """The engine's end. The file is 0600 and replaced whole at start."""

    def __init__(self, path: Path) -> None:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.fchmod(fd, 0o600)
            os.ftruncate(fd, _LAYOUT.size)
            self._map = mmap.mmap(fd, _LAYOUT.size)
        finally:
            os.close(fd)
        self._pid = os.getpid()
        self._seq = 0

    def beat(self, mono_ns: int, stuck_count: int = 0) -> None:
        """Say that we live. A few hundred ns, no system call."""
        self._seq += 1
        _LAYOUT.pack_into(self._map, 0, _MAGIC, self._pid, self._seq, mono_ns, stuck_count)

    def close(self, mono_ns: int) -> None:
        """Say that the end is in order."""
        self._pid = 0
        self.beat(mono_ns)
        self._map.close()


def read_beat(path: Path) -> Beat | None:
    """The latest beat; None if there is no board (yet)."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if len(data) != _LAYOUT.size:
        return None
    magic, *fields = _LAYOUT.unpack(data)
    return Beat(*fields) if magic == _MAGIC else None


def is_late(beat: Beat, mono_ns: int, deadline_ms: int) -> bool:
    """Whether the engine has been silent for longer than it may."""
    return beat.pid != 0 and mono_ns - beat.mono_ns > deadline_ms * NS_PER_MS
