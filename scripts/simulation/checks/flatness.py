"""Positions in a healed world: flat when ordered, protected, squared off by the close.

Source: reliability 6.4, LIV-01, LIV-02, LIV-09, LIV-11. What blocks: a market that is shut, or one
in which nothing trades.
"""

from collections import Counter
from typing import TYPE_CHECKING

from engine.messages.base import Message
from engine.messages.control import AlertRaised, FlattenOrdered
from engine.messages.market import PhaseChanged
from engine.messages.records import (
    GroupClosed,
    GroupOpened,
    LatchChanged,
    ModeChanged,
    Record,
)
from engine.messages.values import Book, Mode, SessionPhase, Side
from engine.orders.oco_state import EXIT_REASON_PREFIX
from engine.risk.account import LOSS_LATCH
from engine.units import NS_PER_MINUTE
from scripts.simulation.checks.check import Check
from scripts.simulation.checks.deadlines import (
    SESSION_USUAL_NS,
    T_CHILD_NS,
    T_FLAT_NS,
    T_PROTECT_NS,
    T_SQUARE_NS,
    T_UNKNOWN_NS,
    TICKS_FLAT_MIN,
    TICKS_SQUARE_MIN,
)
from scripts.simulation.checks.protection import NEVER_NS, PositionsProtected
from scripts.simulation.checks.seen import GroupSeen
from scripts.simulation.operators import KILL_CLEARED
from scripts.simulation.scene import SQUARE_OFF_NS

if TYPE_CHECKING:
    from scripts.simulation.world import World

Shown = dict[tuple[str, Side], int]
Holding = tuple[Book, str, Side]


class Flat(Check):
    """Once going flat is ordered and the world is healed, everything is gone in time.

    "When the market trades" (6.4): the paper venue fills at ticks only and has forgotten all after
    a restart, and the broker's book is empty once its depth is taken. So each group has, besides
    its time, TICKS_FLAT_MIN true ticks of its instrument, whether the engine heard them or not.
    The order is for the groups that are open, and those that open while its mode lasts; what a
    person has a released engine open afterwards is not meant. A person who clears a kill takes the
    order back before all is flat: what is on its way out by records goes on, and a group that has
    not begun to (its entry hung at the exchange) is an ordinary trade of the next life. So is one
    that the loss limit ordered flat in a life that died before its latch was durable, as when it
    led no more: the next life measures the loss anew, and orders again what it finds (the price
    may have been a false one).
    """

    handles = (FlattenOrdered, PhaseChanged)

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._ordered_at_ns = -1
        self._is_open = True
        self._since_ns = -1
        self._ticks: dict[str, int] = {}
        self._mode = Mode.STANDBY
        self._later: set[str] = set()
        self._is_of_loss = self._is_latched = False

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        if room != "custodian":
            return
        if isinstance(message, PhaseChanged):
            self._is_open = message.phase is SessionPhase.CONTINUOUS
            return
        assert isinstance(message, FlattenOrdered)
        is_new = self._ordered_at_ns < 0 or bool(self._later)
        if is_new and not message.scope and self.is_mine(message):
            self._ordered_at_ns = self.world.now_ns
            self._is_of_loss = message.reason == LOSS_LATCH
            self._later.clear()

    def is_mine(self, order: FlattenOrdered) -> bool:
        """Whether this flatten is this property's."""
        return order.reason.startswith("kill")

    def on_record(self, seq: int, record: Record) -> None:
        if isinstance(record, ModeChanged):
            self._mode = record.mode_to
        elif isinstance(record, LatchChanged) and record.latch == LOSS_LATCH:
            self._is_latched = record.is_set
        elif isinstance(record, GroupOpened) and self._mode not in (Mode.KILLED, Mode.FLATTENING):
            self._later.add(record.plan.group_id)
        elif isinstance(record, GroupClosed) and not self._open():
            self._ordered_at_ns = -1

    def on_death(self, why: str) -> None:
        if why == KILL_CLEARED or (self._is_of_loss and not self._is_latched):
            intents = self.picture.intents.values()
            leaving = {i.group_id for i in intents if i.reason.startswith(EXIT_REASON_PREFIX)}
            groups = (group.plan.group_id for group in self._open())
            self._later.update(group_id for group_id in groups if group_id not in leaving)

    def at_rest(self) -> None:
        if self._ordered_at_ns < 0:
            return
        since_ns = max(self._ordered_at_ns, self.world.heals_at_ns, self.picture.booted_at_ns)
        now_ns, counts = self.world.now_ns, self.world.market.tick_counts
        if not self._open():
            self._ordered_at_ns = -1
        elif since_ns != self._since_ns and now_ns >= since_ns:
            self._since_ns, self._ticks = since_ns, dict(counts)
        elif self._is_open and now_ns - since_ns > T_FLAT_NS + T_UNKNOWN_NS:
            for group in self._open():
                name = group.plan.instrument
                if counts[name] - self._ticks.get(name, 0) >= TICKS_FLAT_MIN:
                    text = f"holds {group.position} since it was ordered flat"
                    self.violated(f"{group.plan.group_id} {text}")

    def _open(self) -> list[GroupSeen]:
        groups = self.picture.open_groups.items()
        open_ = [group for group_id, group in groups if group_id not in self._later]
        return [group for group in open_ if not group.is_closed or group.position]


