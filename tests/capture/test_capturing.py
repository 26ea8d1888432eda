"""A life with and without its capture."""

import errno
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from actors.capture.files import SegmentWriter
from actors.capture.sessions import Session, find_folder
from actors.runtime.behaviour import Behaviour
from actors.runtime.clock import LapseClock
from actors.runtime.roomspec import RoomSpec
from actors.runtime.runtime import Runtime, ThreadHosts
from engine.messages.base import Message
from engine.messages.control import AlertRaised
from engine.messages.supervision import StopOrdered, TimerFired
from scripts import exits
from scripts.cli import main
from supervisors.capturing import Capture, Captured, begin_capture, commit_of
from supervisors.config import EngineConfig, load_config
from tests.drills.process import PAPER
from tests.fixtures.engine import Recorder, wait_for


@pytest.fixture
def a_config() -> EngineConfig:
    return load_config(PAPER)


@pytest.fixture
def a_host() -> Iterator[ThreadHosts]:
    """Threads on a clock of time-lapse."""
    hosts = ThreadHosts(LapseClock(start_ns=1_704_080_700_000_000_000, speed=120))
    yield hosts
    hosts.close(2)


def _start(runtime: Runtime, name: str, behaviour: Behaviour) -> None:
    spec = RoomSpec(name=name, generation=1, supervisor="", factory=lambda: behaviour)
    runtime.start(spec)


def _stop(runtime: Runtime, *names: str) -> None:
    for name in names:
        runtime.directory.deliver(name, StopOrdered(reason="over"))
    wait_for(lambda: not runtime.directory.names())


def test_when_capture_is_on_then_the_header_says_what_ran(
    a_config: EngineConfig, a_host: ThreadHosts, tmp_path: Path
) -> None:
    capture = begin_capture(a_config, tmp_path, a_host.clock, "boot-1", 7)
    capture.close()
    header = Session(find_folder(tmp_path, "boot-1")).header
    assert msgspec.json.decode(header.config, type=EngineConfig) == a_config
    assert (header.session, header.seed, header.pace.speed) == ("boot-1", 7, 120)
    assert len(header.source_sha) == 64
    assert header.schema >= 1
    assert header.python.startswith("3.")


def test_when_capture_is_off_then_nothing_is_written(
    a_config: EngineConfig, a_host: ThreadHosts, tmp_path: Path
) -> None:
    config = msgspec.structs.replace(a_config, capture=False)
    capture = begin_capture(config, tmp_path, a_host.clock, "boot-1", 7)
    assert type(capture) is Capture
    assert type(capture.runtime(a_host)) is Runtime
    assert list(tmp_path.iterdir()) == []


def test_when_the_capture_cannot_begin_then_the_engine_goes_on_without(
    a_config: EngineConfig, a_host: ThreadHosts, tmp_path: Path
) -> None:
    (tmp_path / "sessions").touch()
    capture = begin_capture(a_config, tmp_path, a_host.clock, "boot-1", 7)
    assert type(capture) is Capture


class FullDisk(SegmentWriter):
    def write(self, payload: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_when_the_disk_fills_up_then_actors_go_on_and_one_alert_is_raised(
    a_config: EngineConfig, a_host: ThreadHosts, tmp_path: Path
) -> None:
    alerts: list[Message] = []
    heard: list[Message] = []
    capture = begin_capture(a_config, tmp_path, a_host.clock, "boot-1", 7)
    assert isinstance(capture, Captured)
    runtime = capture.runtime(a_host)
    _start(runtime, "alerts", Recorder(alerts))
    capture.recorder._writer = FullDisk(tmp_path)
    _start(runtime, "guard", Recorder(heard))
    wait_for(lambda: bool(alerts))
    for number in range(100):
        runtime.directory.deliver("guard", TimerFired(key=str(number)))
    wait_for(lambda: len(heard) == 100)
    _stop(runtime, "alerts", "guard")
    capture.close()
    (alert,) = [x for x in alerts if isinstance(x, AlertRaised)]
    assert alert.event == "capture_stopped"
    assert "No space left" in alert.text


def test_when_the_code_is_a_checkout_then_its_commit_is_known(tmp_path: Path) -> None:
    assert commit_of(tmp_path) == ""
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "packed-refs").write_text("# packed\nbbbb refs/heads/main\n")
    assert commit_of(tmp_path) == "bbbb"
    (git / "refs" / "heads" / "main").write_text("aaaa\n")
    assert commit_of(tmp_path) == "aaaa"
    (git / "HEAD").write_text("cccc\n")
    assert commit_of(tmp_path) == "cccc"
    other = tmp_path / "other"
    place = git / "worktrees" / "other"
    place.mkdir(parents=True)
    other.mkdir()
    (other / ".git").write_text(f"gitdir: {place}\n")
    (place / "HEAD").write_text("ref: refs/heads/main\n")
    (place / "commondir").write_text("../..\n")
    assert commit_of(other) == "aaaa"


def test_when_there_is_no_such_session_then_the_exit_code_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", "last", "--state-dir", str(tmp_path)]) == exits.NOT_FOUND
    assert "no session 'last'" in capsys.readouterr().err


def test_when_nothing_but_the_start_was_captured_then_it_replays(
    a_config: EngineConfig,
    a_host: ThreadHosts,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    begin_capture(a_config, tmp_path, a_host.clock, "boot-1", 7).close()
    assert main(["replay", "boot-1", "--verify", "--state-dir", str(tmp_path)]) == exits.OK
    assert capsys.readouterr().out.endswith("identical\n")
