"""The base of checks about what leaves for a broker, live or paper.

Decides when an intent counts as sent: for the live book when it reaches the broker's door, for the
paper book when the watcher hears an answer that is not a denial. A paper intent is judged by the
picture at the instant at which the writer let it go, so that what happened since does not count:
as a rule when it took it, else when there was budget for it again, and what was let go before it
(a stop that shrinks) or a mode that rose while it waited counts. An owner that hears nothing while
the journal owes asks again by the same id (the gate denies it as repeated), so answers belong to
what was let go by an id in turn. What waits in a writer dies with it.

The journal is before the writer in what is asked for (a growth that waits behind this intent is
judged when its turn comes) and behind it in what was done (an answer that is not a record yet). So
what else works is counted by records only as far as the writer or the venue itself count it too.
"""

from abc import abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar

from engine.messages.base import Message
from engine.messages.broker import TERMINAL_STATUSES, IntentAnswered, Outcome
from engine.messages.journal import Journaled
from engine.messages.records import IntentPlanned
from engine.messages.supervision import TimerFired
from engine.messages.values import Book
from scripts.simulation.checks.check import Check
from scripts.simulation.checks.seen import OrderSeen
from scripts.simulation.observer import WireRequest

if TYPE_CHECKING:
    from scripts.simulation.world import World


class SendCheck(Check):
    """A check of each intent that leaves."""

    handles: ClassVar[tuple[type, ...]] = (Journaled, IntentAnswered, TimerFired)
    rooms: ClassVar[tuple[str, ...]] = ("writer", "watcher")

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._doubts: dict[str, deque[str]] = {}
        self._waiting: list[IntentPlanned] = []
        self._writer: Any = None

    def on_request(self, request: WireRequest) -> None:
        fault = self.fault(request.intent, request.at_ns)
        if fault:
            self.violated(f"{request.intent.intent_id}: {fault}")
        self.sent(request.intent, request.at_ns)

    def on_handled(self, room: str, generation: int, message: Message) -> None:
        if room == "writer":
            if isinstance(message, Journaled) and isinstance(message.record, IntentPlanned):
                self._taken(message.record)
            elif isinstance(message, TimerFired) and self._waiting:
                self._let_go()
        elif room == "watcher" and isinstance(message, IntentAnswered):
            self._answered(message)

    def _taken(self, intent: IntentPlanned) -> None:
        if intent.book is Book.PAPER:
            self._let_go(intent)

    def _let_go(self, *taken: IntentPlanned) -> None:
        """Judge what the writer has sent or denied by now."""
        writer: Any = self.world.behaviour("writer")
        if writer is not self._writer:
            self._writer, self._waiting = writer, []
        self._waiting += taken
        behind = getattr(writer, "_waiting", ())
        for intent in tuple(self._waiting):
            if not any(intent is other for other in behind):
                self._waiting.remove(intent)
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

    def may_take(self, order: OrderSeen) -> int:
        """Units that an order may still fill: by records, or the more that its venue and what the
        writer was told leave to it, if that is less. A venue that shows it as over while it lives
        on (FLT-35) counts as it is."""
        writer: Any = self.world.behaviour("writer")
        if writer is None or not order.remaining:
            return order.remaining
        sent = writer._gate.orders.get(order.intent.client_order_id)
        told = sent.remaining if sent is not None else 0
        return min(order.remaining, max(told, self._at_venue(order, writer)))

    def _at_venue(self, order: OrderSeen, writer: Any) -> int:  # noqa: ANN401 - a room's inside
        tag = order.intent.client_order_id
        if order.intent.book is Book.LIVE:
            same = (o for o in self.world.broker.orders if o.tag_true == tag)
            return sum(o.remaining for o in same if o.is_ghost or not o.is_terminal)
        rows = writer._brokers[Book.PAPER].snapshot(0, self.world.now_ns).orders
        alive = (r for r in rows if r.client_order_id == tag and r.status not in TERMINAL_STATUSES)
        return sum(row.quantity - row.filled_quantity for row in alive)

    @abstractmethod
    def fault(self, intent: IntentPlanned, at_ns: int) -> str:
        """Why this intent may not leave now; "" if it may."""

    def sent(self, intent: IntentPlanned, at_ns: int) -> None:
        """It has left."""
