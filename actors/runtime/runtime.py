"""The runtime: hosts by kind, one directory, one clock.

Decides on which host a new generation of an actor runs. Refuses to know which actors there are.
The supervisor is its only user; boot and tests build one.
"""

from enum import Enum, unique
from typing import Protocol

from actors.runtime.board import Board
from actors.runtime.clock import Clock
from actors.runtime.directory import Directory
from actors.runtime.pool import Pool, ThreadPool
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

    def release(self, kind: HostKind, pool: Pool) -> None:
        """The room of a THREAD pool has ended; its worker may go."""


class Runtime:
    """Starts rooms. `start` returns at once; the room reports READY or its end itself."""

    def __init__(self, hosts: Hosts, directory: Directory | None = None) -> None:
        self.hosts = hosts
        self.directory = directory or Directory()
        self.board = Board()

    @property
    def clock(self) -> Clock:
        return self.hosts.clock

    def start(self, spec: RoomSpec, kind: HostKind = HostKind.POOLED, pool: str = "core") -> Room:
        """Start one generation of an actor on the host of its kind."""
        host = self.hosts.pool_for(kind, pool, spec.name)
        return Room.begin(spec, host, self.directory)


class ThreadHosts:
    """Production: named pools with one worker each, private pools for THREAD rooms."""

    def __init__(
        self, clock: Clock, pools: tuple[str, ...] = ("control", "core", "market")
    ) -> None:
        self.clock = clock
        self.pools = {name: ThreadPool(name, clock) for name in pools}
        self.private: list[ThreadPool] = []
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
        if isinstance(pool, ThreadPool) and pool in self.private:
            self.private.remove(pool)
            pool.retire()

    def all_pools(self) -> tuple[ThreadPool, ...]:
        """Every pool with a worker: the shared and the private ones."""
        return (*self.pools.values(), *self.private)

    def close(self, timeout_s: float) -> bool:
        """Stop all workers. True if all ended in time."""
        closed = [pool.close(timeout_s) for pool in self.all_pools()]
        return all(closed)


class SeededHosts:
    """Tests, backtest, replay, simulation: every kind of room on the one seeded pool."""

    def __init__(self, pool: Pool) -> None:
        self.clock = pool.clock
        self.pool = pool

    def pool_for(self, kind: HostKind, pool: str, name: str) -> Pool:
        return self.pool

    def release(self, kind: HostKind, pool: Pool) -> None:
        return None
