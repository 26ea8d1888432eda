"""The seeded host: all rooms in one thread on a virtual clock.

Decides the order of everything from a seed alone: backtest, replay and simulation. Refuses real
time and threads. Without a `choose` function rooms run first come, first served, and a message that
is handed down a line of rooms is handled on the way: one of the orders that a seed could choose.
"""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from actors.runtime.clock import VirtualClock
from actors.runtime.pool import Timers

if TYPE_CHECKING:
    from actors.runtime.room import Room


class SeededPool:
    """A deterministic pool.

    Args:
        clock: moved forward to the next timer when nothing is runnable.
        choose: picks the index of the next room among n runnable ones; None means FIFO.
        batch_max: messages a room serves per turn (1 gives the finest interleaving).
    """

    def __init__(
        self,
        clock: VirtualClock,
        *,
        choose: Callable[[int], int] | None = None,
        batch_max: int = 64,
    ) -> None:
        self.name = "seeded"
        self.clock: VirtualClock = clock
        self.turn_count = 0
        self.served_count = 0
        self._choose = choose
        self._batch_max = batch_max
        self._ready: deque[Room] = deque()
        self._move_to, self._zero_ns = clock.move_to, clock.now_ns() - clock.mono_ns()
        self._until_mono_ns = 0
        self.may_nest = choose is None and batch_max > 1
        self._timers = Timers(may_serve=self.may_nest)
        self.schedule = self._ready.append
        self.set_timer = self._timers.add

    def step(self) -> bool:
        """Run one room's turn. False: nothing is runnable now."""
        ready = self._ready
        if not ready:
            return False
        if self._choose is not None and len(ready) > 1:
            ready.rotate(-self._choose(len(ready)))
        self.turn_count += 1
        ready.popleft().run(self._batch_max)
        return True

    def run_idle(self, turns_max: int = 10_000_000) -> None:
        """Run until nothing is runnable at this instant.

        Raises:
            RuntimeError: `turns_max` turns did not suffice (a message loop).
        """
        ready, batch_max = self._ready, self._batch_max
        if self._choose is None:
            for _ in range(turns_max):
                if not ready:
                    return
                self.turn_count += 1
                ready.popleft().run(batch_max)
        else:
            for _ in range(turns_max):
                if not self.step():
                    return
        raise RuntimeError(f"still busy after {turns_max} turns")

    def advance(self, until_mono_ns: int) -> bool:
        """Jump to the next timer due by then and fire it. False: none is left until then."""
        due_ns = self._timers.due_ns()
        if due_ns is None or due_ns > until_mono_ns:
            return False
        self.clock.move_to_mono(max(due_ns, self.clock.mono_ns()))
        self._timers.fire(self.clock.mono_ns())
        return True

    def skip_to(self, room: "Room", at_ns: int) -> bool:
        """Move the clock for a room whose timer is being handled; False: others come first."""
        timers, inbox, mono_ns = self._timers, room.inbox, at_ns - self._zero_ns
        if (
            timers.served is not room
            or self._ready
            or mono_ns > self._until_mono_ns
            or (timers.heap and timers.heap[0][0] <= mono_ns)
            or inbox.control
            or inbox.data
            or room.is_fenced
        ):
            return False
        self._move_to(at_ns)
        return True

    def run_until(self, until_ns: int, *, is_done: Callable[[], bool] = lambda: False) -> None:
        """Run all there is to do up to a market-clock instant, or until `is_done()`, which is
        asked when the rooms are at rest before time moves on; not at each instant of `skip_to`."""
        self._until_mono_ns = until_mono_ns = self.clock.mono_at(until_ns)
        ready, clock, timers = self._ready, self.clock, self._timers
        self.run_idle()
        while not is_done():
            due_ns = timers.due_ns()
            if due_ns is None or due_ns > until_mono_ns:
                break
            mono_ns = clock.mono_ns()
            if due_ns > mono_ns:
                mono_ns = due_ns
                clock.move_to_mono(mono_ns)
            timers.fire(mono_ns)
            if ready:
                self.run_idle()
        self._until_mono_ns = 0
        if not is_done():
            clock.move_to_mono(max(until_mono_ns, clock.mono_ns()))
