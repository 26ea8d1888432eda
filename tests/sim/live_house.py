"""The whole engine, released to trade live on the world's account at Kite, one thread, no clock.

The test moves the price, proposes trades as the strategy does, arms single faults and looks at
three things: the account's truth, the journal, the alerts.
"""

from collections import Counter
from dataclasses import dataclass, field

import msgspec

from actors.authority import AuthorityBehaviour
from actors.runtime.behaviour import Behaviour
from actors.runtime.clock import VirtualClock
from actors.runtime.runtime import Runtime, SeededHosts
from actors.stores.memory import MemoryDatabase, MemoryJournalStore
from engine.authority_state import AuthorityState
from engine.exchange.account.surroundings import Day, KiteSettings, Report, Surroundings
from engine.ids import signal_id
from engine.journal import decode
from engine.messages.base import Message
from engine.messages.control import AlertRaised, OperatorCommand
from engine.messages.market import BarClosed, MarketFrame, Tick
from engine.messages.records import IntentPlanned, OrderFact, OrderFilled, Record
from engine.messages.signals import EntryProposed
from engine.messages.values import Action, Book, Leg, Mode, Product, Side, Target
from engine.orders.resolve import ResolveSettings
from engine.session import ns_from_ist
from engine.strategies.base import Parameters, Strategy
from engine.units import NS_PER_MINUTE, NS_PER_S
from scripts.simulation import scene
from scripts.simulation.decisions import Decisions
from scripts.simulation.host import SimPool, SimRoom
from scripts.simulation.kite.model import KiteModel
from scripts.simulation.profile import HOUR_MIN, Profile
from scripts.simulation.trace import Trace
from scripts.simulation.world import SLOW_FEED, TICKS, Sink
from supervisors.config import StrategyConfig, instruments
from supervisors.engine import Engine
from supervisors.tables import load_charges
from supervisors.wiring import Parts
from tests.sim.plain_disk import PlainLatches, PlainSpool

NAME = scene.NAMES[0]
DATE = "2024-01-01"
OPENS_NS = ns_from_ist(f"{DATE} {scene.OPENS}:00")
CLOSES_NS = OPENS_NS + HOUR_MIN * NS_PER_MINUTE
START_PAISE = 100_000
NAKED_S_MAX = 15
"""For how long a position may lack a working stop before somebody must have been told."""
_PROFILE = Profile(
    seed=1, days=1, policy="fifo", instruments_count=1, strategies_count=1, live_count=1,
    heal_min=30, armed={},
)  # fmt: skip


class Quiet(Strategy[Parameters]):
    """Has no idea of its own."""

    parameters_type = Parameters

    def on_bar(self, bar: BarClosed) -> None:
        return None


@dataclass
class Chosen:
    """Faults by name: `arm` says after how many questions, how often and how much."""

    plans: dict[str, list[int]] = field(default_factory=dict)
    sizes: dict[str, list[int]] = field(default_factory=dict)
    struck: Counter[str] = field(default_factory=Counter)

    def arm(self, fault: str, *sizes: int, skip: int = 0, times: int = 1) -> None:
        self.plans[fault] = [skip, times]
        self.sizes[fault] = list(sizes)

    def strikes(self, fault: str) -> bool:
        plan = self.plans.get(fault)
        if plan is None or plan[1] == 0:
            return False
        if plan[0]:
            plan[0] -= 1
            return False
        plan[1] -= 1
        self.struck[fault] += 1
        return True

    def amount(self, fault: str, low: int, high: int) -> int:
        sizes = self.sizes.get(fault, [])
        size = sizes.pop(0) if sizes else low
        assert low <= size <= high, (fault, low, size, high)
        return size

    def note(self, fault: str, text: str) -> None:
        return None


