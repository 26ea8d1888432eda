"""One connection to Kite's stream as an actor: frames in, ticks and states out.

Decides what becomes of each event of the socket, when a person is told, and that whatever goes
wrong in a callback ends this actor (its supervisor starts it anew, in a new process). Refuses to
judge ticks and to believe order frames: they are hints. When to connect is decided in
engine/market/kite_link.py, what bytes mean in kite_frames.py and kite_text.py.

One process for each connection, not one for all three: Twisted has one reactor a process, so a
process is the unit that can be killed; a bad frame or a leak then costs a third of the market; and
the work of 9,000 instruments spreads over processors.

Receives PhaseChanged, FeedsCalled, TimerFired. Sends MarketFrame and LinkChanged to "market",
CeilingMoved to "authority", StreamHinted to one reader, AlertRaised to "alerts", PhaseWanted to
"calendar", ViewPublished to "console".
"""

import os
from collections import Counter
from collections.abc import Mapping
from typing import Final

from actors.brokers.kite.credentials import Credentials, load_credentials, redact_logs
from actors.feeds.kite.plan import (
    TOKENS_MAX,
    FeedPlan,
    FrameCame,
    MakeTicker,
    Names,
    Slot,
    SocketEvent,
    SocketLost,
    SocketOpened,
    Ticker,
)
from actors.feeds.kite.telling import Teller
from actors.feeds.kite.ticker import RawTicker
from actors.runtime.behaviour import Behaviour, Context, Opening
from actors.runtime.foreign import Mailslot
from actors.runtime.log import log_event
from engine.errors import ConfigInvalid, StateUnsafe
from engine.market.kite_frames import KiteFrames
from engine.market.kite_link import Link, LinkStage, LinkStep
from engine.market.kite_text import TextKind, read_text
from engine.messages.base import Message
from engine.messages.broker import StreamHinted
from engine.messages.market import (
    FeedsCalled,
    MarketFrame,
    PhaseChanged,
    PhaseWanted,
)
from engine.messages.supervision import TimerFired
from engine.messages.values import SessionPhase
from engine.session import ist_day
from engine.units import NS_PER_MS, NS_PER_S

LOOK_EVERY_NS: Final = 250 * NS_PER_MS
LIFE_EVERY_NS: Final = NS_PER_S
LOGIN_EVERY_NS: Final = 5 * NS_PER_S
NAMES_EVERY_NS: Final = 60 * NS_PER_S
QUIET_PHASES: Final = frozenset({SessionPhase.CLOSED})
_SOCKET = TimerFired(key="socket")
_LOOK = TimerFired(key="look")


def raw_ticker(
    login: Credentials, plan: FeedPlan, names: Mapping[int, str], slot: Slot, ctx: Context
) -> Ticker:
    """The real one."""
    wanted = dict.fromkeys(names, plan.mode)
    clocks = (ctx.now_ns, ctx.mono_ns)
    ticker: Ticker = RawTicker(login, plan.root, wanted, slot, clocks, plan.ca_file)
    return ticker


