"""An endless made-up market as a `FrameSource`: one tick per instrument and second of each session.

Decides prices that look enough like a day at NSE that every kind of strategy finds something to do:
volatility and volume high at the open and the close, stretches of trend, of reversion to a level
and of quiet, a common market factor, a rare jump. Refuses to predict anything.

The path of a day is a function of (seed, trading day, instrument) alone: no state crosses midnight,
so a restart at any instant goes on with the same prices. The whole day of an instrument is laid out
as integers first (`_Path`), then the frames are read off; opens of days follow a slow wave, and a
ramp leads each day near the next open, which keeps overnight gaps small.
"""

import datetime as dt
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from random import Random
from types import MappingProxyType

import msgspec

from engine.market.source import SourceItem
from engine.messages.market import MarketFrame, Tick
from engine.session import SegmentClass, Session, SessionTable, ist_day, midnight_ns
from engine.units import NS_PER_S

_YEAR_SECONDS = 250 * 22_500
_WAVES = ((7.0, 0.006), (23.0, 0.015), (71.0, 0.03), (260.0, 0.06))  # days, amplitude of ln price
_NORMAL_BITS = 12
_SEARCH_DAYS_MAX = 45


class SyntheticInstrument(msgspec.Struct, frozen=True, kw_only=True):
    """One made-up name. Prices in paise, `lot` in units, volatility per year in percent."""

    name: str
    price_paise: int
    tick_paise: int = 5
    lot: int = 1
    volatility_percent: float = 28.0
    beta: float = 0.6
    spread_ticks: int = 1
    volume_second: int = 150
    segment: SegmentClass = SegmentClass.CASH_FNO

    def __post_init__(self) -> None:
        if not (min(self.price_paise, self.tick_paise, self.lot, self.volume_second) > 0):
            raise ValueError(f"price, tick, lot and volume must be positive: {self}")


