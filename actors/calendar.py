"""The session calendar: tells everybody whether the market is open.

Decides the phase from the dated session table and the market clock. Refuses to guess: a year that
the table does not cover is closed. Each session of a day stands alone (2 March 2024 had two), so
entries end and positions are flat before the end of each.
"""

from actors.runtime.behaviour import Behaviour, Context, Opening
from actors.runtime.log import log_event
from engine.messages.base import Message
from engine.messages.control import AlertRaised
from engine.messages.market import PhaseChanged, PhaseWanted
from engine.messages.supervision import TimerFired
from engine.messages.values import SessionPhase
from engine.session import SegmentClass, Session, SessionTable, ist_day
from engine.units import NS_PER_MINUTE

SESSION_USUAL_NS = 375 * NS_PER_MINUTE
LOOK_AGAIN_NS = 60 * NS_PER_MINUTE
_EDGE = TimerFired(key="edge")


class CalendarBehaviour(Behaviour):
    """Sends `PhaseChanged` at each edge, and the present phase at once when opened.

    Args:
        entries_end_ns, flat_by_ns: offsets before a session's close; a session shorter than the
            usual 375 minutes gets them in proportion.
        readers: names that are told.
    """

    def __init__(
        self,
        table: SessionTable,
        segment: SegmentClass,
        *,
        entries_end_ns: int,
        flat_by_ns: int,
        readers: tuple[str, ...],
    ) -> None:
        assert 0 < flat_by_ns <= entries_end_ns
        self._table = table
        self._segment = segment
        self._entries_end_ns = entries_end_ns
        self._flat_by_ns = flat_by_ns
        self._readers = readers

    def open(self, ctx: Context) -> Opening:
        super().open(ctx)
        self._tell()
        return Opening.READY

    def receive(self, message: Message) -> None:
        match message:
            case TimerFired():
                self._tell()
            case PhaseWanted():
                self.ctx.send(message.reader, self._phase(self._session()))
            case _:
                super().receive(message)

    def _session(self) -> Session | None:
        return self._table.session_at(self.ctx.now_ns(), self._segment)

    def _phase(self, session: Session | None) -> PhaseChanged:
        return phase_of(session, self.ctx.now_ns(), self._entries_end_ns, self._flat_by_ns)

    def _tell(self) -> None:
        now_ns = self.ctx.now_ns()
        session = self._session()
        phase = self._phase(session)
        log_event("phase_changed", phase=phase.phase.value, trading_day=phase.trading_day)
        for reader in self._readers:
            self.ctx.send(reader, phase)
        self.ctx.timer_at("edge", self._edge_ns(session, now_ns), _EDGE)

    def _edge_ns(self, session: Session | None, now_ns: int) -> int:
        if session is not None:
            return session.closes_at_ns
        upcoming = self._table.next_session(now_ns, self._segment)
        if upcoming is not None:
            return upcoming.opens_at_ns
        why = self._table.why_closed(ist_day(now_ns), self._segment)
        alert = AlertRaised(
            severity="critical",
            event="calendar_exhausted",
            subject="calendar",
            text=f"no next session known: {why}",
            at_ns=now_ns,
        )
        self.ctx.send("alerts", alert)
        return now_ns + LOOK_AGAIN_NS


def phase_of(
    session: Session | None, now_ns: int, entries_end_ns: int, flat_by_ns: int
) -> PhaseChanged:
    """The phase to announce at `now_ns`, with the session's bounds."""
    if session is None:
        return PhaseChanged(
            phase=SessionPhase.CLOSED, trading_day=ist_day(now_ns).isoformat(), at_ns=now_ns
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
