"""A plain market for loads of thousands of instruments: every price steps by a tick each second.

Decides prices that move and stay near where they began, at the cost of a few integers. Implements
`engine.market.source.FrameSource`; the synthetic market is the one that looks like a day at NSE.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from engine.instruments import Instrument
from engine.market.source import SourceItem
from engine.messages.market import MarketFrame, Tick
from engine.session import SegmentClass, SessionTable, ist_day
from engine.units import NS_PER_S

DAYS_MAX = 45
_SWING = 16


class WalkSource:
    """One frame of all instruments for each second of the sessions of a segment."""

    rows_rejected: Mapping[str, int] = MappingProxyType({})
    bars_read = 0

    def __init__(
        self,
        instruments: Sequence[Instrument],
        prices: Mapping[str, int],
        table: SessionTable,
        segment: SegmentClass,
    ) -> None:
        self.instruments = tuple(item.name for item in instruments)
        self._rows = [
            (item.name, prices[item.name], item.tick_paise, item.lot) for item in instruments
        ]
        self._table, self._segment = table, segment

    def items(self, from_ns: int) -> Iterator[SourceItem]:
        """Frames from the instant on, for 45 days at most."""
        day = ist_day(from_ns)
        for offset in range(DAYS_MAX):
            for session in self._table.sessions(day + dt.timedelta(days=offset), self._segment):
                start_ns = max(from_ns, session.opens_at_ns)
                for at_ns in range(-(-start_ns // NS_PER_S) * NS_PER_S, session.closes_at_ns,
                                   NS_PER_S):  # fmt: skip
                    yield self._frame(at_ns, (at_ns - session.opens_at_ns) // NS_PER_S)

    def _frame(self, at_ns: int, second: int) -> MarketFrame:
        return MarketFrame(
            ticks=tuple(
                Tick(
                    instrument=name,
                    price_paise=(price := paise + tick * _step(second + number)),
                    at_ns=at_ns,
                    received_at_ns=at_ns,
                    volume_day=(second + 1) * lot,
                    bid_paise=price - tick,
                    ask_paise=price,
                    bid_quantity=100 * lot,
                    ask_quantity=100 * lot,
                )
                for number, (name, paise, tick, lot) in enumerate(self._rows)
            )
        )


def _step(number: int) -> int:
    """A triangle: 0 up to the swing and back."""
    place = number % (2 * _SWING)
    return place if place < _SWING else 2 * _SWING - place
