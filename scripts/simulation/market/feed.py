"""The way from the exchange to the engine's door, with all that happens to ticks on it.

Decides which ticks arrive when and in which shape (FLT-01..09, 11..13, 15). Refuses to move the
true price: the exchange model hears that from the tape. FLT-14 (garbage inside a raw frame) belongs
to a parser of raw frames and is not modelled at the level of ticks.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from actors.runtime.behaviour import Behaviour
from engine.market.source import SourceItem
from engine.messages.base import Message
from engine.messages.market import MarketFrame, Tick
from engine.session import DAY_NS
from engine.units import BPS, NS_PER_MINUTE, NS_PER_MS, NS_PER_S
from scripts.simulation.faults import FaultRow, Faults
from scripts.simulation.market.paths import TrueFrame

ROWS: Final = (
    FaultRow(id="FLT-01", ppm_max=20_000),
    FaultRow(id="FLT-02", ppm_max=10_000),
    FaultRow(id="FLT-03", ppm_max=10_000),
    FaultRow(id="FLT-04", ppm_max=100_000, budget_max=20),
    FaultRow(id="FLT-05", ppm_max=100_000, budget_max=20),
    FaultRow(id="FLT-06", ppm_max=20_000, budget_max=3),
    FaultRow(id="FLT-07", ppm_max=100_000, budget_max=20),
    FaultRow(id="FLT-08", ppm_max=10_000),
    FaultRow(id="FLT-09", ppm_max=100_000, budget_max=20),
    FaultRow(id="FLT-11", ppm_max=50_000, budget_max=10),
    FaultRow(id="FLT-12", ppm_max=100_000, budget_max=20),
    FaultRow(id="FLT-13", ppm_max=10_000, budget_max=2),
    FaultRow(id="FLT-15", ppm_max=10_000, budget_max=2),
)
IDS: Final = tuple(row.id for row in ROWS)
PRICES_ABSURD: Final = (0, (1 << 32) - 1, -5, 1, 1 << 62)
TIMES_WRONG_NS: Final = (
    -3 * NS_PER_S,
    3 * NS_PER_S,
    5 * NS_PER_MINUTE,
    -DAY_NS,
    80 * 365 * DAY_NS,
    0,  # 1970, not an offset
)
Deliver = Callable[[str, Message], object]


class NoFrames:
    """The source of a world whose frames come by message."""

    instruments: tuple[str, ...] = ()
    rows_rejected: Mapping[str, int] = MappingProxyType({})
    bars_read = 0

    def items(self, from_ns: int) -> Iterator[SourceItem]:
        return iter(())


class SimSource(Behaviour):
    """Actor `source` of a simulated life: frames come in by message and go on to the market."""

    def receive(self, message: Message) -> None:
        if not isinstance(message, MarketFrame):
            super().receive(message)
        self.ctx.send("market", message)


class FaultyFeed:
    """Hears the tape, tells the engine.

    Args:
        now_ns: the engine's own clock, which may be wrong.
        call_at: has a function called at an instant of true time.
        deliver: hands a message to a room.
    """

    def __init__(
        self,
        faults: Faults,
        now_ns: Callable[[], int],
        call_at: Callable[[int, Callable[[], None]], None],
        deliver: Deliver,
    ) -> None:
        self.ids = tuple(fault for fault in IDS if faults.is_armed(fault))
        self._faults = faults
        self._now_ns = now_ns
        self._call_at = call_at
        self._deliver = deliver
        self._silent: list[tuple[int, int]] = []
        self._dropped: dict[str, int] = {}
        self._stuck: dict[str, tuple[int, Tick]] = {}
        self._scaled: dict[str, int] = {}
        self._swapped_until_ns = 0
        self._held: list[Tick] = []
        self._strike = {
            "FLT-01": self._drop,
            "FLT-02": self._silence,
            "FLT-03": self._flap,
            "FLT-04": self._twice,
            "FLT-05": self._hold_one,
            "FLT-06": self._hold_all,
            "FLT-07": self._absurd,
            "FLT-08": self._stick,
            "FLT-09": self._misdate,
            "FLT-11": self._freak,
            "FLT-12": self._cross,
            "FLT-13": self._swap,
            "FLT-15": self._scale,
        }
        self._is_holding = False

    def hear(self, frame: TrueFrame) -> None:
        """A true frame happened."""
        ticks = list(frame.ticks)
        if self.ids:
            for fault in self.ids:
                if ticks and self._faults.strikes(fault):
                    ticks = self._strike[fault](ticks, frame.at_ns)
            if not self._faults.is_healed:
                ticks = self._lasting(ticks, frame.at_ns)
            elif self._held:
                ticks, self._held = self._held + ticks, []
        if ticks:
            self._send(ticks)

    def heal(self) -> None:
        """Lasting faults end; what is held is lost, as after a reconnect."""
        for lasting in (self._dropped, self._stuck, self._scaled):
            lasting.clear()
        self._silent.clear()
        self._held.clear()
        self._swapped_until_ns = 0

    def _send(self, ticks: list[Tick]) -> None:
        now_ns = self._now_ns()
        stamped = tuple(msgspec.structs.replace(tick, received_at_ns=now_ns) for tick in ticks)
        self._deliver("source", MarketFrame(ticks=stamped))

    # -- what lasts -----------------------------------------------------------------------

    def _lasting(self, ticks: list[Tick], at_ns: int) -> list[Tick]:
        if any(start <= at_ns < end for start, end in self._silent):
            return []
        if at_ns < self._swapped_until_ns:
            ticks = _swapped(ticks)
        kept = []
        for tick in ticks:
            name = tick.instrument
            until_ns, old = self._stuck.get(name, (0, tick))
            if at_ns < self._dropped.get(name, 0):
                continue
            if at_ns < self._scaled.get(name, 0):
                tick = _at_price(tick, tick.price_paise // 100)  # noqa: PLW2901
            if at_ns < until_ns:
                tick = msgspec.structs.replace(old, at_ns=at_ns)  # noqa: PLW2901
            kept.append(tick)
        if self._is_holding:
            self._held += kept
            return []
        if self._held:
            kept, self._held = kept + self._held, []
        return kept

    def _span_ns(self, fault: str, low_s: int, high_s: int) -> int:
        return self._faults.amount(fault, low_s, high_s) * NS_PER_S

    def _one_of(self, fault: str, ticks: list[Tick]) -> int:
        return self._faults.amount(fault, 0, len(ticks) - 1)

    def _drop(self, ticks: list[Tick], at_ns: int) -> list[Tick]:
        name = ticks[self._one_of("FLT-01", ticks)].instrument
        self._dropped[name] = at_ns + self._span_ns("FLT-01", 1, 180)
        return ticks

    def _silence(self, ticks: list[Tick], at_ns: int) -> list[Tick]:
        self._silent.append((at_ns, at_ns + self._span_ns("FLT-02", 1, 400)))
        return ticks

    def _flap(self, ticks: list[Tick], at_ns: int) -> list[Tick]:
        for _ in range(self._faults.amount("FLT-03", 1, 5)):
            end_ns = at_ns + self._span_ns("FLT-03", 1, 40)
            self._silent.append((at_ns, end_ns))
            at_ns = end_ns + self._span_ns("FLT-03", 1, 30)
        return ticks

    def _stick(self, ticks: list[Tick], at_ns: int) -> list[Tick]:
        tick = ticks[self._one_of("FLT-08", ticks)]
        self._stuck[tick.instrument] = (at_ns + self._span_ns("FLT-08", 30, 600), tick)
        return ticks

    def _swap(self, ticks: list[Tick], at_ns: int) -> list[Tick]:
        self._swapped_until_ns = at_ns + self._span_ns("FLT-13", 1, 120)
        return ticks

    def _scale(self, ticks: list[Tick], at_ns: int) -> list[Tick]:
        name = ticks[self._one_of("FLT-15", ticks)].instrument
        self._scaled[name] = at_ns + self._span_ns("FLT-15", 1, 120)
        return ticks

    # -- what concerns one frame ----------------------------------------------------------

    def _twice(self, ticks: list[Tick], at_ns: int) -> list[Tick]:
        return [*ticks, ticks[self._one_of("FLT-04", ticks)]]

    def _hold_one(self, ticks: list[Tick], at_ns: int) -> list[Tick]:
        """Comes behind the next frame, which is newer."""
        number = self._one_of("FLT-05", ticks)
        self._call_at(at_ns, lambda late=ticks[number]: self._held.append(late))  # type: ignore[misc]
        return [*ticks[:number], *ticks[number + 1 :]]

    def _hold_all(self, ticks: list[Tick], at_ns: int) -> list[Tick]:
        self._is_holding = True
        self._call_at(at_ns + self._span_ns("FLT-06", 1, 45), self._release)
        return ticks

    def _release(self) -> None:
        self._is_holding = False
        held, self._held = self._held, []
        if held:
            self._send(held)

    def _absurd(self, ticks: list[Tick], at_ns: int) -> list[Tick]:
        price = PRICES_ABSURD[self._faults.amount("FLT-07", 0, len(PRICES_ABSURD) - 1)]
        return self._changed("FLT-07", ticks, lambda tick: _at_price(tick, price))

    def _misdate(self, ticks: list[Tick], at_ns: int) -> list[Tick]:
        offset = TIMES_WRONG_NS[self._faults.amount("FLT-09", 0, len(TIMES_WRONG_NS) - 1)]
        wrong_ns = at_ns + offset if offset else NS_PER_MS
        return self._changed(
            "FLT-09", ticks, lambda tick: msgspec.structs.replace(tick, at_ns=wrong_ns)
        )

    def _freak(self, ticks: list[Tick], at_ns: int) -> list[Tick]:
        size = self._faults.amount("FLT-11", 2, 40)
        bps = size // 2 * 50 * (-1 if size % 2 else 1)
        return self._changed(
            "FLT-11",
            ticks,
            lambda tick: _at_price(tick, tick.price_paise + tick.price_paise * bps // BPS),
        )

    def _cross(self, ticks: list[Tick], at_ns: int) -> list[Tick]:
        kind = self._faults.amount("FLT-12", 0, 2)

        def wrong(tick: Tick) -> Tick:
            if kind == 0:
                book = {"bid_paise": tick.ask_paise + 5, "ask_paise": tick.bid_paise}
            elif kind == 1:
                book = dict.fromkeys(("bid_paise", "ask_paise", "bid_quantity", "ask_quantity"), 0)
            else:
                book = {"ask_paise": 0, "ask_quantity": 0}  # locked at the upper circuit
            return msgspec.structs.replace(tick, **book)

        return self._changed("FLT-12", ticks, wrong)

    def _changed(self, fault: str, ticks: list[Tick], change: Callable[[Tick], Tick]) -> list[Tick]:
        number = self._one_of(fault, ticks)
        return [change(tick) if i == number else tick for i, tick in enumerate(ticks)]


def _at_price(tick: Tick, price_paise: int) -> Tick:
    return msgspec.structs.replace(tick, price_paise=price_paise)


def _swapped(ticks: list[Tick]) -> list[Tick]:
    """Each instrument's data under the next one's name."""
    names = [tick.instrument for tick in ticks]
    return [
        msgspec.structs.replace(tick, instrument=name)
        for tick, name in zip(ticks, names[1:] + names[:1], strict=True)
    ]
