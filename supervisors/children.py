"""The table of children: who there is, in which state, waiting for what.

Decides nothing about restarts; keeps one supervisor's mutable state in one place, so that
starting, stopping, failing and administration are plain functions over it.
"""

import random
from collections.abc import Callable, Iterator
from enum import Enum, unique
from typing import TYPE_CHECKING, Protocol

from actors.runtime.behaviour import Behaviour, Context
from actors.runtime.room import Room
from actors.runtime.runtime import Runtime
from actors.runtime.target import ProcessTarget
from engine.messages.base import Message
from engine.messages.supervision import ExitKind
from supervisors.policy import Window
from supervisors.spec import ChildKind, ChildSpec, Strategy, SupervisorSpec

if TYPE_CHECKING:
    from supervisors.reporting import Reporter


@unique
class ChildState(Enum):
    """| state       | has a room | leaves it by                                      |
    |-------------|------------|---------------------------------------------------|
    | PENDING     | no         | its turn in the start order -> STARTING           |
    | STARTING    | yes        | READY -> READY, end or time-out -> policy         |
    | READY       | yes        | end -> policy, order -> STOPPING                  |
    | STOPPING    | yes        | end or deadline -> as `Then` says                 |
    | RESTARTING  | no         | retry note or its group's turn -> STARTING        |
    | STOPPED     | no         | group restart, manual restart                     |
    | HELD        | no         | manual restart only (an operator stopped it)      |
    | QUARANTINED | no         | manual restart only (its budget is spent)         |
    """

    PENDING = "pending"
    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    RESTARTING = "restarting"
    STOPPED = "stopped"
    HELD = "held"
    QUARANTINED = "quarantined"


DOWN_BY_ORDER = (ChildState.HELD, ChildState.QUARANTINED)


@unique
class Then(Enum):
    """What follows an ordered stop."""

    GROUP = "group"
    HOLD = "hold"
    FORGET = "forget"
    REPLACE = "replace"
    RESTART = "restart"
    END = "end"


@unique
class Phase(Enum):
    BOOTING = "booting"
    RUNNING = "running"
    ENDING = "ending"


class RestartLedger(Protocol):
    """Restarts of the day, kept beyond the process (`supervisors.history`)."""

    def note(self, name: str, kind: str, now_ns: int) -> bool:
        """Record one restart. True: the day's allowance is spent, an operator must release."""


class Child:
    """One child over all its generations.

    `is_alive`: a generation was started and its exit is not yet taken. `is_manual`: the start
    under way was ordered by a person: if it fails it is answered, not retried.
    """

    __slots__ = (
        "argument",
        "failures",
        "generation",
        "is_alive",
        "is_manual",
        "name",
        "parked",
        "poison_seen",
        "replies",
        "restarts",
        "room",
        "spec",
        "state",
        "then",
        "was_ready",
        "window",
    )

    def __init__(self, spec: ChildSpec, name: str, argument: Message | None = None) -> None:
        self.spec = spec
        self.name = name
        self.argument = argument
        self.state = ChildState.PENDING
        self.then = Then.END
        self.room: Room | None = None
        self.generation = 0
        self.restarts = 0
        self.failures = 0
        self.is_alive = False
        self.is_manual = False
        self.was_ready = False
        self.parked: frozenset[str] = frozenset()
        self.poison_seen: dict[str, int] = {}
        self.replies: list[tuple[str, str]] = []
        self.window = Window()

    @property
    def is_supervisor(self) -> bool:
        return self.spec.kind is ChildKind.SUPERVISOR


class Maker:
    """The factory of one generation; lets go of the argument once used."""

    __slots__ = ("_argument", "_factory")

    def __init__(
        self, factory: Callable[[Message | None], Behaviour], argument: Message | None
    ) -> None:
        self._factory = factory
        self._argument = argument

    def __call__(self) -> Behaviour:
        argument, self._argument = self._argument, None
        return self._factory(argument)


def maker_of(child: Child) -> Callable[[], Behaviour]:
    """What builds the child's next generation; process targets go as they are, by name."""
    factory = child.spec.factory
    if isinstance(factory, ProcessTarget):
        return factory
    return Maker(factory, child.argument)


class Office:
    """One supervisor's whole state; touched by its own handler only.

    `restart_from` is the index of the first child of a pending group restart, `is_waiting` says
    that a retry note must come first. `alive_count` counts living children.
    """

    def __init__(
        self,
        runtime: Runtime,
        spec: SupervisorSpec,
        rng: random.Random,
        ledger: RestartLedger | None,
    ) -> None:
        self.runtime = runtime
        self.spec = spec
        self.rng = rng
        self.ledger = ledger
        self.ctx: Context
        self.report: Reporter
        self.phase = Phase.BOOTING
        self.children: dict[str, Child] = {}
        self.window = Window()
        self.alive_count = 0
        self.restart_from: int | None = None
        self.is_waiting = False
        self.retry_count = 0
        self.ending: tuple[ExitKind, str, str] = (ExitKind.SHUTDOWN, "", "")
        self.stop_stack: list[Child] = []

    @property
    def is_dynamic(self) -> bool:
        return self.spec.strategy is Strategy.DYNAMIC

    @property
    def is_sequential(self) -> bool:
        """Starts wait for each other: at boot, and always within a group."""
        return self.phase is Phase.BOOTING or self.spec.strategy.is_group

    def name_of(self, child_id: str) -> str:
        """A child's global name: its id, or the template's id and its own."""
        template = self.spec.template
        if template is None or child_id.startswith(template.id):
            return child_id
        return f"{template.id}{child_id}"

    def group(self, first: int) -> Iterator[Child]:
        """The children from an index on, in start order."""
        for index, child in enumerate(tuple(self.children.values())):
            if index >= first:
                yield child

    def index_of(self, child: Child) -> int:
        """Where a child stands in the start order."""
        return list(self.children).index(child.name)
