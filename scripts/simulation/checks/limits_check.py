"""The limits, implemented once more: what leaves as an entry keeps every one of them.

Source: reliability 6.4, INV-24 and INV-25. Independent of engine/risk: it reads the configuration
and the messages that the engine was told, and adds up records by its own arithmetic.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from engine.messages.base import Message
from engine.messages.broker import IntentAnswered
from engine.messages.journal import Journaled
from engine.messages.market import PhaseChanged, Tick
from engine.messages.records import GroupOpened, IntentPlanned, Record
from engine.messages.signals import EntryProposed, TradePlan
from engine.messages.supervision import ChildExited
from engine.messages.values import Action, Book, Leg, SessionPhase
from engine.units import BPS, NS_PER_MINUTE, NS_PER_MS, NS_PER_S
from scripts.simulation.checks.check import Check
from scripts.simulation.checks.deadlines import SESSION_USUAL_NS, T_EXIT_WAIT_NS
from scripts.simulation.checks.rules import is_entry
from scripts.simulation.checks.seen import GroupSeen
from scripts.simulation.checks.sending import SendCheck
from scripts.simulation.observer import WireRequest
from supervisors.config import instruments, risk_settings

if TYPE_CHECKING:
    from scripts.simulation.world import World

SENDS_PER_SECOND_MAX: Final = 10
"""Source: NSE retail algo circular (2025): 10 orders in a calendar second of the broker."""
TARGETS: Final = (Leg.TARGET_1, Leg.TARGET_2)
EXITS_PER_SECOND: Final = 8
"""Source: engine/limits.py ORDERS_PER_SECOND_MAX; how fast a queue of exits is served."""


class LimitsHold(SendCheck):
    """Quantity, lot, tick, freeze, product, allow-list and session of each order that is sent; and
    value, collar, positions, open risk and entry time of each plan, as they stood when it was
    proposed. Whoever looks goes by the prices that he was told: the guard at the proposal, the
    writer when the entry leaves (by twice the collar, and by none that is too old)."""

    id = "INV-24"
    handles = (*SendCheck.handles, Tick, PhaseChanged, EntryProposed)
    rooms = (*SendCheck.rooms, "guard")

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._settings = risk_settings(world.config)
        self._specs = {spec.name: spec for spec in instruments(world.config)}
        self._prices: dict[str, int] = {}
        self._marks: dict[str, Tick] = {}
        self._phase: PhaseChanged | None = None
        self._collar: dict[str, int] = {}
        self._late: set[str] = set()

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        if isinstance(message, Tick) and room == "writer":
            self._marks[message.instrument] = message
        elif room != "guard":
            super().on_handled(room, generation, message)
        elif isinstance(message, Tick):
            self._prices[message.instrument] = message.price_paise
        elif isinstance(message, PhaseChanged):
            self._phase = message
        elif isinstance(message, EntryProposed) and isinstance(message.price_limit_paise, int):
            self._collar[message.signal_id] = self._prices.get(message.instrument, 0)
            if not self._is_entry_time():
                self._late.add(message.signal_id)

    def on_boot(self, epoch: int) -> None:
        self._marks.clear()

    def on_exit(self, exited: ChildExited) -> None:
        if exited.name == "writer":
            self._marks.clear()

    # -- plans ----------------------------------------------------------------------------

    def on_record(self, seq: int, record: Record) -> None:
        if isinstance(record, GroupOpened):
            fault = self._plan_fault(record.plan)
            if fault:
                self.violated(f"{record.plan.group_id}: {fault}")

    def _plan_fault(self, plan: TradePlan) -> str:
        spec, limit = self._specs.get(plan.instrument), self._settings
        if spec is None or (limit.allowlist and plan.instrument not in limit.allowlist):
            return f"{plan.instrument} may not be traded"
        price = plan.price_limit_paise
        loss = plan.side.sign * (price - plan.price_stop_paise) * plan.quantity * spec.multiplier
        seen = self._collar.get(plan.signal_id, price) or price
        away_bps = abs(price - seen) * BPS // seen
        open_groups = self.picture.open_groups.values()
        mine = [g for g in open_groups if g.plan.book is plan.book and not g.is_closed]
        same = [g for g in mine if g.plan.instrument == plan.instrument]
        value, symbol = sum(map(self._value, mine)), sum(map(self._value, same))
        faults = {
            "entries had ended": plan.signal_id in self._late,
            "product": plan.product is not spec.product,
            f"lots of {spec.lot}": plan.quantity % spec.lot or plan.quantity <= 0,
            "freeze": 0 < spec.freeze_quantity < plan.quantity,
            f"a stop that does not lose ({loss})": loss <= 0,
            f"risk of {loss}": loss > limit.risk_per_trade_paise,
            f"{away_bps} bps from the price": away_bps > limit.price_away_bps_max,
            f"{len(mine)} positions": len(mine) > limit.positions_max,
            f"exposure of {value}": value > limit.notional_paise_max,
            f"exposure of {symbol} in it": symbol > limit.notional_symbol_paise_max,
            "margin": value * limit.margin_bps > limit.capital_paise_max * BPS,
        }
        return ", ".join(name for name, is_broken in faults.items() if is_broken)

    def _value(self, group: GroupSeen) -> int:
        """The most that a group can come to, at its limit price."""
        entry = next((o for o in group.orders if o.intent.leg is Leg.ENTRY), None)
        rest = group.plan.quantity if entry is None else entry.remaining
        held = group.plan.side.sign * group.position
        units = max(abs(held), abs(held + rest))
        spec = self._specs[group.plan.instrument]
        return units * group.plan.price_limit_paise * spec.multiplier

    # -- orders ---------------------------------------------------------------------------

    def fault(self, intent: IntentPlanned, at_ns: int) -> str:
        spec = self._specs.get(intent.instrument)
        if intent.action is Action.CANCEL:
            return ""
        if spec is None:
            return f"{intent.instrument} is not configured"
        prices = (intent.price_limit_paise, intent.price_trigger_paise)
        faults = {
            "product": intent.product is not spec.product,
            "lot": intent.quantity % spec.lot or intent.quantity <= 0,
            "tick": any(price % spec.tick_paise or price < 0 for price in prices),
            "freeze": 0 < spec.freeze_quantity < intent.quantity,
        }
        if is_entry(intent):
            group = self.picture.groups.get(intent.group_id)
            faults["plan"] = group is None or not intent.quantity <= group.plan.quantity
            faults["session"] = not self._is_window(at_ns)
            seen = self._mark(intent.instrument) or intent.price_limit_paise or 1
            away = abs(intent.price_limit_paise - seen) * BPS // seen
            faults[f"{away} bps from the price"] = away > 2 * self._settings.price_away_bps_max
        return ", ".join(name for name, is_broken in faults.items() if is_broken)

    def _mark(self, instrument: str) -> int:
        """The price by which the writer has to go, 0 if there is none."""
        tick, now_ns = self._marks.get(instrument), self.world.now_ns + self.world.clock.wrong_ns
        if tick is None:
            return 0
        age_ns = abs(now_ns - tick.received_at_ns)
        return tick.price_paise if age_ns <= self._settings.tick_age_ms_max * NS_PER_MS else 0

    def _is_entry_time(self) -> bool:
        """New plans end before the close, by the setting's share of a usual day. Before the guard
        was told of a session there is none."""
        phase = self._phase
        if phase is None or phase.phase is not SessionPhase.CONTINUOUS:
            return False
        length_ns = min(phase.closes_at_ns - phase.opens_at_ns, SESSION_USUAL_NS)
        ahead_ns = self.world.config.session.entries_end_min * NS_PER_MINUTE
        end_ns = phase.closes_at_ns - ahead_ns * length_ns // SESSION_USUAL_NS
        return phase.opens_at_ns <= self.world.now_ns < end_ns

    def _is_window(self, at_ns: int) -> bool:
        """The guard's window may end while an approved entry is on its way; the session may not."""
        phase = self._phase
        if phase is None:
            return False
        return phase.phase is SessionPhase.CONTINUOUS and at_ns < phase.closes_at_ns


