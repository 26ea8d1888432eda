"""Crash to READY: a worker raises, its real supervisor starts the next generation.

Decides from where to where is measured: from the exception to the new generation serving its
first message, which the data lane hands out only once the room is READY.
"""

import argparse
import gc
import random
import sys

from actors.runtime.behaviour import Behaviour, Context, Opening
from actors.runtime.clock import SystemClock, boot_ns
from actors.runtime.runtime import Runtime, ThreadHosts
from engine.messages.base import Message
from engine.messages.market import FeedChecked
from engine.messages.supervision import TimerFired
from scripts.bench_figures import Figures, run_section, spread_ms, wait_for, wait_s
from supervisors.root import Tree
from supervisors.spec import Backoff, ChildSpec, SupervisorSpec
from supervisors.supervisor import supervising

ROUNDS_PER_S = 60
_HELLO = FeedChecked(at_ns=0, source_at_ns=0)


class WantedError(Exception):
    """The crash of the bench."""


class Crasher(Behaviour):
    """Dies of every timer; notes when it died and when its successor served."""

    died_at_ns = 0
    served_count = 0
    outages_ns: list[int] = []  # noqa: RUF012 of all generations of all crashers, on purpose

    def open(self, ctx: Context) -> Opening:
        super().open(ctx)
        ctx.send(ctx.name, _HELLO)
        return Opening.READY

    def receive(self, message: Message) -> None:
        kind = Crasher
        if isinstance(message, TimerFired):
            kind.died_at_ns = boot_ns()
            raise WantedError
        if kind.died_at_ns:
            kind.outages_ns.append(boot_ns() - kind.died_at_ns)
            kind.died_at_ns = 0
        kind.served_count += 1


def crash(others: int, rounds: int) -> Figures:
    """Crash one worker `rounds` times beside `others`."""
    runtime = Runtime(ThreadHosts(SystemClock()))
    children = tuple(
        ChildSpec(id=f"w/{number}", factory=lambda _: Crasher(), pool="market")
        for number in range(others + 1)
    )
    spec = SupervisorSpec(
        children=children,
        restarts_max=10 * rounds,
        backoff=Backoff(base_ms=0, cap_ms=0, jitter_bps=0),
    )
    Crasher.outages_ns = []
    Crasher.served_count = 0
    tree = Tree(runtime, supervising(runtime, spec, random.Random(1)))  # noqa: S311 jitter
    try:
        assert tree.porter.ready.wait(60.0)
        wait_for(lambda: Crasher.served_count > others, 30.0)
        gc.collect()
        gc.freeze()
        for number in range(rounds):
            name = f"w/{number * 7 % (others + 1)}"
            runtime.directory.deliver(name, TimerFired(key=f"crash-{number}"))
            wait_for(lambda number=number: len(Crasher.outages_ns) > number, 5.0)  # type: ignore[misc]
            wait_s(0.002)
        return spread_ms(Crasher.outages_ns)
    finally:
        tree.stop("measured")
        tree.porter.ended.wait(60.0)
        tree.close()
        runtime.hosts.close(5.0)  # type: ignore[attr-defined]


def measure(args: argparse.Namespace) -> Figures:
    """Alone, then among the others."""
    rounds = max(5, int(args.seconds * ROUNDS_PER_S))
    print(f"restart: {rounds} crashes alone and among {args.instruments}", file=sys.stderr)
    return {"alone": crash(0, rounds), "among_9000": crash(args.instruments, rounds)}


if __name__ == "__main__":
    run_section(measure, 6.0)
