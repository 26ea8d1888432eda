"""The main program of a child process: `python -m actors.runtime.child`, started by the hub.

Decides that no child outlives its parent, none dumps core, and that the parent alone ends it:
SIGINT and SIGTERM of the whole group (Ctrl-C, the init system) are the parent's to act on.
Imports little, because it also waits as a warm spare for its orders.
"""

import ctypes
import faulthandler
import logging
import os
import resource
import signal
import sys
from functools import partial
from pathlib import Path

from actors.runtime.childroom import ChildDirectory, ChildPool, ChildRoom
from actors.runtime.childwire import Wire, WireLogHandler
from actors.runtime.codec import EXIT_ORPHANED, EXIT_REPORTED, Open, clock_from
from actors.runtime.room import RoomSpec
from actors.runtime.target import build

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
IDLE_WAIT_MS = 1_000


def main() -> None:
    """Arguments: the address of the wire, the parent's pid, the file for fault traces."""
    address, parent_pid, trace_path = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    bind_to_parent(parent_pid)
    with trace_path.open("wb", buffering=0) as traces:
        faulthandler.enable(traces)
        faulthandler.register(signal.SIGUSR1, traces)
        wire = Wire(address)
        code = run(wire, wait_for_order(wire))
        wire.close()
        os._exit(code)  # threads of third parties must not hold up the end


def bind_to_parent(parent_pid: int) -> None:
    """Die with the parent, also with one that was killed; leave no core; ignore its signals."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:
        os._exit(EXIT_ORPHANED)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def wait_for_order(wire: Wire) -> Open:
    """The first frame; a spare waits long for it."""
    while True:
        for frame in wire.poll(IDLE_WAIT_MS, 1):
            if isinstance(frame, Open):
                return frame


def run(wire: Wire, order: Open) -> int:
    """Host the behaviour until it ends; returns the exit code."""
    name_process(order.name)
    os.environ.update(order.environ)
    send_logs(wire)
    if order.memory_mb_max:
        limit_memory(order.memory_mb_max * 1_048_576)
    spec = RoomSpec(
        name=order.name,
        generation=order.generation,
        supervisor=order.supervisor,
        factory=partial(build, order.factory, order.arguments),
        inbox_max=order.inbox_max,
        conflate_after=order.conflate_after,
    )
    pool = ChildPool(clock_from(order.clock), wire)
    room = ChildRoom(spec, pool, ChildDirectory(wire))
    room.enter()
    room.serve()
    return EXIT_REPORTED if room.is_ended else 1


def name_process(name: str) -> None:
    """Show the actor's name in ps and top."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_NAME, name.encode()[-15:], 0, 0, 0)


def limit_memory(bytes_max: int) -> None:
    """Bound the address space; never above a bound that is already there."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        bytes_max = min(bytes_max, hard)
    resource.setrlimit(resource.RLIMIT_AS, (bytes_max, hard))


def send_logs(wire: Wire) -> None:
    """Our events and the libraries' warnings go to the parent."""
    root = logging.getLogger()
    root.handlers[:] = [WireLogHandler(wire)]
    root.setLevel(logging.WARNING)
    logging.getLogger("pahara").setLevel(logging.INFO)


if __name__ == "__main__":
    main()
