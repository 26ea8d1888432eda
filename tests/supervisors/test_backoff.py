"""Back-off, windows, stash, dead letters."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.runtime.deadletters import LOG_BURST_MAX, DeadLetters
from engine.messages.journal import Append
from engine.messages.supervision import ChildExited, ExitKind, TimerFired
from engine.units import NS_PER_MS
from supervisors import policy
from supervisors.spec import Backoff, SupervisorSpec
from tests.supervisors.harness import Do, House

ids = pytest.mark.conformance
BARE = Backoff(base_ms=100, cap_ms=1_000, jitter_bps=0)


@ids("SUP-104")
def test_when_failures_follow_each_other_then_delays_double_up_to_the_cap() -> None:
    rng = random.Random(1)
    delays = [policy.delay_ms(BARE, failures, rng) for failures in range(1, 9)]
    assert delays == [0, 100, 200, 400, 800, 1_000, 1_000, 1_000]


@ids("SUP-104")
@given(
    base_ms=st.integers(1, 1_000),
    cap_ms=st.integers(1_000, 60_000),
    jitter_bps=st.integers(0, 10_000),
    failures=st.integers(2, 10_000),
    seed=st.integers(),
)
def test_when_there_is_jitter_then_it_stays_within_bounds(
    base_ms: int, cap_ms: int, jitter_bps: int, failures: int, seed: int
) -> None:
    backoff = Backoff(base_ms=base_ms, cap_ms=cap_ms, jitter_bps=jitter_bps)
    bare_ms = min(cap_ms, base_ms * 2 ** min(failures - 2, 62))
    delay_ms = policy.delay_ms(backoff, failures, random.Random(seed))
    assert base_ms <= bare_ms <= delay_ms <= bare_ms * (10_000 + jitter_bps) // 10_000
    assert delay_ms == policy.delay_ms(backoff, failures, random.Random(seed))


@ids("SUP-104")
def test_when_a_child_keeps_failing_then_its_starts_are_spaced_by_the_formula(
    seeded: House,
) -> None:
    at_ms: list[int] = []
    seeded.script.on_open = lambda: at_ms.append(seeded.runtime.clock.mono_ns() // NS_PER_MS)
    seeded.script.opening["a"] = ["", "raise", "raise", "raise", ""]
    seeded.tree(seeded.child("a"), backoff=BARE, restarts_max=10)
    seeded.tell("a", "crash")
    seeded.wait_ready("a", 5)
    assert at_ms == [0, 0, 100, 300, 700]


@ids("SUP-105")
def test_when_healthy_for_long_enough_then_the_count_is_forgotten(seeded: House) -> None:
    backoff = Backoff(base_ms=100, cap_ms=1_000, jitter_bps=0, reset_after_ms=5_000)
    seeded.tree(seeded.child("a"), backoff=backoff, restarts_max=10)
    began_ns = 0

    def took_ms(generation: int) -> int:
        nonlocal began_ns
        began_ns = seeded.runtime.clock.mono_ns()
        seeded.kill_until("a", generation)
        return (seeded.runtime.clock.mono_ns() - began_ns) // NS_PER_MS

    assert took_ms(2) == 0
    seeded.stage.advance(4_000)
    assert took_ms(3) == 100
    seeded.stage.advance(1_500)
    assert took_ms(4) == 200
    seeded.stage.advance(5_001)
    assert took_ms(5) == 0


@ids("SUP-105")
def test_when_the_reset_note_is_stale_then_it_does_nothing() -> None:
    assert policy.is_reset_valid(2, 2)
    assert not policy.is_reset_valid(2, 3)


@ids("SUP-106")
def test_when_the_budget_is_spent_then_it_gives_up_and_says_so(house: House) -> None:
    house.script.opening["a"] = ["", "raise"]
    tree = house.tree(house.child("a"), restarts_max=2)
    house.tell("a", "crash")
    exited = house.ended(tree)
    assert exited.kind is ExitKind.EXCEEDED
    assert "intensity exceeded: child a" in exited.reason


@ids("SUP-106", "PK-23")
@given(
    gaps_ms=st.lists(st.integers(0, 500), min_size=1, max_size=60),
    restarts_max=st.integers(0, 5),
)
def test_when_restarts_come_then_the_window_counts_exactly_those_within(
    gaps_ms: list[int], restarts_max: int
) -> None:
    window = policy.Window()
    instants: list[int] = []
    now_ns = 10**15
    for gap_ms in gaps_ms:
        now_ns += gap_ms * NS_PER_MS
        instants.append(now_ns)
        within = [at for at in instants if at >= now_ns - 1_000 * NS_PER_MS]
        assert window.spend(now_ns, restarts_max, 1_000) == (len(within) > restarts_max)


@ids("SUP-107", "PK-25")
def test_when_messages_come_while_the_child_is_down_then_they_are_dead_letters(
    house: House,
) -> None:
    slow = Backoff(base_ms=200, cap_ms=200, jitter_bps=0)
    house.tree(house.child("a"), backoff=slow)
    house.script.opening["a"] = ["raise", ""]
    house.tell("a", "crash")
    house.settle(lambda: house.script.starts("a") == 2 and house.room("a") is None)
    lost: list[str] = []
    house.runtime.directory.dead_letters.on_critical = lambda target, _, __: lost.append(target)
    append = Append(records=(), sender="x", sender_generation=1)
    house.send("a", append)
    assert lost == ["a"]
    house.wait_ready("a", 3)
    house.tell("a", "hello")
    house.settle(lambda: house.script.heard[-1:] == [("a", 3, Do(what="hello"))])


@ids("SUP-108")
def test_when_a_child_is_replaced_then_the_old_one_has_ended(house: House) -> None:
    ended: list[bool] = []
    house.tree(house.child("a"))
    old = house.room("a")
    assert old is not None
    house.script.on_open = lambda: ended.append(old.is_ended or old.is_fenced)
    house.kill_until("a", 2)
    assert ended == [True]


@ids("SUP-109")
def test_when_it_fails_again_while_the_stash_is_served_then_the_rest_is_not_silent(
    house: House,
) -> None:
    house.script.opening["a"] = ["defer", ""]
    house.tree(house.child("a"), expect="")
    house.settle(lambda: house.script.starts("a") == 1)
    lost: list[object] = []
    letters = house.runtime.directory.dead_letters
    letters.on_critical = lambda _, message, __: lost.append(message)
    house.tell("a", "crash")
    for key in ("1", "2", "3"):
        house.send("a", TimerFired(key=key))
    room = house.room("a")
    assert room is not None
    room.become_ready()
    room.wake()
    house.wait_ready("a", 2)
    house.settle(lambda: len(lost) == 3)
    assert lost == [TimerFired(key=key) for key in "123"]


@ids("SUP-109")
def test_when_an_actor_with_children_fails_then_they_end_before_it_is_made_again(
    house: House,
) -> None:
    inner = SupervisorSpec(children=(house.child("x"),))
    house.tree(house.sup_child("s", inner))
    house.script.log.clear()
    house.fence("s")
    house.wait_ready("s", 2)
    assert house.generation("x") == 2


@ids("SUP-111")
def test_when_the_stash_is_full_then_data_is_refused_critical_is_kept_and_order_holds(
    house: House,
) -> None:
    house.script.opening["a"] = ["defer"]
    house.tree(house.child("a", inbox_max=3, conflate_after=1), expect="")
    house.settle(lambda: house.script.starts("a") == 1)
    for number in range(5):
        house.tell("a", str(number))
    house.send("a", TimerFired(key="late"))
    assert house.runtime.directory.dead_letters.counts() == {("a", "Do", "full"): 2}
    room = house.room("a")
    assert room is not None
    room.become_ready()
    room.wake()
    house.settle(lambda: len(house.script.heard) == 4)
    heard = [message for _, _, message in house.script.heard]
    assert heard == [*(Do(what=str(n)) for n in range(3)), TimerFired(key="late")]


@ids("SUP-112")
def test_when_dead_letters_storm_then_logging_pauses_and_says_how_many_it_hid(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", logger="pahara")
    letters = DeadLetters()
    for _ in range(LOG_BURST_MAX + 7):
        letters.add("gone", Do(what="x"), "test", "absent")
    assert len(caplog.records) == LOG_BURST_MAX
    assert letters.resume_logging() == 7
    assert "message_undelivered_hidden" in caplog.text
    letters.add("gone", Do(what="x"), "test", "absent")
    assert caplog.records[-1].getMessage() == "message_undelivered"
    assert letters.total == LOG_BURST_MAX + 8


def test_when_an_exit_is_reported_then_it_is_taken_once_however_often_it_comes(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("ERROR", logger="pahara")
    house.tree(house.child("a"))
    house.kill_until("a", 2)
    again = ChildExited(name="a", generation=1, kind=ExitKind.CRASHED, reason="again")
    house.send("root", again)
    house.send("root", again)
    assert house.counts().active == 1
    assert house.is_ready("a", 2)
    assert house.restarts("a") == 1
