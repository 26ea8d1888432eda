"""Authority at the wire, and how the mode moves.

Source: reliability 6.4, INV-08, INV-09, INV-10, INV-14, INV-34, INV-42. "At the send step" is what
the writer had been told when it sent: control overtakes data, so it is never further behind than
the messages in its inbox.
"""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from engine.messages.base import Message
from engine.messages.control import OperatorCommand
from engine.messages.records import (
    IntentPlanned,
    ModeChanged,
    OrderCancelled,
    OrderFilled,
    OrderLost,
    Record,
)
from engine.messages.supervision import ChildExited
from engine.messages.values import Action, Authority, Book, Leg, Mode
from scripts.simulation.checks.check import Check
from scripts.simulation.checks.rules import (
    EDGES,
    grows,
    is_entry,
    is_protector,
    left_to,
    overshoot,
    takes_more,
)
from scripts.simulation.checks.seen import GroupSeen
from scripts.simulation.checks.sending import SendCheck
from scripts.simulation.observer import WireRequest

if TYPE_CHECKING:
    from scripts.simulation.world import World


class IncreaseNeedsFull(SendCheck):
    """No increasing order is sent unless every ceiling is FULL."""

    id = "INV-08"

    def fault(self, intent: IntentPlanned, at_ns: int) -> str:
        if not is_entry(intent):
            return ""
        left = left_to(self.picture.view, intent)
        return "" if left is Authority.FULL else f"an entry while {left.name} is left"


class ReduceOnly(SendCheck):
    """An exit can neither increase nor flip its group, whatever fills of all that works: by records
    for stops and targets, and for exits at the market by the true trades too. The stop and the
    targets of a group exclude each other (that both fill is repaired by INV-02's alarm)."""

    id = "INV-09"

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._lied: set[str] = set()

    def fault(self, intent: IntentPlanned, at_ns: int) -> str:
        group = self.picture.groups.get(intent.group_id)
        order = self.picture.orders.get(intent.client_order_id)
        if group is None or is_entry(intent) or not takes_more(order, intent):
            return ""
        over = overshoot(group, intent, self.may_take)
        return f"{over} units could flip {intent.group_id}" if over > 0 else ""

    def on_record(self, seq: int, record: Record) -> None:
        if isinstance(record, OrderCancelled | OrderLost):
            order = self.picture.orders.get(record.client_order_id)
            if order is not None and order.traded > order.filled:
                self._lied.add(record.group_id)

    def on_request(self, request: WireRequest) -> None:
        super().on_request(request)
        intent = request.intent
        group = self.picture.groups.get(intent.group_id)
        if intent.leg is not Leg.EXIT or intent.action is not Action.PLACE or group is None:
            return
        if intent.group_id in self._lied or any(
            o.over and o.traded > o.filled for o in group.orders
        ):
            return  # a fill after a documented end: INV-02 watches it
        held = sum(order.intent.side.sign * order.traded for order in group.orders)
        if not 0 < intent.quantity <= -intent.side.sign * held:
            self.violated(
                f"{intent.intent_id}: {intent.quantity} against a true position of {held}"
            )


class CancelStates(SendCheck):
    """Where CANCEL is left only cancels leave, where nothing is left nothing leaves. HALTED also
    keeps up protection: the protection path may re-price an exit, have a stop rest behind its
    trigger for all of a proven position, as an entry in flight may fill after the halt, and take a
    flipped position back to flat at once (ORD-07: nobody planned it and no stop is known). Where a
    stop has triggered the way out is settled (LIV-09): the rest of the position may follow by that
    stop or an exit, never beyond flat, and what holds its place may be cancelled.

    What is protected is the position at the venue, which the gate hears of before the journal does:
    once the stop has filled there, its targets are orphans; and an exit that could only make a
    position larger protects nothing. Both may be cancelled. A position that only the venue knows of
    is not counted: nobody in the engine has heard of it."""

    id = "INV-10"

    def fault(self, intent: IntentPlanned, at_ns: int) -> str:
        left = left_to(self.picture.view, intent)
        if left >= Authority.REDUCE:
            return ""
        if left is Authority.NONE:
            return f"{intent.action.value} while nothing is left"
        if intent.action is Action.CANCEL:
            group = self.picture.groups.get(intent.group_id)
            if intent.leg is Leg.ENTRY or group is None or not group.position:
                return ""
            if intent.side.sign * self._held(group) >= 0 or self._is_settled(intent):
                return ""
            return "the protection of a position is cancelled"
        order = self.picture.orders.get(intent.client_order_id)
        is_repair = (
            self._is_resting_stop(intent)
            or self._is_flip_exit(intent)
            or self._is_settled_exit(intent)
        )
        is_new = grows(order, intent) and not self._has_grown(intent)
        if self._is_maintained(intent) and (not is_new or is_repair):
            return ""
        return f"{intent.action.value} while CANCEL is left"

    def _has_grown(self, intent: IntentPlanned) -> bool:
        """Whether its venue gives the order that size already: a growth that records call refused
        and that was processed all the same, later (FLT-18)."""
        tag = intent.client_order_id
        same = (o for o in self.world.broker.orders if o.tag_true == tag and not o.is_terminal)
        is_change = intent.action is Action.MODIFY and intent.book is Book.LIVE
        return is_change and any(intent.quantity <= order.quantity for order in same)

    def _is_maintained(self, intent: IntentPlanned) -> bool:
        view = self.picture.view
        is_halted = view is not None and view.mode is Mode.HALTED
        return is_halted and intent.leg.is_exit and is_protector(intent)

    def _traded(self, group: GroupSeen) -> Counter[str]:
        """Units by order, by records and by what its venue has traded."""
        traded = Counter({o.intent.client_order_id: max(o.filled, o.traded) for o in group.orders})
        writer: Any = self.world.behaviour("writer")
        if group.plan.book is Book.PAPER and writer is not None:
            paper: Counter[str] = Counter()
            for trade in writer._brokers[Book.PAPER].snapshot(0, self.world.now_ns).trades:
                paper[trade.client_order_id] += trade.quantity
            traded |= paper
        return traded

    def _held(self, group: GroupSeen) -> int:
        """The group's position by records and by what its venue has traded."""
        traded = self._traded(group)
        return sum(o.intent.side.sign * traded[o.intent.client_order_id] for o in group.orders)

    def _is_settled(self, intent: IntentPlanned) -> bool:
        """HALTED, and a stop of its group has triggered or filled."""
        group = self.picture.groups.get(intent.group_id)
        if group is None or not self._is_maintained(intent):
            return False
        traded = self._traded(group)
        stops = [order for order in group.orders if order.intent.leg is Leg.STOP]
        return any(o.was_triggered or traded[o.intent.client_order_id] for o in stops)

    def _is_settled_exit(self, intent: IntentPlanned) -> bool:
        group = self.picture.groups.get(intent.group_id)
        if group is None or intent.leg not in (Leg.STOP, Leg.EXIT):
            return False
        return self._is_settled(intent) and overshoot(group, intent, self.may_take) <= 0

    def _is_resting_stop(self, intent: IntentPlanned) -> bool:
        group = self.picture.groups.get(intent.group_id)
        is_stop = intent.leg is Leg.STOP and intent.price_trigger_paise > 0
        return is_stop and group is not None and overshoot(group, intent, self.may_take) <= 0

    def _is_flip_exit(self, intent: IntentPlanned) -> bool:
        group = self.picture.groups.get(intent.group_id)
        if group is None or intent.leg is not Leg.EXIT or intent.side is not group.plan.side:
            return False
        return overshoot(group, intent, self.may_take) <= 0