class Serving:
    """The time in which the machine was awake and none of some rooms stood still. They begin to,
    and go on, at the instants at which the world comes to rest, never between."""

    def __init__(self, world: "World", *names: str) -> None:
        self._world = world
        self._names = names
        self._still_ns = self._looked_ns = 0
        self._is_still = False

    def ns(self) -> int:
        """So much of it until now."""
        awake_ns = self._world.clock.awake_ns()
        return awake_ns - self._still_ns - (awake_ns - self._looked_ns if self._is_still else 0)

    def at_rest(self) -> None:
        awake_ns = self._world.clock.awake_ns()
        rooms: Mapping[str, Any] = self._world.runtime.directory.rooms
        if self._is_still:
            self._still_ns += awake_ns - self._looked_ns
        self._looked_ns = awake_ns
        found = (rooms.get(name) for name in self._names)
        self._is_still = any(room is not None and room.is_still for room in found)


class _Wait:
    """An exit that waits since so much time of serving; how many have to be served before it."""

    __slots__ = ("ahead_count", "is_target", "since_ns")

    def __init__(self, since_ns: int, ahead_count: int, *, is_target: bool) -> None:
        self.since_ns, self.ahead_count, self.is_target = since_ns, ahead_count, is_target


class RateKept(Check):
    """No more than ten requests in a calendar second of the broker, and exits do not starve: one
    waits two seconds for budget, more only as a queue of exits is served. Paper answers carry the
    engine's clock; they are counted by true time as well, as if a broker had taken them. A wait is
    of the time in which the machine was awake (FLT-62) and the writer served its inbox (FLT-69: a
    call that does not return is no want of budget, and one that lasts has its room replaced); that
    of a paper exit, which is over when the watcher hears so, of the time in which both did. A new
    target lets more urgent exits pass (a position can wait for its profit, not for its stop), so
    its queue grows by each of them that came after it and left before it."""

    id = "INV-25"
    handles = (Journaled, IntentAnswered)
    rooms = ("writer", "watcher")

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._second = dict.fromkeys(Book, -1)
        self._count = dict.fromkeys(Book, 0)
        self._waiting: dict[str, _Wait] = {}
        self._last: IntentPlanned | None = None
        self._serving = {
            Book.LIVE: Serving(world, "writer"),
            Book.PAPER: Serving(world, *self.rooms),
        }

    def at_rest(self) -> None:
        for serving in self._serving.values():
            serving.at_rest()

    def on_boot(self, epoch: int) -> None:
        self._waiting.clear()

    def on_exit(self, exited: ChildExited) -> None:
        if exited.name == "writer":
            self._waiting.clear()

    def on_request(self, request: WireRequest) -> None:
        self._sent(request.intent, request.at_ns)

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        if room == "writer" and isinstance(message, Journaled):
            intent = message.record
            is_sent = intent == self._last
            if isinstance(intent, IntentPlanned) and not is_entry(intent) and not is_sent:
                since_ns = self._serving[intent.book].ns()
                is_target = intent.action is Action.PLACE and intent.leg in TARGETS
                wait = _Wait(since_ns, len(self._waiting), is_target=is_target)
                self._waiting[intent.intent_id] = wait
        elif room == "watcher" and isinstance(message, IntentAnswered):
            planned = self.picture.intents.get(message.intent_id)
            if planned is not None and message.refusal is None and planned.book is Book.PAPER:
                self._sent(planned, message.at_ns - self.world.clock.wrong_ns)
            self._waiting.pop(message.intent_id, None)

    def _sent(self, intent: IntentPlanned, at_ns: int) -> None:
        self._spend(intent.book, at_ns)
        self._last = intent
        if intent.intent_id not in self._waiting:
            return
        wait = self._waiting[intent.intent_id]
        waited_ns = self._serving[intent.book].ns() - wait.since_ns
        if waited_ns > T_EXIT_WAIT_NS + wait.ahead_count // EXITS_PER_SECOND * NS_PER_S:
            self.violated(f"{intent.intent_id} waited {waited_ns} ns for budget")
        for earlier in self._waiting.values():
            if earlier is wait:
                break
            earlier.ahead_count += earlier.is_target and not wait.is_target
        del self._waiting[intent.intent_id]

    def _spend(self, book: Book, at_ns: int) -> None:
        second = at_ns // NS_PER_S
        if second != self._second[book]:
            self._second[book], self._count[book] = second, 0
        self._count[book] += 1
        if self._count[book] > SENDS_PER_SECOND_MAX:
            self.violated(f"{self._count[book]} requests of {book.value} in one second")
