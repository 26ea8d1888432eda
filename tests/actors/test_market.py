"""The market, the source and the calendar."""

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pytest

from actors.calendar import CalendarBehaviour
from actors.market import VIEW_ROWS_MAX, MarketBehaviour
from actors.source import SourceBehaviour
from engine.market.source import SourceItem
from engine.messages.base import Message
from engine.messages.control import AlertRaised, ViewPublished
from engine.messages.market import (
    FeedAnnounced,
    FeedBlocked,
    FeedChecked,
    FeedEnded,
    FeedsCalled,
    LinkChanged,
    LinkState,
    MarketFrame,
    MarketWatch,
    PhaseChanged,
    PhaseWanted,
    Tick,
)
from engine.messages.values import SessionPhase
from engine.session import SegmentClass, ist_text, ns_from_ist
from engine.units import NS_PER_MINUTE, NS_PER_S
from tests.fakes import FakeContext, opened
from tests.ideas import ENTRIES_END_NS, FLAT_BY_NS, NAME, OPENS_NS, a_closing, a_phase, a_tick
from tests.markets import nse

OTHER = "NSE:OTHER"
FEEDS = {NAME: f"feed/{NAME}", OTHER: f"feed/{OTHER}"}


class Market:
    """An open market of two feeds."""

    def __init__(
        self,
        feeds: Mapping[str, str] = MappingProxyType(FEEDS),
        sources: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.behaviour = MarketBehaviour(
            feeds, check_every_ns=NS_PER_S, ended_reader="runner", sources=sources
        )
        self.ctx = opened(self.behaviour, FakeContext("market", now_ns=OPENS_NS))

    def give(self, *messages: Message) -> None:
        for message in messages:
            self.behaviour.receive(message)

    def advance(self, seconds: float) -> None:
        self.ctx.advance(self.behaviour, int(seconds * NS_PER_S))

    def view(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.ctx.of(ViewPublished, "console")[-1].body)
        return body


def frame(*ticks: Tick) -> MarketFrame:
    return MarketFrame(ticks=ticks)


def watch(is_on: bool = True) -> MarketWatch:
    return MarketWatch(instrument=NAME, reader="oco/1", is_on=is_on)


# -- market -----------------------------------------------------------------------------------


def test_when_a_frame_comes_then_each_feed_gets_its_tick() -> None:
    market = Market()
    market.give(frame(a_tick(1), a_tick(2, instrument=OTHER)))
    assert [(to, t.price_paise) for to, t in market.ctx.sent if isinstance(t, Tick)] == [
        (FEEDS[NAME], 1),
        (FEEDS[OTHER], 2),
    ]


@pytest.mark.conformance("BAD-46")
def test_when_an_instrument_is_not_ours_then_it_is_counted_and_ignored() -> None:
    market = Market()
    stranger = FeedBlocked(instrument="NSE:X", is_blocked=True, reason="", at_ns=OPENS_NS)
    market.give(frame(a_tick(1, instrument="NSE:X"), a_tick(2)), stranger)
    market.give(MarketWatch(instrument="NSE:X", reader="oco/1", is_on=True))
    market.advance(1)
    assert [t.price_paise for t in market.ctx.of(Tick)] == [2]
    assert (market.view()["ticks"], market.view()["strangers"]) == (2, 1)


def test_when_a_feed_ticks_then_only_the_quiet_ones_are_beaten() -> None:
    market = Market()
    market.give(a_phase())
    for second in range(3):
        market.advance(0.5)
        market.give(frame(a_tick(1, OPENS_NS + second * NS_PER_S + NS_PER_S // 2)))
        market.advance(0.5)
    assert market.ctx.of(FeedChecked, FEEDS[NAME]) == []
    beats = market.ctx.of(FeedChecked, FEEDS[OTHER])
    assert [(b.at_ns - OPENS_NS) // NS_PER_S for b in beats] == [1, 2, 3]
    assert beats[-1].source_at_ns == OPENS_NS + 5 * NS_PER_S // 2


def test_when_the_source_falls_silent_then_beats_say_since_when() -> None:
    market = Market()
    market.give(a_phase(), frame())
    market.advance(12)
    assert market.ctx.of(FeedChecked)[-1] == FeedChecked(
        at_ns=OPENS_NS + 12 * NS_PER_S, source_at_ns=OPENS_NS
    )


def test_when_there_are_two_sources_then_each_feed_hears_of_its_own() -> None:
    market = Market(sources={NAME: "kitefeed/1", OTHER: "kitefeed/2"})
    called = [name for name, m in market.ctx.sent if isinstance(m, FeedsCalled)]
    assert called == [*FEEDS.values(), "kitefeed/1", "kitefeed/2", "custodian"]
    market.give(a_phase())
    market.give(
        LinkChanged(
            source="kitefeed/2",
            state=LinkState.DOWN,
            reason="connection_lost",
            connect_count=3,
            at_ns=OPENS_NS,
        )
    )
    market.advance(2)
    market.give(MarketFrame(ticks=(), source="kitefeed/1"))
    market.advance(2)
    one, two = (market.ctx.of(FeedChecked, FEEDS[name])[-1] for name in (NAME, OTHER))
    assert (one.source_at_ns - OPENS_NS, one.link) == (2 * NS_PER_S, LinkState.UNKNOWN)
    assert (two.source_at_ns - OPENS_NS, two.link) == (0, LinkState.DOWN)
    view = market.view()
    assert view["source_age_s"] == 4.0
    assert view["links"] == {
        "kitefeed/2": {"state": "down", "reason": "connection_lost", "connects": 3}
    }


def test_when_the_session_is_closed_then_nobody_is_beaten() -> None:
    market = Market()
    market.give(a_phase(), a_closing())
    market.advance(60)
    assert market.ctx.of(FeedChecked) == []
    assert len(market.ctx.of(PhaseChanged, FEEDS[NAME])) == 2


def test_when_a_feed_restarts_then_it_gets_back_what_it_cannot_know() -> None:
    market = Market()
    block = FeedBlocked(instrument=NAME, is_blocked=True, reason="x", at_ns=OPENS_NS)
    market.give(a_phase(), watch(), block)
    market.ctx.forget()
    market.give(FeedAnnounced(instrument=NAME))
    assert market.ctx.sent == [(FEEDS[NAME], m) for m in (a_phase(), block, watch())]
    market.give(watch(is_on=False))
    market.ctx.forget()
    market.give(FeedAnnounced(instrument=NAME))
    assert market.ctx.of(MarketWatch) == []


def test_when_the_market_restarts_then_it_learns_phase_and_watches() -> None:
    market = Market()
    assert market.ctx.of(PhaseWanted, "calendar") == [PhaseWanted(reader="market")]
    called = [to for to, m in market.ctx.sent if isinstance(m, FeedsCalled)]
    assert called == [*FEEDS.values(), "custodian"]
    market.give(FeedAnnounced(instrument=NAME, watchers=("oco/1",)))
    assert market.ctx.of(MarketWatch) == [], "the feed knows its watchers"
    market.give(FeedAnnounced(instrument=NAME))
    assert market.ctx.of(MarketWatch, FEEDS[NAME]) == [watch()]


def test_when_the_data_end_then_the_reader_is_told() -> None:
    market = Market()
    market.give(FeedEnded(rows_rejected=(("bad", 1),)))
    assert market.ctx.of(FeedEnded, "runner") == [FeedEnded(rows_rejected=(("bad", 1),))]


def test_when_the_view_is_due_then_ages_are_in_buckets() -> None:
    market = Market()
    market.give(frame(a_tick(10_050, OPENS_NS - 9 * NS_PER_S)))
    market.advance(1)
    view = market.view()
    assert view["ages"] == {"1": 0, "5": 0, "15": 1, "60": 1, "300": 1, "inf": 1}
    assert (view["feeds_count"], view["never_ticked"], view["source_age_s"]) == (2, 1, 1.0)
    assert view["feeds"][0]["age_s"] == 10.0
    assert view["feeds"][0]["price"] == 100.5


def test_when_there_are_thousands_of_feeds_then_the_view_shows_the_oldest() -> None:
    names = [f"NSE:{number}" for number in range(3_000)]
    market = Market({name: f"feed/{name}" for name in names})
    ticks = [a_tick(1, OPENS_NS - n * NS_PER_S, instrument=name) for n, name in enumerate(names)]
    market.give(frame(*ticks))
    market.advance(1)
    rows = market.view()["feeds"]
    assert len(rows) == VIEW_ROWS_MAX
    assert rows[0]["instrument"] == names[-1]


# -- source -----------------------------------------------------------------------------------


class FakeSource:
    """Frames at given seconds after the opening."""

    bars_read = 0
    instruments = (NAME,)

    def __init__(self, *seconds: int) -> None:
        self._seconds = seconds
        self.rows_rejected: dict[str, int] = {"short": 2}
        self.from_ns = -1

    def items(self, from_ns: int) -> Iterator[SourceItem]:
        self.from_ns = from_ns
        for second in self._seconds:
            yield frame(a_tick(second + 1, OPENS_NS + second * NS_PER_S))


def test_when_the_clock_reaches_a_frame_then_it_is_sent_and_not_before() -> None:
    source = FakeSource(0, 1, 1, 5)
    behaviour = SourceBehaviour(source)
    ctx = opened(behaviour, FakeContext("source", now_ns=OPENS_NS))
    assert source.from_ns == OPENS_NS
    counts = []
    for _ in range(6):
        ctx.advance(behaviour, 0)
        counts.append(len(ctx.of(MarketFrame, "market")))
        ctx.advance(behaviour, NS_PER_S)
    assert counts == [1, 3, 3, 3, 3, 4]
    assert ctx.of(FeedEnded, "market") == [FeedEnded(rows_rejected=(("short", 2),))]
    assert isinstance(ctx.sent[-1][1], FeedEnded)


def test_when_much_is_due_then_a_turn_stays_bounded_and_nothing_is_lost() -> None:
    behaviour = SourceBehaviour(FakeSource(*([0] * 1_000)))
    ctx = opened(behaviour, FakeContext("source", now_ns=OPENS_NS))
    _, message = ctx.timers.pop("due")
    behaviour.receive(message)
    assert len(ctx.of(MarketFrame)) == 64
    ctx.advance(behaviour, 0)
    assert len(ctx.of(MarketFrame)) == 1_000
    assert len(ctx.of(FeedEnded)) == 1


# -- calendar ---------------------------------------------------------------------------------


class Days:
    """A calendar opened at an instant, with what one reader hears."""

    def __init__(self, at: str, clock_speed: int = 0) -> None:
        self.behaviour = CalendarBehaviour(
            nse(),
            SegmentClass.INDEX,
            entries_end_ns=ENTRIES_END_NS,
            flat_by_ns=FLAT_BY_NS,
            readers=("guard",),
            clock_speed=clock_speed,
        )
        self.ctx = opened(self.behaviour, FakeContext("calendar", now_ns=ns_from_ist(at)))

    def advance(self, minutes: int) -> None:
        self.ctx.advance(self.behaviour, minutes * NS_PER_MINUTE)

    def heard(self) -> list[PhaseChanged]:
        return self.ctx.of(PhaseChanged, "guard")


def test_when_opened_then_the_present_phase_is_told_and_to_who_asks() -> None:
    days = Days("2024-01-02 12:00:00")
    (phase,) = days.heard()
    assert phase.phase is SessionPhase.CONTINUOUS
    assert ist_text(phase.entries_end_at_ns) == "2024-01-02 14:45:00"
    assert ist_text(phase.flat_by_at_ns) == "2024-01-02 15:20:00"
    days.behaviour.receive(PhaseWanted(reader="feed/x"))
    assert days.ctx.of(PhaseChanged, "feed/x") == [phase]


def test_when_a_day_has_two_short_sessions_then_each_ends_flat_by_itself() -> None:
    days = Days("2024-03-02 08:00:00")
    days.advance(8 * 60)
    heard = [(p.phase.value, ist_text(p.at_ns)[11:16]) for p in days.heard()]
    assert heard == [
        ("closed", "08:00"), ("continuous", "09:15"), ("closed", "10:00"),
        ("continuous", "11:30"), ("closed", "12:30"),
    ]  # fmt: skip
    for phase in (days.heard()[1], days.heard()[3]):
        assert phase.opens_at_ns < phase.entries_end_at_ns < phase.flat_by_at_ns
        assert phase.flat_by_at_ns < phase.closes_at_ns
    assert {phase.trading_day for phase in days.heard()} == {"2024-03-02"}
    between = days.heard()[2]
    assert ist_text(between.opens_at_ns)[11:16] == "11:30"
    assert (between.entries_end_at_ns, between.flat_by_at_ns) == (0, 0)


def test_when_a_weekend_comes_then_the_next_edge_is_monday() -> None:
    days = Days("2024-01-05 15:00:00")
    days.advance(3 * 24 * 60)
    assert [ist_text(p.at_ns)[:16] for p in days.heard()] == [
        "2024-01-05 15:00", "2024-01-05 15:30", "2024-01-08 09:15",
    ]  # fmt: skip


def test_when_the_year_is_not_covered_then_it_is_closed_and_a_person_is_told() -> None:
    days = Days("2099-01-05 12:00:00")
    (phase,) = days.heard()
    assert phase.phase is SessionPhase.CLOSED
    assert phase.opens_at_ns == 0
    (alert,) = days.ctx.of(AlertRaised, "alerts")
    assert (alert.event, alert.severity) == ("calendar_exhausted", "critical")
    assert "year_not_covered" in alert.text


@pytest.mark.conformance("DRL-26", "FLT-60", "FLT-61", "FLT-63")
def test_when_the_wall_clock_steps_then_the_session_is_doubted_and_not_over() -> None:
    days = Days("2024-01-02 14:30:00", clock_speed=1)
    days.advance(5)
    assert len(days.heard()) == 1
    days.ctx._now_ns += 60 * NS_PER_MINUTE
    days.advance(1)
    assert [p.phase for p in days.heard()[1:]] == [SessionPhase.DOUBTED]
    assert days.heard()[1].trading_day == days.heard()[0].trading_day
    assert [a.event for a in days.ctx.of(AlertRaised)] == ["clock_stepped"]
    days.advance(24 * 60)
    assert len(days.heard()) == 2, "doubted until it is restarted"
    assert len(days.ctx.of(AlertRaised)) == 1
