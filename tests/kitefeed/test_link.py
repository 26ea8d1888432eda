"""The life of one connection: retries, limits, silence, refusal. Pure, in given time."""

import pytest

from engine.market.kite_link import Link, LinkLimits, LinkStage, LinkStep
from engine.units import NS_PER_MINUTE, NS_PER_MS, NS_PER_S

LIMITS = LinkLimits()
REFUSED = "connection was closed uncleanly (WebSocket connection upgrade failed (403 - Forbidden))"
CROWDED = "connection was closed uncleanly (WebSocket connection upgrade failed (429 - Too Many))"


class Life:
    """A link and its time."""

    def __init__(self) -> None:
        self.link = Link(LIMITS)
        self.now_ns = 10**15

    def step(self, *, after_ms: int = 0, is_silence_fatal: bool = True) -> LinkStep:
        self.now_ns += after_ms * NS_PER_MS
        return self.link.step(self.now_ns, is_silence_fatal=is_silence_fatal)

    def opened(self) -> None:
        assert self.step() is LinkStep.CONNECT
        self.link.opened(self.now_ns)

    def lost(self, text: str = "connection lost") -> None:
        self.link.lost(self.now_ns, text)

    def pause_ms(self) -> int:
        """Wait for the next connect; how long that took."""
        for ms in range(0, 70_000, 100):
            if self.step(after_ms=100 if ms else 0) is LinkStep.CONNECT:
                return ms
        raise AssertionError("never connects")


@pytest.fixture
def life() -> Life:
    return Life()


def test_when_connects_fail_then_pauses_double_up_to_the_bound(life: Life) -> None:
    pauses = []
    for _ in range(8):
        pauses.append(life.pause_ms())
        life.lost("refused")
    assert pauses == [0, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]


def test_when_a_server_accepts_and_closes_then_pauses_still_grow(life: Life) -> None:
    life.opened()
    life.lost()
    assert life.pause_ms() == 1_000
    life.link.opened(life.now_ns)
    life.lost()
    assert life.pause_ms() == 2_000


def test_when_a_connection_held_then_the_first_pause_is_short_again(life: Life) -> None:
    life.opened()
    life.lost()
    assert life.pause_ms() == 1_000
    life.link.opened(life.now_ns)
    life.now_ns += LIMITS.steady_ms * NS_PER_MS
    life.lost()
    assert life.pause_ms() == 1_000


def test_when_connects_of_a_minute_are_used_up_then_the_next_waits_for_room() -> None:
    life = Life()
    life.link = Link(LinkLimits(retry_ms=1, retry_ms_max=1, connects_minute_max=3))
    start_ns = life.now_ns
    for _ in range(3):
        assert life.step(after_ms=1) is LinkStep.CONNECT
        life.lost()
    assert life.step(after_ms=1) is LinkStep.NONE
    assert life.link.is_flapping
    assert life.pause_ms() > 0
    assert life.now_ns - start_ns >= NS_PER_MINUTE
    assert not life.link.is_flapping


def test_when_the_handshake_is_refused_then_nothing_is_tried_until_a_new_login(life: Life) -> None:
    life.step()
    life.lost(REFUSED)
    assert (life.link.stage, life.link.reason) == (LinkStage.REFUSED, "login_refused")
    assert life.step(after_ms=3_600_000) is LinkStep.NONE
    life.link.renewed(life.now_ns)
    assert life.step() is LinkStep.CONNECT


def test_when_there_are_too_many_connections_then_the_pause_is_long(life: Life) -> None:
    life.step()
    life.lost(CROWDED)
    assert life.link.reason == "too_many_connections"
    assert life.pause_ms() == LIMITS.crowded_ms


def test_when_silent_in_market_hours_then_it_is_dropped_once(life: Life) -> None:
    life.opened()
    assert life.step(after_ms=LIMITS.silence_ms_max) is LinkStep.NONE
    life.link.heard(life.now_ns)
    assert life.step(after_ms=LIMITS.silence_ms_max) is LinkStep.NONE
    assert life.step(after_ms=1) is LinkStep.DROP
    assert life.step(after_ms=1_000) is LinkStep.NONE
    life.lost()
    assert life.link.reason == "silent"


def test_when_silent_outside_market_hours_then_it_stays_until_they_begin(life: Life) -> None:
    life.opened()
    assert life.step(after_ms=3_600_000, is_silence_fatal=False) is LinkStep.NONE
    assert life.step() is LinkStep.DROP


@pytest.mark.parametrize("is_up", [True, False])
def test_when_the_sockets_thread_does_not_answer_then_its_process_must_go(
    life: Life, *, is_up: bool
) -> None:
    if is_up:
        life.opened()
        life.now_ns += NS_PER_MINUTE
        assert life.step() is LinkStep.DROP
    else:
        assert life.step() is LinkStep.CONNECT
    assert life.step(after_ms=LIMITS.answer_ms_max) is LinkStep.NONE
    assert life.step(after_ms=1) is LinkStep.DIE
    assert life.link.stage is LinkStage.HUNG


def test_when_limits_are_absurd_then_they_are_refused() -> None:
    for changes in ({"retry_ms": 0}, {"retry_ms_max": 1}, {"silence_ms_max": 0}):
        with pytest.raises(ValueError, match=r"need|bound"):
            LinkLimits(**changes)


def test_when_a_link_has_just_opened_then_it_is_not_silent(life: Life) -> None:
    life.step()
    life.now_ns += 30 * NS_PER_S
    life.link.opened(life.now_ns)
    assert life.link.silent_ns(life.now_ns) == 0
