"""The one thread of a runtime that talks to all its child processes.

Decides when a child is spawned, read, watched, killed and reaped. Refuses to know behaviours and
restarts. Rooms are touched by `offer` alone; sockets, pidfds and processes by this thread alone.
One warm spare waits with its modules imported, so that a restart does not wait for Python.
"""

import os
import shutil
import threading
from collections import deque
from collections.abc import Callable
from functools import partial

import zmq

from actors.runtime.childprocess import ChildProcess, make_folder
from actors.runtime.clock import GAP_NS, Clock
from actors.runtime.codec import Open
from actors.runtime.link import Link
from actors.runtime.log import log_event
from actors.runtime.room import Room
from engine.messages.base import Message
from engine.messages.supervision import ExitKind

CHECK_EVERY_NS = 50_000_000
IDLE_WAIT_MS = 50
GOING_WAIT_MS = 5


class ProcessHub:
    """Child processes of one runtime.

    Args:
        clock: its boot clock measures silence.
        has_spare: keep one warm process (about 30 MB) once a first child is ready.
    """

    def __init__(self, clock: Clock, *, has_spare: bool = True) -> None:
        self._clock = clock
        self._has_spare = has_spare
        self._folder = make_folder()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._poller = zmq.Poller()
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poller.register(self._wake_fd, zmq.POLLIN)
        self._wake_lock = threading.Lock()
        self._is_awake = False
        self._is_shut = False
        self._is_closing = False
        self._calls: deque[Callable[[], None]] = deque()
        self._dirty: deque[Link] = deque()
        self._links: list[Link] = []
        self._going: list[Link] = []
        self._spare: ChildProcess | None = None
        self._spawn_count = 0
        self._checked_at_ns = clock.mono_ns()
        self._thread = threading.Thread(target=self._run, name="process-hub", daemon=True)  # noqa: TID251 - its own thread
        self._thread.start()

    # -- any thread ---------------------------------------------------------------------------

    def open(self, room: Room, order: Open) -> Link:
        """Run an order in a child process. READY and the end reach the room as messages.

        Raises:
            RuntimeError: the hub is closed; the start has failed.
        """
        if self._is_shut:
            raise RuntimeError("the process hub is closed")
        link = Link(room, order, room.spec.busy_ms_max)
        self._call(partial(self._assign, link))
        return link

    def send(self, link: Link, message: Message) -> bool:
        """Queue a message for a child. False: the bound is reached."""
        is_taken = link.offer(message)
        if not link.is_dirty:
            link.is_dirty = True
            self._dirty.append(link)
            self._wake()
        return is_taken

    def release(self, link: Link) -> None:
        """The room has ended or is fenced: kill the process, report nothing more."""
        link.is_released = True
        self._call(partial(self._finish, link))

    @property
    def is_alive(self) -> bool:
        """False once closed, or failed (all its children are killed and reported then)."""
        return self._thread.is_alive()

    def pids(self) -> tuple[int, ...]:
        """The processes that are alive now, the spare included."""
        children = (*(link.child for link in tuple(self._links)), self._spare)
        return tuple(child.pid for child in children if child is not None)

    def close(self, timeout_s: float) -> bool:
        """Kill and reap all children. True if the thread ended in time."""
        self._is_closing = True
        self._wake()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _call(self, step: Callable[[], None]) -> None:
        self._calls.append(step)
        self._wake()

    def _wake(self) -> None:
        if not self._is_awake:
            with self._wake_lock:  # a closed descriptor may be somebody else's by now
                if not self._is_shut:
                    self._is_awake = True
                    os.eventfd_write(self._wake_fd, 1)

    # -- the hub's thread ---------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._is_closing:
                self._turn()
        except BaseException as error:  # noqa: BLE001 the host's one door for failures
            log_event("process_hub_failed", "ERROR", error=f"{type(error).__name__}: {error}")
        finally:
            self._shut()

    def _turn(self) -> None:
        ready = dict(self._poller.poll(GOING_WAIT_MS if self._going else IDLE_WAIT_MS))
        if self._wake_fd in ready:
            os.eventfd_read(self._wake_fd)
            self._is_awake = False
            while self._calls:
                self._calls.popleft()()
            while self._dirty:
                link = self._dirty.popleft()
                link.is_dirty = False
                self._pump(link)
        now_ns = self._clock.mono_ns()
        for link in tuple(self._links):
            if link.child is not None and link.child.socket in ready:
                link.read(now_ns)
                self._pump(link)
            if link.child is not None and link.child.pidfd in ready:
                self._poller.unregister(link.child.pidfd)
                self._going.append(link)
        for link in tuple(self._going):
            self._reap(link, now_ns)
        if now_ns - self._checked_at_ns >= CHECK_EVERY_NS:
            self._check(now_ns)

    def _check(self, now_ns: int) -> None:
        gap_ns, self._checked_at_ns = now_ns - self._checked_at_ns, now_ns
        is_wanted = self._has_spare and self._spare is None
        for link in tuple(self._links):
            if gap_ns > GAP_NS:
                link.excuse(gap_ns)
            if link.room.is_fenced or link.room.is_ended:
                self._finish(link)
            else:
                link.check(now_ns)
                is_wanted = is_wanted and bool(link.beat_at_ns)
        if self._spare is not None and self._spare.exit_code() is not None:
            self._spare.close()
            self._spare = None
        elif is_wanted and self._links:
            self._keep_spare()

    def _assign(self, link: Link) -> None:
        if link.is_released:
            return
        child, self._spare = self._spare, None
        try:
            link.child = child = child or self._spawn()
        except OSError as error:
            link.room.offer(link.report(ExitKind.START_FAILED, f"not spawned: {error}"))
            return
        self._links.append(link)
        self._poller.register(child.pidfd, zmq.POLLIN)
        self._pump(link)

    def _spawn(self) -> ChildProcess:
        self._spawn_count += 1
        return ChildProcess(self._folder, self._spawn_count, self._context)

    def _keep_spare(self) -> None:
        try:
            self._spare = self._spawn()
        except OSError as error:
            self._has_spare = False
            log_event("spare_process_not_spawned", "WARNING", error=str(error))

    def _pump(self, link: Link) -> None:
        link.pump()
        if link.child is not None:
            flags = zmq.POLLIN | zmq.POLLOUT if link.is_stalled else zmq.POLLIN
            self._poller.register(link.child.socket, flags)

    def _reap(self, link: Link, now_ns: int) -> None:
        exited = link.exit(now_ns)
        if exited is not None:
            self._finish(link)
            link.room.offer(exited)

    def _finish(self, link: Link) -> None:
        if link in self._links:
            self._links.remove(link)
            if link.child is not None:
                self._poller.unregister(link.child.socket)
                if link in self._going:
                    self._going.remove(link)
                else:
                    self._poller.unregister(link.child.pidfd)
            link.close()

    def _shut(self) -> None:
        with self._wake_lock:
            self._is_shut = True
            os.close(self._wake_fd)
        while self._calls:
            self._calls.popleft()()
        for link in tuple(self._links):
            self._finish(link)
            link.room.offer(link.report(ExitKind.KILLED, "the process hub has closed"))
        if self._spare is not None:
            self._spare.close()
            self._spare = None
        self._context.term()
        shutil.rmtree(self._folder, ignore_errors=True)
