"""One position per instrument: the discipline that the shipped strategies share.

Decides when an instrument may be entered: inside the window, free, cooled down, and not too often
a day. Refuses to know signals. Stands alone so that a strategy file holds nothing but its idea.

| slot    | event                | next    | note                                         |
|---------|----------------------|---------|----------------------------------------------|
| FREE    | proposed             | PENDING |                                              |
| PENDING | approved             | OPEN    | counts as a trade of the day                 |
| PENDING | refused or timed out | FREE    | cools down                                   |
| FREE    | approved             | OPEN    | recovery: the proposal was before the start  |
| OPEN    | group closed         | FREE    | cools down                                   |
"""

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import msgspec

from engine.instruments import Instrument
from engine.market.indicators import div_nearest
from engine.messages.market import BarClosed, PhaseChanged
from engine.messages.values import Feature, SessionPhase, Side
from engine.session import DAY_NS, IST_OFFSET_NS
from engine.strategies.base import Closed, Decided, Parameters, Proposal, Saved, Strategy, View
from engine.strategies.prices import marketable_limit, plan_prices
from engine.units import BPS, NS_PER_MINUTE, NS_PER_S


class EntryParameters(Parameters, frozen=True, kw_only=True):
    """When and how to enter. The window opens `entry_from_min` after the session and lasts
    `entry_for_min`, never beyond the engine's own end of entries."""

    entry_from_min: int = 0
    entry_for_min: int = 330
    entry_cap_bps: int = 5
    entry_valid_s: int = 60
    stop_min_bps: int = 10
    cooldown_min: int = 10
    trades_day_max: int = 3

    def faults(self) -> tuple[str, ...]:
        return out_of_bounds(
            self,
            entry_from_min=(0, 375),
            entry_for_min=(1, 375),
            entry_cap_bps=(0, 100),
            entry_valid_s=(5, 900),
            stop_min_bps=(1, 1_000),
            cooldown_min=(0, 375),
            trades_day_max=(1, 50),
        )


def out_of_bounds(parameters: Parameters, **bounds: tuple[int, int]) -> tuple[str, ...]:
    """Faults of parameters that are not within (lowest, highest)."""
    return tuple(
        f"{name}: {getattr(parameters, name)} is not within {low} to {high}"
        for name, (low, high) in bounds.items()
        if not low <= getattr(parameters, name) <= high
    )


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """An idea before it has prices: distances in paise from the bar's close, targets as (distance,
    share in bps), features as (name, value scaled by 10,000)."""

    side: Side
    stop_paise: int
    targets: tuple[tuple[int, int], ...]
    trail_paise: int = 0
    score_bps: int = 0
    features: tuple[tuple[str, int], ...] = ()


class Slot:
    """The state of one instrument."""

    __slots__ = ("day_number", "free_at_ns", "group_id", "pending", "trades_count")

    def __init__(self) -> None:
        self.pending = ""
        self.group_id = ""
        self.day_number = 0
        self.trades_count = 0
        self.free_at_ns = 0


E = TypeVar("E", bound=EntryParameters)


