"""What a campaign must have seen at least once: proof that the faults reach the places they mean.

Source: reliability 6.4, the sometimes properties. Decides when one has come true. None of them is a
fault of the engine; a campaign in which one never happens has not tested what it claims to.
"""

from typing import TYPE_CHECKING, Final

from engine.messages.base import Message
from engine.messages.broker import TradeReport
from engine.messages.control import GenerationFenced, OperatorCommand
from engine.messages.journal import AppendRefused, JournalStateChanged
from engine.messages.records import (
    IntentPlanned,
    ModeChanged,
    OrderAccepted,
    OrderCancelled,
    OrderDenied,
    OrderFact,
    OrderFilled,
    OrderLost,
    OrderRejected,
    OrderTriggered,
    OrderUnknown,
    Record,
    RequestRefused,
)
from engine.messages.supervision import ChildExited, ChildReady
from engine.messages.values import Action, Leg, Mode
from scripts.simulation.checks.check import Check
from scripts.simulation.observer import WireRequest

if TYPE_CHECKING:
    from scripts.simulation.world import World

SOMETIMES: Final = (
    "both_legs_filled",
    "late_order_after_absent",
    "crash_while_recovering",
    "crash_of_recovering_writer",
    "crash_of_recovering_watcher",
    "crash_of_recovering_guard",
    "crash_of_recovering_custodian",
    "crash_of_recovering_journal",
    "zombie_fenced",
    "epoch_change_with_order_in_flight",
    "cancel_refused_because_filled",
    "fill_after_cancelled",
    "exit_refused_by_band",
    "kill_while_recovering",
    "second_crash_within_a_restart",
    "disk_full_while_flattening",
    "poison_parked",
    "exit_used_the_reserve",
    "order_unknown",
    "unknown_found",
    "part_filled_then_ended",
    "exit_denied_by_the_gate",
    "entry_denied_by_the_gate",
    "stop_triggered",
    "flattened_to_flat",
    "journal_away_with_position",
    "live_trade",
    "group_reopened_by_late_fill",
)
"""Names of all; `World.reach` takes them."""
RESERVE_FROM: Final = 6
"""Requests of a second after which only exits may go (engine/limits.py ENTRIES_PER_SECOND_MAX)."""
BAND_WORDS: Final = ("circuit", "band", "LPP", "price range")


