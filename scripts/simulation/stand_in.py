"""Stand-ins until their models exist: a quiet market, a plain disk, a plain strategy."""

from collections.abc import Iterator, Mapping

from actors.stores.latches import Latch
from engine.market.source import SourceItem
from engine.messages.market import MarketFrame, Tick
from engine.units import NS_PER_S


class PlainLatches:
    """Latches in memory."""

    def __init__(self) -> None:
        self._set: dict[str, str] = {}

    def load(self) -> tuple[Latch, ...]:
        return tuple(Latch(name, reason) for name, reason in self._set.items())

    def sentinel(self) -> str:
        return ""

    def set(self, name: str, *, reason: str, by: str, at_ns: int) -> None:
        self._set[name] = reason

    def clear(self, name: str) -> None:
        self._set.pop(name, None)


class PlainSpool:
    """A spool in memory."""

    def __init__(self) -> None:
        self._records: list[tuple[int, bytes]] = []

    def append(self, records: list[tuple[int, bytes]]) -> None:
        self._records += records

    def records(self) -> list[tuple[int, bytes]]:
        return list(self._records)

    def clear(self) -> None:
        self._records.clear()

    def close(self) -> None:
        return None


class PlainSource:
    """A saw-tooth every ten seconds."""

    rows_rejected: Mapping[str, int] = {}
    bars_read = 0

    def __init__(self, names: Mapping[str, int], start_ns: int, end_ns: int) -> None:
        self._prices, self._start_ns, self._end_ns = names, start_ns, end_ns

    @property
    def instruments(self) -> tuple[str, ...]:
        return tuple(self._prices)

    def items(self, from_ns: int) -> Iterator[SourceItem]:
        step_ns = 10 * NS_PER_S
        for at_ns in range(self._start_ns, self._end_ns, step_ns):
            if at_ns < from_ns:
                continue
            number = (at_ns - self._start_ns) // step_ns
            away = abs(number % 80 - 40) * 5
            yield MarketFrame(
                ticks=tuple(
                    Tick(
                        instrument=name,
                        price_paise=price + away * price // 100_000 * 10,
                        at_ns=at_ns,
                        received_at_ns=at_ns,
                        volume_day=100 * (number + 1),
                    )
                    for name, price in self._prices.items()
                )
            )
