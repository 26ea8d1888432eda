"""The guard of the login: is there a token, does it live, and does a person know?

Decides when a person is told: at once in market hours and shortly before them, quietly at other
times, because a token that ends at 06:00 is the usual case. Refuses to log in (a person does, with
the second factor) and to stop anything: the ceilings of broker and stream do that, and this room
hears of them. Stands in the control branch, so that it tells while the core restarts.

Receives AuthorityChanged, PhaseChanged, TimerFired. Sends AuthorityWanted to "authority",
PhaseWanted to "calendar", ViewPublished to "console", AlertRaised to "alerts".
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Final

import msgspec

from actors.brokers.kite.credentials import Credentials
from actors.runtime.behaviour import Behaviour, Context, Opening
from actors.telling import alert
from engine.errors import ConfigInvalid, StateUnsafe
from engine.kite.token_life import NO_LOGIN, WARNED_NS, Login, TokenLife
from engine.messages.base import Message
from engine.messages.control import AuthorityChanged, AuthorityWanted, ViewPublished
from engine.messages.market import PhaseChanged, PhaseWanted
from engine.messages.supervision import TimerFired
from engine.messages.values import Authority, SessionPhase
from engine.units import NS_PER_MINUTE, NS_PER_S

LOOK_EVERY_NS: Final = 5 * NS_PER_S
REMIND_EVERY_NS: Final = 15 * NS_PER_MINUTE
_LOOK: Final = TimerFired(key="look")
_SUBJECT: Final = "kite"


class LoginGuard(Behaviour):
    """Behaviour `login`.

    Args:
        read: the keys as they are now; raises ConfigInvalid or StateUnsafe if there are none.
    """

    def __init__(self, read: Callable[[], Credentials]) -> None:
        self._read = read
        self._life = TokenLife()
        self._phase: PhaseChanged | None = None
        self._is_refused = False
        self._is_told = self._is_told_loudly = False
        self._told_mono_ns = 0

    def open(self, ctx: Context) -> Opening:
        super().open(ctx)
        ctx.send("authority", AuthorityWanted(reader=ctx.name))
        ctx.send("calendar", PhaseWanted(reader=ctx.name))
        self._look()
        return Opening.READY

    def receive(self, message: Message) -> None:
        match message:
            case AuthorityChanged():
                self._hear(message)
            case PhaseChanged():
                self._phase = message
            case TimerFired(key="look"):
                self._look()
            case _:
                super().receive(message)

    def _hear(self, changed: AuthorityChanged) -> None:
        """What broker and stream found; once for each change, because it stands until the broker
        has answered to the new token."""
        is_refused = any(
            ceiling.reason in NO_LOGIN and ceiling.authority is not Authority.FULL
            for ceiling in changed.ceilings
        )
        if is_refused is not self._is_refused:
            self._is_refused = is_refused
            self._life.refuse(is_refused=is_refused)
            self._tell(self._life.state(self.ctx.now_ns()))

    def _look(self) -> None:
        self.ctx.timer_after("look", LOOK_EVERY_NS, _LOOK)
        mark, fault = "", ""
        try:
            mark = sha256(self._read().access_token.reveal().encode()).hexdigest()
        except (ConfigInvalid, StateUnsafe) as error:
            fault = str(error)
        now_ns = self.ctx.now_ns()
        self._life.see(mark, fault, now_ns)
        self._tell(self._life.state(now_ns))

    def _tell(self, login: Login) -> None:
        body = {
            "valid": login.is_valid,
            "left_s": login.left_s,
            "why": login.why,
            "renewed_count": self._life.renewed_count,
        }
        text, now_ns = msgspec.json.encode(body).decode(), self.ctx.now_ns()
        self.ctx.send("console", ViewPublished(topic="login", body=text, at_ns=now_ns))
        if login.is_valid:
            if self._is_told:
                alert(self.ctx, "info", "login_renewed", _SUBJECT, "there is a login again")
            self._is_told = self._is_told_loudly = False
        else:
            self._warn(login.why, now_ns)

    def _warn(self, why: str, now_ns: int) -> None:
        text = f"{why}: run `pahara login`"
        if self._is_urgent(now_ns):
            mono_ns = self.ctx.mono_ns()
            if self._is_told_loudly and mono_ns - self._told_mono_ns < REMIND_EVERY_NS:
                return
            self._is_told_loudly, self._told_mono_ns = True, mono_ns
            alert(self.ctx, "critical", "login_wanted", _SUBJECT, text)
        elif not self._is_told:
            alert(self.ctx, "warning", "login_ended", _SUBJECT, text)
        self._is_told = True

    def _is_urgent(self, now_ns: int) -> bool:
        """The market is open, or soon will be, or nobody says."""
        phase = self._phase
        if phase is None or phase.phase is not SessionPhase.CLOSED:
            return True
        return bool(phase.opens_at_ns) and phase.opens_at_ns - now_ns <= WARNED_NS
