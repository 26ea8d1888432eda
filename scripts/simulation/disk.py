"""The state directory of a run, in memory: it survives `kill -9` and fails as disks do.

Decides what a write does (full, read-only, an fsync that fails) and what a life finds that begins
(a torn tail, a flipped bit, a file that is gone) (FLT-83..86, 88, 89). The real `FileLatches` and
`Spool` run on it; only the files below them are a model. Refuses to know what is in the files.

A sync is asked for by every durable step, so what was synced is kept whatever happens; what was
not is lost or torn at a kill. FLT-87 (a slow disk) is a journal that is stuck: FLT-67.
"""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Final

from actors.stores.latches import FOLDER, FileLatches
from actors.stores.spool import MAGIC, Spool
from engine.units import NS_PER_S
from scripts.simulation.faults import FaultRow, Faults

ROWS: Final = (
    FaultRow(id="FLT-83", ppm_max=400_000, budget_max=3),
    FaultRow(id="FLT-84", ppm_max=200_000, budget_max=3),
    FaultRow(id="FLT-85", ppm_max=500_000, budget_max=2),
    FaultRow(id="FLT-86", ppm_max=200_000, budget_max=1),
    FaultRow(id="FLT-88", ppm_max=100_000, budget_max=2),
    FaultRow(id="FLT-89", ppm_max=200_000, budget_max=1),
)
SPOOL: Final = "simulation.spool"


class WatchedSpool(Spool):
    """The real spool, telling what became durable."""

    on_durable: Callable[[int, bytes], None] = staticmethod(lambda _seq, _body: None)
    spooled: set[int]

    def append(self, records: list[tuple[int, bytes]]) -> None:
        super().append(records)
        for seq, body in records:
            self.spooled.add(seq)
            self.on_durable(seq, body)

    def clear(self) -> None:
        super().clear()
        self.spooled.clear()


