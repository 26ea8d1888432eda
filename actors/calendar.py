"""The session calendar: tells everybody whether the market is open.

Decides the phase from the dated session table and the market clock. Refuses to guess: a year that
the table does not cover is closed. Each session of a day stands alone (2 March 2024 had two), so
entries end and positions are flat before the end of each. Refuses to trust a clock that steps: when
market time and the boot clock part, the phase is doubted until this actor is restarted (an early
square-off, a day closed in its middle or an entry after hours would be the price of believing it).

Receives PhaseWanted, TimerFired. Sends PhaseChanged to its readers and to whoever asks, AlertRaised
to "alerts".
"""

from actors.runtime.behaviour import Behaviour, Context, Opening
from actors.runtime.log import log_event
from actors.telling import alert
from engine.messages.base import Message
from engine.messages.market import PhaseChanged, PhaseWanted
from engine.messages.supervision import TimerFired
from engine.messages.values import SessionPhase
from engine.session import SegmentClass, Session, SessionTable, ist_day
from engine.units import NS_PER_MINUTE, NS_PER_S

SESSION_USUAL_NS = 375 * NS_PER_MINUTE
LOOK_AGAIN_NS = 60 * NS_PER_MINUTE
LOOK_EVERY_NS = 60 * NS_PER_S
CLOCKS_APART_NS_MAX = 2 * NS_PER_S
_EDGE = TimerFired(key="edge")
_LOOK = TimerFired(key="look")


class CalendarBehaviour(Behaviour):
    """Sends `PhaseChanged` at each edge, and the present phase at once when opened.

    Args:
        entries_end_ns, flat_by_ns: offsets before a session's close; a session shorter than the
            usual 375 minutes gets them in proportion.
        readers: names that are told.
        clock_speed: market seconds in a real one, to hold the two clocks against each other each
            minute; 0 does not (a clock that only moves when told cannot step).
    """

    def __init__(
        self,
        table: SessionTable,
        segment: SegmentClass,
        *,
        entries_end_ns: int,
        flat_by_ns: int,
        readers: tuple[str, ...],
        clock_speed: int = 0,
    ) -> None:
        assert 0 < flat_by_ns <= entries_end_ns
        self._table = table
        self._segment = segment
        self._entries_end_ns = entries_end_ns
        self._flat_by_ns = flat_by_ns
        self._readers = readers
        self._clock_speed = clock_speed
        self._is_clock_trusted = True

    def open(self, ctx: Context) -> Opening:
        super().open(ctx)
        self._start_ns, self._start_mono_ns = ctx.now_ns(), ctx.mono_ns()
        self._tell()
        if self._clock_speed:
            ctx.timer_after("look", LOOK_EVERY_NS // self._clock_speed, _LOOK)
        return Opening.READY

    def receive(self, message: Message) -> None:
        match message:
            case TimerFired(key="edge"):
                self._tell()
            case TimerFired(key="look"):
                self._look()
            case PhaseWanted():
                self.ctx.send(message.reader, self._phase)
            case _:
                super().receive(message)

    def _tell(self) -> None:
        now_ns = self.ctx.now_ns()
        if not self._agrees(now_ns):
            self._distrust(now_ns)
            return
        session = self._table.session_at(now_ns, self._segment)
        upcoming = self._table.next_session(now_ns, self._segment) if session is None else None
        phase = phase_of(session, now_ns, self._entries_end_ns, self._flat_by_ns, upcoming)
        self._announce(phase)
        self.ctx.timer_at("edge", self._edge_ns(session or upcoming, now_ns), _EDGE)

    def _announce(self, phase: PhaseChanged) -> None:
        self._phase = phase
        log_event("phase_changed", phase=phase.phase.value, trading_day=phase.trading_day)
        for reader in self._readers:
            self.ctx.send(reader, phase)

    def _look(self) -> None:
        now_ns = self.ctx.now_ns()
        if self._agrees(now_ns):
            self.ctx.timer_after("look", LOOK_EVERY_NS // self._clock_speed, _LOOK)
        else:
            self._distrust(now_ns)

    def _agrees(self, now_ns: int) -> bool:
        """Whether both clocks tell of the same time since the start."""
        if not self._clock_speed:
            return True
        real_ns = self.ctx.mono_ns() - self._start_mono_ns
        apart_ns = abs(now_ns - self._start_ns - real_ns * self._clock_speed)
        return apart_ns <= CLOCKS_APART_NS_MAX * self._clock_speed

    def _distrust(self, now_ns: int) -> None:
        self.ctx.timer_cancel("edge")
        if self._is_clock_trusted:
            self._is_clock_trusted = False
            text = (
                "market clock and boot clock disagree: no entries until the calendar is restarted"
            )
            alert(self.ctx, "critical", "clock_stepped", "calendar", text)
            day = self._phase.trading_day
            doubted = PhaseChanged(phase=SessionPhase.DOUBTED, trading_day=day, at_ns=now_ns)
            self._announce(doubted)

    def _edge_ns(self, session: Session | None, now_ns: int) -> int:
        if session is None:
            why = self._table.why_closed(ist_day(now_ns), self._segment)
            text = f"no next session known: {why}"
            alert(self.ctx, "critical", "calendar_exhausted", "calendar", text)
            return now_ns + LOOK_AGAIN_NS
        is_running = session.opens_at_ns <= now_ns
        return session.closes_at_ns if is_running else session.opens_at_ns


def phase_of(
    session: Session | None,
    now_ns: int,
    entries_end_ns: int,
    flat_by_ns: int,
    upcoming: Session | None = None,
) -> PhaseChanged:
    """The phase to announce at `now_ns`, with the bounds of the running or the next session."""
    if session is None:
        return PhaseChanged(
            phase=SessionPhase.CLOSED,
            trading_day=ist_day(now_ns).isoformat(),
            at_ns=now_ns,
            opens_at_ns=upcoming.opens_at_ns if upcoming is not None else 0,
            closes_at_ns=upcoming.closes_at_ns if upcoming is not None else 0,
        )
    length_ns = session.closes_at_ns - session.opens_at_ns
    share_ns = min(length_ns, SESSION_USUAL_NS)
    return PhaseChanged(
        phase=SessionPhase.CONTINUOUS,
        trading_day=session.trading_day,
        at_ns=now_ns,
        opens_at_ns=session.opens_at_ns,
        closes_at_ns=session.closes_at_ns,
        entries_end_at_ns=session.closes_at_ns - entries_end_ns * share_ns // SESSION_USUAL_NS,
        flat_by_at_ns=session.closes_at_ns - flat_by_ns * share_ns // SESSION_USUAL_NS,
    )
