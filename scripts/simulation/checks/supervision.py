"""Supervision: bounded inboxes, bounded restarts, and children that never run before their needs.

Source: reliability 6.4, INV-30, INV-31, INV-32, INV-38.
"""

from collections import deque
from typing import TYPE_CHECKING, Final

from engine.limits import INBOX_MESSAGES_MAX
from engine.messages.base import Message
from engine.messages.journal import Append
from engine.messages.market import Tick
from engine.messages.supervision import ChildExited, ChildReady, ExitKind, RestartWanted
from engine.units import NS_PER_S
from scripts.simulation.checks.check import Check

if TYPE_CHECKING:
    from scripts.simulation.world import World

CORE: Final = (
    "journal",
    "calendar",
    "authority",
    "writer",
    "watcher",
    "book",
    "reconciler",
    "guard",
    "protection",
    "custodian",
    "markets",
    "strategies",
    "scheduler",
    "source",
)
"""Start order of the core. Source: supervisors/tree.py and section 3 of the README."""
BUDGETS: Final = {"root": (2, 600), "core": (3, 600), "protection": (20, 60), "markets": (20, 60)}
"""Restarts and seconds by supervisor. Source: supervisors/tree.py. A strategy has a budget of its
own, three in five seconds, and is quarantined."""
STRATEGY_BUDGET: Final = (3, 5)
SAMPLE_EVERY: Final = 64
FAILED: Final = (ExitKind.CRASHED, ExitKind.INVARIANT, ExitKind.RESOURCE, ExitKind.STUCK)


def supervisor_of(name: str) -> str:
    """Who restarts a child; a strategy has a budget of its own."""
    if name.startswith("oco/"):
        return "protection"
    if name.startswith("strategy/"):
        return name
    if name == "market" or name.startswith("feed/"):
        return "markets"
    if name in CORE:
        return "core"
    return "root" if name == "core" else ""


class InboxesBounded(Check):
    """No inbox holds more than its bound."""

    id = "INV-30"
    handles = (Tick, Append)

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._count = 0

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        self._count += 1
        if self._count % SAMPLE_EVERY == 0:
            self.at_end()

    def at_end(self) -> None:
        for name, room in self.world.runtime.directory.rooms.items():
            if len(room.inbox) > INBOX_MESSAGES_MAX:
                self.violated(f"{len(room.inbox)} messages wait for {name}")


