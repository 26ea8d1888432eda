"""What leaves for a broker was durable before, leaves once, in time and by nobody who is void.

Source: reliability 6.4, INV-03, INV-04, INV-06, INV-07, INV-11, INV-15, INV-28, INV-29, INV-33,
INV-43. The margin H of INV-07 between two epochs is the leader's business.
"""

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.messages.broker import TradeReport
from engine.messages.control import AuthorityChanged
from engine.messages.records import IntentPlanned, OrderFilled, Record
from engine.messages.values import Action, Book, Leg, Mode
from scripts.simulation.checks.check import Check
from scripts.simulation.checks.deadlines import CANCELS_MAX, T_CANCELS_NS, T_NOTICE_NS
from scripts.simulation.checks.rules import is_entry
from scripts.simulation.checks.sending import SendCheck
from scripts.simulation.observer import Observer, WireRequest

if TYPE_CHECKING:
    from scripts.simulation.world import World

_LETTER = {Book.PAPER: "P", Book.LIVE: "L"}


class DurableFirst(SendCheck):
    """Each request has an earlier durable intent with equal parameters and tag; that of an entry is
    in the database, not in the spool: while the database is away entries stop. (The batch at which
    the journal notices is spooled whole: whether it was committed nobody knows.)"""

    id = "INV-03"

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._spooled: set[str] = set()
        self._away_since_ns = 0

    def on_record(self, seq: int, record: Record) -> None:
        stored = max((len(rows) for rows in self.world.database.rows.values()), default=seq)
        if stored >= seq:
            self._away_since_ns = 0
            return
        now_ns = self.world.now_ns
        self._away_since_ns = self._away_since_ns or now_ns
        if now_ns <= self._away_since_ns + T_NOTICE_NS:
            return
        if isinstance(record, IntentPlanned) and is_entry(record):
            self._spooled.add(record.intent_id)

    def fault(self, intent: IntentPlanned, at_ns: int) -> str:
        recorded = self.picture.intents.get(intent.intent_id)
        if recorded is None:
            return "no durable intent"
        if intent.intent_id in self._spooled:
            return "an entry of which only the spool knows"
        return "" if recorded == intent else f"recorded as {recorded}"


class SentOnce(SendCheck):
    """No two placements carry one tag, no intent is sent twice, over all lives. Where a plan went
    with the spool nobody knows of it, and the next life may plan and send it again: what went to
    the paper venue, which ended with its process, a change or cancel at the broker's, which carries
    no tag and does nothing twice, and a placement that never came to the broker. One that did come
    is in his books, and those are read first."""

    id = "INV-04"

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._sent: dict[str, int] = {}
        self._placed: set[str] = set()

    def on_request(self, request: WireRequest) -> None:
        super().on_request(request)
        if request.is_processed and request.intent.action is Action.PLACE:
            self._placed.add(request.intent.intent_id)

    def on_gone(self, records: Sequence[Record]) -> None:
        for record in records:
            if isinstance(record, IntentPlanned) and record.intent_id not in self._placed:
                self._sent.pop(record.intent_id, None)

    def fault(self, intent: IntentPlanned, at_ns: int) -> str:
        return ""

    def sent(self, intent: IntentPlanned, at_ns: int) -> None:
        keys = {intent.intent_id: None}
        if intent.action is Action.PLACE:
            keys[intent.client_order_id] = None
        for key in keys:
            if key in self._sent:
                self.violated(f"{key} was sent at {self._sent[key]} and at {at_ns}")
            self._sent[key] = at_ns


class NoVoidGeneration(SendCheck):
    """Nothing of a generation that the writer was told is void, and nothing of one older than what
    has been sent of its owner already."""

    id = "INV-06"

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._newest: dict[str, int] = {}

    def on_boot(self, epoch: int) -> None:
        self._newest.clear()

    def fault(self, intent: IntentPlanned, at_ns: int) -> str:
        void = self.picture.fenced.get(intent.owner, 0)
        newest = self._newest.get(intent.owner, 0)
        if intent.owner_generation > void and intent.owner_generation >= newest:
            return ""
        return f"generation {intent.owner_generation}, void {void}, newest sent {newest}"

    def sent(self, intent: IntentPlanned, at_ns: int) -> None:
        newest = self._newest.get(intent.owner, 0)
        self._newest[intent.owner] = max(newest, intent.owner_generation)


class EpochsInOrder(Observer):
    """Once an epoch has sent, no lower one sends any more."""

    id = "INV-07"

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._epoch = 0

    def on_boot(self, epoch: int) -> None:
        if epoch <= self._epoch:
            self.violated(f"epoch {epoch} begins after epoch {self._epoch}")
        self._epoch = epoch

    def on_request(self, request: WireRequest) -> None:
        if request.epoch < self._epoch:
            self.violated(f"epoch {request.epoch} sends while {self._epoch} leads")
        self._epoch = request.epoch


