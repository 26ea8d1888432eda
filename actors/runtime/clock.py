"""The only file that reads a clock.

Decides what "now" is: real, time-lapse or virtual. Refuses to know time zones. The market clock
(`now_ns`) orders trading; the boot clock (`mono_ns`) measures durations of our own work and does
not stand still while the machine sleeps.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """Two clocks and the way from the first to the second."""

    def now_ns(self) -> int:
        """Market time, UTC ns."""

    def mono_ns(self) -> int:
        """Boot clock in ns, never steps."""

    def mono_at(self, now_ns: int) -> int:
        """The boot-clock instant at which the market clock will read `now_ns`."""

    def both_ns(self) -> tuple[int, int]:
        """Market and boot clock at one moment."""


GAP_NS = 300_000_000
"""A watcher's own pause beyond this is nobody's standstill: the process was stopped, the machine
slept, and those it watches did not run either."""


def boot_ns() -> int:
    """CLOCK_BOOTTIME in ns: goes on during suspend, unlike CLOCK_MONOTONIC on Linux."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)  # noqa: TID251 - the one place


def wall_ns() -> int:
    """The host's wall clock in UTC ns, for file names and operator text."""
    return time.time_ns()  # noqa: TID251 the one place


class SystemClock:
    """Real time. A step of the wall clock moves `now_ns`, never durations."""

    def now_ns(self) -> int:
        return time.time_ns()  # noqa: TID251 the one place

    def mono_ns(self) -> int:
        return boot_ns()

    def mono_at(self, now_ns: int) -> int:
        return boot_ns() + now_ns - time.time_ns()  # noqa: TID251 the one place

    def both_ns(self) -> tuple[int, int]:
        return time.time_ns(), boot_ns()  # noqa: TID251 the one place


class LapseClock:
    """Market time that runs `speed` times as fast as real time, from `start_ns` on.

    `origin_ns` is the boot-clock instant of `start_ns` (now, if not given). The boot clock is one
    for the whole machine, so a child process that is handed all three agrees with its parent.
    """

    def __init__(self, *, start_ns: int, speed: int, origin_ns: int | None = None) -> None:
        assert speed >= 1
        self.start_ns = start_ns
        self.speed = speed
        self.origin_ns = boot_ns() if origin_ns is None else origin_ns

    def now_ns(self) -> int:
        return self.start_ns + (boot_ns() - self.origin_ns) * self.speed

    def mono_ns(self) -> int:
        return boot_ns()

    def mono_at(self, now_ns: int) -> int:
        return self.origin_ns + (now_ns - self.start_ns) // self.speed

    def both_ns(self) -> tuple[int, int]:
        mono_ns = boot_ns()
        return self.start_ns + (mono_ns - self.origin_ns) * self.speed, mono_ns


class VirtualClock:
    """Time that moves only when told: backtest, replay, simulation, tests."""

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns
        self._start_ns = start_ns

    def now_ns(self) -> int:
        return self._now_ns

    def mono_ns(self) -> int:
        return self._now_ns - self._start_ns

    def mono_at(self, now_ns: int) -> int:
        return now_ns - self._start_ns

    def both_ns(self) -> tuple[int, int]:
        return self.now_ns(), self.mono_ns()

    def move_to_mono(self, mono_ns: int) -> None:
        """Step forward to a boot-clock instant; never back."""
        self.move_to(self._start_ns + mono_ns)

    def move_to(self, now_ns: int) -> None:
        """Step forward to an instant of the market clock; never back."""
        assert now_ns >= self._now_ns, "a clock going back is our bug"
        self._now_ns = now_ns
