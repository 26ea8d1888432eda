import pytest

from engine.market.staleness import Freshness, StalenessLimits
from engine.messages.market import LinkState
from engine.messages.values import FeedState, SessionPhase
from engine.units import NS_PER_MS, NS_PER_S

LIMITS = StalenessLimits(stale_ms_max=5_000, mute_ms_max=15_000, dead_ms_max=10_000)


@pytest.fixture
def a_feed_in_session() -> Freshness:
    feed = Freshness(LIMITS, started_at_ns=0)
    feed.on_phase(SessionPhase.CONTINUOUS, 0)
    return feed


def test_when_no_tick_came_yet_then_it_is_never_fresh(a_feed_in_session: Freshness) -> None:
    assert a_feed_in_session.judge(0) == (FeedState.STALE, "no_tick_yet")


@pytest.mark.parametrize(
    ("age_ms", "expected"),
    [
        (0, (FeedState.FRESH, "")),
        (5_000, (FeedState.FRESH, "")),
        (5_001, (FeedState.STALE, "tick_old")),
        (15_000, (FeedState.STALE, "tick_old")),
        (15_001, (FeedState.MUTE, "mute")),
    ],
)
def test_when_ticks_stop_but_the_source_lives_then_it_turns_stale_then_mute(
    a_feed_in_session: Freshness, age_ms: int, expected: tuple[FeedState, str]
) -> None:
    a_feed_in_session.on_tick(NS_PER_S)
    now_ns = NS_PER_S + age_ms * NS_PER_MS
    a_feed_in_session.on_source(now_ns)
    assert a_feed_in_session.judge(now_ns) == expected


def test_when_the_source_is_silent_then_it_is_dead_until_a_tick(
    a_feed_in_session: Freshness,
) -> None:
    a_feed_in_session.on_tick(0)
    assert a_feed_in_session.judge(10 * NS_PER_S)[0] is FeedState.STALE
    assert a_feed_in_session.judge(10 * NS_PER_S + 1)[0] is FeedState.DEAD
    a_feed_in_session.on_source(11 * NS_PER_S)
    assert a_feed_in_session.judge(11 * NS_PER_S)[0] is FeedState.STALE
    a_feed_in_session.on_tick(12 * NS_PER_S)
    assert a_feed_in_session.judge(12 * NS_PER_S)[0] is FeedState.FRESH


@pytest.mark.parametrize("phase", [p for p in SessionPhase if p is not SessionPhase.CONTINUOUS])
def test_when_trading_is_not_continuous_then_silence_is_no_fault_but_not_fresh(
    a_feed_in_session: Freshness, phase: SessionPhase
) -> None:
    a_feed_in_session.on_tick(0)
    a_feed_in_session.on_phase(phase, NS_PER_S)
    assert a_feed_in_session.judge(9_000 * NS_PER_S) == (FeedState.STALE, "not_continuous")


def test_when_the_next_session_starts_then_ages_count_from_its_open(
    a_feed_in_session: Freshness,
) -> None:
    a_feed_in_session.on_tick(0)
    a_feed_in_session.on_phase(SessionPhase.CLOSED, NS_PER_S)
    a_feed_in_session.on_phase(SessionPhase.CONTINUOUS, 60_000 * NS_PER_S)
    assert a_feed_in_session.judge(60_001 * NS_PER_S) == (FeedState.STALE, "no_tick_yet")
    assert a_feed_in_session.tick_age_ms(60_001 * NS_PER_S) == 1_000


def test_when_age_is_told_then_it_is_rounded_up_not_down(a_feed_in_session: Freshness) -> None:
    a_feed_in_session.on_tick(0)
    assert a_feed_in_session.tick_age_ms(1) == 1


@pytest.mark.parametrize("bad", [{"stale_ms_max": 0}, {"mute_ms_max": 1}, {"dead_ms_max": 0}])
def test_when_limits_contradict_each_other_then_they_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="limits"):
        StalenessLimits(**bad)


def test_when_a_source_tells_of_its_link_then_dead_stale_and_mute_are_told_apart(
    a_feed_in_session: Freshness,
) -> None:
    feed, later_ns = a_feed_in_session, 60 * NS_PER_S
    feed.on_tick(later_ns)
    feed.on_source(later_ns, LinkState.DOWN)
    assert feed.judge(later_ns) == (FeedState.DEAD, "link_down")
    feed.on_source(later_ns, LinkState.LOGIN_NEEDED)
    assert feed.judge(later_ns) == (FeedState.DEAD, "login_needed")
    feed.on_source(later_ns, LinkState.UP)
    assert feed.judge(later_ns) == (FeedState.FRESH, "")
    silent_ns = later_ns + LIMITS.stale_ms_max * NS_PER_MS + 1
    assert feed.judge(silent_ns) == (FeedState.STALE, "source_silent")
    mute_ns = later_ns + LIMITS.mute_ms_max * NS_PER_MS + 1
    feed.on_source(mute_ns, LinkState.UP)
    assert feed.judge(mute_ns) == (FeedState.MUTE, "mute")


def test_when_a_tick_comes_then_a_link_that_was_down_is_up(a_feed_in_session: Freshness) -> None:
    a_feed_in_session.on_source(NS_PER_S, LinkState.DOWN)
    a_feed_in_session.on_tick(2 * NS_PER_S)
    assert a_feed_in_session.judge(2 * NS_PER_S) == (FeedState.FRESH, "")
    a_feed_in_session.on_source(3 * NS_PER_S, LinkState.DOWN)
    a_feed_in_session.on_source(3 * NS_PER_S)
    assert a_feed_in_session.judge(3 * NS_PER_S) == (FeedState.FRESH, "")
