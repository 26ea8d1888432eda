"""What pykka does differently, and that our rooms do not let it through."""

import contextlib
import sys
import threading

import pykka
import pytest

from actors.runtime.behaviour import Behaviour, Context
from actors.runtime.room import Room
from engine.messages.control import GenerationFenced
from engine.messages.supervision import ChildExited, ExitKind
from supervisors.spec import ChildSpec, HostKind, Restart, Shutdown
from tests.supervisors.harness import Do, House

ids = pytest.mark.conformance


def reported(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [
        (r.fields["kind"], r.fields["reason"])  # type: ignore[attr-defined]
        for r in caplog.records
        if r.getMessage() == "actor_failed"
    ]


def live(house: House, name: str) -> Room:
    room = house.room(name)
    assert room is not None
    return room


@ids("PK-04")
def test_when_the_same_bug_comes_by_ask_tell_or_name_then_the_report_is_the_same(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("ERROR", logger="pahara")
    house.tree(house.child("a"), restarts_max=10)
    bug = Do(what="crash", text="bug")
    future = live(house, "a").actor_ref.ask(bug, block=False)
    house.wait_ready("a", 2)
    with pytest.raises(RuntimeError, match="bug"):
        future.get(timeout=1)
    live(house, "a").actor_ref.tell(bug)
    house.wait_ready("a", 3)
    house.tell("a", "crash", "bug")
    house.wait_ready("a", 4)
    assert reported(caplog) == [("crashed", "RuntimeError: bug")] * 3


@ids("PK-05")
def test_when_a_handler_calls_exit_then_only_that_actor_fails(house: House) -> None:
    house.tree(house.child("a"), house.child("b"))
    future = live(house, "a").actor_ref.ask(Do(what="exit"), block=False)
    house.wait_ready("a", 2)
    with pytest.raises(SystemExit):
        future.get(timeout=1)
    assert house.is_ready("b", 1)


@ids("PK-06")
@pytest.mark.parametrize("what", ["memory", "recursion"])
def test_when_resources_run_out_then_the_kind_says_so_and_authority_falls(
    house: House, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("ERROR", logger="pahara")
    gate = house.listen("gate")
    house.tree(house.child("a"), fence_listeners=("gate",))
    house.tell("a", what)
    house.wait_ready("a", 2)
    assert [kind for kind, _ in reported(caplog)] == ["resource"]
    assert isinstance(gate[0], GenerationFenced)


def test_when_our_own_assertion_fails_then_the_kind_is_invariant(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("ERROR", logger="pahara")
    house.tree(house.child("a"))
    house.tell("a", "assert")
    house.wait_ready("a", 2)
    assert [kind for kind, _ in reported(caplog)] == ["invariant"]


@ids("PK-08", "PK-09")
def test_when_a_fenced_generation_speaks_then_nothing_of_it_arrives(pooled: House) -> None:
    contexts: list[Context] = []
    pooled.tree(pooled.child("a", host=HostKind.THREAD), pooled.child("gate"))
    room = live(pooled, "a")
    assert isinstance(room._behaviour, Behaviour)
    contexts.append(room._behaviour.ctx)
    future = room.actor_ref.ask(Do(what="block"), block=False)
    pooled.settle(lambda: any(name == "a" for name, _, _ in pooled.script.heard))
    waiting = room.actor_ref.ask(Do(what="never served"), block=False)
    pooled.fence("a", ExitKind.STUCK)
    pooled.wait_ready("a", 2)
    contexts[0].send("gate", Do(what="order"))
    contexts[0].timer_after("x", 1, Do(what="order"))
    contexts[0].ready()
    assert pooled.runtime.directory.dead_letters.counts()[("gate", "Do", "fenced")] == 1
    with pytest.raises(pykka.ActorDeadError):
        waiting.get(timeout=1)
    pooled.script.gate.set()
    assert future.get(timeout=2) is None
    assert not any(name == "gate" for name, _, _ in pooled.script.heard)
    assert pooled.is_ready("a", 2)


@ids("PK-11")
def test_when_an_actor_sends_to_a_dead_name_then_it_does_not_notice(house: House) -> None:
    house.tree(house.child("a"))
    house.tell("a", "tell", "nobody")
    letters = house.runtime.directory.dead_letters
    house.settle(lambda: letters.counts() == {("nobody", "Do", "absent"): 1})
    assert house.is_ready("a", 1)


@ids("PK-12")
def test_when_one_of_many_is_dead_then_the_others_still_get_it(house: House) -> None:
    house.tree(*(house.child(name) for name in "abc"))
    for name in ("a", "gone", "b", "c"):
        house.send(name, Do(what="all"))
    house.settle(lambda: {name for name, _, _ in house.script.heard} == set("abc"))


@ids("PK-13")
def test_when_asks_race_the_end_then_every_one_is_answered(pooled: House) -> None:
    pooled.tree(pooled.child("a"), restarts_max=1_000_000, window_ms=1)
    rounds, asks = 100, 100
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        futures = []
        for _ in range(rounds):
            room = pooled.room("a")
            if room is None:
                pooled.settle(lambda: pooled.room("a") is not None)
                room = live(pooled, "a")
            pooled.shutdown("a") if room is pooled.room("a") else None
            for _ in range(asks):
                try:
                    futures.append(room.actor_ref.ask(Do(what="x"), block=False))
                except pykka.ActorDeadError:
                    break
            pooled.settle(lambda room=room: pooled.room("a") not in (None, room))  # type: ignore[misc]
    finally:
        sys.setswitchinterval(interval)
    answered = 0
    for future in futures:
        with contextlib.suppress(pykka.ActorDeadError):
            future.get(timeout=2)
        answered += 1
    assert answered == len(futures)


@ids("PK-14")
def test_when_thousands_of_messages_wait_then_the_stop_overtakes_them(house: House) -> None:
    house.script.opening["a"] = ["defer"]
    house.tree(house.child("a", shutdown=Shutdown(1_000)), expect="")
    house.settle(lambda: house.script.starts("a") == 1)
    for _ in range(10_000):
        house.tell("a", "tick")
    house.stop()
    assert house.script.heard == []
    assert house.runtime.directory.dead_letters.counts() == {("a", "Do", "ended"): 10_000}


@ids("PK-16")
def test_when_a_receiver_tries_to_change_a_message_then_it_cannot() -> None:
    message = Do(what="x")
    with pytest.raises(AttributeError):
        message.what = "y"  # type: ignore[misc]


@ids("PK-17")
def test_when_a_behaviour_wants_to_ask_then_there_is_no_way() -> None:
    doors = {name for name in dir(Context) if not name.startswith("_")}
    assert doors == {
        "awaits", "hand", "is_void", "leave", "now_ns", "mono_ns", "ready", "send", "skip_to",
            "stop",
        "timer_after", "timer_at", "timer_cancel",
    }  # fmt: skip


@ids("PK-21")
def test_when_a_house_is_closed_then_nothing_is_left(house: House) -> None:
    house.tree(house.child("a", host=HostKind.THREAD), house.child("b"))
    house.kill_until("a", 2)
    house.close()
    assert not set(pykka.ActorRegistry.get_all()) - house.actors_before
    if not house.stage.is_seeded:
        for thread in threading.enumerate():
            if thread.name.startswith("pool-"):
                thread.join(2)
        assert not [t for t in threading.enumerate() if t.name.startswith("pool-")]


@ids("PK-25")
def test_when_restarted_then_the_name_stays_and_the_reference_changes(house: House) -> None:
    house.tree(house.child("a"))
    old = live(house, "a")
    house.kill_until("a", 2)
    assert live(house, "a") is not old
    assert not old.actor_ref.is_alive()
    house.tell("a", "hello")
    house.settle(lambda: house.script.heard[-1][:2] == ("a", 2))


def test_when_a_stop_is_wanted_in_flush_then_it_is_not_forgotten(house: House) -> None:
    class Flusher(Behaviour):
        def receive(self, message: object) -> None:
            pass

        def flush(self) -> None:
            self.ctx.stop("flushed")

    house.tree(ChildSpec(id="f", factory=lambda _: Flusher(), restart=Restart.TRANSIENT))
    house.tell("f", "x")
    house.wait_state("f", "stopped")


@pytest.mark.parametrize("attempt", range(20))
def test_when_end_and_fence_race_then_one_exit_is_reported(pooled: House, attempt: int) -> None:
    pooled.tree(pooled.child("a"), restarts_max=100)
    room = live(pooled, "a")
    pooled.tell("a", "crash")
    room.fence(ExitKind.KILLED, "race")
    pooled.wait_ready("a", 2)
    assert pooled.counts().active == 1
    assert pooled.restarts("a") == 1


def test_when_a_room_is_ended_in_every_way_then_one_exit_is_sent(house: House) -> None:
    house.tree(house.child("a"))
    directory, sent = house.runtime.directory, []
    notify = directory.notify

    def counted(supervisor: str, notice: object) -> None:
        if isinstance(notice, ChildExited):
            sent.append(notice.generation)
        notify(supervisor, notice)  # type: ignore[arg-type]

    directory.notify = counted  # type: ignore[method-assign]
    room = live(house, "a")
    room.fence(ExitKind.KILLED, "once")
    room.fence(ExitKind.STUCK, "twice")
    room.end(ExitKind.NORMAL, "thrice")
    house.wait_ready("a", 2)
    assert sent == [1]
