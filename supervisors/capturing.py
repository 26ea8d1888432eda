"""The capture of one life of the engine: its recorder, its runtime and its ports.

Decides what the header says and that a life whose capture cannot begin goes on without one.
Refuses to know what is captured.
"""

import platform
from collections.abc import Callable
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from actors.capture.blocks import Pace
from actors.capture.ports import CapturedLatches, CapturedLedger, CapturedSpool, CapturedStore
from actors.capture.recorder import Recorder
from actors.capture.rooms import CaptureRuntime
from actors.capture.sessions import Header, new_folder
from actors.runtime.clock import Clock, LapseClock
from actors.runtime.log import log_event
from actors.runtime.runtime import Hosts, Runtime
from actors.stores.latches import LatchStore
from actors.stores.migrate import known
from actors.stores.port import JournalStorePort
from actors.stores.spool import SpoolPort
from engine.messages.control import AlertRaised
from supervisors.children import RestartLedger
from supervisors.config import EngineConfig, fingerprint
from supervisors.live import Keepers

ROOT = Path(__file__).resolve().parents[1]
CODE = ("engine", "actors", "supervisors", "configs")


class Capture:
    """Nothing is captured: what it is given it hands on."""

    session = ""

    def runtime(self, hosts: Hosts) -> Runtime:
        """The runtime for all rooms of this life."""
        return Runtime(hosts)

    def keepers(self, stores: Keepers) -> Keepers:
        """The stores as the actors inside see them."""
        return stores

    def ledger(self, ledger: RestartLedger) -> RestartLedger:
        """The restarts of the day as the supervisors see them."""
        return ledger

    def close(self) -> None:
        """After all rooms have ended."""


class Captured(Capture):
    """Everything is put down."""

    def __init__(self, folder: Path, header: Header) -> None:
        self.session = header.session
        self.recorder = Recorder(
            folder, msgspec.json.encode(header), header.pace, on_stop=self._stopped
        )
        self._tell: Callable[[str], None] = lambda _: None
        self.recorder.start()

    def runtime(self, hosts: Hosts) -> Runtime:
        runtime = CaptureRuntime(hosts, self.recorder)

        def tell(reason: str) -> None:
            raised = AlertRaised(
                severity="warning",
                event="capture_stopped",
                subject=self.session,
                text=f"the session's capture is incomplete: {reason}",
                at_ns=runtime.clock.now_ns(),
            )
            runtime.directory.deliver("alerts", raised, "capture")

        self._tell = tell
        return runtime

    def keepers(self, stores: Keepers) -> Keepers:
        return CapturedKeepers(self.recorder, stores)

    def ledger(self, ledger: RestartLedger) -> RestartLedger:
        return CapturedLedger(self.recorder, ledger)

    def close(self) -> None:
        self.recorder.close()

    def _stopped(self, reason: str) -> None:
        self._tell(reason)


class CapturedKeepers:
    """Stores whose answers are put down."""

    def __init__(self, recorder: Recorder, stores: Keepers) -> None:
        self._recorder, self._stores = recorder, stores
        self._latches = CapturedLatches(recorder, stores.latches)

    @property
    def latches(self) -> LatchStore:
        return self._latches

    def make_store(self) -> JournalStorePort:
        return CapturedStore(self._recorder, self._stores.make_store())

    def make_spool(self) -> SpoolPort:
        return CapturedSpool(self._recorder, self._stores.make_spool)


def begin_capture(
    config: EngineConfig, state_dir: Path, clock: Clock, boot_id: str, seed: int
) -> Capture:
    """Start to capture a life, unless the configuration says no or the disk refuses."""
    if not config.capture:
        return Capture()
    header = header_of(config, clock, boot_id, seed)
    log_event("capture_started", session=header.session)
    try:
        return Captured(new_folder(state_dir, header.session), header)
    except OSError as error:
        log_event("capture_stopped", "ERROR", reason=str(error))
        return Capture()


def header_of(config: EngineConfig, clock: Clock, boot_id: str, seed: int) -> Header:
    """What the session begins with."""
    now_ns, mono_ns = clock.now_ns(), clock.mono_ns()
    speed = clock.speed if isinstance(clock, LapseClock) else 1
    return Header(
        session=boot_id,
        config=msgspec.json.encode(config).decode(),
        config_sha=fingerprint(config),
        pace=Pace(now_ns=now_ns, mono_ns=mono_ns, speed=speed),
        seed=seed,
        version=package_version(),
        commit=commit_of(ROOT),
        source_sha=source_sha(),
        schema=len(known()),
        python=platform.python_version(),
    )


def package_version() -> str:
    """The installed version, "" if it runs from a bare checkout."""
    try:
        return version("pahara")
    except PackageNotFoundError:
        return ""


def source_sha() -> str:
    """A digest of all code and tables that a decision may depend on."""
    digest = sha256()
    for room in CODE:
        for path in sorted((ROOT / room).rglob("*")):
            if path.suffix in {".py", ".sql", ".yaml"}:
                digest.update(path.relative_to(ROOT).as_posix().encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()


def commit_of(root: Path) -> str:
    """The commit of a git checkout, "" if it is none."""
    try:
        place = root / ".git"
        if place.is_file():
            place = root / place.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
        head = (place / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref:"):
            return head
        name, common = head.removeprefix("ref:").strip(), place
        if (place / "commondir").exists():
            common = place / (place / "commondir").read_text(encoding="utf-8").strip()
        if (common / name).exists():
            return (common / name).read_text(encoding="utf-8").strip()
        packed = (common / "packed-refs").read_text(encoding="utf-8").splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {name}")), "")
    except OSError:
        return ""
