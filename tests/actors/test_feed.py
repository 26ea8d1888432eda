"""One feed: sane ticks pass, bars are built, staleness is told."""

from typing import Any

import pytest

from actors.feed import FeedBehaviour
from engine.market.quality import TickLimits
from engine.market.staleness import StalenessLimits
from engine.messages.base import Message
from engine.messages.market import (
    BarClosed,
    FeedAnnounced,
    FeedBlocked,
    FeedChecked,
    FeedsCalled,
    FeedStateChanged,
    MarketWatch,
    Tick,
)
from engine.messages.values import FeedState
from engine.session import ns_from_ist
from engine.units import NS_PER_S
from tests.fakes import FakeContext, opened
from tests.ideas import NAME, OPENS_NS, a_closing, a_phase, a_tick

FEED = f"feed/{NAME}"


class Feed:
    """An open feed of two intervals: `book` reads ticks, `strategy/a` all, `strategy/b` bars."""

    def __init__(self, **settings: Any) -> None:
        values: dict[str, Any] = {
            "tick_readers": ("book",),
            "bar_readers": ((60, ("strategy/a", "strategy/b")), (180, ("strategy/c",))),
            "state_readers": ("guard",),
            "tick_limits": TickLimits(),
            "staleness": StalenessLimits(),
            "idea_readers": ("strategy/a",),
        }
        self.behaviour = FeedBehaviour(NAME, **(values | settings))
        self.ctx = opened(self.behaviour, FakeContext(FEED, now_ns=OPENS_NS))

    def give(self, *messages: Message) -> None:
        for message in messages:
            self.behaviour.receive(message)

    def states(self) -> list[tuple[FeedState, tuple[str, ...]]]:
        return [(s.state, s.reasons) for s in self.ctx.of(FeedStateChanged, "guard")]

    def prices(self, reader: str) -> list[int]:
        return [tick.price_paise for tick in self.ctx.of(Tick, reader)]


@pytest.fixture
def feed() -> Feed:
    made = Feed()
    made.give(a_phase())
    return made


def tick(price: int, second: float, **fields: Any) -> Tick:
    return a_tick(price, OPENS_NS + int(second * NS_PER_S), **fields)


def check(second: float, source_second: float | None = None) -> FeedChecked:
    source = second if source_second is None else source_second
    at_ns, source_ns = (OPENS_NS + int(s * NS_PER_S) for s in (second, source))
    return FeedChecked(at_ns=at_ns, source_at_ns=source_ns)


def blocked(is_blocked: bool, second: float = 0) -> FeedBlocked:
    at_ns = OPENS_NS + int(second * NS_PER_S)
    return FeedBlocked(instrument=NAME, is_blocked=is_blocked, reason="stale_bars", at_ns=at_ns)


def test_when_a_good_tick_comes_then_all_tick_readers_get_it(feed: Feed) -> None:
    feed.give(tick(10_000, 1))
    assert feed.prices("book") == feed.prices("strategy/a") == [10_000]
    assert feed.prices("strategy/b") == []
    assert feed.states() == [(FeedState.FRESH, ())]


def test_when_a_bar_is_over_then_its_readers_get_it_before_the_next_tick(feed: Feed) -> None:
    feed.give(tick(10_000, 1), tick(10_010, 30), tick(10_020, 61))
    (bar,) = feed.ctx.of(BarClosed, "strategy/b")
    assert (bar.open_paise, bar.close_paise, bar.interval_s) == (10_000, 10_010, 60)
    assert [type(message).__name__ for to, message in feed.ctx.sent if to == "strategy/a"] == [
        "Tick",
        "Tick",
        "BarClosed",
        "Tick",
    ]
    feed.give(tick(10_020, 181))
    assert [bar.interval_s for bar in feed.ctx.of(BarClosed, "strategy/c")] == [180]


def test_when_no_tick_follows_then_the_beat_closes_the_bar_after_a_wait(feed: Feed) -> None:
    feed.give(tick(10_000, 59), check(60))
    assert feed.ctx.of(BarClosed) == []
    feed.give(check(61))
    assert len(feed.ctx.of(BarClosed, "strategy/a")) == 1


def test_when_the_session_closes_then_open_bars_are_sent(feed: Feed) -> None:
    feed.give(tick(10_000, 1), a_closing())
    assert [b.interval_s for b in feed.ctx.of(BarClosed)] == [60, 60, 180]
    assert feed.states()[-1] == (FeedState.STALE, ("not_continuous",))


@pytest.mark.parametrize("second", [-1, 375 * 60])
def test_when_a_tick_is_outside_the_session_then_it_is_counted_only(
    feed: Feed, second: float
) -> None:
    feed.give(tick(10_000, second))
    assert feed.behaviour.refused == {"out_of_session": 1}
    assert feed.ctx.of(Tick) == []


