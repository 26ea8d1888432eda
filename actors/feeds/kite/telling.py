"""What a stream's actor tells of its connection: to market and authority, to views, to a person.

Decides that each change is told once and which of them a person should know. Refuses to decide what
the connection does (engine/market/kite_link.py).
"""

import msgspec

from actors.runtime.behaviour import Context
from actors.telling import alert
from engine.kite.token_life import LOGIN_LOST
from engine.market.kite_link import Link, LinkStage
from engine.messages.control import Ceiling, CeilingMoved, ViewPublished
from engine.messages.market import LinkChanged, LinkState
from engine.messages.values import Authority
from engine.units import NS_PER_S

VIEW_EVERY_NS = NS_PER_S
_LOGIN_TEXTS = {
    "login_refused": "Kite refuses the access token (403): log in, nothing is retried until then",
    "login_missing": "there is no usable Kite login: log in, nothing is tried until then",
}


class Teller:
    """One for each life of the actor."""

    def __init__(self, ctx: Context, link: Link, connects_minute_max: int) -> None:
        self._ctx = ctx
        self._link = link
        self._connects_max = connects_minute_max
        self._told: tuple[LinkState, str] | None = None
        self._was_up = self._was_flapping = False
        self._view_mono_ns = 0

    def forget(self) -> None:
        """Whoever asks anew is told anew."""
        self._told = None

    def tell(self) -> None:
        """Say how the link stands, once for each change."""
        link, before = self._link, self._told
        now = (_state_of(link.stage), link.reason)
        if now != before:
            self._told = now
            changed = LinkChanged(
                source=self._ctx.name,
                state=now[0],
                reason=now[1],
                connect_count=link.connect_count,
                at_ns=self._ctx.now_ns(),
            )
            self._ctx.send("market", changed)
            self._alarm(before, now)
            self._ceiling(now[0])
        if link.is_flapping and not self._was_flapping:
            text = f"{self._connects_max} connects in a minute"
            self.warn("warning", "kite_stream_flapping", text)
        self._was_flapping = link.is_flapping
        self._was_up = self._was_up or link.stage is LinkStage.UP

    def show(self, mono_ns: int) -> None:
        """The view "stream" once a second: the age of the last frame, heartbeats included. Order
        frames come on every connection, so the youngest of them is the order stream's."""
        if not self._was_up or mono_ns - self._view_mono_ns < VIEW_EVERY_NS:
            return
        self._view_mono_ns = mono_ns
        age_s = round(self._link.silent_ns(mono_ns) / NS_PER_S, 1)
        body = msgspec.json.encode({"age_s": age_s, "source": self._ctx.name}).decode()
        view = ViewPublished(topic="stream", body=body, at_ns=self._ctx.now_ns())
        self._ctx.send("console", view)

    def warn(self, severity: str, event: str, text: str) -> None:
        """Tell a person."""
        alert(self._ctx, severity, event, self._ctx.name, text)

    def _ceiling(self, state: LinkState) -> None:
        """A login that is refused here is refused for orders too, whether or not any was tried."""
        if state is LinkState.DOWN:
            return
        is_up = state is LinkState.UP
        ceiling = Ceiling(
            owner=self._ctx.name,
            scope="",
            authority=Authority.FULL if is_up else Authority.REDUCE,
            reason="connected" if is_up else LOGIN_LOST,
        )
        self._ctx.send("authority", CeilingMoved(ceiling=ceiling, at_ns=self._ctx.now_ns()))

    def _alarm(self, before: tuple[LinkState, str] | None, now: tuple[LinkState, str]) -> None:
        state, reason = now
        if state is LinkState.LOGIN_NEEDED:
            self.warn("critical", "kite_login_needed", _LOGIN_TEXTS[reason])
        elif state is LinkState.DOWN and before is not None and before[0] is LinkState.UP:
            self.warn("warning", "kite_stream_lost", f"no market data: {reason}")
        elif state is LinkState.UP and before is not None and self._was_up:
            self.warn("info", "kite_stream_back", "market data is back")


def _state_of(stage: LinkStage) -> LinkState:
    if stage is LinkStage.UP:
        return LinkState.UP
    return LinkState.LOGIN_NEEDED if stage is LinkStage.REFUSED else LinkState.DOWN