class KilledFlat(Flat):
    """LIV-01: after KILL with "and flat" everything is flat."""

    id = "LIV-01"


class Flattened(Flat):
    """LIV-02: after FLATTEN too."""

    id = "LIV-02"

    def is_mine(self, order: FlattenOrdered) -> bool:
        return not order.reason.startswith("kill")


class ProtectedOrFlat(PositionsProtected):
    """LIV-09: with nothing striking any more, no alarm of any time excuses a naked position."""

    id = "LIV-09"
    wait_ns = T_PROTECT_NS + T_CHILD_NS
    verdict = "in a healed world"

    def on_alert(self, alert: AlertRaised) -> None:
        """An alarm is no protection, neither one raised now nor one from before the healing."""

    def at_rest(self) -> None:
        if self.world.now_ns >= self.world.heals_at_ns:
            super().at_rest()


class SquaredOff(Check):
    """LIV-11: when the session closes nothing is held, if the engine was up to square it off. The
    time by which it had to be flat comes from the configuration, not from what the rooms say. An
    instrument that had fewer than TICKS_SQUARE_MIN true ticks since then blocks: a book is empty
    once its depth is taken, and what the market does not trade nobody can square off. So does one
    whose ticks together offered fewer units than were held then; a live order has those of before
    the broker's own square-off, as the broker takes no other of the day's product after it."""

    id = "LIV-11"
    handles = (PhaseChanged,)

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._before_ns = world.config.session.flat_by_min * NS_PER_MINUTE
        self._session: PhaseChanged | None = None
        self._due_ns = self._cut_ns = NEVER_NS
        self._ticks: dict[str, int] = {}
        self._shown: Shown = {}
        self._shown_cut: Shown = {}
        self._held: Counter[Holding] = Counter()

    def at_rest(self) -> None:
        market = self.world.market
        if self.world.now_ns >= self._due_ns:
            self._due_ns, self._ticks = NEVER_NS, dict(market.tick_counts)
            self._shown, self._held = dict(market.shown), self._holdings()
        if self.world.now_ns >= self._cut_ns:
            self._cut_ns, self._shown_cut = NEVER_NS, dict(market.shown)

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        if room != "custodian" or not isinstance(message, PhaseChanged):
            return
        before, self._session = self._session, message
        flat_by_ns = self._flat_by_ns(message)
        if message.phase is not SessionPhase.CLOSED and flat_by_ns > self.world.now_ns:
            self._due_ns, self._cut_ns = flat_by_ns, message.closes_at_ns - SQUARE_OFF_NS
        if message.phase is not SessionPhase.CLOSED or before is None:
            return
        healthy_ns = max(self.picture.booted_at_ns, self.world.heals_at_ns)
        is_well = self.world.now_ns - healthy_ns > T_FLAT_NS + T_UNKNOWN_NS
        if not is_well or self.world.now_ns < self._flat_by_ns(before) + T_SQUARE_NS:
            return
        counts = self.world.market.tick_counts
        for group_id, group in self.picture.open_groups.items():
            name = group.plan.instrument
            ticks_count = counts[name] - self._ticks.get(name, 0)
            if group.position and ticks_count >= TICKS_SQUARE_MIN and self._had_depth(group):
                self.violated(f"{group_id} holds {group.position} after the close")

    def _holdings(self) -> Counter[Holding]:
        found: Counter[Holding] = Counter()
        for group in self.picture.open_groups.values():
            found[_holding(group)] += abs(group.position)
        return found

    def _had_depth(self, group: GroupSeen) -> bool:
        """Whether the market offered as many units as were held when it was time."""
        book, name, side = _holding(group)
        until = self._shown_cut if book is Book.LIVE else self.world.market.shown
        offered = until.get((name, side), 0) - self._shown.get((name, side), 0)
        return offered >= self._held[book, name, side]

    def _flat_by_ns(self, session: PhaseChanged) -> int:
        """Short sessions have it in proportion."""
        length_ns = min(session.closes_at_ns - session.opens_at_ns, SESSION_USUAL_NS)
        return session.closes_at_ns - self._before_ns * length_ns // SESSION_USUAL_NS


def _holding(group: GroupSeen) -> Holding:
    """Book, instrument and the side that takes the position off."""
    side = Side.SELL if group.position > 0 else Side.BUY
    return group.plan.book, group.plan.instrument, side
