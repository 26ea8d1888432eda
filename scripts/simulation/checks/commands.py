"""Commands and latches: durable before the reply, kept over restarts, done once.

Source: reliability 6.4, INV-12, INV-13, INV-44.
"""

from typing import TYPE_CHECKING, Any

from actors.stores.latches import HALT, KILL
from engine.messages.base import Message
from engine.messages.control import AlertRaised, CommandDone, OperatorCommand
from engine.messages.records import (
    DecisionRecorded,
    LatchChanged,
    ModeChanged,
    OperatorActed,
    Record,
)
from engine.messages.signals import EntryProposed
from engine.messages.values import Mode
from engine.units import NS_PER_S
from scripts.simulation.checks.check import Check
from scripts.simulation.checks.deadlines import T_TOLD_NS

if TYPE_CHECKING:
    from scripts.simulation.world import World

_DAY_NS = 86_400 * NS_PER_S
_RISEN = (Mode.PAPER, Mode.LIVE, Mode.REDUCE, Mode.FLATTENING)


def latched(world: "World", name: str) -> bool:
    """Whether a latch is on disk."""
    return any(latch.name == name for latch in world.latches.load())


class KillIsDurable(Check):
    """A kill or halt that is confirmed is on disk, and KILLED is not journaled without it unless
    the disk refused and an alarm says so, which may be under way when the record is durable: it
    has until T_TOLD. A life knows its own ids only: an id of an earlier one may come again with
    another command, and is that command. Within a life a reply says which content it answers."""

    id = "INV-12"
    handles = (OperatorCommand, CommandDone)

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._kills: set[str] = set()
        self._halts: dict[str, bool] = {}
        self._since_ns = 0
        self._is_told = False

    def on_boot(self, epoch: int) -> None:
        self._kills.clear()
        self._halts.clear()
        self._since_ns, self._is_told = 0, False

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        if isinstance(message, OperatorCommand) and message.command == "kill":
            self._kills.add(message.request_id)
        elif isinstance(message, OperatorCommand) and message.command == "halt":
            if room == "authority":
                is_set = latched(self.world, HALT) or latched(self.world, KILL)
                was_set = self._halts.get(message.request_id, False)
                self._halts[message.request_id] = was_set or is_set
        elif isinstance(message, CommandDone) and message.is_done:
            self._confirmed(message)

    def _confirmed(self, done: CommandDone) -> None:
        name = done.request_id
        if done.command in ("halt", "") and not self._halts.get(name, True):
            self.violated(f"halt {name} is confirmed and was never on disk")
        if done.command in ("kill", "") and name in self._kills and not latched(self.world, KILL):
            self.violated(f"kill {name} is confirmed and not on disk")

    def on_record(self, seq: int, record: Record) -> None:
        is_kill = isinstance(record, ModeChanged) and record.mode_to is Mode.KILLED
        if is_kill and not latched(self.world, KILL):
            self._since_ns = self.world.now_ns

    def on_alert(self, alert: AlertRaised) -> None:
        self._is_told = self._is_told or alert.event == "latch_not_durable"

    def at_rest(self) -> None:
        if not self._since_ns or self._is_told:
            return
        if self.world.now_ns - self._since_ns > T_TOLD_NS:
            self.violated("KILLED is journaled, no latch is on disk and no alarm says so")


class LatchesSurvive(Check):
    """What was latched when a life began holds in it: killed stays killed, halted stays halted
    until the latch is released on disk; a daily loss stops approvals for the day. A rise that was
    decided before the halt may be durable after it: its number says so. So may an approval that the
    guard gave before the loss, because the group records it that it opens: what counts is whether
    the guard answered the proposal after the latch was durable, or knew of it itself."""

    id = "INV-13"
    handles = (OperatorCommand, EntryProposed)
    rooms = ("authority", "guard")

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._is_killed = False
        self._loss_day = -1
        self._early: dict[str, int] = {}
        self._halted_seq = -1

    def on_boot(self, epoch: int) -> None:
        self._is_killed = latched(self.world, KILL)
        self._halted_seq = -1

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        if room == "guard" and isinstance(message, EntryProposed):
            self._proposed(message)
            return
        authority: Any = self.world.behaviour("authority")
        is_halt = isinstance(message, OperatorCommand) and message.command == "halt"
        if is_halt and authority is not None:
            self._halted_seq = authority.state.mode_seq

    def _proposed(self, proposal: EntryProposed) -> None:
        """The guard has answered: early, if no loss was latched."""
        guard: Any = self.world.behaviour("guard")
        day = self.world.now_ns // _DAY_NS
        if day != self._loss_day and guard is not None and not guard._account.is_loss_latched:
            self._early[proposal.signal_id] = day

    def on_record(self, seq: int, record: Record) -> None:
        if isinstance(record, LatchChanged) and record.latch == "loss_day":
            self._loss_day = _day(record) if record.is_set else -1
        elif isinstance(record, DecisionRecorded):
            is_early = self._early.pop(record.signal_id, -1) == _day(record)
            if record.is_approved and _day(record) == self._loss_day and not is_early:
                self.violated(f"{record.decision_id} approved after the day's loss was latched")
        elif isinstance(record, ModeChanged) and record.mode_to in _RISEN:
            if self._is_killed and latched(self.world, KILL):
                self.violated(f"{record.mode_to.value} in a life that began killed")
            is_later = record.mode_seq > self._halted_seq
            is_risen = record.mode_to in (Mode.PAPER, Mode.LIVE)
            if is_risen and is_later and latched(self.world, HALT):
                self.violated(f"{record.mode_to.value} while the halt is latched")


class DoneOnce(Check):
    """A command with one id has one reply and one effect in a life of the authority; an id that
    comes with another content is answered by itself."""

    id = "INV-44"
    handles = (OperatorCommand, CommandDone)

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._ids: set[tuple[int, str, str, str]] = set()
        self._replies: dict[tuple[int, str, str, str], tuple[bool, str]] = {}
        self._generation = 0
        self._acted = 0

    def on_boot(self, epoch: int) -> None:
        self._replies.clear()
        self._generation = 0

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        if room == "authority" and isinstance(message, OperatorCommand):
            self._generation = generation
            life = self.world.boots * 1_000_000 + generation
            self._ids.add((life, message.request_id, message.command, message.argument))
        elif room == "console" and isinstance(message, CommandDone):
            key = (self._generation, message.request_id, message.command, message.argument)
            reply = (message.is_done, message.text)
            if self._replies.setdefault(key, reply) != reply:
                self.violated(f"{message.request_id} got {reply} after {self._replies[key]}")

    def on_record(self, seq: int, record: Record) -> None:
        if isinstance(record, OperatorActed):
            self._acted += 1
            if self._acted > len(self._ids):
                self.violated(f"{self._acted} effects of {len(self._ids)} commands")


def _day(record: Record) -> int:
    """The UTC day, which is a trading day: sessions never cross 05:30 IST."""
    return record.at_ns // _DAY_NS
