"""The files of a session: what is damage, what is a torn tail, what a full disk does."""

import threading
from pathlib import Path

import pytest

from actors.capture.blocks import Pace
from actors.capture.events import Inbound
from actors.capture.files import SegmentReader, SegmentWriter
from actors.capture.recorder import Recorder
from actors.capture.sessions import Session, find_folder, make_room, new_folder
from engine.errors import CaptureDamaged
from engine.messages.supervision import TimerFired
from tests.fixtures.engine import wait_for

PAYLOADS = [b"header", b"first" * 20, b"second" * 30, b"third" * 10]
PACE = Pace(now_ns=1_000, mono_ns=1_000)


def _read(folder: Path) -> tuple[list[bytes], SegmentReader]:
    reader = SegmentReader(folder)
    return list(reader.payloads()), reader


@pytest.fixture
def a_session(tmp_path: Path) -> Path:
    """Four blocks in one segment."""
    writer = SegmentWriter(tmp_path)
    for payload in PAYLOADS:
        writer.write(payload)
    writer.close()
    return tmp_path


def test_when_blocks_are_written_then_they_are_read_back(a_session: Path) -> None:
    payloads, reader = _read(a_session)
    assert payloads == PAYLOADS
    assert not reader.is_torn
    assert (a_session / "000001.cap").stat().st_mode & 0o777 == 0o600


def test_when_any_byte_is_changed_then_it_is_damage(a_session: Path) -> None:
    segment = a_session / "000001.cap"
    whole = segment.read_bytes()
    for at in range(len(whole)):
        for bit in (0x01, 0x80):
            changed = bytearray(whole)
            changed[at] ^= bit
            segment.write_bytes(changed)
            with pytest.raises(CaptureDamaged):
                _read(a_session)


def test_when_the_file_ends_anywhere_then_whole_blocks_are_read(a_session: Path) -> None:
    segment = a_session / "000001.cap"
    whole = segment.read_bytes()
    for end in range(len(whole)):
        segment.write_bytes(whole[:end])
        payloads, reader = _read(a_session)
        assert payloads == PAYLOADS[: len(payloads)]
        assert len(payloads) < len(PAYLOADS)
        assert reader.is_torn == (reader.bytes_cut > 0)


def test_when_the_tail_is_zeros_then_it_is_torn_not_damaged(a_session: Path) -> None:
    with (a_session / "000001.cap").open("ab") as file:
        file.write(bytes(100))
    payloads, reader = _read(a_session)
    assert payloads == PAYLOADS
    assert reader.is_torn


def test_when_a_block_is_taken_out_then_it_is_damage(a_session: Path) -> None:
    segment = a_session / "000001.cap"
    whole = segment.read_bytes()
    starts = [8]
    while starts[-1] < len(whole):
        starts.append(starts[-1] + 24 + int.from_bytes(whole[starts[-1] : starts[-1] + 4], "big"))
    segment.write_bytes(whole[: starts[1]] + whole[starts[2] :])
    with pytest.raises(CaptureDamaged, match="block 2"):
        _read(a_session)


def test_when_a_segment_is_full_then_the_next_goes_on_and_none_may_be_missing(
    tmp_path: Path,
) -> None:
    writer = SegmentWriter(tmp_path, segment_bytes_max=60)
    for payload in PAYLOADS:
        writer.write(payload)
    writer.close()
    assert len(list(tmp_path.glob("*.cap"))) > 2
    assert _read(tmp_path)[0] == PAYLOADS
    (tmp_path / "000002.cap").unlink()
    with pytest.raises(CaptureDamaged, match=r"000002.cap is missing"):
        _read(tmp_path)


class FullDisk(SegmentWriter):
    """Takes the header, then no more."""

    def write(self, payload: bytes) -> None:
        if self.bytes_count:
            raise OSError(28, "No space left on device")
        super().write(payload)


def test_when_the_disk_is_full_then_the_capture_stops_and_says_so_once(tmp_path: Path) -> None:
    reasons: list[str] = []
    recorder = Recorder(
        tmp_path, b"header", PACE, on_stop=reasons.append, writer=FullDisk(tmp_path)
    )
    recorder.start()
    for number in range(3):
        recorder.append(Inbound("one", TimerFired(key=str(number))))
    wait_for(lambda: not recorder.is_on)
    recorder.append(Inbound("one", TimerFired(key="later")))
    recorder.close()
    assert len(reasons) == 1
    assert "No space left" in reasons[0]


class StuckDisk(SegmentWriter):
    """Takes the header, then hangs until it is released."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.released = threading.Event()

    def write(self, payload: bytes) -> None:
        if self.bytes_count:
            self.released.wait(5)
        super().write(payload)


def test_when_the_disk_hangs_then_memory_is_bounded_and_the_capture_stops(tmp_path: Path) -> None:
    disk, reasons = StuckDisk(tmp_path), list[str]()
    recorder = Recorder(
        tmp_path, b"header", PACE, on_stop=reasons.append, writer=disk, waiting_max=100
    )
    recorder.start()
    recorder.append(Inbound("one", TimerFired(key="first")))
    wait_for(lambda: not recorder._events)
    for number in range(1_000):
        recorder.append(Inbound("one", TimerFired(key=str(number))))
    assert len(recorder._events) == 100
    disk.released.set()
    wait_for(lambda: bool(reasons))
    assert reasons == ["more events than can be written"]
    assert not recorder.is_on
    recorder.close()


def test_when_there_are_too_many_sessions_then_the_oldest_go(tmp_path: Path) -> None:
    for number in range(5):
        folder = new_folder(tmp_path, f"session-{number}")
        (folder / "000001.cap").write_bytes(bytes(100))
    parent = tmp_path / "sessions"
    assert parent.stat().st_mode & 0o777 == 0o700
    make_room(parent, sessions_max=4)
    assert sorted(path.name for path in parent.iterdir()) == ["session-2", "session-3", "session-4"]
    make_room(parent, bytes_max=150)
    assert [path.name for path in parent.iterdir()] == ["session-4"]
    assert find_folder(tmp_path, "last").name == "session-4"
    with pytest.raises(FileNotFoundError):
        find_folder(tmp_path, "session-0")


def test_when_the_header_is_cut_off_then_there_is_no_session(tmp_path: Path) -> None:
    (tmp_path / "000001.cap").write_bytes(b"PHCAPT01")
    with pytest.raises(CaptureDamaged, match="header"):
        Session(tmp_path)
