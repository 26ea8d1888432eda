"""Positions are protected, and protection does not outlive them.

Source: reliability 6.4, INV-17 and INV-18, with deadlines. Judged at rest by records; for the live
book the broker's own order book is asked as well, where the world has one.
"""

from typing import TYPE_CHECKING, ClassVar, Final

from engine.messages.base import Message
from engine.messages.control import AlertRaised, RecoveryDone
from engine.messages.market import PhaseChanged
from engine.messages.records import GroupOpened, IntentPlanned, Record
from engine.messages.supervision import ChildExited
from engine.messages.values import Action, Leg, SessionPhase
from scripts.simulation.checks.check import Check
from scripts.simulation.checks.deadlines import T_ORPHAN_NS, T_PROTECT_NS
from scripts.simulation.checks.seen import GroupSeen

if TYPE_CHECKING:
    from scripts.simulation.world import World

ALARMS = frozenset(
    {
        "protect_failed",
        "not_flat",
        "exit_not_filling",
        "both_legs_filled",
        "order_vanished",
        "fill_after_terminal",
        "journal_unavailable",
        "attempts_exhausted",
        "reconcile_position_unprotected",
        "reconcile_no_answer",
    }
)
"""Alerts that say that a position may be naked, or why it can't be helped."""
NEVER_NS: Final = 1 << 62
STARTLESS = frozenset({"journal_unavailable", "actor_failed", "supervisor_escalated"})
"""Alerts that say why the engine does not start."""


class Deadline(Check):
    """A check that gives each group some time, from when the engine could act: time in which the
    machine was awake (FLT-62), however its wall clock is set (FLT-60). While it finds no fault, it
    looks again when the picture has moved or time alone may have made one.

    Until the custodian of a life has read the journal nobody in the engine knows of any group
    (reliability 2.3: R1 before R11). If an alarm of that life says what keeps it from starting, the
    deadline begins when the custodian is there; if none does, it runs.
    """

    handles: ClassVar[tuple[type, ...]] = (PhaseChanged, RecoveryDone)
    wait_ns = 0
    verdict = "and no alarm"

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._since: dict[str, int] = {}
        self._is_open = False
        self._sound_moves = -1
        self._sound_until_ns = 0
        self._is_blind = True
        self._is_blindness_told = False

    def on_boot(self, epoch: int) -> None:
        self._since.clear()
        self._is_blind, self._is_blindness_told = True, False

    def on_exit(self, exited: ChildExited) -> None:
        if not exited.kind.is_normal:
            self._since.clear()
        if exited.name == "custodian":
            self._is_blind, self._is_blindness_told = True, False

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        if isinstance(message, PhaseChanged) and room == "custodian":
            self._is_open = message.phase is SessionPhase.CONTINUOUS
            self._since.clear()
        elif isinstance(message, RecoveryDone) and message.part == "custodian":
            self._is_blind = False

    def hear_of_start(self, alert: AlertRaised) -> None:
        """Take an alarm that says why this life does not start."""
        if self._is_blind and alert.event in STARTLESS:
            self._is_blindness_told = True

    def at_rest(self) -> None:
        if self._is_blind and self._is_blindness_told:
            self._since.clear()
            self._sound_moves = -1
            return
        if not self._is_open:
            return
        picture, until_ns, clock_ns = self.picture, self._sound_until_ns, self.world.now_ns
        is_unmoved = self._sound_moves == picture.moves
        if is_unmoved and (until_ns == NEVER_NS or clock_ns < until_ns):
            return
        now_ns = self.world.clock.awake_ns()
        is_sound, until_ns = True, NEVER_NS
        for group_id, group in picture.open_groups.items():
            until_ns = min(until_ns, self.sound_until_ns(group, clock_ns))
            fault = self.fault(group)
            if not fault:
                self._since.pop(group_id, None)
                continue
            is_sound = False
            if now_ns - self._since.setdefault(group_id, now_ns) > self.wait_ns:
                self.violated(f"{group_id}: {fault} for {self.wait_ns} ns, {self.verdict}")
        self._sound_moves = picture.moves if is_sound else -1
        self._sound_until_ns = until_ns

    def fault(self, group: GroupSeen) -> str:
        """What is wrong with a group at this instant; "" if nothing."""
        raise NotImplementedError

    def sound_until_ns(self, group: GroupSeen, now_ns: int) -> int:
        """Until when time alone makes no fault of a group that has none."""
        return NEVER_NS


class PositionsProtected(Deadline):
    """Each position has working exits for all of it, or an exit under way, or an alarm tells. An
    alarm about a bare group may come in the same instant in which its life began, before anybody
    could look at it."""

    id = "INV-17"
    wait_ns = T_PROTECT_NS

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._told: set[str] = set()

    def on_alert(self, alert: AlertRaised) -> None:
        self.hear_of_start(alert)
        if alert.subject in self._since or self._names_fault(alert):
            self._told.add(alert.subject)
        elif alert.event in ALARMS or alert.severity == "critical":
            self._since.clear()

    def _names_fault(self, alert: AlertRaised) -> bool:
        """An alarm about a group that is bare already and was not looked at in this life yet."""
        group = self.picture.open_groups.get(alert.subject)
        return alert.event in ALARMS and group is not None and bool(self.fault(group))

    def fault(self, group: GroupSeen) -> str:
        if not group.position:
            self._told.discard(group.plan.group_id)
            return ""
        covered = dict.fromkeys((Leg.STOP, Leg.EXIT), 0)
        for order in group.orders:
            leg = order.intent.leg
            is_against = order.intent.side.sign * group.position < 0
            if is_against and order.is_known and leg in covered and not order.is_over:
                covered[leg] += order.remaining
        total, group_id = sum(covered.values()), group.plan.group_id
        if total >= abs(group.position):
            self._told.discard(group_id)
            return ""
        return "" if group_id in self._told else f"{total} of {group.position} protected"


class NoOrphans(Deadline):
    """An exit that works without a position, and an entry whose time is over, is being cancelled:
    an intent to do so is young, or an alarm says that the entry does not go, by its own tag where
    the records of its group are gone."""

    id = "INV-18"
    wait_ns = T_ORPHAN_NS

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._told: set[str] = set()

    def on_record(self, seq: int, record: Record) -> None:
        if isinstance(record, IntentPlanned) and record.action is Action.CANCEL:
            self._since.pop(record.group_id, None)
        elif isinstance(record, GroupOpened):
            self._since.pop(record.plan.group_id, None)

    def on_alert(self, alert: AlertRaised) -> None:
        self.hear_of_start(alert)
        if alert.severity == "critical":
            self._since.clear()
            self._told.add(alert.subject)

    def sound_until_ns(self, group: GroupSeen, now_ns: int) -> int:
        expires_ns = group.plan.entry_expires_at_ns
        return expires_ns if expires_ns > now_ns else NEVER_NS

    def fault(self, group: GroupSeen) -> str:
        is_told = group.plan.group_id in self._told
        is_late = 0 < group.plan.entry_expires_at_ns <= self.world.now_ns and not is_told
        for order in group.orders:
            if order.is_known and not order.is_over:
                tag = order.intent.client_order_id
                if not order.intent.leg.is_exit:
                    if is_late and tag not in self._told:
                        return f"the entry {tag} works after its time"
                elif not group.position:
                    return f"{tag} works without a position"
        return ""
