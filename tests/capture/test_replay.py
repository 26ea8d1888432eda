"""What ran on real threads comes out the same when it is run again, and what is not the same is
seen."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.capture.blocks import Seen
from actors.capture.events import Dropped, Handled, Inbound
from actors.capture.sessions import Session
from engine.messages.market import FeedChecked
from engine.messages.supervision import ExitKind, TimerFired
from tests.capture.trees import PAST_CUT, RELEASED, Recorded, hammer, recorded, replayed
from tests.fixtures.engine import wait_for


def _quiet(tree: Recorded) -> None:
    """All inboxes are empty but for the beats."""
    rooms = tree.runtime.directory.rooms
    wait_for(lambda: all(len(room.actor_inbox) < 3 for room in tuple(rooms.values())))


def _mixed(number: int) -> tuple[str, FeedChecked | TimerFired]:
    name = ("one", "two", "three")[number % 3]
    if number % 5 == 0:
        return name, FeedChecked(at_ns=number, source_at_ns=number)
    return name, TimerFired(key=f"add:{number}")


@pytest.fixture
def a_session(tmp_path: Path) -> Path:
    """The folder of a short session with traffic from two threads."""
    with recorded(tmp_path) as tree:
        hammer(tree, 300, _mixed)
        _quiet(tree)
    return tree.folder


def test_when_threads_race_then_the_replay_is_identical(a_session: Path) -> None:
    outcome = replayed(Session(a_session))
    assert outcome.difference is None
    assert outcome.is_complete
    assert outcome.events > 1_000


@pytest.mark.parametrize("word", ["crash", "hang", "unlucky", "stop", "stop_badly"])
def test_when_an_actor_fails_under_load_then_the_replay_is_identical(
    tmp_path: Path, word: str
) -> None:
    with recorded(tmp_path) as tree:
        hammer(tree, 100, _mixed)
        for name in ("one", "three"):
            tree.provoke(name, word)
            hammer(tree, 100, _mixed)
        _quiet(tree)
    outcome = replayed(Session(tree.folder))
    assert outcome.difference is None
    assert outcome.failures == (0 if word == "stop" else 2)
    assert outcome.failures_imposed == (2 if word == "unlucky" else 0)
    assert not PAST_CUT.is_set(), "a handler went on where the recorded one was stuck"


def test_when_a_supervisor_ends_with_all_below_it_then_the_replay_is_identical(
    tmp_path: Path,
) -> None:
    with recorded(tmp_path) as tree:
        hammer(tree, 50, _mixed)
        before = tree.generation("three")
        tree.runtime.directory.rooms["below"].fence(ExitKind.STUCK, "by the test")
        wait_for(lambda: tree.generation("three") > before)
        hammer(tree, 50, _mixed)
        _quiet(tree)
    outcome = replayed(Session(tree.folder))
    assert outcome.difference is None
    assert outcome.failures == 2, "the supervisor and its child"


def test_when_messages_go_to_an_actor_that_is_away_then_the_replay_is_identical(
    tmp_path: Path,
) -> None:
    with recorded(tmp_path) as tree:
        tree.provoke("two", "crash")
        tree.tell("two", "crash")
        wait_for(lambda: tree.generation("two") == 0)
        for number in range(400):
            tree.tell("one", f"add:{number}")
        wait_for(lambda: tree.generation("two") == 3)
        _quiet(tree)
    lost = [x for x in Session(tree.folder).events() if x.event is Dropped and x.name == "two"]
    assert len(lost) > 300, "the second restart waits 100 ms"
    assert replayed(Session(tree.folder)).difference is None


def test_when_a_reader_lags_then_what_was_conflated_away_is_not_missed(tmp_path: Path) -> None:
    with recorded(tmp_path) as tree:
        tree.tell("three", "hang")
        for number in range(50):
            tree.runtime.directory.deliver("three", FeedChecked(at_ns=number, source_at_ns=0))
        RELEASED.set()
        _quiet(tree)
    handled = [x for x in Session(tree.folder).events() if x.kind == "FeedChecked"]
    assert len(handled) < 50
    assert replayed(Session(tree.folder)).difference is None


def test_when_a_behaviour_decides_otherwise_then_the_first_message_is_shown(
    a_session: Path,
) -> None:
    outcome = replayed(Session(a_session), step=2)
    assert outcome.difference is not None
    first = next(
        number
        for number, seen in enumerate(Session(a_session).events(), 1)
        if seen.event is Handled and seen.kind == "TimerFired"
    )
    assert outcome.difference.number == first, "the first handler that tells its total"
    assert "said:" in outcome.difference.replayed
    assert outcome.difference.recent


class Shortened(Session):
    """A session that lacks one message from outside."""

    def events(self) -> Iterator[Seen]:
        inbound = 0
        for seen in super().events():
            inbound += seen.event is Inbound
            if not (seen.event is Inbound and inbound == 200):
                yield seen


def test_when_a_message_from_outside_is_missing_then_it_is_seen(a_session: Path) -> None:
    outcome = replayed(Shortened(a_session))
    assert outcome.difference is not None
    assert "handled a " in outcome.difference.recorded


def test_when_the_process_is_killed_then_its_session_replays_up_to_there(
    a_session: Path,
) -> None:
    segment = a_session / "000001.cap"
    segment.write_bytes(segment.read_bytes()[:-40])
    outcome = replayed(Session(a_session))
    assert outcome.difference is None
    assert not outcome.is_complete
    assert outcome.bytes_cut > 0