class LiveHouse:
    """See the module. `naked_s`: the longest time in seconds that the true position had less
    working protection at the broker than units."""

    def __init__(self, settings: KiteSettings | None = None) -> None:
        self.faults = Chosen()
        self.alerts: list[AlertRaised] = []
        self.price_paise = START_PAISE
        self.database = MemoryDatabase()
        self.latches, self.spool = PlainLatches(), PlainSpool()
        self.clock = VirtualClock(OPENS_NS - scene.LEAD_NS)
        self.pool = SimPool(self.clock, "fifo", Decisions(1), Trace())
        strategy = StrategyConfig(name="s1", use="tests.sim.live_house:Quiet")
        self.config = msgspec.structs.replace(scene.engine_config(_PROFILE), strategies=(strategy,))
        self.around = Surroundings(
            now_ns=self.clock.now_ns,
            call_at=self.pool.call_at,
            faults=self.faults,
            emit=self._emit,
        )
        by_name = {item.name: item for item in instruments(self.config)}
        self.broker = KiteModel(by_name, self.around, settings)
        self.broker.start_day(
            Day(
                trading_day=DATE,
                opens_at_ns=OPENS_NS,
                closes_at_ns=CLOSES_NS,
                square_off_at_ns=CLOSES_NS - 20 * NS_PER_S,
            )
        )
        self.naked_s = 0
        self.naked_now_s = 0
        self._proposals = 0
        self._commands = 0
        self.boot()

    def boot(self) -> None:
        self.runtime = Runtime(SeededHosts(self.pool), room_type=SimRoom)
        self.engine = Engine(self.runtime, self._parts(self.database.acquire()))

    def kill9(self, down_s: int = 5) -> None:
        """The engine is gone from one instruction to the next; the world goes on."""
        self.close()
        self.runtime = Runtime(SeededHosts(self.pool), room_type=SimRoom)
        self.run(down_s)
        self.boot()

    def close(self) -> None:
        """Let go of the rooms."""
        for room in tuple(self.runtime.directory.rooms.values()):
            assert isinstance(room, SimRoom)
            room.vanish()
        self.pool.drop_rooms()

    def _parts(self, epoch: int) -> Parts:
        return Parts(
            config=self.config,
            sessions=scene.sessions(),
            charges=load_charges(),
            source=None,  # type: ignore[arg-type]
            make_store=lambda: MemoryJournalStore(self.database, "live", epoch),
            make_spool=lambda: self.spool,  # type: ignore[arg-type,return-value]
            latches=self.latches,
            since_ns=0,
            trading_day=DATE,
            check_every_ns=NS_PER_MINUTE,
            view_every_ns=0,
            reconcile_every_ns=NS_PER_MINUTE,
            sentinel_every_ns=0,
            staleness=SLOW_FEED,
            tick_limits=TICKS,
            make_live_broker=lambda: self.broker,
            resolve=ResolveSettings(),
            extra={
                "source": lambda _: Sink(lambda _: None),
                "console": lambda _: Sink(lambda _: None),
                "alerts": lambda _: Sink(self._alerted),
            },
        )

    def _emit(self, report: Report) -> None:
        self.runtime.directory.deliver("watcher", report, "kite")

    def _alerted(self, message: Message) -> None:
        if isinstance(message, AlertRaised):
            self.alerts.append(message)

    # -- time -----------------------------------------------------------------------------

    def run(self, seconds: int, price_paise: int = 0) -> None:
        """Let time pass, a tick each second at the (new) price."""
        self.price_paise = price_paise or self.price_paise
        for _ in range(seconds):
            self._play(self.clock.now_ns() + NS_PER_S)
            self._tick()
            self._play(self.clock.now_ns())
            self._look()

    def run_to(self, at: str) -> None:
        """Let time pass until a time of the day."""
        self.run((ns_from_ist(f"{DATE} {at}") - self.clock.now_ns()) // NS_PER_S)

    def _play(self, until_ns: int) -> None:
        until_mono_ns = self.clock.mono_at(until_ns)
        self.pool.run_idle()
        while self.pool.advance(until_mono_ns):
            self.pool.run_idle()
        self.clock.move_to_mono(max(until_mono_ns, self.clock.mono_ns()))

    def _tick(self) -> None:
        now_ns = self.clock.now_ns()
        self.broker.on_price(NAME, self.price_paise)
        tick = Tick(
            instrument=NAME,
            price_paise=self.price_paise,
            at_ns=now_ns,
            received_at_ns=now_ns,
            volume_day=now_ns // NS_PER_S,
        )
        self.runtime.directory.deliver("market", MarketFrame(ticks=(tick,)), "kite")

    def _look(self) -> None:
        """Count the seconds in which the true position is not covered by working exits."""
        net, covered = self.broker.net(NAME), 0
        for order in self.broker.exchange.working():
            is_cover = order.is_exit and not order.is_terminal and order.side.sign * net < 0
            if is_cover and (order.price_trigger_paise or order.order_type.value == "LIMIT"):
                covered = max(covered, order.remaining)
        if abs(net) > covered:
            self.naked_now_s += 1
        else:
            self.naked_now_s = 0
        self.naked_s = max(self.naked_s, self.naked_now_s)

    # -- doing ----------------------------------------------------------------------------

    def command(self, command: str, argument: str = "") -> None:
        self._commands += 1
        ordered = OperatorCommand(
            command=command,
            argument=argument,
            reason="test",
            by="test",
            request_id=f"r{self._commands}",
            at_ns=self.clock.now_ns(),
        )
        self.runtime.directory.deliver("authority", ordered, "test")
        self._play(self.clock.now_ns())

    def go_live(self) -> None:
        """Recover, open, be released."""
        self.run((OPENS_NS - self.clock.now_ns()) // NS_PER_S + 5)
        self.release()

    def release(self) -> None:
        state = self.authority
        self.command("mode", f"live {state.mode_seq}")
        assert state.mode is Mode.LIVE, (state.mode, [a.text for a in self.alerts])

    @property
    def authority(self) -> AuthorityState:
        behaviour = self.behaviour("authority")
        assert isinstance(behaviour, AuthorityBehaviour)
        return behaviour.state

    def behaviour(self, name: str) -> Behaviour:
        room = self.runtime.directory.rooms[name]
        assert isinstance(room, SimRoom)
        assert room.behaviour is not None
        return room.behaviour

    def propose(self, side: Side = Side.BUY, price_paise: int = 0, risk_paise: int = 1_000) -> None:
        """As the strategy would: a limit, a stop and two targets at one and two risks."""
        self._proposals += 1
        now_ns = self.clock.now_ns()
        price = price_paise or self.price_paise
        sign = side.sign
        proposal = EntryProposed(
            signal_id=signal_id("s1", NAME, side, self._proposals),
            strategy="s1",
            strategy_generation=self.runtime.directory.generation("strategy/s1"),
            instrument=NAME,
            side=side,
            price_limit_paise=price,
            price_stop_paise=price - sign * risk_paise,
            targets=(
                Target(price_paise=price + sign * risk_paise, share_bps=5_000),
                Target(price_paise=price + sign * 2 * risk_paise, share_bps=5_000),
            ),
            at_ns=now_ns,
            expires_at_ns=now_ns + 5 * NS_PER_MINUTE,
        )
        self.runtime.directory.deliver("guard", proposal, "strategy/s1")

    def enter(self, side: Side = Side.BUY) -> int:
        """Propose at the market and wait until it is held and protected; the position."""
        self.propose(side)
        self.run(5)
        return self.broker.net(NAME)

    # -- looking --------------------------------------------------------------------------

    @property
    def records(self) -> list[Record]:
        return [decode(body) for body, _ in self.database.rows.get("live", [])]

    def of(self, kind: type) -> list[Record]:
        return [record for record in self.records if isinstance(record, kind)]

    def facts(self, leg: Leg) -> list[str]:
        """What is journaled of the orders of a leg, in order."""
        found = []
        for record in self.records:
            if isinstance(record, OrderFact) and record.leg is leg:
                found.append(type(record).__name__)
        return found

    def placed(self, leg: Leg) -> list[IntentPlanned]:
        return [
            record
            for record in self.records
            if isinstance(record, IntentPlanned)
            and record.leg is leg
            and record.action is Action.PLACE
        ]

    def events(self, severity: str = "") -> set[str]:
        return {a.event for a in self.alerts if severity in ("", a.severity)}

    def held(self) -> int:
        """The position of the live book as the journal has it."""
        fills = [r for r in self.records if isinstance(r, OrderFilled) and r.book is Book.LIVE]
        return sum(fill.side.sign * fill.quantity for fill in fills)

    def unresolved(self) -> list[str]:
        truth = self.behaviour("watcher").truth  # type: ignore[attr-defined]
        return [
            tracked.intent.client_order_id
            for tracked in truth.open_orders()
            if tracked.order.is_busy
        ]

    def settle(self) -> None:
        """What must hold in the end, whatever struck: the books are equal, nothing is unknown, no
        tag was sent twice, and no position was naked for long without an alarm."""
        assert self.held() == self.broker.net(NAME, Product.MIS), self.story()
        assert self.unresolved() == [], self.story()
        tags = Counter(order.tag_true for order in self.broker.orders if order.tag_true)
        if not self.faults.struck["FLT-24"]:
            assert max(tags.values(), default=0) <= 1, tags
        is_told = bool(self.events("critical"))
        assert self.naked_s <= NAKED_S_MAX or is_told, f"naked for {self.naked_s} s\n{self.story()}"
        assert self.naked_now_s == 0, f"naked in the end\n{self.story()}"
        assert self.strays() == [], f"{self.strays()}\n{self.story()}"

    def strays(self) -> list[str]:
        """Working orders of ours that no position needs."""
        net = self.broker.net(NAME)
        working = [o for o in self.broker.exchange.working() if not o.is_terminal and o.is_exit]
        return [
            order.venue_order_id
            for order in working
            if order.side.sign * net >= 0 or order.remaining > abs(net)
        ]

    def story(self) -> str:
        """The whole course, for a failing test."""
        lines = []
        for record in self.records:
            at_s = (record.at_ns - OPENS_NS) / NS_PER_S
            if isinstance(record, IntentPlanned):
                what = (
                    f"{record.action.value} {record.leg.value} {record.quantity} "
                    f"@{record.price_limit_paise}/{record.price_trigger_paise} {record.reason}"
                )
            elif isinstance(record, OrderFact):
                what = f"{type(record).__name__} {record.leg.value}"
                for name in ("quantity", "filled_total", "reason", "refusal", "trade_id"):
                    if hasattr(record, name):
                        what += f" {name}={getattr(record, name)}"
            else:
                what = type(record).__name__
                if what in ("ModeChanged",):
                    what += f" {record.mode_to.value}: {record.reason}"  # type: ignore[union-attr]
            lines.append((at_s, what))
        for alert in self.alerts:
            at_s = (alert.at_ns - OPENS_NS) / NS_PER_S
            lines.append(
                (at_s, f"ALERT {alert.severity} {alert.event} {alert.subject} {alert.text}")
            )
        lines.sort(key=lambda line: line[0])
        orders = [
            f"  {o.venue_order_id} {o.tag_true} {o.side.value} {o.filled}/{o.quantity} "
            f"{[s.value for _, s in o.history]} {o.text}"
            for o in self.broker.orders
        ]
        return "\n".join([f"{at_s:9.3f} {what}" for at_s, what in lines] + orders)