class RestartsWithinBudget(Check):
    """More failures in a window than its budget end the supervisor (or quarantine the strategy):
    nobody comes back then. A failure while an earlier sibling of the core is down, or is going down
    because a person wants it restarted (what comes after it stops first), is that one's. Windows
    are of the boot clock, as the supervisors' are: a step of the wall clock moves none. A child
    that was under way when the supervisor took the last failure in hand does not come back by that:
    its READY lies in the inbox behind the end, which a slow supervisor handles late."""

    id = "INV-31"
    handles = (ChildReady, ChildExited, RestartWanted)

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._failures: dict[str, deque[int]] = {}
        self._down: set[str] = set()
        self._ordered: set[str] = set()
        self._seen: set[tuple[str, int]] = set()
        self._spent: dict[str, int] = {}
        self._started: dict[str, dict[str, int]] = {}
        self._is_due = False

    def on_boot(self, epoch: int) -> None:
        self._failures.clear()
        self._down.clear()
        self._ordered.clear()
        self._seen.clear()
        self._spent.clear()
        self._started.clear()

    def on_exit(self, exited: ChildExited) -> None:
        if (exited.name, exited.generation) in self._seen:
            return
        self._seen.add((exited.name, exited.generation))
        name, owner = exited.name, supervisor_of(exited.name)
        for child in (*self._down,):
            if supervisor_of(child) == name:
                self._down.discard(child)
        if name == "core":
            self._ordered.clear()
        self._failures.pop(name if name in BUDGETS else "", None)
        self._spent.pop(name if name in BUDGETS else "", None)
        if name in ("core", "strategies"):  # what it held down and counted starts anew with it
            for strategy in [k for k in self._failures if k.startswith("strategy/")]:
                del self._failures[strategy]
                self._spent.pop(strategy, None)
        is_doomed = owner == "core" and self._is_doomed(CORE.index(name))
        self._down.add(name)
        if exited.kind in FAILED and owner and not is_doomed:
            self._is_due = True
            times = self._failures.setdefault(owner, deque())
            now_ns = self.world.clock.mono_ns()
            times.append(now_ns)
            _, window_s = BUDGETS.get(owner, STRATEGY_BUDGET)
            while times[0] < now_ns - window_s * NS_PER_S:
                times.popleft()

    def _is_doomed(self, index: int) -> bool:
        is_ordered = any(name in self._ordered for name in CORE[: index + 1])
        return is_ordered or any(name in self._down for name in CORE[:index])

    def at_rest(self) -> None:
        if self._is_due:
            self._is_due = False
            now_ns = self.world.clock.mono_ns()
            for owner, times in self._failures.items():
                restarts_max, window_s = BUDGETS.get(owner, STRATEGY_BUDGET)
                young = [at_ns for at_ns in times if at_ns >= now_ns - window_s * NS_PER_S]
                if len(young) > restarts_max:
                    self._spent[owner] = len(young)

    def _failed(self, exited: ChildExited) -> None:
        """Its supervisor has taken a failure in hand: which generations it had started by then."""
        directory = self.world.runtime.directory
        started = {name: directory.generation(name) for name in (*directory.rooms, *CORE)}
        started[exited.name] = exited.generation
        self._started[supervisor_of(exited.name)] = started

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        if isinstance(message, ChildExited):
            if message.kind in FAILED and room in (supervisor_of(message.name), "strategies"):
                self._failed(message)
            return
        if isinstance(message, RestartWanted):  # a person wants it back
            self._spent.pop(supervisor_of(message.child_id), None)
            self._ordered.add(message.child_id)
            return
        assert isinstance(message, ChildReady)
        self._down.discard(message.name)
        self._ordered.discard(message.name)
        owner = supervisor_of(message.name)
        started = self._started.get(owner, {})
        if owner in self._spent and message.generation > started.get(message.name, 0):
            self.violated(
                f"{message.name} is back after {self._spent[owner]} failures under {owner}"
            )


class CoreInOrder(Check):
    """A child of the core becomes ready only while all before it are, and is told to stop only
    when all after it are down (or it alone was told to restart)."""

    id = "INV-32"
    handles = (ChildReady, RestartWanted)

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._ready: set[str] = set()
        self._ordered: set[str] = set()

    def on_boot(self, epoch: int) -> None:
        self._ready.clear()

    def on_exit(self, exited: ChildExited) -> None:
        name = exited.name
        if name == "core":
            self._ready.clear()
        if name not in CORE:
            return
        self._ready.discard(name)
        later = [n for n in CORE[CORE.index(name) + 1 :] if n in self._ready]
        if exited.kind is ExitKind.SHUTDOWN and later and name not in self._ordered:
            self.violated(f"{name} was stopped before {later[-1]}")
        self._ordered.discard(name)

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        if isinstance(message, RestartWanted):
            self._ordered.add(message.child_id)
        elif isinstance(message, ChildReady) and message.name in CORE:
            self._ready.add(message.name)
            before = CORE[: CORE.index(message.name)]
            alive = self.world.runtime.directory.rooms
            missing = [n for n in before if n in alive and n not in self._ready]
            if missing:
                self.violated(f"{message.name} is ready before {missing[0]}")


class EverythingIsHandled(Check):
    """Nobody dies of a message that it does not know: what is sent has a receiver that takes it."""

    id = "INV-38"

    def on_exit(self, exited: ChildExited) -> None:
        if "does not understand" in exited.reason or "before open" in exited.reason:
            self.violated(f"{exited.name}: {exited.reason}")
