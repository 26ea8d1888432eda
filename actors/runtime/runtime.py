"""The runtime: hosts by kind, one directory, one clock.

Decides on which host a new generation of an actor runs. Refuses to know which actors there are.
The supervisor is its only user; boot and tests build one.
"""

import contextlib
import threading
from enum import Enum, unique
from typing import Protocol

from actors.runtime.board import Board
from actors.runtime.clock import Clock
from actors.runtime.directory import Directory
from actors.runtime.hub import ProcessHub
from actors.runtime.pool import Pool, ThreadPool, Worker
from actors.runtime.process import ProcessRoom
from actors.runtime.room import Room
from actors.runtime.roomspec import RoomSpec


@unique
class HostKind(Enum):
    """POOLED shares a worker, THREAD has its own, PROCESS lives in a child process."""

    POOLED = "pooled"
    THREAD = "thread"
    PROCESS = "process"


class Hosts(Protocol):
    """Where rooms live. Two kinds: threads (production) and seeded (one thread)."""

    clock: Clock

    def pool_for(self, kind: HostKind, pool: str, name: str) -> Pool:
        """The pool that serves a new room."""

    def pools_all(self) -> tuple[Pool, ...]:
        """Every pool with a worker."""

    def release(self, kind: HostKind, pool: Pool) -> None:
        """The room of a THREAD pool has ended; its worker may go."""

    def process_hub(self) -> ProcessHub | None:
        """Who runs child processes; None: PROCESS rooms run in place, like all others."""


class Runtime:
    """Starts rooms. `start` returns at once; the room reports READY or its end itself.

    Args:
        room_type: the kind of room to begin: capture and simulation bring their own.
    """

    def __init__(
        self,
        hosts: Hosts,
        directory: Directory | None = None,
        *,
        room_type: type[Room] = Room,
    ) -> None:
        self.hosts = hosts
        self.directory = directory or Directory()
        self.board = Board()
        self._room_type = room_type

    @property
    def clock(self) -> Clock:
        return self.hosts.clock

    def start(self, spec: RoomSpec, kind: HostKind = HostKind.POOLED, pool: str = "core") -> Room:
        """Start one generation of an actor on the host of its kind.

        A PROCESS room's `spec.factory` is a `ProcessTarget`, which builds the same behaviour in
        place where there are no child processes (seeded hosts).

        Raises:
            ValueError: the directory refuses it; nothing of it is left.
        """
        host = self.hosts.pool_for(kind, pool, spec.name)
        hub = self.hosts.process_hub() if kind is HostKind.PROCESS else None
        try:
            if hub is not None:
                return ProcessRoom(spec, host, self.directory, hub).enter()
            return self.room_type_of(spec.name).begin(spec, host, self.directory)
        except ValueError:
            self.hosts.release(kind, host)
            raise

    def room_type_of(self, name: str) -> type[Room]:
        """The kind of room an actor lives in, by its name."""
        return self._room_type


class ThreadHosts:
    """Production: named pools with one worker each, private pools for THREAD rooms."""

    def __init__(
        self, clock: Clock, pools: tuple[str, ...] = ("control", "core", "market")
    ) -> None:
        self.clock = clock
        self.pools = {name: ThreadPool(name, clock) for name in pools}
        self.private: list[ThreadPool] = []
        self._retired: list[ThreadPool] = []
        self._hub: ProcessHub | None = None
        self._hub_lock = threading.Lock()
        for pool in self.pools.values():
            pool.start()

    def pool_for(self, kind: HostKind, pool: str, name: str) -> Pool:
        if kind is HostKind.POOLED or kind is HostKind.PROCESS:
            return self.pools[pool]
        private = ThreadPool(name, self.clock)
        private.start()
        self.private.append(private)
        return private

    def release(self, kind: HostKind, pool: Pool) -> None:
        if not isinstance(pool, ThreadPool):
            return
        with contextlib.suppress(ValueError):  # a shared pool, or released already
            self.private.remove(pool)
            self._retired.append(pool)
            pool.retire()

    def process_hub(self) -> ProcessHub | None:
        with self._hub_lock:
            if self._hub is None or not self._hub.is_alive:
                self._hub = ProcessHub(self.clock)
            return self._hub

    def is_private(self, pool: ThreadPool) -> bool:
        """Whether the pool serves a single THREAD room."""
        return pool.name not in self.pools or self.pools[pool.name] is not pool

    def retired_workers(self) -> tuple[Worker, ...]:
        """Workers of released private pools that have not ended: stuck, if seen twice."""
        self._retired = [pool for pool in self._retired if pool.worker and pool.worker.is_alive()]
        return tuple(pool.worker for pool in self._retired if pool.worker is not None)

    def pools_all(self) -> tuple[Pool, ...]:
        return self.all_pools()

    def all_pools(self) -> tuple[ThreadPool, ...]:
        """Every pool with a worker: the shared and the private ones."""
        return (*self.pools.values(), *self.private)

    def close(self, timeout_s: float) -> bool:
        """Kill all child processes, stop all workers. True if all ended in time."""
        is_hub_closed = self._hub is None or self._hub.close(timeout_s)
        closed = [pool.close(timeout_s) for pool in self.all_pools()]
        return is_hub_closed and all(closed)


class SeededHosts:
    """Tests, backtest, replay, simulation: every kind of room on the one seeded pool."""

    def __init__(self, pool: Pool) -> None:
        self.clock = pool.clock
        self.pool = pool

    def pool_for(self, kind: HostKind, pool: str, name: str) -> Pool:
        return self.pool

    def pools_all(self) -> tuple[Pool, ...]:
        return (self.pool,)

    def release(self, kind: HostKind, pool: Pool) -> None:
        return None

    def process_hub(self) -> ProcessHub | None:
        return None