class Sometimes(Check):
    """Marks each property when it comes true."""

    handles = (ChildReady, GenerationFenced, OperatorCommand, AppendRefused, JournalStateChanged)

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._mode = Mode.STANDBY
        self._starting: set[str] = set()
        self._ready: set[str] = set()
        self._in_flight: dict[str, None] = {}
        self._unknown: set[str] = set()
        self._lost: set[str] = set()
        self._second = (0, 0)

    # -- lives ----------------------------------------------------------------------------

    def on_boot(self, epoch: int) -> None:
        if self._in_flight:
            self.world.reach("epoch_change_with_order_in_flight")
        self._mode = Mode.STANDBY
        self._starting.clear()
        self._ready.clear()
        self._in_flight.clear()

    def on_exit(self, exited: ChildExited) -> None:
        name = f"crash_of_recovering_{exited.name}"
        if not exited.kind.is_normal:
            if exited.name in self._starting:
                self.world.reach("second_crash_within_a_restart")
            if exited.name not in self._ready and name in SOMETIMES:
                self.world.reach(name)
            if self._mode is Mode.RECOVERING:
                self.world.reach("crash_while_recovering")
            self._starting.add(exited.name)
        self._ready.discard(exited.name)

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        match message:
            case ChildReady():
                self._starting.discard(message.name)
                self._ready.add(message.name)
                self._parked()
            case OperatorCommand() if room == "authority" and message.command == "kill":
                if self._mode is Mode.RECOVERING:
                    self.world.reach("kill_while_recovering")
            case AppendRefused() if message.why == "fenced":
                self.world.reach("zombie_fenced")
            case JournalStateChanged() if room == "authority" and not message.is_available:
                if self._is_held():
                    self.world.reach("journal_away_with_position")
            case _:
                pass

    def _parked(self) -> None:
        rooms = self.world.runtime.directory.rooms.values()
        if any(room.spec.poison for room in rooms):
            self.world.reach("poison_parked")

    # -- the wire -------------------------------------------------------------------------

    def on_request(self, request: WireRequest) -> None:
        intent, tag = request.intent, request.intent.client_order_id
        if intent.action is Action.PLACE:
            self._in_flight[tag] = None  # until a durable fact tells of it
        second = request.at_ns // 1_000_000_000
        count = self._second[1] + 1 if self._second[0] == second else 1
        self._second = (second, count)
        if count > RESERVE_FROM and intent.leg.is_exit:
            self.world.reach("exit_used_the_reserve")

    def on_trade(self, trade: TradeReport) -> None:
        self.world.reach("live_trade")
        order = self.picture.orders.get(trade.client_order_id)
        if order is not None and order.over == "OrderCancelled":
            self.world.reach("fill_after_cancelled")

    # -- records --------------------------------------------------------------------------

    def on_record(self, seq: int, record: Record) -> None:
        match record:
            case ModeChanged():
                self._mode = record.mode_to
                if record.mode_from is Mode.FLATTENING and record.mode_to is not Mode.KILLED:
                    self.world.reach("flattened_to_flat")
            case OrderFilled():
                self._filled(record)
            case OrderUnknown():
                self.world.reach("order_unknown")
                self._in_flight[record.client_order_id] = None
                self._unknown.add(record.client_order_id)
            case OrderLost() | OrderAccepted() | OrderTriggered() | OrderCancelled():
                self._settled(record)
            case RequestRefused() | OrderRejected():
                self._refused(record)
            case OrderDenied():
                kind = "exit" if record.leg.is_exit else "entry"
                self.world.reach(f"{kind}_denied_by_the_gate")
            case IntentPlanned() if record.action is Action.PLACE:
                group = self.picture.groups.get(record.group_id)
                if group is not None and group.is_closed:
                    self.world.reach("group_reopened_by_late_fill")
            case _:
                pass

    def _filled(self, fill: OrderFilled) -> None:
        order = self.picture.orders.get(fill.client_order_id)
        group = self.picture.groups.get(fill.group_id)
        self._in_flight.pop(fill.client_order_id, None)
        if order is not None and order.over == "OrderCancelled":
            self.world.reach("fill_after_cancelled")
        self._late(fill)
        if group is not None and fill.leg.is_exit and group.position * group.plan.side.sign < 0:
            self.world.reach("both_legs_filled")

    def _settled(self, fact: OrderFact) -> None:
        order = self.picture.orders.get(fact.client_order_id)
        self._in_flight.pop(fact.client_order_id, None)
        if isinstance(fact, OrderTriggered):
            self.world.reach("stop_triggered")
        if isinstance(fact, OrderLost):
            self._lost.add(fact.client_order_id)
        else:
            self._late(fact)
        was_unknown = fact.client_order_id in self._unknown
        self._unknown.discard(fact.client_order_id)
        if isinstance(fact, OrderAccepted | OrderTriggered) and was_unknown:
            self.world.reach("unknown_found")
        if isinstance(fact, OrderCancelled) and order is not None and order.filled:
            self.world.reach("part_filled_then_ended")

    def _refused(self, fact: RequestRefused | OrderRejected) -> None:
        if isinstance(fact, OrderRejected):
            self._in_flight.pop(fact.client_order_id, None)
        elif fact.action is Action.CANCEL:
            order = self.picture.orders.get(fact.client_order_id)
            if order is not None and (order.traded or order.filled) >= order.quantity:
                self.world.reach("cancel_refused_because_filled")
        is_band = any(word.lower() in fact.reason.lower() for word in BAND_WORDS)
        if fact.leg in (Leg.STOP, Leg.EXIT) and is_band:
            self.world.reach("exit_refused_by_band")

    def _late(self, fact: OrderFact) -> None:
        """An order that was called absent is there after all."""
        if fact.client_order_id in self._lost:
            self._lost.discard(fact.client_order_id)
            self.world.reach("late_order_after_absent")

    # -- the disk -------------------------------------------------------------------------

    def at_rest(self) -> None:
        is_leaving = self._mode in (Mode.FLATTENING, Mode.KILLED)
        if is_leaving and self.world.outside.disk.is_full and self._is_held():
            self.world.reach("disk_full_while_flattening")

    def _is_held(self) -> bool:
        return any(group.position for group in self.picture.open_groups.values())
