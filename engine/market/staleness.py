"""How old is what we know of an instrument: fresh, stale, mute or dead.

Decides the state of one instrument's feed from three ages. Refuses to read a clock or to know the
calendar: it is told the time and the phase. Mute (the source lives, no ticks come) and dead (the
source itself is silent) are different faults with different cures, so they are different states.

| phase           | source silent > dead | no tick > mute | no tick > stale | else            |
|-----------------|----------------------|----------------|-----------------|-----------------|
| CONTINUOUS      | DEAD source_silent   | MUTE mute      | STALE tick_old  | FRESH           |
| before 1st tick | DEAD source_silent   | MUTE mute      | STALE no_tick_yet (any age)       |
| any other       | STALE not_continuous (no ticks are due: no fault, but nothing to enter on)   |

A source that tells how it is connected is believed before its silence: without a connection the
feed is DEAD at once (link_down, login_needed); connected and silent is STALE source_silent between
the stale and the dead bound. A tick proves that there is a link.
"""

import msgspec

from engine.messages.market import LinkState
from engine.messages.values import FeedState, SessionPhase
from engine.units import NS_PER_MS


class StalenessLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Age bounds in ms: above `stale` no entries; `mute` and `dead` name the fault."""

    stale_ms_max: int = 5_000
    mute_ms_max: int = 15_000
    dead_ms_max: int = 10_000

    def __post_init__(self) -> None:
        if not 0 < self.stale_ms_max < self.mute_ms_max or not self.dead_ms_max > 0:
            raise ValueError(f"staleness limits must satisfy 0 < stale < mute, 0 < dead: {self}")


class Freshness:
    """The ages of one instrument. All times are ns of one monotonic clock, handed in."""

    def __init__(self, limits: StalenessLimits, started_at_ns: int) -> None:
        self._limits = limits
        self._phase = SessionPhase.CLOSED
        self._tick_at_ns: int | None = None
        self._watched_since_ns = started_at_ns
        self._source_at_ns = started_at_ns
        self._link = LinkState.UNKNOWN

    def on_tick(self, now_ns: int) -> None:
        """An accepted tick arrived. Quarantined ones must not be told: they refresh nothing."""
        self._tick_at_ns = now_ns
        if now_ns > self._source_at_ns:  # noqa: PLR1730 - once a tick, and max() costs a call
            self._source_at_ns = now_ns
        if self._link is not LinkState.UNKNOWN:
            self._link = LinkState.UP

    def on_source(self, now_ns: int, link: LinkState | None = None) -> None:
        """The source gave a sign of life: any frame, heartbeats included. `link` is how it is
        connected; None: something of this instrument came, so there is a link if there ever was."""
        self._source_at_ns = max(self._source_at_ns, now_ns)
        if link is not None:
            self._link = link
        elif self._link is not LinkState.UNKNOWN:
            self._link = LinkState.UP

    def on_phase(self, phase: SessionPhase, now_ns: int) -> None:
        """The session moved. When continuous trading starts, ages count from there."""
        if phase is SessionPhase.CONTINUOUS and self._phase is not SessionPhase.CONTINUOUS:
            self._tick_at_ns = None
            self._watched_since_ns = now_ns
            self._source_at_ns = max(self._source_at_ns, now_ns)
        self._phase = phase

    def tick_age_ms(self, now_ns: int) -> int:
        """Age of the last tick, or of the watch if none came; never understated."""
        since_ns = self._watched_since_ns if self._tick_at_ns is None else self._tick_at_ns
        return -((since_ns - now_ns) // NS_PER_MS)  # rounded up

    def judge(self, now_ns: int) -> tuple[FeedState, str]:
        """The state and its reason code ('' when fresh)."""
        if self._phase is not SessionPhase.CONTINUOUS:
            return FeedState.STALE, "not_continuous"
        age_ms = self.tick_age_ms(now_ns)
        silent_ns = now_ns - self._source_at_ns
        if self._link is LinkState.LOGIN_NEEDED:
            return FeedState.DEAD, "login_needed"
        if self._link is LinkState.DOWN:
            return FeedState.DEAD, "link_down"
        if silent_ns > self._limits.dead_ms_max * NS_PER_MS:
            return FeedState.DEAD, "source_silent"
        if self._link is LinkState.UP and silent_ns > self._limits.stale_ms_max * NS_PER_MS:
            return FeedState.STALE, "source_silent"
        if age_ms > self._limits.mute_ms_max:
            return FeedState.MUTE, "mute"
        if self._tick_at_ns is None:
            return FeedState.STALE, "no_tick_yet"
        if age_ms > self._limits.stale_ms_max:
            return FeedState.STALE, "tick_old"
        return FeedState.FRESH, ""