class KiteFeed(Behaviour):
    """Behaviour `kitefeed/<n>`, in a process of its own.

    Args:
        names_on: the tokens and names of a day; no more than a connection bears. A list that names
            other tokens ends the actor in order, so that it starts with them.
    """

    def __init__(
        self, plan: FeedPlan, names_on: Names, make_ticker: MakeTicker = raw_ticker
    ) -> None:
        self._plan = plan
        self._names_on = names_on
        self._make_ticker = make_ticker
        self._link = Link(plan.limits)
        self._ticker: Ticker | None = None
        self._login: Credentials | None = None
        self._phase: SessionPhase | None = None
        self._life_mono_ns = self._login_mono_ns = 0
        self._doubted_day = ""
        self._texts: Counter[str] = Counter()
        self._skipped_told: Counter[str] = Counter()

    def open(self, ctx: Context) -> Opening:
        super().open(ctx)
        self._names = self._names_on(self._today())
        if not 0 < len(self._names) <= TOKENS_MAX:
            raise ValueError(f"{len(self._names)} tokens, need 1 to {TOKENS_MAX}")
        self._frames = KiteFrames(self._names, needs_time=self._plan.mode == "full")
        self._names_mono_ns = ctx.mono_ns()
        self._teller = Teller(ctx, self._link, self._plan.limits.connects_minute_max)
        self._slot: Slot = Mailslot[SocketEvent](ctx, _SOCKET)
        ctx.send("calendar", PhaseWanted(reader=ctx.name))
        ctx.timer_after("look", 0, _LOOK)
        return Opening.READY

    def receive(self, message: Message) -> None:
        match message:
            case TimerFired(key="socket"):
                for event in self._slot.take():
                    self._on_event(event)
            case TimerFired(key="look"):
                self._look()
                self.ctx.timer_after("look", LOOK_EVERY_NS, _LOOK)
            case PhaseChanged():
                self._phase = message.phase
            case FeedsCalled():
                self._teller.forget()
                self._teller.tell()
            case _:
                super().receive(message)

    def close(self, reason: str) -> None:
        if self._ticker is not None:
            self._ticker.drop()

    # -- the socket ---------------------------------------------------------------------------

    def _on_event(self, event: SocketEvent) -> None:
        match event:
            case FrameCame(payload=payload, is_binary=True):
                self._link.heard(event.mono_ns)
                self._on_frame(payload, event)
            case FrameCame(payload=payload):
                self._link.heard(event.mono_ns)
                self._on_text(payload, event.at_ns)
            case SocketOpened():
                self._link.opened(event.mono_ns)
                log_event("kite_stream_opened", source=self.ctx.name, tokens=len(self._names))
                self._hint("")
            case SocketLost():
                self._ticker = None
                self._link.lost(event.mono_ns, event.text)
                log_event(
                    "kite_stream_lost",
                    "WARNING",
                    source=self.ctx.name,
                    reason=self._link.reason,
                    text=event.text,
                )
        self._teller.tell()

    def _on_frame(self, payload: bytes, event: FrameCame) -> None:
        ticks = self._frames.ticks(payload, event.at_ns)
        if ticks or event.mono_ns - self._life_mono_ns >= LIFE_EVERY_NS:
            self._life_mono_ns = event.mono_ns
            self.ctx.send("market", MarketFrame(ticks=ticks, source=self.ctx.name))

    def _on_text(self, payload: bytes, at_ns: int) -> None:
        kind, text = read_text(payload)
        self._texts[kind.value] += 1
        if kind is TextKind.ORDER:
            self._hint(text)
        else:
            level = "INFO" if kind is TextKind.OTHER else "WARNING"
            log_event("kite_stream_said", level, source=self.ctx.name, kind=kind.value, text=text)

    def _hint(self, body: str) -> None:
        if self._plan.hint_to:
            hint = StreamHinted(body=body, at_ns=self.ctx.now_ns())
            self.ctx.send(self._plan.hint_to, hint)

    # -- the state ----------------------------------------------------------------------------

    def _look(self) -> None:
        mono_ns = self.ctx.mono_ns()
        if self._link.stage is LinkStage.REFUSED:
            self._look_for_login(mono_ns)
        step = self._link.step(mono_ns, is_silence_fatal=self._phase not in QUIET_PHASES)
        match step:
            case LinkStep.CONNECT:
                self._connect()
            case LinkStep.DROP:
                assert self._ticker is not None
                log_event("kite_stream_silent", "WARNING", source=self.ctx.name)
                self._ticker.drop()
            case LinkStep.DIE:
                raise RuntimeError("the socket's thread does not answer")
            case LinkStep.NONE:
                pass
        self._teller.tell()
        self._teller.show(mono_ns)
        if mono_ns - self._names_mono_ns >= NAMES_EVERY_NS:
            self._names_mono_ns = mono_ns
            self._look_for_names()
            self._tell_skipped()

    def _connect(self) -> None:
        try:
            login = load_credentials(os.environ)
        except (ConfigInvalid, StateUnsafe) as error:
            log_event("kite_login_missing", "WARNING", source=self.ctx.name, reason=str(error))
            self._login = None
            self._link.refuse()
            return
        if self._token_of(self._login) != self._token_of(login):
            redact_logs(login)
        self._login = login
        self._ticker = self._make_ticker(login, self._plan, self._names, self._slot, self.ctx)
        self._ticker.begin()

    def _look_for_login(self, mono_ns: int) -> None:
        """The operator has logged in when there is another token than the one that was refused."""
        if mono_ns - self._login_mono_ns < LOGIN_EVERY_NS:
            return
        self._login_mono_ns = mono_ns
        try:
            found = load_credentials(os.environ)
        except (ConfigInvalid, StateUnsafe):
            return
        if self._token_of(found) != self._token_of(self._login):
            self._link.renewed(mono_ns)

    def _look_for_names(self) -> None:
        """A new list that gives our names other tokens is taken at once; an old one is told."""
        today = self._today()
        try:
            names = self._names_on(today)
        except ConfigInvalid as error:
            if self._doubted_day != today:
                self._doubted_day = today
                self._teller.warn("critical", "kite_instruments_old", "; ".join(error.faults)[:500])
            return
        if names != self._names:
            self.ctx.stop("the instrument list gives other tokens")

    def _today(self) -> str:
        return ist_day(self.ctx.now_ns()).isoformat()

    @staticmethod
    def _token_of(login: Credentials | None) -> str:
        return "" if login is None else login.access_token.reveal()

    def _tell_skipped(self) -> None:
        skipped = self._frames.skipped
        if skipped != self._skipped_told:
            self._skipped_told = skipped.copy()
            counts = {f"{reason}_count": count for reason, count in skipped.items()}
            log_event("kite_packets_skipped", "WARNING", source=self.ctx.name, **counts)
