"""The files of a session: numbered segments of blocks, each chained to all before it.

Decides the frame of a block, what a torn tail is, and how damage is told. Refuses to know events.

`000001.cap`, `000002.cap` ...: an 8-byte magic, then blocks: length of the payload (4 bytes),
CRC-32 of magic, number and length (4), chain (16), payload (zlib). The chain is BLAKE2b over the
chain before it and the payload, through all segments, so a block that is changed, removed or moved
is found. The first block is the header. What a crash cuts off is the end of the last segment: the
file ends inside of a block. That is told, not damage; a whole block that does not verify is.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Final

from engine.errors import CaptureDamaged
from engine.limits import CAPTURE_BLOCK_BYTES_MAX, CAPTURE_SEGMENT_BYTES_MAX

MAGIC: Final = b"PHCAPT01"
_HEAD: Final = struct.Struct(">II16s")
_LEVEL: Final = 3


def _next(chain: bytes, payload: bytes) -> bytes:
    return blake2b(chain + payload, digest_size=16).digest()


def _sum(number: int, length: int) -> int:
    return zlib.crc32(struct.pack(">8sQI", MAGIC, number, length))


class SegmentWriter:
    """Writes blocks; a new segment once one is full. One owner.

    Args:
        folder: empty, 0700.

    Raises:
        OSError: from every method: the disk refused; the capture is over.
    """

    def __init__(self, folder: Path, *, segment_bytes_max: int = CAPTURE_SEGMENT_BYTES_MAX) -> None:
        self._folder = folder
        self._segment_bytes_max = segment_bytes_max
        self._chain = bytes(16)
        self._segment = self._block = self._size = 0
        self._fd = -1
        self.bytes_count = 0

    def write(self, payload: bytes) -> None:
        """Append one block; with the operating system when this returns (a kill -9 keeps it)."""
        packed = zlib.compress(payload, _LEVEL)
        if self._fd < 0 or self._size + len(packed) > self._segment_bytes_max:
            self._turn()
        self._block += 1
        self._chain = _next(self._chain, packed)
        head = _HEAD.pack(len(packed), _sum(self._block, len(packed)), self._chain)
        self._put(head + packed)

    def close(self) -> None:
        """Put everything on disk; idempotent."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

    def _turn(self) -> None:
        self.close()
        self._segment += 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        self._fd = os.open(self._folder / f"{self._segment:06}.cap", flags, 0o600)
        self._size = 0
        self._put(MAGIC)

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]
        self._size += len(data)
        self.bytes_count += len(data)


class SegmentReader:
    """Reads a session's blocks in order. `is_torn` and `bytes_cut` tell, once all are read,
    whether the last segment ends inside of a block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.is_torn = False
        self.bytes_cut = 0

    def payloads(self) -> Iterator[bytes]:
        """Every block's payload, the header's first.

        Raises:
            CaptureDamaged: names segment and block that do not verify.
        """
        names = sorted(path.name for path in self._folder.glob("*.cap"))
        expected = [f"{number:06}.cap" for number in range(1, len(names) + 1)]
        if not names or names != expected:
            missing = next((x for x, y in zip(expected, names, strict=False) if x != y), "000001")
            raise CaptureDamaged(f"segment {missing} is missing")
        chain, block = bytes(16), 0
        for name in names:
            is_last = name == names[-1]
            for packed, stored in self._blocks(self._folder / name, block, is_last=is_last):
                block += 1
                chain = _next(chain, packed)
                if chain != stored:
                    raise CaptureDamaged(f"{name}: block {block} does not verify")
                yield zlib.decompress(packed)

    def _blocks(self, path: Path, block: int, *, is_last: bool) -> Iterator[tuple[bytes, bytes]]:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            magic = file.read(len(MAGIC))
            if magic != MAGIC and not (is_last and MAGIC.startswith(magic)):
                raise CaptureDamaged(f"{path.name}: not a capture of this version")
            while (at := file.tell()) < size:
                block += 1
                head = file.read(_HEAD.size)
                if len(head) == _HEAD.size:
                    length, checked, chain = _HEAD.unpack(head)
                    is_sound = checked == _sum(block, length) and length <= CAPTURE_BLOCK_BYTES_MAX
                    if not is_sound and (any(head) or any(file.read())):
                        raise CaptureDamaged(f"{path.name}: block {block} has a broken head")
                    packed = file.read(length) if is_sound else b""
                    if is_sound and len(packed) == length:
                        yield packed, chain
                        continue
                if not is_last:
                    raise CaptureDamaged(f"{path.name}: block {block} is cut off")
                self.is_torn, self.bytes_cut = True, size - at
                return