class FencedIsSilent(SendCheck):
    """After FENCED nothing leaves, in this life or a later view of it."""

    id = "INV-11"
    handles = (*SendCheck.handles, AuthorityChanged)

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._is_fenced = False

    def on_boot(self, epoch: int) -> None:
        self._is_fenced = False

    def fault(self, intent: IntentPlanned, at_ns: int) -> str:
        view = self.picture.view
        self._is_fenced = self._is_fenced or (view is not None and view.mode is Mode.FENCED)
        return "the engine is FENCED" if self._is_fenced else ""


class BooksApart(SendCheck):
    """A paper order never reaches the live door; tags tell the book; a fill keeps its order's."""

    id = "INV-15"

    def on_request(self, request: WireRequest) -> None:
        if request.intent.book is not Book.LIVE:
            self.violated(f"{request.intent.intent_id} of the paper book at the live broker")
        super().on_request(request)

    def fault(self, intent: IntentPlanned, at_ns: int) -> str:
        tag = intent.client_order_id
        return "" if tag.startswith(_LETTER[intent.book]) else f"tag {tag} in {intent.book.value}"

    def on_trade(self, trade: TradeReport) -> None:
        order = self.picture.orders.get(trade.client_order_id)
        if order is not None and order.intent.book is not Book.LIVE:
            self.violated(f"{trade.client_order_id} of the paper book traded at the live broker")

    def on_record(self, seq: int, record: Record) -> None:
        if isinstance(record, OrderFilled):
            order = self.picture.orders.get(record.client_order_id)
            if order is not None and order.intent.book is not record.book:
                self.violated(f"fill {record.trade_id} changes its book to {record.book.value}")


class OnlyGroupsSend(Check):
    """Intents are their own group's, adoptions aside, which are never sent; the reconciler above
    all never sends an order."""

    id = "INV-28"

    def on_record(self, seq: int, record: Record) -> None:
        if not isinstance(record, IntentPlanned) or record.is_adopted:
            return
        if record.owner != f"oco/{record.group_id}":
            self.violated(f"{record.intent_id} is an intent of {record.owner}")


class NothingExpired(SendCheck):
    """What has a deadline does not leave after it. (Nobody asks anybody, so there is no ask.)

    Deadlines are of the engine's market clock, which may be wrong since boot (FLT-90); the instant
    of a request at the broker's door is true time, so the two are not compared."""

    id = "INV-29"

    def fault(self, intent: IntentPlanned, at_ns: int) -> str:
        return ""

    def sent(self, intent: IntentPlanned, at_ns: int) -> None:
        now_ns = self.world.now_ns if intent.book is Book.LIVE else at_ns
        if 0 < intent.expires_at_ns <= now_ns:
            late_ns = now_ns - intent.expires_at_ns
            self.violated(f"{intent.intent_id} left {late_ns} ns after its time")


class TokenIsCurrent(SendCheck):
    """An entry leaves under the mode that it was approved in."""

    id = "INV-33"

    def fault(self, intent: IntentPlanned, at_ns: int) -> str:
        view = self.picture.view
        if intent.leg is not Leg.ENTRY or intent.action is Action.CANCEL:
            return ""
        if view is None:
            return "the writer has no view of authority"
        if view.mode_seq == intent.mode_seq:
            return ""
        return f"approved under {intent.mode_seq}, the writer knows {view.mode_seq}"


class RequestsForKnownOrders(SendCheck):
    """Modify and cancel name an order that was sent, and cancels of one order have a pace."""

    id = "INV-43"

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._placed: set[str] = set()
        self._cancels: dict[str, deque[int]] = {}

    def fault(self, intent: IntentPlanned, at_ns: int) -> str:
        tag = intent.client_order_id
        is_known = intent.action is Action.PLACE or tag in self._placed
        order = self.picture.orders.get(tag)
        is_known = is_known or (order is not None and order.is_known)
        return "" if is_known else f"{intent.action.value} of {tag}, which was never placed"

    def sent(self, intent: IntentPlanned, at_ns: int) -> None:
        tag = intent.client_order_id
        if intent.action is Action.PLACE:
            self._placed.add(tag)
        elif intent.action is Action.CANCEL:
            times = self._cancels.setdefault(tag, deque())
            times.append(at_ns)
            while times[0] <= at_ns - T_CANCELS_NS:
                times.popleft()
            if len(times) > CANCELS_MAX:
                self.violated(f"{len(times)} cancels of {tag} within a minute")
