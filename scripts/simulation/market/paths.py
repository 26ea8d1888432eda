"""The true market of a run: what was traded when, whoever hears of it.

Decides the price path of each instrument and day: sparse frames in a few windows of a session
(its opening, somewhere in the middle, the end from before the square-off to the close), made of
trends, whipsaws and gaps that are strong enough for brackets to be hit on both sides. Refuses to
know feeds, faults and clocks: the path of a day is a function of the seed and the day alone, so a
restart at any instant goes on with the same prices.
"""

import random
from collections.abc import Callable, Sequence
from itertools import pairwise

import msgspec

from engine.messages.market import Tick
from engine.session import Session
from engine.units import BPS, NS_PER_MINUTE, NS_PER_S

Stream = Callable[[str], random.Random]
"""A named stream of chance that is no decision (`world.stream`)."""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument of the market, prices in paise."""

    name: str
    price_paise: int
    tick_paise: int = 5


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How dense a day is. `frame_s` is the usual distance of two frames within a window."""

    frame_s: tuple[int, int] = (8, 14)
    opening_min: int = 8
    middle_min: int = 7
    before_flat_min: int = 13
    after_flat_min: int = 6
    window_frames_max: int = 70


class TrueFrame(msgspec.Struct, frozen=True, kw_only=True):
    """What traded at one instant, in the exchange's time."""

    at_ns: int
    ticks: tuple[Tick, ...]


class Regime(msgspec.Struct, frozen=True, kw_only=True):
    """Moves per frame in basis points: a drift, noise around it, and how strongly the price is
    drawn back to where the regime began (in percent of the distance)."""

    drift_bps: int
    noise_bps: int
    pull_percent: int


REGIMES = (
    Regime(drift_bps=6, noise_bps=8, pull_percent=0),
    Regime(drift_bps=-6, noise_bps=8, pull_percent=0),
    Regime(drift_bps=0, noise_bps=26, pull_percent=35),
    Regime(drift_bps=0, noise_bps=12, pull_percent=5),
)
REGIME_FRAMES = (6, 18)
GAP_BPS = (60, 200)
GAP_PERCENT = 40


def windows(
    session: Session, flat_by_ns: int, pace: Pace, rng: random.Random
) -> tuple[tuple[int, int], ...]:
    """The active spans of a session, in order, joined where they would overlap. The last minute is
    a span of its own, so that the market trades while positions are squared off."""
    middle_ns = NS_PER_MINUTE * pace.middle_min
    late_ns = flat_by_ns - pace.before_flat_min * NS_PER_MINUTE
    opening = (session.opens_at_ns, session.opens_at_ns + pace.opening_min * NS_PER_MINUTE)
    latest_ns = late_ns - 2 * middle_ns
    spans = [opening]
    if latest_ns > opening[1] + middle_ns:
        at_ns = rng.randrange(opening[1] + middle_ns, latest_ns, NS_PER_S)
        spans.append((at_ns, at_ns + middle_ns))
    end_ns = min(session.closes_at_ns, flat_by_ns + pace.after_flat_min * NS_PER_MINUTE)
    spans.append((max(late_ns, opening[1]), end_ns))
    last_ns = session.closes_at_ns - NS_PER_MINUTE
    spans = [(start_ns, min(end_ns, last_ns)) for start_ns, end_ns in spans]
    spans.append((last_ns, session.closes_at_ns))  # of its own: the bound of another cuts it not
    joined: list[tuple[int, int]] = []
    for start_ns, end_ns in spans:
        if joined and start_ns < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end_ns, joined[-1][1]))
        elif start_ns < end_ns:
            joined.append((start_ns, end_ns))
    return tuple(joined)


def instants(spans: Sequence[tuple[int, int]], pace: Pace, rng: random.Random) -> list[int]:
    """The instants of the frames, rising."""
    found: list[int] = []
    low, high = pace.frame_s
    for start_ns, end_ns in spans:
        at_ns, count = start_ns + rng.randrange(1_000) * 1_000_000, 0
        step_ns = rng.randint(low, high) * NS_PER_S
        while at_ns < end_ns and count < pace.window_frames_max:
            found.append(at_ns)
            at_ns += step_ns * rng.randint(50, 150) // 100
            count += 1
    return found


class Path:
    """The walk of one instrument; `jump` moves it for good (a band jump)."""

    def __init__(self, listed: Listed, rng: random.Random) -> None:
        self._listed = listed
        self._rng = rng
        self._level = listed.price_paise * rng.randint(90, 110) // 100
        self._regime = REGIMES[0]
        self._frames_left = 0
        self._centre = self._level
        self._volume = 0

    def gap(self) -> None:
        """The price leaps, as between two windows or over night."""
        rng = self._rng
        if rng.randrange(100) < GAP_PERCENT:
            self.jump(rng.choice((-1, 1)) * rng.randint(*GAP_BPS))

    def jump(self, bps: int) -> None:
        """Move by a share of the price, at once."""
        self._level += self._level * bps // BPS
        self._centre = self._level

    def step(self, at_ns: int) -> Tick:
        """The next tick."""
        rng = self._rng
        if not self._frames_left:
            self._regime = rng.choice(REGIMES)
            self._frames_left = rng.randint(*REGIME_FRAMES)
            self._centre = self._level
        self._frames_left -= 1
        regime, level = self._regime, self._level
        moved_bps = rng.randint(-regime.noise_bps, regime.noise_bps) + regime.drift_bps
        level += level * moved_bps // BPS
        self._level = level - (level - self._centre) * regime.pull_percent // 100
        self._volume += rng.randint(100, 5_000)
        tick = self._listed.tick_paise
        price = max(tick, self._level // tick * tick)
        is_at_bid = rng.randrange(2)
        return Tick(
            instrument=self._listed.name,
            price_paise=price,
            at_ns=at_ns,
            received_at_ns=at_ns,
            volume_day=self._volume,
            bid_paise=price if is_at_bid else price - tick,
            ask_paise=price + tick if is_at_bid else price,
            bid_quantity=rng.randint(1, 2_000),
            ask_quantity=rng.randint(1, 2_000),
        )


def day_frames(
    stream: Stream,
    listed: Sequence[Listed],
    session: Session,
    flat_by_ns: int,
    pace: Pace,
    jumps: Callable[[str, int], int] = lambda _name, _window: 0,
) -> tuple[TrueFrame, ...]:
    """All frames of one session.

    Args:
        jumps: by how many basis points an instrument jumps at the start of a window, for good.
    """
    rng = stream(f"market/{session.trading_day}")
    spans = windows(session, flat_by_ns, pace, rng)
    paths = [Path(item, stream(f"market/{session.trading_day}/{item.name}")) for item in listed]
    frames = []
    for number, span in enumerate(spans):
        for path, item in zip(paths, listed, strict=True):
            path.gap()
            path.jump(jumps(item.name, number))
        for at_ns in instants((span,), pace, rng):
            ticks = tuple(path.step(at_ns) for path in paths if rng.randrange(8))
            if ticks:
                frames.append(TrueFrame(at_ns=at_ns, ticks=ticks))
    assert all(a.at_ns < b.at_ns for a, b in pairwise(frames))
    return tuple(frames)
