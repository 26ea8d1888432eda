"""What tests of ideas share: constructed bars, a port that approves, a play of recorded bars."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from actors.calendar import phase_of
from actors.feeds.csvfile import CsvSource
from engine.instruments import Instrument
from engine.market.bars import BarBuilder
from engine.messages.market import BarClosed, MarketFrame, PhaseChanged, Tick
from engine.messages.values import SessionPhase
from engine.session import SegmentClass, ist_day, ns_from_ist
from engine.strategies.base import Closed, Decided, Parameters, Proposal, Strategy, View
from engine.strategies.proposals import check_proposal
from engine.units import NS_PER_MINUTE, NS_PER_S
from tests.markets import DATA, nse

NAME = "NSE:TEST"
OPENS = "2024-01-02 09:15:00"
OPENS_NS = ns_from_ist(OPENS)
ENTRIES_END_NS, FLAT_BY_NS = 45 * NS_PER_MINUTE, 10 * NS_PER_MINUTE


def bar(
    number: int, close: int, high: int | None = None, low: int | None = None, **fields: Any
) -> BarClosed:
    """The minute `number` of the session; opens at its close unless told."""
    start_ns = OPENS_NS + number * NS_PER_MINUTE
    values: dict[str, Any] = {
        "instrument": NAME,
        "interval_s": 60,
        "start_at_ns": start_ns,
        "end_at_ns": start_ns + NS_PER_MINUTE,
        "open_paise": close,
        "high_paise": close if high is None else high,
        "low_paise": close if low is None else low,
        "close_paise": close,
        "volume": 0,
        "tick_count": 4,
    }
    return BarClosed(**(values | fields))


def a_phase(at_ns: int = OPENS_NS) -> PhaseChanged:
    session = nse().session_at(at_ns, SegmentClass.INDEX)
    upcoming = nse().next_session(at_ns, SegmentClass.INDEX) if session is None else None
    return phase_of(session, at_ns, ENTRIES_END_NS, FLAT_BY_NS, upcoming)


def a_closing(at: str = "2024-01-02 15:30:00") -> PhaseChanged:
    phase = a_phase(ns_from_ist(at))
    assert phase.phase is SessionPhase.CLOSED
    return phase


def a_tick(price_paise: int, at_ns: int = OPENS_NS, **fields: Any) -> Tick:
    values = {"instrument": NAME, "at_ns": at_ns, "received_at_ns": at_ns} | fields
    return Tick(price_paise=price_paise, **values)


class FakePort:
    """Takes every proposal; time is what the test says."""

    def __init__(self) -> None:
        self.proposals: list[Proposal] = []
        self.at_ns = OPENS_NS

    def now_ns(self) -> int:
        return self.at_ns

    def propose(self, proposal: Proposal) -> str:
        self.proposals.append(proposal)
        return f"sig-{len(self.proposals)}"

    def advise_exit(self, group_id: str, reason: str) -> bool:
        return True

    def set_timer(self, key: str, at_ns: int) -> None:
        pass


class Play:
    """Runs a strategy over bars; each proposal is approved at once and over after `hold_min`."""

    def __init__(
        self,
        kind: type[Strategy[Any]],
        parameters: Parameters | None = None,
        instruments: tuple[Instrument, ...] = (Instrument(name=NAME),),
        hold_min: int = 30,
    ) -> None:
        self.port = FakePort()
        self.strategy = kind(parameters or kind.parameters_type(), self.port)
        self.hold_ns = hold_min * NS_PER_MINUTE
        self.instruments = {item.name: item for item in instruments}
        self._phase: PhaseChanged | None = None
        self._open: dict[str, tuple[str, int]] = {}
        self.strategy.on_start(View(name="test", instruments=instruments, now_ns=OPENS_NS))

    def run(self, bars: Iterable[BarClosed]) -> list[Proposal]:
        for item in bars:
            self._move(item)
            before = len(self.port.proposals)
            self.strategy.on_bar(item)
            for proposal in self.port.proposals[before:]:
                fault = check_proposal(proposal, self.instruments, item.end_at_ns)
                assert fault is None, fault
                self._approve(proposal, item.end_at_ns)
        return self.port.proposals

    def _move(self, item: BarClosed) -> None:
        self.port.at_ns = item.end_at_ns
        if self._phase is None or item.start_at_ns >= self._phase.closes_at_ns:
            self._phase = a_phase(item.start_at_ns)
            self.strategy.on_phase(self._phase)
        for group_id, (instrument, until_ns) in list(self._open.items()):
            if item.end_at_ns >= until_ns:
                del self._open[group_id]
                closed = Closed(
                    group_id=group_id,
                    instrument=instrument,
                    reason="test",
                    is_entered=True,
                    pnl_paise=0,
                    at_ns=item.end_at_ns,
                )
                self.strategy.on_group_closed(closed)

    def _approve(self, proposal: Proposal, now_ns: int) -> None:
        group_id = f"grp-{len(self.port.proposals)}"
        self._open[group_id] = (proposal.instrument, now_ns + self.hold_ns)
        self.strategy.on_decision(
            Decided(
                signal_id=f"sig-{len(self.port.proposals)}",
                instrument=proposal.instrument,
                group_id=group_id,
                rule="",
                at_ns=now_ns,
            )
        )


def bars_of(source: CsvSource, interval_s: int = 60) -> Iterator[BarClosed]:
    """The bars that the engine would build from a source."""
    builders: dict[str, BarBuilder] = {}
    for item in source.items(0):
        if not isinstance(item, MarketFrame):
            continue
        for tick in item.ticks:
            builder = builders.get(tick.instrument)
            if builder is None:
                builder = builders[tick.instrument] = BarBuilder(tick.instrument, interval_s)
            closed = builder.on_tick(tick)
            if closed is not None:
                yield closed
    for builder in builders.values():
        rest = builder.flush()
        if rest is not None:
            yield rest


@cache
def recorded_bars(
    file: str = "index_1m/NIFTY50_1m_2024-01-01_2024-06-14.csv.gz",
) -> list[BarClosed]:
    return list(bars_of(CsvSource([DATA / file], nse())))


def per_day(proposals: Iterable[Proposal]) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for proposal in proposals:
        day = ist_day(proposal.idea_at_ns - NS_PER_S).isoformat()
        counts[day] = counts.get(day, 0) + 1
    return counts
