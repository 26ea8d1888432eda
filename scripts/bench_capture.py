"""What it costs to capture: nothing more than the making of events on the rooms' side.

Decides what is compared: the same two actors passing ticks on a seeded pool, plain and captured,
in turns, so that a busy machine troubles both; then the packing of what they left behind, which a
thread of its own does in the engine. CPU time of this thread, the best of all rounds.
"""

import argparse
import tempfile
import zlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from time import thread_time_ns

from actors.capture.blocks import Pace, Packer
from actors.capture.events import Event
from actors.capture.recorder import Recorder
from actors.capture.rooms import CaptureRuntime
from actors.runtime.behaviour import Behaviour
from actors.runtime.clock import VirtualClock, boot_ns
from actors.runtime.roomspec import RoomSpec
from actors.runtime.runtime import Runtime, SeededHosts
from actors.runtime.seeded import SeededPool
from engine.messages.base import Message
from engine.messages.market import Tick
from engine.units import NS_PER_MS, NS_PER_S
from scripts.bench_figures import Figures, run_section

TICKS_ROUND = 500
PACKED_EVENTS = 20_000


class Passing(Behaviour):
    """Hands on whatever it gets."""

    def receive(self, message: Message) -> None:
        self.ctx.send("reader", message)


class Reading(Behaviour):
    """Does nothing with it."""

    def receive(self, message: Message) -> None:
        return None


class BootClock(VirtualClock):
    """Costs what a real clock costs to read."""

    def both_ns(self) -> tuple[int, int]:
        now_ns = boot_ns()
        return now_ns, now_ns


class Pair:
    """Two actors and their pool."""

    def __init__(self, make: Callable[[SeededHosts], Runtime]) -> None:
        self.clock = BootClock(NS_PER_S)
        self.pool = SeededPool(self.clock)
        self.runtime = make(SeededHosts(self.pool))
        for name, factory in (("passer", Passing), ("reader", Reading)):
            spec = RoomSpec(
                name=name,
                generation=1,
                supervisor="",
                factory=factory,
                inbox_max=2 * TICKS_ROUND,
                conflate_after=2 * TICKS_ROUND,
            )
            self.runtime.start(spec)
        self.pool.run_idle()
        self._sent = 0

    def message_ns(self) -> float:
        """CPU nanoseconds a handled message, its part of sending included."""
        passer = self.runtime.directory.rooms["passer"]
        for _ in range(TICKS_ROUND):
            self._sent += 1
            passer.offer(a_tick(self._sent))
        self.clock.move_to_mono(self.clock.mono_ns() + NS_PER_MS)
        began_ns = thread_time_ns()
        self.pool.run_idle()
        return (thread_time_ns() - began_ns) / (2 * TICKS_ROUND)


class Kept(Recorder):
    """A recorder whose thread does not run: what the rooms put down stays."""

    def taken(self) -> list[Event]:
        """What came since the last time."""
        events = list(self._events)
        self._events.clear()
        return events


def measure(args: argparse.Namespace) -> Figures:
    """Rounds of both for `seconds`, then one block of events packed."""
    with tempfile.TemporaryDirectory() as folder:
        kept = Kept(Path(folder), b"{}", Pace(now_ns=NS_PER_S, mono_ns=0))
        plain, captured = Pair(Runtime), Pair(lambda hosts: CaptureRuntime(hosts, kept))
        plain_ns, captured_ns, events = list[float](), list[float](), list[Event]()
        ends_ns = boot_ns() + int(args.seconds * NS_PER_S)
        while boot_ns() < ends_ns or len(events) < PACKED_EVENTS:
            plain_ns.append(plain.message_ns())
            captured_ns.append(captured.message_ns())
            found = kept.taken()
            events.extend(found if len(events) < PACKED_EVENTS else ())
    return {
        "plain_message_ns": round(min(plain_ns)),
        "captured_message_ns": round(min(captured_ns)),
        "hot_path_ns": round(min(captured_ns) - min(plain_ns)),
        **packed(events[:PACKED_EVENTS]),
    }


def packed(events: list[Event]) -> Figures:
    """What the capture's own thread does with them."""
    marks, packer = [thread_time_ns()], Packer(Pace(now_ns=NS_PER_S, mono_ns=0))
    payload = packer.pack(events)
    marks.append(thread_time_ns())
    zlib.compress(payload, 3)
    marks.append(thread_time_ns())
    packing, compressing = (round((b - a) / len(events)) for a, b in pairwise(marks))
    return {
        "packing_ns": packing,
        "compressing_ns": compressing,
    }


def a_tick(number: int) -> Tick:
    """A tick of ordinary size."""
    return Tick(
        instrument="NSE:BENCH0001",
        price_paise=100_000 + number % 1_000,
        at_ns=NS_PER_S + number,
        received_at_ns=NS_PER_S + number,
        volume_day=number,
        bid_paise=99_995,
        ask_paise=100_005,
    )


if __name__ == "__main__":
    run_section(measure, 3.0)
