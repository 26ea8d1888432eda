"""The market of the practice exchange: frames of a source, each when the market's clock is there,
and the days that they are of.

Decides when a frame and a day are due. Refuses to know prices.
"""

from collections.abc import Iterator

from actors.practice.loop import Loop
from actors.runtime.clock import Clock
from engine.exchange.account.surroundings import Day
from engine.exchange.practice.venue import PracticeExchange
from engine.kite.token_life import FLUSH_NS
from engine.market.source import FrameSource, SourceItem, due_ns
from engine.messages.market import MarketFrame
from engine.session import SegmentClass, Session, SessionTable, ist_day, midnight_ns
from engine.units import NS_PER_MINUTE

FRAMES_TURN_MAX = 64


class MarketDriver:
    """Plays a source into the exchange.

    Args:
        segment: whose hours the day has.
        square_off_min: minutes before the close at which the broker squares MIS positions off.
    """

    def __init__(
        self,
        loop: Loop,
        clock: Clock,
        source: FrameSource,
        exchange: PracticeExchange,
        sessions: SessionTable,
        segment: SegmentClass,
        square_off_min: int,
    ) -> None:
        self._loop, self._clock, self._source = loop, clock, source
        self._exchange, self._sessions, self._segment = exchange, sessions, segment
        self._square_off_ns = square_off_min * NS_PER_MINUTE
        self._items: Iterator[SourceItem] = iter(())
        self._next: SourceItem | None = None

    def prime(self) -> None:
        """Read up to the first frame: a made-up day takes a second to lay out."""
        self._items = self._source.items(self._clock.now_ns())
        self._next = next(self._items, None)

    def start(self) -> None:
        """Begin the day that is or comes next, and the stream of frames."""
        now_ns = self._clock.now_ns()
        today = self._sessions.sessions(ist_day(now_ns), self._segment)
        running = [session for session in today if session.closes_at_ns > now_ns]
        upcoming = self._sessions.next_session(now_ns, self._segment)
        session = running[0] if running else upcoming
        if session is not None:
            self._begin(session)
        if running and isinstance(self._next, MarketFrame):
            self._exchange.on_frame(self._next)
        self._arrange()

    def _begin(self, session: Session) -> None:
        square_off_ns = session.closes_at_ns - self._square_off_ns
        day = Day(
            trading_day=session.trading_day,
            opens_at_ns=session.opens_at_ns,
            closes_at_ns=session.closes_at_ns,
            square_off_at_ns=square_off_ns if self._square_off_ns else 0,
        )
        self._exchange.start_day(day)
        after = self._sessions.next_session(session.closes_at_ns, self._segment)
        if after is not None:
            dawn_ns = midnight_ns(ist_day(after.opens_at_ns)) + FLUSH_NS
            due = max(dawn_ns, session.closes_at_ns + NS_PER_MINUTE)
            self._loop.call_at(due, lambda: self._begin(after))

    def _arrange(self) -> None:
        if self._next is not None:
            self._loop.call_at(due_ns(self._next), self._turn)

    def _turn(self) -> None:
        now_ns = self._clock.now_ns()
        for _ in range(FRAMES_TURN_MAX):
            item = self._next
            if item is None or due_ns(item) > now_ns:
                break
            if isinstance(item, MarketFrame):
                self._exchange.on_frame(item)
            self._next = next(self._items, None)
        self._arrange()
