"""Hosts that serve rooms: a pool with one worker thread, and the port all hosts share.

Decides which room runs next and when timers fire. Refuses to know behaviours. One worker a pool:
under the GIL two are not faster, and one means that a room never runs twice at once. A *thread*
host is a pool that serves a single room. A stuck worker cannot be ended: it is abandoned, its
room fenced, and a new worker goes on with the others.
"""

import heapq
import queue
import threading
from itertools import count
from typing import TYPE_CHECKING, Protocol

from actors.runtime.clock import Clock
from engine.messages.base import Message

if TYPE_CHECKING:
    from actors.runtime.room import Room

BATCH_MAX = 64
IDLE_WAIT_S = 0.5


class Pool(Protocol):
    """What a room needs of its host."""

    served_count: int
    may_nest: bool
    """Whether a room may be served inside another's turn. Where a watchdog looks for the room that
    is stuck it must not: the carrier would be stuck with it."""

    @property
    def clock(self) -> Clock:
        """The clocks of the rooms."""

    def skip_to(self, room: "Room", at_ns: int) -> bool:
        """See `Context.skip_to`; only asked where rooms may nest."""

    def schedule(self, room: "Room") -> None:
        """Let the room run soon. Any thread."""

    def set_timer(self, room: "Room", key: str, mono_ns: int, message: Message) -> None:
        """Deliver at a boot-clock instant; replaces the room's timer of the same key."""


class Timers:
    """Timers of the rooms of one host; touched by its worker only.

    A replaced or cancelled timer stays in the heap and is skipped when due.
    """

    def __init__(self, *, may_serve: bool = False) -> None:
        """`may_serve`: a room at rest handles its timer at once (seeded host)."""
        self._may_serve = may_serve
        self.heap: list[tuple[int, int, Room, str, Message]] = []
        self.served: Room | None = None
        """Whose timer is being handled, where a timer is handled at once."""
        self._tokens = count(1)

    def add(self, room: "Room", key: str, mono_ns: int, message: Message) -> None:
        token = next(self._tokens)
        room.timers[key] = token
        heapq.heappush(self.heap, (mono_ns, token, room, key, message))

    def clear(self) -> None:
        """Forget all of them: their rooms are gone."""
        self.heap.clear()

    def due_ns(self) -> int | None:
        """The earliest instant at which something may fire."""
        return self.heap[0][0] if self.heap else None

    def fire(self, mono_ns: int) -> None:
        """Deliver all timers due at or before `mono_ns`, in order of instant and setting."""
        heap = self.heap
        while heap and heap[0][0] <= mono_ns:
            _, token, room, key, message = heapq.heappop(heap)
            if room.timers.get(key) == token:
                del room.timers[key]
                if self._may_serve:
                    self.served = room
                    is_served = room.take_now(message)
                    self.served = None
                    if is_served:
                        continue
                room.fire(key, message)


class Worker(threading.Thread):  # noqa: TID251 - its own thread
    """One thread serving a pool until the pool has another worker or is closed."""

    def __init__(self, pool: "ThreadPool", number: int) -> None:
        super().__init__(name=f"pool-{pool.name}-{number}", daemon=True)
        self._pool = pool

    def run(self) -> None:
        self._pool.work(self)


class ThreadPool:
    """Rooms on one worker thread."""

    may_nest = False

    def __init__(self, name: str, clock: Clock, *, batch_max: int = BATCH_MAX) -> None:
        self.name = name
        self.clock = clock
        self.busy_room: Room | None = None
        self.served_count = 0
        self.turn_count = 0
        self.abandoned: list[Worker] = []
        self._is_retiring = False
        self._batch_max = batch_max
        self._ready: queue.SimpleQueue[Room | None] = queue.SimpleQueue()
        self._timers = Timers()
        self._numbers = count(1)
        self._worker: Worker | None = None
        self.schedule = self._ready.put

    def start(self) -> None:
        """Start the worker."""
        assert self._worker is None
        self._hire()

    def set_timer(self, room: "Room", key: str, mono_ns: int, message: Message) -> None:
        self._timers.add(room, key, mono_ns, message)

    def skip_to(self, room: "Room", at_ns: int) -> bool:
        return False  # real time moves by itself

    def work(self, worker: Worker) -> None:
        """The worker's loop."""
        mono_ns, timers, ready = self.clock.mono_ns, self._timers, self._ready
        while self._worker is worker:
            due_ns = timers.due_ns()
            wait_s = IDLE_WAIT_S
            if due_ns is not None:
                ahead_ns = due_ns - mono_ns()
                if ahead_ns <= 0:
                    timers.fire(mono_ns())
                    ahead_ns = 0
                wait_s = min(wait_s, ahead_ns / 1e9)
            try:
                room = ready.get(timeout=wait_s) if wait_s > 0 else ready.get_nowait()
            except queue.Empty:
                continue
            if room is not None:
                self.busy_room = room
                self.turn_count += 1
                room.run(self._batch_max)
                if self._worker is worker:
                    self.busy_room = None
            elif self._is_retiring:
                return

    def abandon_worker(self) -> None:
        """Leave a stuck worker behind and go on with a new one. The stuck room must be fenced."""
        assert self._worker is not None
        self.abandoned.append(self._worker)
        self.busy_room = None
        self._hire()

    def retire(self) -> None:
        """End the worker once it has served what is queued (it may be stuck: then never)."""
        self._is_retiring = True
        self._ready.put(None)

    @property
    def worker(self) -> "Worker | None":
        return self._worker

    @property
    def waiting_count(self) -> int:
        """Rooms queued and not yet being served."""
        return self._ready.qsize()

    def close(self, timeout_s: float) -> bool:
        """Stop serving. True if the worker ended in time."""
        worker, self._worker = self._worker, None
        self._ready.put(None)
        if worker is None or worker is threading.current_thread():
            return True
        worker.join(timeout_s)
        return not worker.is_alive()

    def _hire(self) -> None:
        self._worker = worker = Worker(self, next(self._numbers))
        worker.start()
