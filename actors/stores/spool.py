"""A local file of records for the time when the database is away.

Decides the frame format, what counts as a torn tail, and that an append is on disk when it
returns. Refuses to know what records mean and when they are folded back. Stands alone because it
must work when everything else does not.

File: the 8-byte magic, then frames of: length of the payload (4 bytes), CRC-32 of the payload (4),
CRC-32 of these 8 bytes (4), payload = seq (8) and body; all big-endian. The head has a sum of its
own, so that a flipped length cannot pass for a torn tail.

Fold back = commit all `records()` (idempotent by seq), then `clear()`.
"""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol
from zlib import crc32

from actors.stores.files import DurableFile, PlainFile
from engine.errors import JournalDamaged

MAGIC: Final = b"PHSPOOL1"
BODY_BYTES_MAX: Final = 1 << 20
_LENGTH: Final = struct.Struct(">I")
_HEAD_BYTES: Final = 12
_SEQ: Final = struct.Struct(">Q")


class SpoolPort(Protocol):
    """What the journal asks of its spool; see `Spool`."""

    def append(self, records: list[tuple[int, bytes]]) -> None:
        """Put (seq, body) records on disk, in order; durable when this returns."""

    def records(self) -> list[tuple[int, bytes]]:
        """What is spooled, in order."""

    def clear(self) -> None:
        """Forget everything, durably."""

    def close(self) -> None:
        """Close the file; idempotent."""


class Spool:
    """One spool file; one owner at a time (the state directory's lock sees to that)."""

    def __init__(self, path: Path, opened: Callable[[Path], DurableFile] = PlainFile) -> None:
        """Open or create the file (0600) and repair a torn tail.

        Raises:
            JournalDamaged: the content is not ours or a record before the last one is broken.
            StateUnsafe: the path is a link or not a plain file of ours.
        """
        self._file = opened(path)
        try:
            self._records, self._end = self._repaired()
        except (OSError, JournalDamaged):
            self.close()
            raise

    def _repaired(self) -> tuple[list[tuple[int, bytes]], int]:
        """The records, and where they end after a torn tail is cut off."""
        records, good = _parse(self._file.read())
        self._file.truncate(good)
        if good == 0:
            self._file.write(MAGIC, 0)
        self._file.sync()
        return records, max(good, len(MAGIC))

    def append(self, records: list[tuple[int, bytes]]) -> None:
        """Put (seq, body) records on disk, in order; durable when this returns.

        Raises:
            ValueError: a body is too long, or the numbers do not rise.
            OSError: the disk refused; the file ends as before the call.
        """
        last = self._records[-1][0] if self._records else 0
        frames = bytearray()
        for seq, body in records:
            if not (last < seq and len(body) <= BODY_BYTES_MAX):
                raise ValueError(f"record {seq} cannot be spooled after {last}")
            last = seq
            payload = _SEQ.pack(seq) + body
            frames += _frame(payload)
        try:
            self._file.write(bytes(frames), self._end)
            self._file.sync()
        except OSError:
            self._file.truncate(self._end)
            raise
        self._end += len(frames)
        self._records.extend(records)

    def records(self) -> list[tuple[int, bytes]]:
        """What is spooled, in order."""
        return list(self._records)

    def clear(self) -> None:
        """Forget everything, durably. Only after all of it is committed to the database."""
        self._file.truncate(len(MAGIC))
        self._file.sync()
        self._records.clear()
        self._end = len(MAGIC)

    def close(self) -> None:
        """Close the file; idempotent."""
        self._file.close()


def _parse(data: bytes) -> tuple[list[tuple[int, bytes]], int]:
    """All whole records and where they end.

    Torn, and cut off: a last frame that the file ends within, for an append that was under way has
    promised nothing (so is a tail of zeros, which some file systems leave). A broken frame that is
    all there, or has others behind it, is damage. A damaged head with nothing behind it is no
    loss: there was no record.
    """
    if len(data) <= len(MAGIC):
        return [], len(data) if data == MAGIC else 0
    if not data.startswith(MAGIC):
        raise JournalDamaged("not a spool file of this version")
    records: list[tuple[int, bytes]] = []
    at, last = len(MAGIC), 0
    while len(data) - at >= _HEAD_BYTES and any(data[at:]):
        length = _LENGTH.unpack_from(data, at)[0]
        end = at + _HEAD_BYTES + length
        frame = data[at:end]
        if frame[:_HEAD_BYTES] != _head(length, frame[4:8]):
            raise JournalDamaged(f"spool record after {last} has a broken head")
        if len(data) < end:
            break
        payload = frame[_HEAD_BYTES:]
        seq = _SEQ.unpack_from(payload)[0] if length >= _SEQ.size else 0
        if frame != _frame(payload) or seq <= last:
            raise JournalDamaged(f"spool record after {last} does not verify")
        records.append((seq, payload[_SEQ.size :]))
        at, last = end, seq
    return records, at


def _head(length: int, payload_sum: bytes) -> bytes:
    start = _LENGTH.pack(length) + payload_sum
    return start + _LENGTH.pack(crc32(start))


def _frame(payload: bytes) -> bytes:
    return _head(len(payload), _LENGTH.pack(crc32(payload))) + payload
