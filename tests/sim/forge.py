"""A forged run for tests of the checks: what a world shows, event by event, without any engine.

A story tells one sequence twice, clean and with a twist that breaks what the check holds.
"""

from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from engine.messages.base import Message
from engine.messages.broker import IntentAnswered, OrderStatus, Outcome, TradeReport
from engine.messages.control import AlertRaised, AuthorityChanged, Ceiling
from engine.messages.journal import Journaled
from engine.messages.market import PhaseChanged
from engine.messages.records import (
    GroupClosed,
    GroupOpened,
    IntentPlanned,
    ModeChanged,
    OrderAccepted,
    OrderFact,
    OrderFilled,
    Record,
)
from engine.messages.signals import EntryProposed, TradePlan
from engine.messages.supervision import ChildExited, ChildReady, ExitKind
from engine.messages.values import (
    Action,
    Book,
    Leg,
    Mode,
    OrderType,
    Product,
    SessionPhase,
    Side,
    Target,
)
from engine.units import NS_PER_S
from scripts.simulation import scene
from scripts.simulation.checks.picture import Picture
from scripts.simulation.observer import Observer, Violated, WireRequest
from scripts.simulation.profile import draw_profile
from tests.desk import START_NS, a_plan

CONFIG = scene.engine_config(draw_profile(1, 1, ()))
NAME = CONFIG.instruments[0].name
PRICE = 100_000

Story = Callable[["Forge", bool], None]
STORIES: dict[str, Story] = {}


def story(check_id: str) -> Callable[[Story], Story]:
    """Register a story: `tell(forge, is_bad)`."""

    def register(tell: Story) -> Story:
        assert check_id not in STORIES
        STORIES[check_id] = tell
        return tell

    return register


def outcome(kind: type[Observer], tell: Story, *, is_bad: bool) -> str:
    """The id that a story violated, "" if none."""
    forge = Forge(kind)
    try:
        tell(forge, is_bad)
    except Violated as violation:
        return violation.id
    return ""


