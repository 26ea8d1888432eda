"""When to connect to the broker's stream, when to drop it, when to stop and ask for a person.

Decides the life of one websocket from what is seen of it. Refuses to know sockets, clocks and the
calendar: it is told boot-clock instants and whether silence matters now. Stands alone because the
client library's own policy retries a dead token for ever, reconnects each second to a server that
flaps, and never notices a socket that went silent (kiteconnect 5.2.2, seen by running, 2026-11).

| state        | has a socket | leaves it by                                                    |
|--------------|--------------|-----------------------------------------------------------------|
| WAITING      | no           | its time and room in the minute -> CONNECTING                   |
| CONNECTING   | maybe        | opened -> UP, lost -> WAITING or REFUSED, no answer -> HUNG     |
| UP           | yes          | lost -> WAITING, silent while it matters -> DROPPING            |
| DROPPING     | yes          | lost -> WAITING, no answer -> HUNG                              |
| REFUSED      | no           | a new login -> WAITING                                          |
| HUNG         | unknown      | never: the socket's thread does not answer, its process must go |
"""

import re
from collections import deque
from enum import Enum, unique
from typing import Final

import msgspec

from engine.units import NS_PER_MINUTE, NS_PER_MS

STATUS_PATTERN: Final = re.compile(r"upgrade failed \((\d{3})")
STATUS_REFUSED: Final = 403
"""The token is dead, or the plan has no market data. Source: Kite forum 52828, 2026-11."""
STATUS_CROWDED: Final = 429
"""A fourth connection of one key, or too many attempts."""


@unique
class LinkStage(Enum):
    """See the module's table."""

    WAITING = "waiting"
    CONNECTING = "connecting"
    UP = "up"
    DROPPING = "dropping"
    REFUSED = "refused"
    HUNG = "hung"


@unique
class LinkStep(Enum):
    """What is to be done now."""

    NONE = "none"
    CONNECT = "connect"
    DROP = "drop"
    DIE = "die"


class LinkLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds in ms. `silence`: no frame at all, heartbeats included. The pause before a retry
    doubles from `retry` to `retry_max` and starts again after `steady` of a connection that held.
    `crowded`: the pause after a 429. `answer`: until the socket's thread must have answered."""

    silence_ms_max: int = 7_000
    retry_ms: int = 1_000
    retry_ms_max: int = 30_000
    crowded_ms: int = 15_000
    steady_ms: int = 30_000
    answer_ms_max: int = 45_000
    connects_minute_max: int = 10

    def __post_init__(self) -> None:
        if not 0 < self.retry_ms <= self.retry_ms_max or not self.connects_minute_max > 0:
            raise ValueError(f"need 0 < retry <= retry_max and 0 < connects: {self}")
        if not min(self.silence_ms_max, self.crowded_ms, self.steady_ms, self.answer_ms_max) > 0:
            raise ValueError(f"every bound must be above 0: {self}")


class Link:
    """The life of one connection. All instants are boot-clock ns, handed in."""

    def __init__(self, limits: LinkLimits) -> None:
        self._limits = limits
        self.stage = LinkStage.WAITING
        self.reason = "not_connected_yet"
        self.connect_count = 0
        self.is_flapping = False
        self._connects_ns: deque[int] = deque(maxlen=limits.connects_minute_max)
        self._retry_ms = limits.retry_ms
        self._retry_at_ns = 0
        self._asked_at_ns = 0
        self._opened_at_ns = 0
        self._heard_at_ns = 0

    def step(self, mono_ns: int, *, is_silence_fatal: bool) -> LinkStep:
        """What is due. CONNECT and DROP are asked once; the answer is `opened` or `lost`."""
        match self.stage:
            case LinkStage.WAITING if mono_ns >= self._retry_at_ns:
                return self._connect(mono_ns)
            case LinkStage.CONNECTING | LinkStage.DROPPING:
                if mono_ns - self._asked_at_ns > self._limits.answer_ms_max * NS_PER_MS:
                    self.stage, self.reason = LinkStage.HUNG, "socket_thread_silent"
                    return LinkStep.DIE
            case LinkStage.UP if is_silence_fatal and self.silent_ns(mono_ns) > (
                self._limits.silence_ms_max * NS_PER_MS
            ):
                self.stage, self.reason = LinkStage.DROPPING, "silent"
                self._asked_at_ns = mono_ns
                return LinkStep.DROP
            case _:
                pass
        return LinkStep.NONE

    def opened(self, mono_ns: int) -> None:
        """The handshake is done."""
        self.stage, self.reason = LinkStage.UP, ""
        self._opened_at_ns = self._heard_at_ns = mono_ns

    def heard(self, mono_ns: int) -> None:
        """A frame came, of any kind."""
        self._heard_at_ns = max(self._heard_at_ns, mono_ns)

    def lost(self, mono_ns: int, text: str) -> None:
        """The socket is gone, or never came to be; `text` is the library's word for why."""
        was, self._retry_at_ns = self.stage, mono_ns
        status = STATUS_PATTERN.search(text)
        code = int(status[1]) if status else 0
        if code == STATUS_REFUSED:
            self.stage, self.reason = LinkStage.REFUSED, "login_refused"
            return
        self.stage = LinkStage.WAITING
        if was is LinkStage.DROPPING:
            self.reason = "silent"
        elif code == STATUS_CROWDED:
            self.reason = "too_many_connections"
        else:
            self.reason = f"http_{code}" if code else "connection_lost"
        if was is not LinkStage.CONNECTING and self._has_held(mono_ns):
            self._retry_ms = self._limits.retry_ms
        pause_ms = self._limits.crowded_ms if code == STATUS_CROWDED else self._retry_ms
        self._retry_ms = min(2 * self._retry_ms, self._limits.retry_ms_max)
        self._retry_at_ns = mono_ns + pause_ms * NS_PER_MS

    def refuse(self) -> None:
        """There is no login to try with."""
        self.stage, self.reason = LinkStage.REFUSED, "login_missing"

    def renewed(self, mono_ns: int) -> None:
        """There is a new login: try again."""
        if self.stage is LinkStage.REFUSED:
            self.stage, self._retry_at_ns = LinkStage.WAITING, mono_ns
            self._retry_ms = self._limits.retry_ms

    def silent_ns(self, mono_ns: int) -> int:
        """How long nothing came."""
        return mono_ns - self._heard_at_ns

    def _has_held(self, mono_ns: int) -> bool:
        return mono_ns - self._opened_at_ns >= self._limits.steady_ms * NS_PER_MS

    def _connect(self, mono_ns: int) -> LinkStep:
        full = len(self._connects_ns) == self._connects_ns.maxlen
        self.is_flapping = full and mono_ns - self._connects_ns[0] < NS_PER_MINUTE
        if self.is_flapping:
            self._retry_at_ns = self._connects_ns[0] + NS_PER_MINUTE
            return LinkStep.NONE
        self._connects_ns.append(mono_ns)
        self.connect_count += 1
        self.stage, self._asked_at_ns = LinkStage.CONNECTING, mono_ns
        return LinkStep.CONNECT
