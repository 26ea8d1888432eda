"""A strategy for simulation: it wants to be in the market all the time, on either side.

Decides entries on bars and on ticks, with near stops and two targets, so that a few sparse windows
of a day see groups open, fill, trail, close and be advised out. Refuses to be clever: it is there
to keep the engine busy.
"""

from typing import ClassVar

import msgspec

from engine.messages.market import BarClosed, PhaseChanged, Tick
from engine.messages.values import Side
from engine.strategies.base import Closed, Decided, Fill, Parameters, View
from engine.strategies.slots import EntryParameters, OneAtATime, Setup, out_of_bounds, share_of
from engine.units import BPS


class EagerParameters(EntryParameters, frozen=True, kw_only=True):
    """Distances in basis points of the price. `tick_every`: an entry may be tried on each n-th
    tick of an instrument, 0 for bars only. `advise_every`: each n-th group is advised to exit some
    ticks after it was filled, 0 for none. `trail_bps` 0: stops stay."""

    cooldown_min: int = 0
    trades_day_max: int = 50
    entry_for_min: int = 375
    entry_cap_bps: int = 30
    entry_valid_s: int = 90
    stop_bps: int = 45
    target_bps: int = 35
    trail_bps: int = 0
    tick_every: int = 3
    advise_every: int = 5

    def faults(self) -> tuple[str, ...]:
        return (
            *super().faults(),
            *out_of_bounds(
                self,
                stop_bps=(5, 500),
                target_bps=(5, 500),
                trail_bps=(0, 500),
                tick_every=(0, 1_000),
                advise_every=(0, 1_000),
            ),
        )


ADVISED_AFTER_TICKS = 4


class Eager(OneAtATime[EagerParameters]):
    """Long and short in turn, whatever is free."""

    parameters_type: ClassVar[type[Parameters]] = EagerParameters

    def on_start(self, view: View) -> None:
        super().on_start(view)
        self._ticks = dict.fromkeys(self._instruments, 0)
        self._entries = dict.fromkeys(self._instruments, 0)
        self._held: dict[str, tuple[str, int]] = {}
        self._group_count = 0

    def on_phase(self, phase: PhaseChanged) -> None:
        """It asks until the close: that entries end sooner is the guard's to know."""
        super().on_phase(msgspec.structs.replace(phase, entries_end_at_ns=phase.closes_at_ns))

    def on_bar(self, bar: BarClosed) -> None:
        self._try(bar)

    def on_tick(self, tick: Tick) -> None:
        name, every = tick.instrument, self.parameters.tick_every
        self._ticks[name] += 1
        held = self._held.get(name)
        if held is not None and self._ticks[name] - held[1] >= ADVISED_AFTER_TICKS:
            del self._held[name]
            self.port.advise_exit(held[0], "tired of it")
        if every and self._ticks[name] % every == 0:
            self._try(_bar_of(tick, self.port.now_ns()))

    def on_fill(self, fill: Fill) -> None:
        if fill.group_id in (group for group, _ in self._held.values()):
            return
        every = self.parameters.advise_every
        if every and self._group_count % every == every - 1:
            self._held[fill.instrument] = (fill.group_id, self._ticks[fill.instrument])

    def on_decision(self, decided: Decided) -> None:
        super().on_decision(decided)
        self._group_count += bool(decided.group_id)

    def on_group_closed(self, closed: Closed) -> None:
        super().on_group_closed(closed)
        self._held.pop(closed.instrument, None)

    def _try(self, bar: BarClosed) -> None:
        name, rules = bar.instrument, self.parameters
        if not self.may_enter(name, bar.end_at_ns):
            return
        self._entries[name] += 1
        stop = share_of(bar.close_paise, rules.stop_bps)
        near = share_of(bar.close_paise, rules.target_bps)
        setup = Setup(
            side=Side.BUY if self._entries[name] % 2 else Side.SELL,
            stop_paise=stop,
            targets=((near, BPS // 2), (near * 2, BPS // 2)),
            trail_paise=share_of(bar.close_paise, rules.trail_bps) if rules.trail_bps else 0,
            score_bps=BPS // 2,
        )
        self.enter(bar, setup)


def _bar_of(tick: Tick, now_ns: int) -> BarClosed:
    """A tick as a bar of its own, so that ideas on ticks take the same way as those on bars."""
    price, at_ns = tick.price_paise, min(tick.at_ns, now_ns)
    return BarClosed(
        instrument=tick.instrument,
        interval_s=1,
        start_at_ns=at_ns,
        end_at_ns=at_ns,
        open_paise=price,
        high_paise=price,
        low_paise=price,
        close_paise=price,
        volume=0,
        tick_count=1,
    )