class SyntheticSource:
    """Generated frames. Implements `engine.market.source.FrameSource`; never rejects a row."""

    rows_rejected: Mapping[str, int] = MappingProxyType({})
    bars_read = 0

    def __init__(
        self, seed: int, instruments: Sequence[SyntheticInstrument], table: SessionTable
    ) -> None:
        """`table` gives the sessions; where it covers nothing more, the stream ends.

        Raises:
            ValueError: no instrument, or a name twice.
        """
        self.instruments = tuple(spec.name for spec in instruments)
        if not instruments or len(set(self.instruments)) != len(instruments):
            raise ValueError("instruments must be named once each")
        self._seed, self._specs, self._table = seed, tuple(instruments), table
        normals = Random(f"{seed}|normals")  # noqa: S311 - market noise, not secrets
        self._normals = [normals.gauss(0.0, 1.0) for _ in range(1 << _NORMAL_BITS)]

    def items(self, from_ns: int) -> Iterator[SourceItem]:
        """Frames of every second from the instant on, day after day, to the calendar's end."""
        day, idle_days = ist_day(from_ns), 0
        while idle_days <= _SEARCH_DAYS_MAX:
            idle_days += 1
            for frame in self._day(day, from_ns):
                idle_days = 0
                yield frame
            day += dt.timedelta(days=1)

    def _day(self, day: dt.date, from_ns: int) -> Iterator[MarketFrame]:
        sessions = {spec: self._table.sessions(day, spec.segment) for spec in self._specs}
        if not any(sessions.values()):
            return
        market = self._market(day)
        paths = [self._path(spec, day, found, market) for spec, found in sessions.items() if found]
        midnight = midnight_ns(day)
        edges = sorted({edge for path in paths for span in path.spans for edge in span})
        for first, last in pairwise(edges):
            live = [path for path in paths if path.covers(first)]
            first_due = max(first, -((midnight - from_ns) // NS_PER_S))
            for second in range(first_due, last if live else first_due):
                at_ns = midnight + second * NS_PER_S
                yield MarketFrame(ticks=tuple([path.tick(second, at_ns) for path in live]))

    def _market(self, day: dt.date) -> list[float]:
        """The common factor: one standard normal shock for each second of the IST day."""
        bits = Random(f"{self._seed}|{day}|market").getrandbits  # noqa: S311
        normals = self._normals
        return [normals[bits(_NORMAL_BITS)] for _ in range(86_400)]

    def _path(
        self,
        spec: SyntheticInstrument,
        day: dt.date,
        sessions: tuple[Session, ...],
        market: list[float],
    ) -> "_Path":
        rng = Random(f"{self._seed}|{day}|{spec.name}")  # noqa: S311
        midnight = midnight_ns(day)
        spans = [
            ((s.opens_at_ns - midnight) // NS_PER_S, (s.closes_at_ns - midnight) // NS_PER_S)
            for s in sessions
        ]
        seconds = [second for start, end in spans for second in range(start, end)]
        shocks = [market[second] for second in seconds]
        logs = _log_path(rng, spec, shocks, self._normals)
        level = self._level(spec, day)
        target = self._level(spec, day + dt.timedelta(days=1)) + rng.gauss(0.0, 0.003)
        ramp = (target - level - logs[-1]) / len(logs)
        tick = spec.tick_paise
        prices = [
            max(1, round(math.exp(level + log + ramp * i) / tick)) * tick
            for i, log in enumerate(logs)
        ]
        return _Path(spec, spans, prices, rng)

    def _level(self, spec: SyntheticInstrument, day: dt.date) -> float:
        """The log of the opening price: slow waves around the specified price."""
        rng = Random(f"{self._seed}|{spec.name}|level")  # noqa: S311
        number = day.toordinal()
        waves = (
            size * math.sin(number * math.tau / period + rng.uniform(0.0, math.tau))
            for period, size in _WAVES
        )
        return math.log(spec.price_paise) + sum(waves)


def _log_path(
    rng: Random, spec: SyntheticInstrument, shocks: Sequence[float], normals: Sequence[float]
) -> list[float]:
    """Log returns summed up, second by second, from 0: regimes of 8 to 40 minutes."""
    count = len(shocks)
    sigma = spec.volatility_percent / 100 / math.sqrt(_YEAR_SECONDS)
    common, own = sigma * spec.beta, sigma * math.sqrt(max(0.1, 1 - spec.beta**2))
    curve = _u_curve(count)
    jumps = {rng.randrange(count): rng.choice((-1, 1)) * rng.uniform(0.003, 0.01)
             for _ in range(rng.choice((0, 0, 1, 1, 2)))}  # fmt: skip
    bits = rng.getrandbits
    logs: list[float] = []
    log = 0.0
    while len(logs) < count:
        start = len(logs)
        end = min(count, start + rng.randrange(480, 2400))
        drift, pull, noise = rng.choice(_REGIMES)
        drift *= sigma * rng.choice((-1, 1))
        centre = log
        for i in range(start, end):
            shock = common * shocks[i] + own * noise * normals[bits(_NORMAL_BITS)]
            log += curve[i] * shock + drift - pull * (log - centre)
            if i in jumps:
                log += jumps[i]
                centre += jumps[i]
            logs.append(log)
    return logs


_REGIMES = (
    (0.06, 0.0, 0.7),  # trend: drift in sigmas per second, pull to the centre, own noise
    (0.03, 0.0, 0.9),
    (0.0, 0.006, 1.3),  # reversion with a half-life of two minutes
    (0.0, 0.003, 1.1),
    (0.0, 0.001, 0.4),  # quiet
)


def _u_curve(count: int) -> list[float]:
    """A factor per second: about 1.8 at both ends of the day, 0.8 in the middle."""
    return [0.8 + (2 * i / count - 1) ** 4 for i in range(count)]


class _Path:
    """One instrument's day: prices, totals and book sizes by second of the IST day."""

    def __init__(
        self,
        spec: SyntheticInstrument,
        spans: list[tuple[int, int]],
        prices: list[int],
        rng: Random,
    ) -> None:
        self.spans = spans
        self._name, self._spread = spec.name, spec.spread_ticks * spec.tick_paise
        self._prices, self._lot = prices, spec.lot
        self._index = {start: sum(b - a for a, b in spans[:i]) - start
                       for i, (start, _) in enumerate(spans)}  # fmt: skip
        self._offset = 0
        bits, lot = rng.getrandbits, spec.lot
        self._draws = [bits(14) for _ in prices]
        self._volumes, total = [], 0
        for factor, draw in zip(_u_curve(len(prices)), self._draws, strict=True):
            total += int(spec.volume_second * factor * (draw & 127) / 64) // lot * lot
            self._volumes.append(total)

    def covers(self, second: int) -> bool:
        """Whether a session of the instrument holds the second; moves the read position to it."""
        for start, end in self.spans:
            if start <= second < end:
                self._offset = self._index[start]
                return True
        return False

    def tick(self, second: int, at_ns: int) -> Tick:
        i = second + self._offset
        price, draw = self._prices[i], self._draws[i]
        is_at_bid = draw & 1  # the last trade hit the bid or lifted the offer
        return Tick(
            instrument=self._name,
            price_paise=price,
            at_ns=at_ns,
            received_at_ns=at_ns,
            volume_day=self._volumes[i],
            bid_paise=price if is_at_bid else price - self._spread,
            ask_paise=price + self._spread if is_at_bid else price,
            bid_quantity=(1 + (draw >> 7 & 127)) * self._lot,
            ask_quantity=(1 + (draw & 127)) * self._lot,
        )
