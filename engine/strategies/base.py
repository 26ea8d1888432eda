"""What a strategy is: a class with typed parameters that hears the market and has ideas.

Decides the narrow door between ideas and the engine. A strategy is handed ticks, bars, fills and
decisions, and acts only through its `StrategyPort`. It knows no broker, alert, mode, account or
quantity, so the same class runs in backtest, replay, paper and live. Refuses clocks and random
numbers: time is what the port says.

To add one: a file with a `Parameters` struct and a `Strategy` class, and a row in registry.py.
"""

from collections.abc import Mapping
from typing import ClassVar, Generic, Protocol, TypeAlias, TypeVar

import msgspec

from engine.instruments import Instrument
from engine.messages.market import BarClosed, PhaseChanged, Tick
from engine.messages.values import Feature, Leg, Side, Target

Saved: TypeAlias = dict[str, int | str | tuple[int | str, ...]]
"""What a strategy may remember between sessions."""


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all parameters: whole numbers with the unit in the name, each with a default."""

    def faults(self) -> tuple[str, ...]:
        """Everything wrong with the values, 'name: what is wrong' each; () if nothing is."""
        return ()


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """An idea. Prices in paise on the tick grid, shares of targets add up to 10,000 bps.

    `idea_at_ns` is the end of the bar it rests on; with instrument and side it is the idea's
    identity. See `EntryProposed` for the other fields.
    """

    instrument: str
    side: Side
    price_limit_paise: int
    price_stop_paise: int
    targets: tuple[Target, ...]
    trail_paise: int = 0
    score_bps: int = 0
    features: tuple[Feature, ...] = ()
    idea_at_ns: int
    expires_at_ns: int


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a proposal: `group_id` if approved, else the `rule` that refused it."""

    signal_id: str
    instrument: str
    group_id: str
    rule: str
    at_ns: int


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """A trade of one of the strategy's groups."""

    group_id: str
    instrument: str
    leg: Leg
    side: Side
    price_paise: int
    at_ns: int


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """A group of the strategy is over. `is_entered`: it held a position; P&L before charges."""

    group_id: str
    instrument: str
    reason: str
    is_entered: bool
    pnl_paise: int
    at_ns: int


class StrategyPort(Protocol):
    """All that a strategy can do."""

    def now_ns(self) -> int:
        """The market clock, UTC ns."""

    def propose(self, proposal: Proposal) -> str:
        """Put an idea forward. Returns its signal id, '' if it was refused at the door (malformed,
        repeated, paused, too many): then no decision will follow."""

    def advise_exit(self, group_id: str, reason: str) -> bool:
        """Ask for one of the strategy's own groups to be closed at the market. False: not its own,
        or not open."""

    def set_timer(self, key: str, at_ns: int) -> None:
        """Have `on_timer(key, now_ns)` called at an instant; the same key replaces."""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy is told at its start."""

    name: str
    instruments: tuple[Instrument, ...]
    now_ns: int


P = TypeVar("P", bound=Parameters)


class Strategy(Generic[P]):
    """Base of all strategies. Override what is needed; `on_tick` costs only where overridden.

    After `on_start` the day so far is told again in order (phase, decisions, fills, closed groups,
    then bars); what is proposed meanwhile goes nowhere. An exception ends the strategy's actor,
    never its positions.
    """

    parameters_type: ClassVar[type[Parameters]] = Parameters

    def __init__(self, parameters: P, port: StrategyPort) -> None:
        self.parameters = parameters
        self.port = port

    def on_start(self, view: View) -> None:
        """Set up state for `view.instruments`."""

    def on_stop(self) -> None:
        """The strategy is taken down in order."""

    def on_phase(self, phase: PhaseChanged) -> None:
        """The session moved. Opening and closing times are those of the running or next session."""

    def on_tick(self, tick: Tick) -> None:
        """A believable tick of one of the instruments."""

    def on_bar(self, bar: BarClosed) -> None:
        """A finished bar of the configured interval."""

    def on_decision(self, decided: Decided) -> None:
        """A proposal was approved or refused."""

    def on_fill(self, fill: Fill) -> None:
        """An order of one of the strategy's groups traded."""

    def on_group_closed(self, closed: Closed) -> None:
        """A group is flat and over."""

    def on_timer(self, key: str, now_ns: int) -> None:
        """A timer set through the port is due."""

    def on_save(self) -> Saved:
        """What `on_load` needs to go on; empty if bars and records suffice."""
        return {}

    def on_load(self, state: Mapping[str, int | str | tuple[int | str, ...]]) -> None:
        """Take back what `on_save` returned; called after `on_start`."""
