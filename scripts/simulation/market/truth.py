"""The exchange's tape: plays the true frames in true time and tells who must know at once.

Decides when a frame happens (the exchange's own clock, which no fault of ours moves) and hands it
to the exchange model first and to the feed second. Refuses to know what either does with it.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final, Protocol

from engine.limits import QUANTITY_MAX
from engine.messages.values import Side
from engine.session import SegmentClass, Session, SessionTable
from engine.units import NS_PER_MINUTE
from scripts.simulation.faults import FaultRow
from scripts.simulation.market.paths import Listed, Pace, Stream, TrueFrame, day_frames

ROWS: Final = (FaultRow(id="FLT-10", ppm_max=120_000, budget_max=2),)
"""Asked for each instrument and window: a handful of times a day."""

JUMP_BPS: Final = 1_000
JUMP_STEP_BPS: Final = 50
Heard = Callable[[TrueFrame], None]


class Asked(Protocol):
    """What the tape needs of the faults."""

    def strikes(self, fault: str) -> bool: ...

    def amount(self, fault: str, low: int, high: int) -> int: ...

    def note(self, fault: str, text: str) -> None: ...


class Tape:
    """The market of a run. `shown`: units that all ticks together offered to whoever sells or buys
    an instrument; a tick without a quantity has no bound.

    Args:
        call_at: has a function called at an instant of true time.
        flat_by_ns: how long before the close the engine is to be flat; the path is active
            around it.
    """

    def __init__(
        self,
        listed: Sequence[Listed],
        stream: Stream,
        faults: Asked,
        call_at: Callable[[int, Callable[[], None]], None],
        *,
        pace: Pace | None = None,
        flat_by_ns: int = 10 * NS_PER_MINUTE,
    ) -> None:
        self.prices: dict[str, int] = {item.name: item.price_paise for item in listed}
        self.frame_count = 0
        self.tick_counts: Counter[str] = Counter()
        self.shown: Counter[tuple[str, Side]] = Counter()
        self.listeners: list[Heard] = []
        self._listed = tuple(listed)
        self._stream = stream
        self._faults = faults
        self._call_at = call_at
        self._pace = pace or Pace()
        self._flat_by_ns = flat_by_ns
        self._frames: tuple[TrueFrame, ...] = ()
        self._next = 0

    def play(self, session: Session) -> None:
        """Arrange one session; called before it opens."""
        flat_by_ns = session.closes_at_ns - self._flat_by_ns
        self._frames = day_frames(
            self._stream, self._listed, session, flat_by_ns, self._pace, self._jump
        )
        self._next = 0
        self._arrange()

    def play_days(
        self, table: SessionTable, segment: SegmentClass, after_ns: int, days: int
    ) -> int:
        """Arrange the next `days` sessions, one after the other; when the last one closes."""
        session = table.session_at(after_ns, segment)
        found: list[Session] = []
        at_ns = after_ns
        while len(found) < days:
            session = session or table.next_session(at_ns, segment)
            assert session is not None, "the calendar knows no session"
            found.append(session)
            at_ns, session = session.closes_at_ns, None
        self.play(found[0])
        for before, after in pairwise(found):
            self._call_at(before.closes_at_ns, lambda day=after: self.play(day))  # type: ignore[misc]
        return found[-1].closes_at_ns

    def _jump(self, name: str, window: int) -> int:
        if not self._faults.strikes("FLT-10"):
            return 0
        size = self._faults.amount("FLT-10", 2, 2 * JUMP_BPS // JUMP_STEP_BPS)
        bps = size // 2 * JUMP_STEP_BPS * (-1 if size % 2 else 1)
        self._faults.note("FLT-10", f"{name} jumps by {bps} bps in window {window}")
        return bps

    def _arrange(self) -> None:
        if self._next < len(self._frames):
            self._call_at(self._frames[self._next].at_ns, self._happen)

    def _happen(self) -> None:
        frame = self._frames[self._next]
        self._next += 1
        self.frame_count += 1
        for tick in frame.ticks:
            self.prices[tick.instrument] = tick.price_paise
            self.tick_counts[tick.instrument] += 1
            self.shown[tick.instrument, Side.SELL] += tick.bid_quantity or QUANTITY_MAX
            self.shown[tick.instrument, Side.BUY] += tick.ask_quantity or QUANTITY_MAX
        for heard in self.listeners:
            heard(frame)
        self._arrange()
