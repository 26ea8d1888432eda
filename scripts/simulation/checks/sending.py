"""The base of checks about what leaves for a broker, live or paper.

Decides when an intent counts as sent: for the live book when it reaches the broker's door, for the
paper book when the watcher hears an answer that is not a denial. A paper intent is judged by the
picture at the instant at which the writer took it, so that what happened since does not count. An
owner that hears nothing while the journal owes asks again by the same id (the gate denies it as
repeated), so answers belong to what was taken by an id in turn.
"""

from abc import abstractmethod
from collections import deque
from typing import TYPE_CHECKING, ClassVar

from engine.messages.base import Message
from engine.messages.broker import IntentAnswered, Outcome
from engine.messages.journal import Journaled
from engine.messages.records import IntentPlanned
from engine.messages.values import Book
from scripts.simulation.checks.picture import Check
from scripts.simulation.observer import WireRequest

if TYPE_CHECKING:
    from scripts.simulation.world import World


class SendCheck(Check):
    """A check of each intent that leaves."""

    handles: ClassVar[tuple[type, ...]] = (Journaled, IntentAnswered)
    rooms: ClassVar[tuple[str, ...]] = ("writer", "watcher")

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._doubts: dict[str, deque[str]] = {}

    def on_request(self, request: WireRequest) -> None:
        fault = self.fault(request.intent, request.at_ns)
        if fault:
            self.violated(f"{request.intent.intent_id}: {fault}")
        self.sent(request.intent, request.at_ns)

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        if room == "writer":
            if isinstance(message, Journaled) and isinstance(message.record, IntentPlanned):
                self._taken(message.record)
        elif room == "watcher" and isinstance(message, IntentAnswered):
            self._answered(message)

    def _taken(self, intent: IntentPlanned) -> None:
        if intent.book is Book.PAPER:
            doubts = self._doubts.setdefault(intent.intent_id, deque())
            doubts.append(self.fault(intent, self.world.now_ns))

    def _answered(self, answer: IntentAnswered) -> None:
        doubts = self._doubts.get(answer.intent_id)
        fault = doubts.popleft() if doubts else ""
        if answer.outcome is Outcome.DENIED:
            return
        if fault:
            self.violated(f"{answer.intent_id}: {fault}")
        intent = self.picture.intents.get(answer.intent_id)
        if intent is not None and intent.book is Book.PAPER:
            self.sent(intent, answer.at_ns)

    @abstractmethod
    def fault(self, intent: IntentPlanned, at_ns: int) -> str:
        """Why this intent may not leave now; "" if it may."""

    def sent(self, intent: IntentPlanned, at_ns: int) -> None:
        """It has left."""
