"""Nine thousand instruments: the real market and feeds, pooled or on a thread each.

Decides the load: a steady 9,000 ticks a second in small frames, in frames of 100, then bursts of
3,000 ticks in one frame. The boot clock is the market clock here, so the received time of a tick
is the instant the driver made its frame, and the latency is up to the strategy's handler.
"""

import argparse
import gc
import sys
from collections.abc import Callable
from time import process_time_ns

from actors.feed import FeedBehaviour
from actors.market import MarketBehaviour
from actors.runtime.behaviour import Behaviour
from actors.runtime.clock import boot_ns
from engine.market.quality import TickLimits
from engine.market.staleness import StalenessLimits
from engine.messages.base import Message
from engine.messages.market import MarketFrame, PhaseChanged, Tick
from engine.messages.values import SessionPhase
from engine.units import NS_PER_S
from scripts.bench_figures import Figures, rss_mb, run_section, spread_ms, wait_for, wait_s
from scripts.bench_hosts import BenchHost, Deaf, PooledHost, ThreadingHost

HOSTS: dict[str, Callable[[dict[str, Behaviour]], BenchHost]] = {
    "pooled": PooledHost,
    "threading": ThreadingHost,
}
BURST_TICKS = 3_000
BURSTS = {"pooled": 40, "threading": 5}
STRATEGY = "strategy/bench"
HOUR_NS = 3_600 * NS_PER_S


class Stamper(Behaviour):
    """The strategy: notes how old each tick is."""

    def __init__(self) -> None:
        self.ages_ns: list[int] = []

    def receive(self, message: Message) -> None:
        if type(message) is Tick:
            self.ages_ns.append(boot_ns() - message.received_at_ns)


class Driver:
    """Makes ticks of all instruments in turn, and sends them in frames."""

    def __init__(self, host: BenchHost, names: list[str], stamper: Stamper) -> None:
        self._host = host
        self._names = names
        self.stamper = stamper
        self._sent = 0

    def frame(self, size: int) -> None:
        """One frame of the next `size` instruments."""
        at_ns, names, first = boot_ns(), self._names, self._sent
        ticks = tuple(
            Tick(
                instrument=names[number % len(names)],
                price_paise=100_000 + number // len(names) % 40 * 5,
                at_ns=at_ns,
                received_at_ns=at_ns,
                volume_day=number,
            )
            for number in range(first, first + size)
        )
        self._sent = first + size
        self._host.send("market", MarketFrame(ticks=ticks))

    def steady(self, frame_size: int, seconds: float) -> Figures:
        """An even load; open loop, so that a host which lags shows it."""
        self.stamper.ages_ns.clear()
        every_ns = frame_size * NS_PER_S // len(self._names)  # each instrument once a second
        began_ns, cpu_ns = boot_ns(), process_time_ns()
        due_ns, ends_ns, sent = began_ns, began_ns + int(seconds * NS_PER_S), 0
        while due_ns < ends_ns:
            wait_s((due_ns - boot_ns()) / NS_PER_S)
            self._host.beat()
            self.frame(frame_size)
            sent += frame_size
            due_ns += every_ns
        is_complete = wait_for(lambda: len(self.stamper.ages_ns) >= sent, 12.0)
        took_ns = boot_ns() - began_ns
        return {
            "frame_ticks": frame_size,
            "sent_per_s": round(sent / seconds),
            "handled_per_s": round(len(self.stamper.ages_ns) * NS_PER_S / took_ns),
            "is_complete": is_complete,
            "cpu_cores": round((process_time_ns() - cpu_ns) / took_ns, 3),
            "latency": spread_ms(self.stamper.ages_ns),
        }

    def bursts(self, size: int, times: int) -> Figures:
        """Frames of `size`, each sent when the one before is done."""
        lasts_ns = []
        for _ in range(times):
            self.stamper.ages_ns.clear()
            self.frame(size)
            if not wait_for(lambda: len(self.stamper.ages_ns) >= size, 20.0):
                break  # the count tells that not all came through
            lasts_ns.append(max(self.stamper.ages_ns))
            wait_s(0.03)
            self._host.beat()
        return {"frame_ticks": size, "last_handled": spread_ms(lasts_ns)}


def open_phase(now_ns: int) -> PhaseChanged:
    """A session that has been open for an hour and stays so for another."""
    return PhaseChanged(
        phase=SessionPhase.CONTINUOUS,
        trading_day="bench",
        at_ns=now_ns,
        opens_at_ns=max(1, now_ns - HOUR_NS),
        closes_at_ns=now_ns + HOUR_NS,
    )


def measure(args: argparse.Namespace) -> Figures:
    """The section on one host."""
    names = [f"NSE:BENCH{number:04}" for number in range(args.instruments)]
    stamper = Stamper()
    began_ns = boot_ns()
    behaviours = make_behaviours(names, stamper)
    host: BenchHost = PooledHost(behaviours) if args.host == "pooled" else ThreadingHost(behaviours)
    wait_s(0.2 + args.instruments / 9_000 * 2)
    host.send("market", open_phase(boot_ns()))
    driver = Driver(host, names, stamper)
    for _ in range(3):  # every feed has a last price, a bar and a fresh state
        for _ in range(0, len(names), 100):
            driver.frame(100)
            wait_s(0.005)
    wait_for(lambda: len(stamper.ages_ns) >= 3 * len(names), 10.0)
    gc.collect()
    gc.freeze()
    started_s = (boot_ns() - began_ns) / NS_PER_S
    print(f"actors on {args.host}: ready after {started_s:.1f} s", file=sys.stderr)
    figures = {
        "host": args.host,
        "actors": len(behaviours),
        "steady": driver.steady(10, args.seconds),
        "frames_of_100": driver.steady(100, args.seconds / 2),
        "burst": driver.bursts(min(BURST_TICKS, len(names)), BURSTS[args.host]),
        "rss_mb": rss_mb(),
    }
    host.close()
    return figures


def make_behaviours(names: list[str], stamper: Stamper) -> dict[str, Behaviour]:
    """As the wiring makes them; the core's rooms, which are no part of this, are not readers."""
    feeds = {name: f"feed/{name}" for name in names}
    made: dict[str, Behaviour] = {
        "console": Deaf(),
        "calendar": Deaf(),
        STRATEGY: stamper,
        "market": MarketBehaviour(feeds, check_every_ns=NS_PER_S),
    }
    for name, feed in feeds.items():
        made[feed] = FeedBehaviour(
            name,
            tick_readers=(),
            bar_readers=((60, (STRATEGY,)),),
            state_readers=("market", STRATEGY),
            tick_limits=TickLimits(),
            staleness=StalenessLimits(),
            idea_readers=(STRATEGY,),
        )
    return made


if __name__ == "__main__":
    run_section(measure, 6.0)
