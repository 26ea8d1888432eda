"""The rows of one instrument in sequence: what is accepted, what is dropped, where data is missing.

Decides order, duplicates, session membership, dead flat tails and holes. Refuses to know files and
columns. Each drop has a code; a hole is no drop but a span declared untradeable (`FeedBlocked`).

| code                  | the row is                                                              |
|-----------------------|-------------------------------------------------------------------------|
| unsorted              | older than the last accepted row of the instrument                      |
| duplicate             | equal to the last accepted row in time and content                      |
| conflicting_duplicate | a bar of the same time with other content (ticks may share a time)      |
| out_of_session        | not inside a continuous session of the session table                    |
| stale_flat            | a flat copy of the last close, without volume, after or ending a session|
| ohlc_rounded          | kept: high or low was widened by the vendor's rounding                  |
"""

from collections import Counter

import msgspec

from engine.market.rows import Bar
from engine.messages.market import FeedBlocked, Tick
from engine.session import DAY_NS, SegmentClass, Session, SessionTable
from engine.units import NS_PER_S

GAP_BARS_MAX = 5
GAP_TICKS_NS_MAX = 30 * NS_PER_S
CLEAN_BARS_MIN = 3
CLEAN_TICKS_MIN = 10
FLAT_BARS_MIN = 5
_NOWHERE = Session("", 0, 0)


class GapPolicy(msgspec.Struct, frozen=True):
    """A hole longer than `gap_ns_max` blocks; `rows_clean_min` rows in a row unblock."""

    gap_ns_max: int
    rows_clean_min: int


TICK_GAPS = GapPolicy(GAP_TICKS_NS_MAX, CLEAN_TICKS_MIN)


def bar_gaps(interval_ns: int) -> GapPolicy:
    """The policy for bars of one interval."""
    return GapPolicy(GAP_BARS_MAX * interval_ns, CLEAN_BARS_MIN)


class Cleaner:
    """Accepts or drops the rows of one instrument of one file, in file order."""

    def __init__(
        self,
        name: str,
        table: SessionTable,
        segment: SegmentClass,
        gaps: GapPolicy,
        counts: Counter[str],
    ) -> None:
        """`counts` is shared by all instruments of a source; drops are added to it by code."""
        self.name = name
        self.blocks: list[FeedBlocked] = []
        self.volume_day = 0
        self._table, self._segment, self._gaps, self._counts = table, segment, gaps, counts
        self._session = _NOWHERE
        self._last_bar: Bar | None = None
        self._close_seen = 0
        self._last_tick: Tick | None = None
        self._flat: list[Bar] = []
        self._covered = _NOWHERE
        self._covered_until_ns = 0
        self._is_blocked = False
        self._clean_count = 0

    def bar(self, bar: Bar) -> list[Bar]:
        """Judge a bar; returns those accepted now (flat ones wait until the run is judged)."""
        last = self._last_bar
        if last is not None and bar.start_at_ns <= last.start_at_ns:
            return self._drop(_order_reason(bar, last))
        session = self._session_of(bar.start_at_ns)
        is_flat = _is_flat(bar, self._close_seen)
        self._close_seen = bar.close_paise
        if session is None:
            return self._drop("stale_flat" if is_flat else "out_of_session")
        self._counts["ohlc_rounded"] += bar.is_rounded
        bar.end_at_ns = min(bar.end_at_ns, session.closes_at_ns)  # the last hourly bar is short
        self._last_bar = bar
        if is_flat and session == self._covered:
            self._flat.append(bar)
            return []
        released = self._release()
        self._session = session
        return [*released, self._accept(bar, session)]

    def tick(self, tick: Tick) -> bool:
        """Judge a tick: whether it is accepted."""
        last, at_ns = self._last_tick, tick.at_ns
        if last is not None and at_ns <= last.at_ns and (at_ns < last.at_ns or tick == last):
            self._counts["unsorted" if at_ns < last.at_ns else "duplicate"] += 1
            return False
        session = self._session_of(at_ns)
        if session is None:
            self._counts["out_of_session"] += 1
            return False
        self._last_tick, self._session = tick, session
        self._cover(session, at_ns, at_ns)
        self.volume_day = tick.volume_day
        return True

    def volume_before(self, at_ns: int) -> int:
        """The day's volume before a tick at the instant, for files that write volume deltas."""
        last = self._last_tick
        return self.volume_day if last and at_ns // DAY_NS == last.at_ns // DAY_NS else 0

    def end(self) -> list[Bar]:
        """The file has ended: judge the flat run that is still held."""
        return self._release()

    def _drop(self, reason: str) -> list[Bar]:
        self._counts[reason] += 1
        return []

    def _session_of(self, at_ns: int) -> Session | None:
        session = self._session
        if session.opens_at_ns <= at_ns < session.closes_at_ns:
            return session
        return self._table.session_at(at_ns, self._segment)

    def _release(self) -> list[Bar]:
        """Accept the held flat run, unless it is long and reaches the end of its session."""
        held, self._flat = self._flat, []
        if not held:
            return held
        if len(held) >= FLAT_BARS_MIN and held[-1].end_at_ns == self._session.closes_at_ns:
            self._counts["stale_flat"] += len(held)
            return []
        return [self._accept(bar, self._session) for bar in held]

    def _accept(self, bar: Bar, session: Session) -> Bar:
        if session.trading_day != self._covered.trading_day:
            self.volume_day = 0
        bar.volume_before = self.volume_day
        self.volume_day += bar.volume
        self._cover(session, bar.start_at_ns, bar.end_at_ns)
        return bar

    def _cover(self, session: Session, start_ns: int, end_ns: int) -> None:
        """Note that data covers [start, end): finds holes since the last row, and their end."""
        before, self._covered = self._covered, session
        until_ns, self._covered_until_ns = self._covered_until_ns, end_ns
        if before == session:
            self._check_hole(until_ns, start_ns)
        elif before != _NOWHERE:
            self._check_hole(until_ns, before.closes_at_ns)
            self._check_hole(session.opens_at_ns, start_ns)
        if self._is_blocked:
            self._clean_count += 1
            if self._clean_count >= self._gaps.rows_clean_min:
                self._note(False, end_ns)

    def _check_hole(self, from_ns: int, to_ns: int) -> None:
        if to_ns - from_ns > self._gaps.gap_ns_max:
            self._clean_count = 0
            if not self._is_blocked:
                self._note(True, from_ns + self._gaps.gap_ns_max)

    def _note(self, is_blocked: bool, at_ns: int) -> None:
        self._is_blocked = is_blocked
        self.blocks.append(
            FeedBlocked(instrument=self.name, is_blocked=is_blocked, reason="gap", at_ns=at_ns)
        )


def _order_reason(bar: Bar, last: Bar) -> str:
    if bar.start_at_ns < last.start_at_ns:
        return "unsorted"
    return "duplicate" if _content(bar) == _content(last) else "conflicting_duplicate"


def _content(bar: Bar) -> tuple[int, ...]:
    return (
        bar.open_paise, bar.high_paise, bar.low_paise, bar.close_paise, bar.volume, bar.oi,
    )  # fmt: skip


def _is_flat(bar: Bar, close: int) -> bool:
    return (
        bar.volume == 0 and bar.open_paise == bar.high_paise == bar.low_paise == bar.close_paise
        and bar.close_paise == close
    )  # fmt: skip
