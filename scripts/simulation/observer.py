"""What a check sees of a run.

Decides the hooks. Refuses to judge: checks do. A hook that a check does not override costs
nothing; `on_handled` is called for the message types in `handles` only, and only
in `rooms` if any are named.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, NoReturn, TypeAlias

import msgspec

from engine.errors import PaharaError
from engine.messages.base import Message
from engine.messages.broker import Outcome, TradeReport
from engine.messages.control import AlertRaised
from engine.messages.records import IntentPlanned, Record
from engine.messages.supervision import ChildExited, ExitKind

if TYPE_CHECKING:
    from scripts.simulation.world import World

Hear: TypeAlias = Callable[[str, int, Message], None]


class WireRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request that reached the live broker's door, and what it was answered. `epoch` is the
    leader epoch of the engine that sent it; `is_processed` says what truly happened to it."""

    at_ns: int
    epoch: int
    intent: IntentPlanned
    outcome: Outcome
    is_processed: bool


class Violated(PaharaError):
    """A property does not hold.

    Args:
        id: of the property (INV-nn, LIV-nn, NONDETERMINISM, CRASH).
    """

    def __init__(self, id: str, text: str) -> None:  # noqa: A002 - the word of the catalogue
        super().__init__(f"{id}: {text}")
        self.id = id
        self.text = text


class Observer:
    """Base of all checks. One instance a run."""

    id: ClassVar[str] = ""
    handles: ClassVar[tuple[type, ...]] = ()
    rooms: ClassVar[tuple[str, ...]] = ()

    def __init__(self, world: "World") -> None:
        self.world = world

    def violated(self, text: str) -> NoReturn:
        """Say that the property does not hold. The run ends also if a room takes the exception
        for a failure of its own."""
        violation = Violated(self.id, text)
        self.world.violation = self.world.violation or violation
        raise violation

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        """A room (of `rooms`) has handled a message of a type in `handles`."""

    def on_record(self, seq: int, record: Record) -> None:
        """A record became durable (in the database or in the spool), once for each number."""

    def on_gone(self, records: Sequence[Record]) -> None:
        """These durable records are gone, and nobody has them: the spool went, or a failover forgot
        them and the process died before it could give them back."""

    def on_request(self, request: WireRequest) -> None:
        """A request reached the live broker."""

    def on_trade(self, trade: TradeReport) -> None:
        """The live broker traded for us: the truth, before anybody hears of it."""

    def on_alert(self, alert: AlertRaised) -> None:
        """An alert was raised."""

    def on_exit(self, exited: ChildExited) -> None:
        """A generation of a room has ended (`is_end`)."""

    def on_boot(self, epoch: int) -> None:
        """A life of the engine begins."""

    def on_death(self, why: str) -> None:
        """A life of the engine has ended, in whatever way."""

    def at_rest(self) -> None:
        """Nothing is runnable at this instant."""

    def at_end(self) -> None:
        """The liveness phase is over."""


class Listeners(dict[tuple[str, type], tuple[Hear, ...]]):
    """Who hears of a handled message, by the name of its room and its type; asked once for each
    pair."""

    def __init__(self, choose: Callable[[str, type], Iterable[Hear]] = lambda *_: ()) -> None:
        self._choose = choose

    def __missing__(self, key: tuple[str, type]) -> tuple[Hear, ...]:
        hear = self[key] = tuple(self._choose(*key))
        return hear


def is_end(exited: ChildExited, live_generation: int) -> bool:
    """Whether an exit ended anybody. A supervisor that was given up wakes and is refused the next
    start that it had in hand; its successor hears of that start's failure while the child that it
    started itself lives on (LIV-06)."""
    return exited.kind is not ExitKind.START_FAILED or exited.generation == live_generation


def hooks_of(observers: Iterable[Observer]) -> dict[str, list[Callable[..., None]]]:
    """Hook name -> the overridden ones: what nobody listens to costs nothing."""
    names = [name for name in vars(Observer) if name.startswith(("on_", "at_"))]
    return {
        name: [
            getattr(observer, name)
            for observer in observers
            if getattr(type(observer), name) is not getattr(Observer, name)
        ]
        for name in names
    }
