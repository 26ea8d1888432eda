"""What the hub makes of a child's frames, silence and end, instant by instant."""

import signal
from collections import deque
from typing import Any, cast

import pytest

from actors.runtime.childprocess import ChildProcess
from actors.runtime.clock import VirtualClock
from actors.runtime.codec import (
    EXIT_REPORTED,
    Beat,
    ClockSpec,
    Frame,
    Noticed,
    Open,
    Sent,
    encode,
)
from actors.runtime.directory import Directory
from actors.runtime.link import Link
from actors.runtime.room import Room, RoomSpec
from actors.runtime.seeded import SeededPool
from engine.messages.supervision import ChildExited, ExitKind
from tests.actors.runtime.hosting import Listener
from tests.actors.runtime.misbehaving import alert

MS = 1_000_000
T0 = 10**15


class FakeChild:
    """A child process in memory."""

    def __init__(self) -> None:
        self.frames: deque[bytes] = deque()
        self.signals: list[signal.Signals] = []
        self.code: int | None = None

    def say(self, frame: Frame) -> None:
        self.frames.append(encode(frame))

    def read(self) -> bytes | None:
        return self.frames.popleft() if self.frames else None

    def send(self, body: bytes) -> bool:
        return True

    def signal(self, number: signal.Signals) -> None:
        self.signals.append(number)

    def exit_code(self) -> int | None:
        return self.code

    def trace(self) -> str:
        return "where it was"


class Scene:
    """A link between a room of a seeded pool and a fake child; `desk` listens."""

    def __init__(self) -> None:
        self.pool = SeededPool(VirtualClock())
        self.directory = Directory()
        self.desk = Listener()
        self.child = FakeChild()
        self._room("desk", self.desk)
        self.room = self._room("ema", Listener())
        order = Open(
            name="ema",
            generation=1,
            supervisor="boss",
            factory="a:b",
            arguments=b"",
            inbox_max=10,
            conflate_after=10,
            memory_mb_max=0,
            clock=ClockSpec(),
        )
        self.link = Link(self.room, order, busy_ms_max=1_000)
        self.link.child = cast(ChildProcess, self.child)

    def _room(self, name: str, listener: Listener) -> Room:
        spec = RoomSpec(name=name, generation=1, supervisor="boss", factory=lambda: listener)
        return Room.begin(spec, cast(Any, self.pool), self.directory)

    def end(self) -> None:
        for room in tuple(self.directory.rooms.values()):
            room.fence(ExitKind.FENCED, "end of test")


@pytest.fixture
def scene() -> Any:
    scene = Scene()
    yield scene
    scene.end()


def ended(kind: ExitKind = ExitKind.CRASHED) -> Noticed:
    return Noticed(ChildExited(name="other", generation=7, kind=kind, reason="a bug"))


@pytest.mark.parametrize("is_fenced", [True, False])
def test_when_a_room_is_fenced_then_frames_of_its_child_are_dead_letters(
    scene: Scene, is_fenced: bool
) -> None:
    if is_fenced:
        scene.room.fence(ExitKind.FENCED, "revoked")
    scene.child.say(Sent("desk", alert("late")))
    scene.link.read(T0)
    scene.pool.run_idle()
    assert scene.desk.is_silent is is_fenced
    counts = {("desk", "AlertRaised", "fenced"): 1} if is_fenced else {}
    assert scene.directory.dead_letters.counts() == counts


def test_when_a_reported_end_is_still_on_its_way_then_the_link_waits_for_it(scene: Scene) -> None:
    scene.child.code = EXIT_REPORTED
    assert scene.link.exit(T0) is None
    assert scene.link.exit(T0 + 1_000 * MS) is None
    scene.child.say(ended())
    assert scene.link.exit(T0 + 1_001 * MS) == ChildExited(
        name="ema", generation=1, kind=ExitKind.CRASHED, reason="a bug"
    )


def test_when_a_process_has_gone_then_its_last_words_come_before_its_end(scene: Scene) -> None:
    scene.child.code = -9
    assert scene.link.exit(T0) is None
    scene.child.say(Sent("desk", alert("last words")))
    assert scene.link.exit(T0 + 15 * MS) is None
    exited = scene.link.exit(T0 + 40 * MS)
    assert exited is not None
    assert (exited.kind, exited.reason) == (ExitKind.KILLED, "ended by SIGKILL")
    scene.pool.run_idle()
    assert scene.desk.next() == alert("last words")


def test_when_a_child_is_silent_too_long_then_it_is_asked_where_and_killed(scene: Scene) -> None:
    scene.child.say(Beat(1, 0, 0))
    scene.link.read(T0)
    scene.link.check(T0 + 1_500 * MS)
    assert scene.child.signals == []
    scene.link.check(T0 + 1_501 * MS)
    assert scene.child.signals == [signal.SIGUSR1]
    scene.link.check(T0 + 1_601 * MS)
    assert scene.child.signals == [signal.SIGUSR1, signal.SIGKILL]
    scene.child.code = -9
    assert scene.link.exit(T0 + 1_602 * MS) is None
    exited = scene.link.exit(T0 + 1_630 * MS)
    assert exited is not None
    assert (exited.kind, exited.trace) == (ExitKind.STUCK, "where it was")


@pytest.mark.conformance("PK-23")
def test_when_the_hub_itself_stood_still_then_no_child_is_stuck_for_that(scene: Scene) -> None:
    scene.child.say(Beat(1, 0, 0))
    scene.link.read(T0)
    scene.link.excuse(3_600_000 * MS)
    scene.link.check(T0 + 3_600_100 * MS)
    assert scene.child.signals == []
