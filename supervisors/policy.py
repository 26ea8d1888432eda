"""Restart policy, pure: budgets, delays, who goes down with whom, who comes back.

Decides everything a supervisor decides that needs no actor. Refuses clocks and random state: the
instants and the generator are handed in.
"""

import random
from collections import deque
from collections.abc import Iterable

from engine.messages.supervision import ExitKind
from engine.units import NS_PER_MS
from supervisors.spec import AutoShutdown, Backoff, Restart, Strategy

START_KINDS = (ExitKind.START_FAILED, ExitKind.START_TIMEOUT)


class Window:
    """A sliding budget on a monotonic clock: more than `restarts_max` within `window_ms`."""

    __slots__ = ("_instants",)

    def __init__(self) -> None:
        self._instants: deque[int] = deque()

    def spend(self, mono_ns: int, restarts_max: int, window_ms: int) -> bool:
        """Count one restart. True: the budget is exceeded."""
        instants = self._instants
        instants.append(mono_ns)
        oldest_ns = mono_ns - window_ms * NS_PER_MS
        while instants[0] < oldest_ns or len(instants) > restarts_max + 1:
            instants.popleft()
        return len(instants) > restarts_max

    def clear(self) -> None:
        self._instants.clear()


def delay_ms(backoff: Backoff, failures: int, rng: random.Random) -> int:
    """Wait before the restart after the `failures`-th consecutive failure (1 is the first)."""
    if failures <= 1:
        return 0
    doublings = min(failures - 2, 62)
    bare_ms = min(backoff.cap_ms, backoff.base_ms << doublings)
    return bare_ms + bare_ms * rng.randint(0, backoff.jitter_bps) // 10_000


def is_restarted(restart: Restart, kind: ExitKind) -> bool:
    """Whether a child that ended by itself comes back."""
    if restart is Restart.PERMANENT:
        return True
    return restart is Restart.TRANSIENT and not kind.is_normal


def group_from(strategy: Strategy, index: int) -> int:
    """First index of those that go down and come back with the child at `index`."""
    assert strategy.is_group
    return 0 if strategy is Strategy.ONE_FOR_ALL else index


def ends_supervisor(auto: AutoShutdown, *, is_significant: bool, others: Iterable[bool]) -> bool:
    """Whether a child's own, final end ends its supervisor.

    `others` says of each other significant child whether it still lives (or is coming back).
    """
    if not is_significant or auto is AutoShutdown.NEVER:
        return False
    return auto is AutoShutdown.ANY or not any(others)


def is_reset_valid(failures_seen: int, failures: int) -> bool:
    """A reset note set at another count is stale."""
    return failures_seen == failures


def poison_counted(seen: dict[str, int], digest: str, digests_max: int) -> bool:
    """Count a generation killed by a message. True: it killed two, park it from now on."""
    if not digest:
        return False
    seen[digest] = seen.pop(digest, 0) + 1
    while len(seen) > digests_max:
        seen.pop(next(iter(seen)))
    return seen[digest] >= 2
