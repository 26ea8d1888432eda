"""Clocks that part: true time, the engine's market clock and its boot clock.

Decides what the engine reads while the wall clock steps, drifts or the machine sleeps (FLT-60..63).
Refuses to move the exchange: true time is the boot clock, and models' events are on it.

FLT-64 (another day at a restart) needs no fault here: a run of several days with a `kill -9` over
night has it. FLT-90 (the past lies in the future) is a wall clock set back while the engine is
down.
"""

from collections.abc import Callable
from typing import Final

from actors.runtime.clock import VirtualClock
from engine.units import NS_PER_MINUTE, NS_PER_MS, NS_PER_S
from scripts.simulation.faults import FaultRow, Faults

ROWS: Final = (
    FaultRow(id="FLT-60", ppm_max=100_000, budget_max=2),
    FaultRow(id="FLT-61", ppm_max=100_000, budget_max=1),
    FaultRow(id="FLT-62", ppm_max=100_000, budget_max=2),
    FaultRow(id="FLT-63", ppm_max=500_000, budget_max=1),
    FaultRow(id="FLT-90", ppm_max=500_000, budget_max=1),
)
LOOK_NS: Final = 30 * NS_PER_S
STEPS_MS: Final = (50, 500, 1_500, 3_000, 30_000, 600_000, 3_600_000)
DRIFT_PPM: Final = 10_000


class SimClock(VirtualClock):
    """A clock whose market time may be wrong. `mono_ns` counts suspend, as CLOCK_BOOTTIME does."""

    def __init__(self, start_ns: int) -> None:
        super().__init__(start_ns)
        self._asleep_ns = 0
        self._offset_ns = 0
        self._drift_ppm = 0
        self._drift_from_ns = 0

    def true_ns(self) -> int:
        """The exchange's time."""
        return self._now_ns

    def now_ns(self) -> int:
        now_ns = self._now_ns  # read several times a message; it seldom drifts
        return now_ns + (self._wrong_ns(now_ns) if self._drift_ppm else self._offset_ns)

    def mono_at(self, now_ns: int) -> int:
        """As production does: what is left by the market clock now, added to the boot clock."""
        return self.mono_ns() + now_ns - self.now_ns()

    def true_mono_at(self, true_ns: int) -> int:
        """The boot-clock instant of an instant of true time."""
        return true_ns - self._start_ns

    def step(self, by_ns: int) -> None:
        """The wall clock is set, forward or back."""
        self._offset_ns += by_ns

    def drift(self, ppm: int) -> None:
        """The market clock runs too fast or too slow from now on; 0: it runs right again, and what
        it is off by stays until it is set."""
        self._offset_ns = self._wrong_ns(self._now_ns)
        self._drift_ppm, self._drift_from_ns = ppm, self._now_ns

    def set_right(self) -> None:
        """The wall clock is set to true time."""
        self._offset_ns = self._drift_ppm = 0

    def suspend(self, for_ns: int) -> None:
        """The machine sleeps: both clocks go on, nothing runs."""
        self._now_ns += for_ns
        self._asleep_ns += for_ns

    def awake_ns(self) -> int:
        """True time in which the machine ran; never set, never leaping."""
        return self.mono_ns() - self._asleep_ns

    @property
    def wrong_ns(self) -> int:
        """How far market time is off."""
        return self._wrong_ns(self._now_ns)

    def _wrong_ns(self, true_ns: int) -> int:
        drifted_ns = (true_ns - self._drift_from_ns) * self._drift_ppm // 1_000_000
        return self._offset_ns + drifted_ns


class ClockModel:
    """What happens to the clocks in a run.

    Args:
        call_at: has a function called at an instant of true time.
        flat_by_ns: instants of the square-off, true time.
    """

    def __init__(
        self,
        clock: SimClock,
        faults: Faults,
        call_at: Callable[[int, Callable[[], None]], None],
        flat_by_ns: tuple[int, ...] = (),
    ) -> None:
        self._clock = clock
        self._faults = faults
        self._call_at = call_at
        self._flat_by_ns = flat_by_ns

    def start(self, until_ns: int) -> None:
        """Arrange the looks of a run; nothing if no fault of clocks is armed."""
        if any(self._faults.is_armed(row.id) for row in ROWS[:3]):
            self._until_ns = until_ns
            self._call_at(self._clock.true_ns() + LOOK_NS, self._look)
        if self._faults.is_armed("FLT-63"):
            for at_ns in self._flat_by_ns:
                self._call_at(at_ns + NS_PER_S, self._over_flat_by)

    def heal(self) -> None:
        """The clocks are set right, by a step if they are off."""
        self._clock.set_right()

    def booting(self) -> None:
        """A life begins: its journal may hold records from the future (FLT-90)."""
        if self._faults.strikes("FLT-90"):
            minutes = self._faults.amount("FLT-90", 1, 20)
            self._clock.step(-minutes * NS_PER_MINUTE)
            self._faults.note("FLT-90", f"booted {minutes} minutes back")

    def _look(self) -> None:
        clock, faults = self._clock, self._faults
        if faults.strikes("FLT-60"):
            size = faults.amount("FLT-60", 0, 2 * len(STEPS_MS) - 1)
            step_ms = STEPS_MS[size // 2] * (-1 if size % 2 else 1)
            clock.step(step_ms * NS_PER_MS)
            faults.note("FLT-60", f"the wall clock steps by {step_ms} ms")
        if faults.strikes("FLT-61"):
            ppm = DRIFT_PPM * (-1 if faults.amount("FLT-61", 0, 1) else 1)
            clock.drift(ppm)
            faults.note("FLT-61", f"the wall clock drifts by {ppm} ppm")
        if faults.strikes("FLT-62"):
            seconds = faults.amount("FLT-62", 1, 900)
            clock.suspend(seconds * NS_PER_S)
            faults.note("FLT-62", f"asleep for {seconds} s")
        if clock.true_ns() + LOOK_NS < self._until_ns:
            self._call_at(clock.true_ns() + LOOK_NS, self._look)

    def _over_flat_by(self) -> None:
        if self._faults.strikes("FLT-63"):
            seconds = self._faults.amount("FLT-63", 2, 600)
            self._clock.step(-seconds * NS_PER_S)
            self._faults.note("FLT-63", f"the wall clock goes back {seconds} s over flat-by")
