"""A small deterministic world around the order desk: journal, writer, watcher, one group.

Every queue is explicit, so that a test decides what is delivered when, what is delivered twice,
and who dies in between. Nothing here waits or reads a clock.
"""

from collections import deque
from collections.abc import Callable

from actors.brokers.paper import PaperBroker
from actors.oco import OcoActor
from actors.runtime.behaviour import Behaviour, Opening
from actors.watcher import WatcherActor, WatcherSettings
from engine.exchange.matching import MatchingSettings
from engine.exchange.venue import VenueSettings
from engine.instruments import Instrument
from engine.messages.base import Delivery, Message
from engine.messages.broker import IntentAnswered, Outcome, SnapshotRequested
from engine.messages.control import AlertRaised
from engine.messages.journal import Append, Journaled, Replayed, ReplayRequested
from engine.messages.market import MarketWatch, Tick
from engine.messages.records import (
    GroupClosed,
    GroupOpened,
    IntentPlanned,
    OrderFact,
    OrderFilled,
    Record,
)
from engine.messages.signals import TradePlan
from engine.messages.values import Action, Book, Product, Side, Target
from engine.orders.oco_state import OcoSettings
from engine.orders.resolve import ResolveSettings
from engine.units import NS_PER_S

START_NS = 1_790_000_000 * NS_PER_S
DAY = "2026-11-20"
INFY = Instrument(name="NSE:INFY", tick_paise=5)


def a_plan(**changes: object) -> TradePlan:
    """Buy 10 INFY at 1000.00, stop 990.00, targets 1010.00 and 1020.00 by halves."""
    values: dict[str, object] = {
        "group_id": "grp-1",
        "client_plan_id": "plan-1",
        "decision_id": "dec-1",
        "signal_id": "sig-1",
        "strategy": "ema",
        "instrument": INFY.name,
        "book": Book.PAPER,
        "side": Side.BUY,
        "quantity": 10,
        "lot": 1,
        "tick_paise": 5,
        "price_limit_paise": 100_000,
        "price_stop_paise": 99_000,
        "targets": (
            Target(price_paise=101_000, share_bps=5_000),
            Target(price_paise=102_000, share_bps=5_000),
        ),
        "trail_paise": 0,
        "product": Product.MIS,
        "risk_paise": 10_000,
        "notional_paise": 1_000_000,
        "mode_seq": 1,
        "config_sha": "",
        "at_ns": START_NS,
        "entry_expires_at_ns": START_NS + 300 * NS_PER_S,
    }
    return TradePlan(**(values | changes))  # type: ignore[arg-type]


def a_tick(price_paise: int, at_ns: int = START_NS, **fields: int) -> Tick:
    return Tick(
        instrument=INFY.name, price_paise=price_paise, at_ns=at_ns, received_at_ns=at_ns, **fields
    )


def an_answer(intent: IntentPlanned, outcome: Outcome, at_ns: int) -> IntentAnswered:
    return IntentAnswered(
        intent_id=intent.intent_id,
        client_order_id=intent.client_order_id,
        action=intent.action,
        outcome=outcome,
        at_ns=at_ns,
    )


class FakeContext:
    """A context that posts into the world's queues."""

    def __init__(self, world: "World", name: str, generation: int) -> None:
        self.world = world
        self.name = name
        self.generation = generation
        self.supervisor = "test"
        self.is_ready = False
        self.stop_reason = ""

    def send(self, target: str, message: Message) -> None:
        self.world.post(target, message)

    def hand(self, target: str, message: Message) -> None:
        self.send(target, message)

    def leave(self, targets: tuple[str, ...], message: Message) -> None:
        for target in targets:
            self.send(target, message)

    def skip_to(self, at_ns: int) -> bool:
        return False

    def now_ns(self) -> int:
        return self.world.now_ns

    def mono_ns(self) -> int:
        return self.world.now_ns - START_NS - self.world.stepped_ns

    def timer_at(self, key: str, at_ns: int, message: Message) -> None:
        self.world.timers[self.name, key] = (at_ns, message)

    def timer_after(self, key: str, delay_ns: int, message: Message) -> None:
        self.world.timers[self.name, key] = (self.world.now_ns + delay_ns, message)

    def timer_cancel(self, key: str) -> None:
        self.world.timers.pop((self.name, key), None)

    def awaits(self, is_wanted: Callable[[Message], bool]) -> bool:
        return False

    def is_void(self) -> bool:
        return False

    def ready(self) -> None:
        self.is_ready = True

    def stop(self, reason: str) -> None:
        self.stop_reason = reason