class OneAtATime(Strategy[E]):
    """Base of strategies that hold at most one group per instrument."""

    parameters_type: ClassVar[type[Parameters]] = EntryParameters

    def on_start(self, view: View) -> None:
        self.opens_at_ns = 0
        self._entries_end_at_ns = 0
        self._instruments: dict[str, Instrument] = {i.name: i for i in view.instruments}
        self._slots = {name: Slot() for name in self._instruments}

    def on_phase(self, phase: PhaseChanged) -> None:
        if phase.phase not in (SessionPhase.PRE_OPEN, SessionPhase.CONTINUOUS):
            self._entries_end_at_ns = 0
            return
        self._entries_end_at_ns = phase.entries_end_at_ns
        if phase.opens_at_ns != self.opens_at_ns:
            self.opens_at_ns = phase.opens_at_ns
            self.on_session()

    def on_session(self) -> None:
        """A new session is about to open at `opens_at_ns`: forget what belongs to the old one."""

    def may_enter(self, instrument: str, at_ns: int) -> bool:
        """Whether window, slot, cool-down and the day's count allow an entry."""
        rules, slot = self.parameters, self._slots[instrument]
        first_ns = self.opens_at_ns + rules.entry_from_min * NS_PER_MINUTE
        last_ns = min(self._entries_end_at_ns, first_ns + rules.entry_for_min * NS_PER_MINUTE)
        if not first_ns <= at_ns < last_ns or slot.pending or slot.group_id:
            return False
        used = slot.trades_count if slot.day_number == _day(at_ns) else 0
        return at_ns >= slot.free_at_ns and used < rules.trades_day_max

    def risk_paise(self, close_paise: int, wanted_paise: int) -> int:
        """The stop's distance: as wanted, but never so near that noise and charges eat it."""
        return max(wanted_paise, -(-close_paise * self.parameters.stop_min_bps // BPS))

    def enter(self, bar: BarClosed, setup: Setup) -> bool:
        """Propose a setup at the close of a bar; the caller has asked `may_enter`.

        Returns:
            Whether it was taken at the door.
        """
        rules, close, name = self.parameters, bar.close_paise, bar.instrument
        tick = self._instruments[name].tick_paise
        limit = marketable_limit(setup.side, close, tick, rules.entry_cap_bps)
        prices = plan_prices(setup.side, limit, close, setup.stop_paise, setup.targets, tick)
        if prices is None:
            return False
        slot = self._slots[name]
        slot.pending = self.port.propose(
            Proposal(
                instrument=name,
                side=setup.side,
                price_limit_paise=limit,
                price_stop_paise=prices.stop_paise,
                targets=prices.targets,
                trail_paise=-(-setup.trail_paise // tick) * tick,
                score_bps=max(0, min(BPS, setup.score_bps)),
                features=tuple(Feature(name=n, value_e4=v) for n, v in setup.features),
                idea_at_ns=bar.end_at_ns,
                expires_at_ns=bar.end_at_ns + rules.entry_valid_s * NS_PER_S,
            )
        )
        return bool(slot.pending)

    def on_decision(self, decided: Decided) -> None:
        slot = self._slots[decided.instrument]
        if decided.group_id:
            day_number = _day(decided.at_ns)
            if day_number != slot.day_number:
                slot.day_number, slot.trades_count = day_number, 0
            slot.trades_count += 1
            slot.pending, slot.group_id = "", decided.group_id
        elif decided.signal_id == slot.pending:
            slot.pending = ""
            self._cool(slot, decided.at_ns)

    def on_group_closed(self, closed: Closed) -> None:
        slot = self._slots[closed.instrument]
        if closed.group_id == slot.group_id:
            slot.group_id = ""
            self._cool(slot, closed.at_ns)

    def _cool(self, slot: Slot, at_ns: int) -> None:
        slot.free_at_ns = at_ns + self.parameters.cooldown_min * NS_PER_MINUTE

    def on_save(self) -> Saved:
        return {
            name: (slot.group_id, slot.day_number, slot.trades_count, slot.free_at_ns)
            for name, slot in self._slots.items()
        }

    def on_load(self, state: Mapping[str, Any]) -> None:
        for name, saved in state.items():
            slot = self._slots.get(name)
            if slot is not None:
                slot.group_id, slot.day_number, slot.trades_count, slot.free_at_ns = saved


def share_of(value: int, bps: int) -> int:
    """`bps` of a value, to the nearest whole number, at least 1."""
    return max(1, div_nearest(value * bps, BPS))


def ratio_bps(part: int, whole: int) -> int:
    """part / whole in basis points, rounded to nearest; `whole` > 0."""
    return div_nearest(part * BPS, whole)


def _day(at_ns: int) -> int:
    return (at_ns + IST_OFFSET_NS) // DAY_NS
