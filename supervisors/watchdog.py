"""The watchdog: a thread that sees what no actor can, because its own worker may be stuck.

Decides when a room is stuck (over its progress deadline without having taken another message), a
worker dead, a pool wedged, and when there are too many zombies to go on. Threads cannot be
killed: a stuck room is fenced and its worker left behind. Refuses restarts: the supervisor gets
the exit like any other.

| seen                                             | done                                         |
|--------------------------------------------------|----------------------------------------------|
| same message for > busy_ms_max                   | fence STUCK, new worker (shared pool)        |
| still inside `open` after open_ms_max            | fence START_TIMEOUT, new worker              |
| room already fenced or past its end, still busy  | new worker                                   |
| worker thread dead                               | new worker                                   |
| rooms queued, nothing served for wedged_ms       | reported once                                |
| more than zombies_max left-behind workers alive  | `on_zombies`, once: a controlled exit        |

A gap between two looks (the process was stopped, the machine slept) is nobody's standstill: no
worker ran either, so the time beyond `GAP_NS` counts for none.
"""

import threading
from collections.abc import Callable
from typing import Protocol

import msgspec

from actors.runtime.clock import GAP_NS
from actors.runtime.log import log_event
from actors.runtime.pool import ThreadPool, Worker
from actors.runtime.room import Room, RoomState
from engine.messages.supervision import ExitKind
from engine.units import NS_PER_MS
from supervisors.beats import BeatWriter


class WatchLimits(msgspec.Struct, frozen=True, kw_only=True):
    """When to act; see the table above."""

    zombies_max: int = 2
    period_ms: int = 50
    open_ms_max: int = 30_000
    wedged_ms: int = 5_000


class PooledHosts(Protocol):
    """What the watchdog needs of the hosts."""

    def all_pools(self) -> tuple[ThreadPool, ...]:
        """Every pool with a worker, shared and private."""

    def retired_workers(self) -> tuple[Worker, ...]:
        """Workers of released private pools that are still alive."""

    def is_private(self, pool: ThreadPool) -> bool:
        """Whether the pool serves a single room; its successor gets a pool of its own."""


USUAL = WatchLimits()


class Sight:
    """What one pool was doing when last looked at."""

    __slots__ = ("is_reported", "mark", "since_ns")

    def __init__(self, mark: tuple[object, ...], since_ns: int) -> None:
        self.mark = mark
        self.since_ns = since_ns
        self.is_reported = False


class Watchdog:
    """Looks every `period_ms`. All callbacks run on the watchdog's thread and must not block.

    Args:
        on_zombies: called once with the count when more than `zombies_max` workers are stuck.
        on_wedged: called once per episode with the pool's name.
        beats: board for the outside watch; beaten at each look.
    """

    def __init__(
        self,
        hosts: PooledHosts,
        mono_ns: Callable[[], int],
        *,
        on_zombies: Callable[[int], None] = lambda _: None,
        on_wedged: Callable[[str], None] = lambda _: None,
        beats: BeatWriter | None = None,
        limits: WatchLimits = USUAL,
    ) -> None:
        self._hosts = hosts
        self._mono_ns = mono_ns
        self._on_zombies = on_zombies
        self._on_wedged = on_wedged
        self._beats = beats
        self._zombies_max = limits.zombies_max
        self._period_s = limits.period_ms / 1_000
        self._open_ns_max = limits.open_ms_max * NS_PER_MS
        self._wedged_ns = limits.wedged_ms * NS_PER_MS
        self._sights: dict[ThreadPool, Sight] = {}
        self._left: list[Worker] = []
        self._retired: set[Worker] = set()
        self._lingering: set[Worker] = set()
        self._is_exit_asked = False
        self._looked_ns = mono_ns()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)  # noqa: TID251 - its own thread

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self, timeout_s: float = 2) -> bool:
        """Stop looking; the board then says that the end is in order."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._beats is not None:
            self._beats.close(self._mono_ns())
        return not self._thread.is_alive()

    @property
    def zombie_count(self) -> int:
        """Workers left behind that have not come back."""
        return sum(worker.is_alive() for worker in {*self._left, *self._lingering})

    def look(self) -> None:
        """One look at everything."""
        now_ns = self._mono_ns()
        self._excuse(now_ns - self._looked_ns - GAP_NS)
        self._looked_ns = now_ns
        pools = self._hosts.all_pools()
        for pool in pools:
            self._look_at(pool, now_ns)
        for gone in self._sights.keys() - set(pools):
            del self._sights[gone]
        retired = set(self._hosts.retired_workers())
        self._lingering = retired & self._retired
        self._retired = retired
        zombies = self.zombie_count
        if self._beats is not None:
            self._beats.beat(now_ns, zombies)
        if zombies > self._zombies_max and not self._is_exit_asked:
            self._is_exit_asked = True
            log_event("zombies_exceeded", "ERROR", zombie_count=zombies)
            self._on_zombies(zombies)

    def _excuse(self, absent_ns: int) -> None:
        if absent_ns > 0:
            log_event("watchdog_was_away", "WARNING", absent_ms=absent_ns // NS_PER_MS)
            for sight in self._sights.values():
                sight.since_ns += absent_ns

    def _run(self) -> None:
        while not self._closing.wait(self._period_s):
            self.look()

    def _look_at(self, pool: ThreadPool, now_ns: int) -> None:
        room, worker = pool.busy_room, pool.worker
        if worker is None:
            return
        if not worker.is_alive():
            self._replace(pool, worker, "worker_died", room)
            return
        mark = (room, room.served_count if room is not None else 0, pool.turn_count)
        sight = self._sights.get(pool)
        if sight is None or sight.mark != mark:
            self._sights[pool] = Sight(mark, now_ns)
        elif room is not None:
            self._judge(pool, worker, room, now_ns - sight.since_ns)
        elif pool.waiting_count and now_ns - sight.since_ns > self._wedged_ns:
            self._report_wedged(pool, sight)

    def _judge(self, pool: ThreadPool, worker: Worker, room: Room, busy_ns: int) -> None:
        busy_ns_max = room.spec.busy_ms_max * NS_PER_MS
        is_opening = room.state is RoomState.STARTING and room.served_count == 0
        if is_opening and not room.is_fenced:
            busy_ns_max = max(busy_ns_max, self._open_ns_max)
        if busy_ns <= busy_ns_max or worker in self._left:
            return
        kind = ExitKind.START_TIMEOUT if is_opening else ExitKind.STUCK
        self._left.append(worker)
        room.fence(kind, f"busy for {busy_ns // NS_PER_MS} ms without progress")
        if self._hosts.is_private(pool):
            log_event("worker_left_behind", "ERROR", pool=pool.name, name=room.name)
        else:
            self._replace(pool, worker, "worker_left_behind", room)

    def _replace(self, pool: ThreadPool, worker: Worker, event: str, room: Room | None) -> None:
        if pool.worker is not worker:
            return
        log_event(event, "ERROR", pool=pool.name, name=room.name if room is not None else "")
        pool.abandon_worker()
        self._sights.pop(pool, None)
        if event == "worker_died" and room is not None:
            room.fence(ExitKind.CRASHED, "its worker died")

    def _report_wedged(self, pool: ThreadPool, sight: Sight) -> None:
        if not sight.is_reported:
            sight.is_reported = True
            log_event("pool_wedged", "ERROR", pool=pool.name, waiting_count=pool.waiting_count)
            self._on_wedged(pool.name)