def test_when_the_first_tick_comes_with_the_opening_then_it_counts_in_either_order() -> None:
    feed = Feed()
    feed.give(a_phase(OPENS_NS - NS_PER_S), tick(10_000, 0), a_phase())
    assert feed.prices("book") == [10_000]
    assert feed.states()[-1] == (FeedState.FRESH, ())


def test_when_a_tick_is_not_believed_then_it_becomes_nothing(feed: Feed) -> None:
    feed.give(tick(10_000, 1), tick(20_000, 2), tick(0, 3), tick(10_000, 0.5))
    assert feed.prices("book") == [10_000]
    assert feed.behaviour.refused == {"price_jump": 1, "price_zero": 1, "time_backward": 1}


def test_when_all_ticks_are_refused_then_the_feed_still_grows_stale(feed: Feed) -> None:
    """The market beats quiet feeds only; this one is not quiet."""
    feed.give(tick(10_000, 1), *(tick(0, second) for second in range(2, 20)))
    assert [reasons for _, reasons in feed.states()] == [(), ("tick_old",), ("mute",)]


def test_when_a_day_opens_with_a_gap_then_it_is_no_jump(feed: Feed) -> None:
    feed.give(tick(10_000, 1), a_closing())
    opens_ns = ns_from_ist("2024-01-03 09:15:00")
    feed.give(a_phase(opens_ns), a_tick(11_000, opens_ns))
    assert feed.prices("book") == [10_000, 11_000]


def test_when_a_tick_is_for_exits_only_then_strategies_do_not_get_it(feed: Feed) -> None:
    feed.give(tick(10_000, 1), tick(10_000, 2, bid_paise=10_010, ask_paise=9_990))
    assert feed.prices("book") == [10_000, 10_000]
    assert feed.prices("strategy/a") == [10_000]
    assert feed.states()[-1] == (FeedState.STALE, ("crossed_book",))
    feed.give(tick(10_000, 3))
    assert feed.states()[-1] == (FeedState.FRESH, ())


def test_when_the_source_blocks_a_span_then_only_exits_see_it(feed: Feed) -> None:
    feed.give(blocked(True), tick(10_000, 1), tick(10_005, 61), tick(10_000, 121))
    assert feed.prices("book") == [10_000, 10_005, 10_000]
    assert feed.prices("strategy/a") == []
    assert feed.ctx.of(BarClosed) == []
    assert feed.states() == [(FeedState.BLOCKED, ("stale_bars",))]
    feed.give(blocked(False, 122), tick(10_000, 123))
    assert feed.states()[-1] == (FeedState.FRESH, ())
    assert feed.prices("strategy/a") == [10_000]


def test_when_ticks_cease_then_stale_mute_and_dead_are_told_apart(feed: Feed) -> None:
    feed.give(tick(10_000, 1))
    feed.give(*(check(second) for second in range(2, 30)))
    assert [reasons for _, reasons in feed.states()] == [(), ("tick_old",), ("mute",)]
    feed.give(check(45, source_second=30))
    assert feed.states()[-1] == (FeedState.DEAD, ("source_silent",))
    feed.give(tick(10_000, 46))
    assert feed.states()[-1] == (FeedState.FRESH, ())


def test_when_a_watch_is_set_then_ticks_flow_until_it_is_lifted(feed: Feed) -> None:
    on = MarketWatch(instrument=NAME, reader="oco/1", is_on=True)
    off = MarketWatch(instrument=NAME, reader="oco/1", is_on=False)
    feed.give(tick(10_000, 1), on, on)
    assert feed.prices("oco/1") == [10_000], "the last one at once"
    feed.give(tick(10_010, 2), off, off, tick(10_020, 3))
    assert feed.prices("oco/1") == [10_000, 10_010]
    feed.give(MarketWatch(instrument=NAME, reader="book", is_on=False), tick(10_030, 4))
    assert feed.prices("book")[-1] == 10_030, "a configured reader stays"


def test_when_called_then_the_feed_says_who_watches(feed: Feed) -> None:
    feed.give(MarketWatch(instrument=NAME, reader="oco/1", is_on=True), FeedsCalled())
    assert feed.ctx.of(FeedAnnounced, "market") == [
        FeedAnnounced(instrument=NAME),
        FeedAnnounced(instrument=NAME, watchers=("oco/1",)),
    ]


def test_when_nobody_told_the_session_then_no_tick_passes() -> None:
    feed = Feed()
    feed.give(tick(10_000, 1))
    assert feed.ctx.of(Tick) == []