class LiveIsReleased(Check):
    """LIVE is entered from PAPER only, by a release decided on the mode sequence it replaces."""

    id = "INV-14"
    handles = (OperatorCommand,)

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._released: set[int] = set()

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        if room == "authority" and isinstance(message, OperatorCommand):
            words = message.argument.lower().split()
            if message.command == "mode" and words[:1] == ["live"] and words[1:]:
                self._released.add(int(words[1]) if words[1].isdecimal() else 0)

    def on_record(self, seq: int, record: Record) -> None:
        if not isinstance(record, ModeChanged) or record.mode_to is not Mode.LIVE:
            return
        if record.mode_from is not Mode.PAPER:
            self.violated(f"LIVE after {record.mode_from.value}")
        if record.mode_seq - 1 not in self._released:
            self.violated(f"LIVE with mode_seq {record.mode_seq} without a release")


class ModesMoveByTheTable(Check):
    """mode_seq rises with each change over all lives, each life begins in STANDBY, changes join up,
    no forbidden edge. What went with the spool, nobody can rise above: the clock may be behind."""

    id = "INV-34"

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._mode = Mode.STANDBY
        self._seq = -1
        self._is_new_life = False

    def on_boot(self, epoch: int) -> None:
        self._mode = Mode.STANDBY
        self._is_new_life = True

    def on_gone(self, records: Sequence[Record]) -> None:
        left = (x.mode_seq for _, x in self.world.records if isinstance(x, ModeChanged))
        self._seq = max(left, default=-1)

    def on_exit(self, exited: ChildExited) -> None:
        if exited.name == "authority":
            self._mode = Mode.STANDBY

    def on_record(self, seq: int, record: Record) -> None:
        if not isinstance(record, ModeChanged):
            return
        if record.mode_seq <= self._seq:
            self.violated(f"mode_seq {record.mode_seq} after {self._seq}")
        edge = (record.mode_from, record.mode_to)
        is_joined = record.mode_from in (self._mode, Mode.STANDBY)
        if self._mode is Mode.STANDBY and not self._is_new_life:
            is_joined = True  # of a restarted authority: a change of its last generation comes late
        self._is_new_life = False
        if edge not in EDGES or not is_joined:
            self.violated(f"{edge[0].value} -> {edge[1].value}, the mode was {self._mode.value}")
        self._seq, self._mode = record.mode_seq, record.mode_to


class FlattenOnlyShrinks(Check):
    """While the engine flattens, no exit that it sends or enlarges since makes a group's position
    larger than it was. A leg sent before that cannot be cancelled (a dead token, a hanging cancel)
    may still fill and flip the group: nothing sent since did that, and LIV-02 asks that it ends."""

    id = "INV-42"

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._largest: dict[str, int] = {}
        self._since: set[str] = set()

    def on_boot(self, epoch: int) -> None:
        self._largest.clear()
        self._since.clear()

    def on_record(self, seq: int, record: Record) -> None:
        view = self.picture.view
        if isinstance(record, ModeChanged):
            self._largest.clear()
            self._since.clear()
        if view is None or view.mode is not Mode.FLATTENING:
            return
        if isinstance(record, IntentPlanned):
            if grows(self.picture.orders.get(record.client_order_id), record):
                self._since.add(record.client_order_id)
        elif isinstance(record, OrderFilled):
            self._grew(record)

    def _grew(self, record: OrderFilled) -> None:
        group = self.picture.groups.get(record.group_id)
        if group is None:
            return
        before = abs(group.position - record.side.sign * record.quantity)
        largest = max(self._largest.get(record.group_id, 0), before)
        if record.client_order_id not in self._since or record.leg is Leg.ENTRY:
            largest = max(largest, abs(group.position))  # it was under way when the order came
        elif abs(group.position) > largest:
            self.violated(f"{record.group_id} grew to {group.position} while flattening")
        self._largest[record.group_id] = largest