class Forge:
    """The part of a world that checks read, and the events that they hear."""

    def __init__(self, kind: type[Observer]) -> None:
        self.now_ns = START_NS
        self.heals_at_ns = START_NS
        self.config = CONFIG
        self.boots = 1
        self.violation: Violated | None = None
        self.records: list[tuple[int, Record]] = []
        self.alerts: list[AlertRaised] = []
        self.reached: dict[str, int] = {}
        self.rooms: dict[str, Any] = {}
        self.latched: list[Any] = []
        self.faults = SimpleNamespace(struck={})
        self.latches = SimpleNamespace(load=lambda: tuple(self.latched))
        self.database = SimpleNamespace(rows={})
        now = {name: lambda: self.now_ns for name in ("true_ns", "mono_ns", "awake_ns")}
        self.clock = SimpleNamespace(wrong_ns=0, **now)
        self.market = SimpleNamespace(tick_counts=Counter(), shown=Counter())
        self.broker = SimpleNamespace(orders=())
        self.board: list[Any] = []
        self.inboxes: dict[str, Any] = {}
        self.runtime = SimpleNamespace(
            board=SimpleNamespace(rows=lambda: tuple(self.board)),
            directory=SimpleNamespace(rooms=self.inboxes, generation=self.generation),
        )
        world: Any = self
        self.check = kind(world)
        self.picture = Picture(world)
        self.observers = [self.picture, self.check]
        self._trades = 0
        self._generations: dict[str, int] = {}
        self._views = 0

    def generation(self, name: str) -> int:
        return self._generations.get(name, 1)

    def kept(self) -> list[tuple[int, Record]]:
        return self.records

    def behaviour(self, name: str) -> Any:
        return self.rooms.get(name)

    def reach(self, name: str) -> None:
        self.reached[name] = self.reached.get(name, 0) + 1

    # -- what is heard --------------------------------------------------------------------

    def record(self, record: Record) -> None:
        seq = len(self.records) + 1
        self.records.append((seq, record))
        for observer in self.observers:
            observer.on_record(seq, record)

    def spool_gone(self, seq: int) -> None:
        """All records after that number are gone."""
        gone = [record for number, record in self.records if number > seq]
        del self.records[seq:]
        for observer in self.observers:
            observer.on_gone(gone)

    def handled(self, room: str, message: Message, generation: int = 1) -> None:
        for observer in self.observers:
            if isinstance(message, observer.handles):
                observer.on_handled(room, generation, message)

    def wait(self, seconds: int) -> None:
        self.rest()
        self.now_ns += seconds * NS_PER_S
        self.rest()

    def rest(self) -> None:
        for observer in self.observers:
            observer.at_rest()

    def end(self) -> None:
        for observer in self.observers:
            observer.at_end()

    def boot(self, epoch: int = 2) -> None:
        for observer in self.observers:
            observer.on_boot(epoch)

    def death(self, why: str) -> None:
        for observer in self.observers:
            observer.on_death(why)

    def exit(
        self, name: str, generation: int = 1, kind: ExitKind = ExitKind.CRASHED, **more: Any
    ) -> None:
        fields = {"reason": "test", **more}
        self._generations[name] = generation + 1
        exited = ChildExited(name=name, generation=generation, kind=kind, **fields)
        for observer in self.observers:
            observer.on_exit(exited)

    def ready(self, name: str, generation: int = 1) -> None:
        self.handled("core", ChildReady(name=name, generation=generation))

    def alert(self, event: str, severity: str = "critical", subject: str = "") -> None:
        alert = AlertRaised(
            severity=severity, event=event, subject=subject, text="", at_ns=self.now_ns
        )
        self.alerts.append(alert)
        for observer in self.observers:
            observer.on_alert(alert)

    # -- authority and session ------------------------------------------------------------

    def view(
        self, mode: Mode, *ceilings: Ceiling, mode_seq: int = 1, is_protecting: bool = True
    ) -> None:
        self._views += 1
        view = AuthorityChanged(
            seq=self._views,
            mode=mode,
            mode_seq=mode_seq,
            ceilings=ceilings,
            is_protecting=is_protecting,
            at_ns=self.now_ns,
        )
        self.handled("writer", view)

    def mode(self, before: Mode, after: Mode, seq: int) -> None:
        changed = ModeChanged(
            mode_from=before, mode_to=after, mode_seq=seq, reason="test", at_ns=self.now_ns
        )
        self.record(changed)

    def phase(self, phase: SessionPhase = SessionPhase.CONTINUOUS) -> PhaseChanged:
        is_open = phase is not SessionPhase.CLOSED
        changed = PhaseChanged(
            phase=phase,
            trading_day="2026-11-20",
            at_ns=self.now_ns,
            opens_at_ns=START_NS - NS_PER_S,
            closes_at_ns=START_NS + 3_600 * NS_PER_S,
            flat_by_at_ns=START_NS + 600 * NS_PER_S if is_open else 0,
        )
        for room in ("guard", "custodian"):
            self.handled(room, changed)
        return changed

    # -- orders ---------------------------------------------------------------------------

    def plan(self, book: Book = Book.PAPER, **changes: Any) -> TradePlan:
        fields = {"instrument": NAME, "strategy": "one", "book": book, **changes}
        return a_plan(**fields)

    def open(self, book: Book = Book.PAPER, **changes: Any) -> TradePlan:
        plan = self.plan(book, **changes)
        self.record(GroupOpened(plan=plan, at_ns=self.now_ns))
        return plan

    def intent(self, leg: Leg, quantity: int = 10, **changes: Any) -> IntentPlanned:
        book = changes.get("book", Book.PAPER)
        tag = changes.pop("tag", f"{'P' if book is Book.PAPER else 'L'}-{leg.value}")
        fields: dict[str, Any] = {
            "intent_id": tag,
            "client_order_id": tag,
            "group_id": "grp-1",
            "leg": leg,
            "action": Action.PLACE,
            "book": book,
            "strategy": "one",
            "instrument": NAME,
            "side": Side.BUY if leg is Leg.ENTRY else Side.SELL,
            "quantity": quantity,
            "order_type": OrderType.SL if leg is Leg.STOP else OrderType.LIMIT,
            "price_limit_paise": PRICE,
            "price_trigger_paise": 0,
            "product": Product.MIS,
            "reason": "",
            "owner": "oco/grp-1",
            "owner_generation": 1,
            "mode_seq": 1,
            "at_ns": self.now_ns,
        }
        return IntentPlanned(**(fields | changes))

    def place(self, leg: Leg, quantity: int = 10, **changes: Any) -> IntentPlanned:
        intent = self.intent(leg, quantity, **changes)
        self.record(intent)
        return intent

    def send(self, intent: IntentPlanned, outcome: Outcome = Outcome.ACKED) -> None:
        """The writer takes it and it leaves."""
        self.taken(intent)
        if intent.book is Book.LIVE:
            self.requested(intent, outcome)
        self.answered(intent, outcome)

    def requested(
        self,
        intent: IntentPlanned,
        outcome: Outcome = Outcome.ACKED,
        *,
        is_processed: bool = True,
    ) -> None:
        """It reaches the broker."""
        request = WireRequest(
            at_ns=self.now_ns, epoch=1, intent=intent, outcome=outcome, is_processed=is_processed
        )
        for observer in self.observers:
            observer.on_request(request)

    def taken(self, intent: IntentPlanned) -> None:
        """The writer takes it."""
        self.handled("writer", Journaled(seq=len(self.records), record=intent))

    def answered(self, intent: IntentPlanned, outcome: Outcome) -> None:
        """The watcher hears what became of it."""
        answer = IntentAnswered(
            intent_id=intent.intent_id,
            client_order_id=intent.client_order_id,
            action=intent.action,
            outcome=outcome,
            at_ns=self.now_ns,
        )
        self.handled("watcher", answer)

    def fact(self, kind: type[OrderFact], intent: IntentPlanned, **more: Any) -> None:
        base = {
            "client_order_id": intent.client_order_id,
            "venue_order_id": intent.client_order_id,
            "group_id": intent.group_id,
            "leg": intent.leg,
            "instrument": intent.instrument,
            "at_ns": self.now_ns,
        }
        record: Any = kind(**(base | more))
        self.record(record)

    def writes(self, told: dict[str, int], at_venue: dict[str, int] | None = None) -> None:
        """There is a writer, which counts these units of orders as working, and a paper venue that
        has these."""
        rows = [
            SimpleNamespace(
                client_order_id=tag, status=OrderStatus.OPEN, quantity=units, filled_quantity=0
            )
            for tag, units in (at_venue or {}).items()
        ]
        paper = SimpleNamespace(snapshot=lambda *_: SimpleNamespace(orders=rows, trades=()))
        sent = {tag: SimpleNamespace(remaining=units) for tag, units in told.items()}
        self.rooms["writer"] = SimpleNamespace(
            _gate=SimpleNamespace(orders=sent), _brokers={Book.PAPER: paper}
        )

    def fill(self, intent: IntentPlanned, quantity: int = 10, **more: Any) -> None:
        """The venue trades (if it is live) and the trade is booked."""
        if intent.book is Book.LIVE and not more.pop("is_invented", False):
            self.trade(intent, quantity)
        self._trades += 1
        order = self.picture.orders[intent.client_order_id]
        fields = {
            "trade_id": f"t{self._trades}",
            "strategy": intent.strategy,
            "book": intent.book,
            "side": intent.side,
            "quantity": quantity,
            "price_paise": PRICE,
            "filled_total": order.filled + quantity,
            "order_quantity": intent.quantity,
            "charges_paise": 0,
        }
        self.fact(OrderFilled, intent, **(fields | more))

    def trade(self, intent: IntentPlanned, quantity: int = 10, **changes: Any) -> TradeReport:
        fields: dict[str, Any] = {
            "trade_id": "t",
            "client_order_id": intent.client_order_id,
            "venue_order_id": intent.client_order_id,
            "instrument": intent.instrument,
            "side": intent.side,
            "product": intent.product,
            "quantity": quantity,
            "price_paise": PRICE,
            "at_ns": self.now_ns,
        }
        report = TradeReport(**(fields | changes))
        for observer in self.observers:
            observer.on_trade(report)
        return report

    def close(self, plan: TradePlan) -> None:
        self.record(
            GroupClosed(
                group_id=plan.group_id,
                strategy=plan.strategy,
                instrument=plan.instrument,
                book=plan.book,
                reason="test",
                quantity_entered=10,
                pnl_gross_paise=0,
                charges_paise=0,
                at_ns=self.now_ns,
            )
        )

    def held(self, book: Book = Book.PAPER) -> IntentPlanned:
        """A group of ten bought; returns the entry."""
        self.phase()
        mode = Mode.LIVE if book is Book.LIVE else Mode.PAPER
        self.view(mode)
        self.open(book)
        entry = self.place(Leg.ENTRY, book=book)
        self.send(entry)
        self.fact(OrderAccepted, entry)
        self.fill(entry)
        return entry

    def proposal(self, **changes: Any) -> EntryProposed:
        fields: dict[str, Any] = {
            "signal_id": "sig-1",
            "strategy": "one",
            "strategy_generation": 1,
            "instrument": NAME,
            "side": Side.BUY,
            "price_limit_paise": PRICE,
            "price_stop_paise": PRICE - 1_000,
            "targets": (Target(price_paise=PRICE + 1_000, share_bps=10_000),),
            "at_ns": self.now_ns,
            "expires_at_ns": self.now_ns + NS_PER_S,
        }
        return EntryProposed(**(fields | changes))