class SimDisk:
    """Files by name; a folder's files as `folder/name`. `spooled` are the numbers of the records
    that are in the spool.

    Args:
        mono_ns: true time, for how long a disk stays full or read-only.
        on_durable: told of each record that is spooled.
        on_gone: told that the spool is gone: what the database has is all there is.
    """

    def __init__(
        self,
        faults: Faults,
        mono_ns: Callable[[], int],
        on_durable: Callable[[int, bytes], None] = lambda _seq, _body: None,
        on_gone: Callable[[], None] = lambda: None,
    ) -> None:
        self.on_durable = on_durable
        self.on_gone = on_gone
        self.files: dict[str, bytes] = {SPOOL: MAGIC}
        self.folders: set[str] = {FOLDER}
        self.spooled: set[int] = set()
        self.is_hurt = False
        self._faults = faults
        self._mono_ns = mono_ns
        self._full_until_ns = 0
        self._read_only_until_ns = 0
        self._kept: dict[str, tuple[bytes, bytes]] = {}
        self._is_spool_open = False

    # -- what the engine opens ------------------------------------------------------------

    def latches(self) -> FileLatches:
        """The latches of a life."""
        return FileLatches(Path(), {}, is_new_state=False, files=self)

    def spool(self) -> Spool:
        """The spool of a life. Opening it repairs a torn tail."""
        spool = WatchedSpool(Path(SPOOL), lambda path: SimFile(self, path.name))
        spool.on_durable, spool.spooled = self.on_durable, self.spooled
        self._is_spool_open = True
        return spool

    # -- a folder of whole files (actors.stores.files.StateFolder) ------------------------

    def exists(self, name: str) -> bool:
        return name in self.files

    def has_folder(self, folder: str) -> bool:
        return folder in self.folders

    def make_folder(self, folder: str) -> None:
        self.check()
        self.folders.add(folder)

    def names(self, folder: str) -> tuple[str, ...]:
        start = f"{folder}/"
        return tuple(sorted(x.removeprefix(start) for x in self.files if x.startswith(start)))

    def read(self, folder: str, name: str) -> bytes:
        return self.files[f"{folder}/{name}"]

    def replace(self, folder: str, name: str, body: bytes) -> None:
        self.check()
        self.check_sync()
        self.files[f"{folder}/{name}"] = body

    def remove(self, folder: str, name: str) -> None:
        self.check()
        self.files.pop(f"{folder}/{name}", None)
        self.check_sync()

    @property
    def is_full(self) -> bool:
        """Whether a write would find no room now."""
        return self._mono_ns() < self._full_until_ns

    # -- what goes wrong ------------------------------------------------------------------

    def check(self) -> None:
        """Before anything is written."""
        faults, now_ns = self._faults, self._mono_ns()
        if faults.strikes("FLT-83"):
            self._full_until_ns = now_ns + faults.amount("FLT-83", 1, 300) * NS_PER_S
        if faults.strikes("FLT-88"):
            self._read_only_until_ns = now_ns + faults.amount("FLT-88", 1, 300) * NS_PER_S
        if now_ns < self._read_only_until_ns:
            raise OSError(errno.EROFS, "Read-only file system")
        if now_ns < self._full_until_ns:
            raise OSError(errno.ENOSPC, "No space left on device")

    def check_sync(self) -> None:
        """Before a sync returns."""
        if self._faults.strikes("FLT-84"):
            raise OSError(errno.EIO, "Input/output error")

    def died(self) -> None:
        """The process was killed: an append that was under way may have left its beginning, but
        only of a life that had opened the spool."""
        is_ours, self._is_spool_open = self._is_spool_open, False
        if not is_ours or not self.files.get(SPOOL, b"").startswith(MAGIC):
            return
        if self._faults.strikes("FLT-85"):
            count = self._faults.amount("FLT-85", 1, 11)
            self.files[SPOOL] += b"\0\0\0\x40\x12\x34\x56\x78\x9a\xbc\xde"[:count]
            self._faults.note("FLT-85", f"{count} bytes of an append that never returned")

    def booting(self) -> None:
        """A life is about to begin on what is there."""
        faults = self._faults
        if faults.strikes("FLT-86") and self.files:
            name = sorted(self.files)[faults.amount("FLT-86", 0, len(self.files) - 1)]
            data = bytearray(self.files[name])
            if data:
                whole = self.files[name]
                bit = faults.amount("FLT-86", 0, len(data) * 8 - 1)
                data[bit // 8] ^= 1 << bit % 8
                self.files[name] = bytes(data)
                self._kept[name] = self.files[name], whole
                faults.note("FLT-86", f"bit {bit} of {name}")
        if faults.strikes("FLT-89"):
            if faults.amount("FLT-89", 0, 1):
                self.folders.discard(FOLDER)
                for name in self.names(FOLDER):
                    del self.files[f"{FOLDER}/{name}"]
                faults.note("FLT-89", "the latch folder is gone")
            elif self.files.pop(SPOOL, None) is not None:
                self.spooled.clear()
                faults.note("FLT-89", "the spool is gone")
                self.on_gone()

    def heal(self) -> None:
        """There is room, the disk can be written, and damaged files are put back by a person: those
        that nobody has written since, which is why they are there still."""
        self._full_until_ns = self._read_only_until_ns = 0
        for name, (damaged, whole) in self._kept.items():
            if self.files.get(name) == damaged:
                self.files[name] = whole
        self._kept.clear()


class SimFile:
    """An `actors.stores.files.DurableFile`; the name is opened or made."""

    def __init__(self, disk: SimDisk, name: str) -> None:
        self._disk, self._name = disk, name
        if name not in disk.files:
            disk.check()
            disk.files[name] = b""
        self._is_open = True

    def read(self) -> bytes:
        return self._disk.files.get(self._name, b"")

    def write(self, data: bytes, at: int) -> None:
        self._disk.check()
        old = self.read().ljust(at, b"\0")
        self._disk.files[self._name] = old[:at] + data + old[at + len(data) :]

    def truncate(self, size: int) -> None:
        data = self.read()
        if len(data) != size:
            self._disk.files[self._name] = data[:size].ljust(size, b"\0")

    def sync(self) -> None:
        self._disk.check_sync()

    def close(self) -> None:
        self._is_open = False