def recipients(record: Record) -> tuple[str, ...]:
    match record:
        case IntentPlanned():
            return ("writer", "watcher")
        case OrderFact() | GroupClosed():
            return (f"oco/{record.group_id}",)
        case _:
            return ()


class World:
    """journal + writer(paper) + watcher + one group, with a queue in front of each."""

    def __init__(
        self,
        plan: TradePlan | None = None,
        instrument: Instrument = INFY,
        settings: OcoSettings | None = None,
        matching: MatchingSettings | None = None,
    ) -> None:
        self.plan = plan or a_plan()
        self.instrument = instrument
        self.settings = settings or OcoSettings()
        self.venue_settings = VenueSettings(matching=matching or MatchingSettings(slippage_ticks=0))
        self.watcher_settings = WatcherSettings(
            resolve=ResolveSettings(settle_ns=NS_PER_S, request_settle_ns=NS_PER_S)
        )
        self.now_ns = START_NS
        self.stepped_ns = 0
        self.records: list[Record] = []
        self.owed: list[Record] = []
        self.alerts: list[AlertRaised] = []
        self.timers: dict[tuple[str, str], tuple[int, Message]] = {}
        self.queues: dict[str, deque[Message]] = {}
        self.intents: list[IntentPlanned] = []
        self.watches: list[MarketWatch] = []
        self.gate: Callable[[IntentPlanned], Outcome | None] = lambda intent: None
        self.mangle: Callable[[tuple[Message, ...]], tuple[Message, ...]] = lambda items: items
        self.oco_name = f"oco/{self.plan.group_id}"
        self._generations = {self.oco_name: 0, "watcher": 0}
        self.actors: dict[str, Behaviour] = {}
        self.contexts: dict[str, FakeContext] = {}
        self.broker = PaperBroker({instrument.name: instrument}, self.venue_settings, DAY)
        self.start("watcher")

    @property
    def oco(self) -> OcoActor:
        actor = self.actors[self.oco_name]
        assert isinstance(actor, OcoActor)
        return actor

    @property
    def watcher(self) -> WatcherActor:
        actor = self.actors["watcher"]
        assert isinstance(actor, WatcherActor)
        return actor

    @property
    def is_over(self) -> bool:
        context = self.contexts.get(self.oco_name)
        return context is not None and bool(context.stop_reason)

    def start(self, name: str) -> None:
        """Start (or restart, forgetting everything) the watcher or the group."""
        self._generations[name] += 1
        self.timers = {key: due for key, due in self.timers.items() if key[0] != name}
        self.queues[name] = deque()
        context = FakeContext(self, name, self._generations[name])
        if name == "watcher":
            instruments = {self.instrument.name: self.instrument}
            self.actors[name] = WatcherActor(instruments, self.watcher_settings, trading_day=DAY)
        else:
            self.actors[name] = OcoActor(self.plan, self.instrument, self.settings)
        self.contexts[name] = context
        assert self.actors[name].open(context) is Opening.DEFERRED

    def restart_writer(self) -> None:
        """The writer dies with its memory; the watcher follows (rest_for_one)."""
        self.queues["writer"] = deque()
        self.drain("journal")
        self.broker = PaperBroker({self.instrument.name: self.instrument}, self.venue_settings, DAY)
        self.broker.recover(tuple(self.records))
        self.start("watcher")

    def post(self, target: str, message: Message) -> None:
        if isinstance(message, AlertRaised):
            self.alerts.append(message)
            return
        queue = self.queues.setdefault(target, deque())
        if message.delivery is Delivery.CONTROL:
            queue.appendleft(message)
        else:
            queue.append(message)

    def step(self, target: str) -> bool:
        """Deliver the first message of a queue that its actor can take now."""
        queue = self.queues.get(target)
        if not queue or not self._takes(target, queue[0]):
            return False
        message = queue.popleft()
        match target:
            case "journal":
                self._journal(message)
            case "writer":
                self._writer(message)
            case "watcher" | self.oco_name:
                if not self.contexts[target].stop_reason:
                    self.actors[target].receive(message)
            case "market" if isinstance(message, MarketWatch):
                self.watches.append(message)
            case _:
                pass
        return True

    def _takes(self, target: str, message: Message) -> bool:
        context = self.contexts.get(target)
        return context is None or context.is_ready or message.delivery is Delivery.CONTROL

    def _journal(self, message: Message) -> None:
        if isinstance(message, ReplayRequested):
            self.post(
                message.reader,
                Replayed(
                    reader_generation=message.reader_generation,
                    records=tuple(self.records),
                    seq=len(self.records),
                    owed=tuple(self.owed),
                ),
            )
            return
        assert isinstance(message, Append)
        for record in message.records:
            self.records.append(record)
            for target in recipients(record):
                self.post(target, Journaled(seq=len(self.records), record=record))

    def _writer(self, message: Message) -> None:
        if isinstance(message, SnapshotRequested):
            snapshot = self.broker.snapshot(message.request_id, self.now_ns)
            if snapshot is not None:
                self.post("watcher", snapshot)
            return
        assert isinstance(message, Journaled)
        intent = message.record
        assert isinstance(intent, IntentPlanned)
        self.intents.append(intent)
        outcome = self.gate(intent)
        if outcome is not None:
            self.post("watcher", an_answer(intent, outcome, self.now_ns))
            return
        send = {
            Action.PLACE: self.broker.place,
            Action.MODIFY: self.broker.modify,
            Action.CANCEL: self.broker.cancel,
        }[intent.action]
        answer = send(intent, self.now_ns)
        for item in self.mangle((answer, *self.broker.reports())):
            self.post("watcher", item)

    def tick(self, price_paise: int, **fields: int) -> None:
        """The market moves: the venue sees it first, then the group."""
        tick = a_tick(price_paise, self.now_ns, **fields)
        self.broker.on_tick(tick, self.now_ns)
        for item in self.mangle(self.broker.reports()):
            self.post("watcher", item)
        if self.oco_name in self.actors:
            self.post(self.oco_name, tick)

    def drain(self, target: str) -> None:
        while self.step(target):
            pass

    def settle(self, steps_max: int = 20_000) -> None:
        """Deliver all that is in any queue, round by round, time standing still."""
        for _ in range(steps_max):
            served = sum(self.step(target) for target in tuple(self.queues))
            if not served:
                return
        raise AssertionError("the world does not come to rest")

    def advance(self, duration_ns: int) -> None:
        """Let time pass, firing timers in order, everything delivered in between."""
        end_ns = self.now_ns + duration_ns
        self.settle()
        while self.timers:
            key, (at_ns, message) = min(self.timers.items(), key=lambda item: (item[1][0], item[0]))
            if at_ns > end_ns:
                break
            del self.timers[key]
            self.now_ns = max(self.now_ns, at_ns)
            self.post(key[0], message)
            self.settle()
        self.now_ns = end_ns

    def step_clock(self, by_ns: int) -> None:
        """The market clock is set forward or back; timers run on the boot clock."""
        self.now_ns += by_ns
        self.stepped_ns += by_ns
        self.timers = {key: (at_ns + by_ns, due) for key, (at_ns, due) in self.timers.items()}

    def fills(self) -> list[OrderFilled]:
        return [record for record in self.records if isinstance(record, OrderFilled)]

    def position(self) -> int:
        return sum(fill.side.sign * fill.quantity for fill in self.fills())

    def closed(self) -> list[GroupClosed]:
        return [record for record in self.records if isinstance(record, GroupClosed)]

    def opened(self) -> list[GroupOpened]:
        return [record for record in self.records if isinstance(record, GroupOpened)]


def a_running_world(**changes: object) -> World:
    """A world whose group has asked for its entry, the market above the limit."""
    world = World(**changes)  # type: ignore[arg-type]
    world.settle()
    world.tick(100_100)
    world.settle()
    world.start(world.oco_name)
    world.settle()
    return world
