"""Everything outside of the engine but the broker: market, database, disk, clocks, people.

Decides how the models of a world are put together and what survives the death of the process.
Refuses to know single faults: the models do.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from actors.calendar import SESSION_USUAL_NS
from actors.stores.latches import HALT
from engine.exchange.account.surroundings import Day, KiteSettings, Report, Surroundings
from engine.journal import decode
from engine.messages.base import Message
from engine.messages.broker import Outcome, TradeReport
from engine.messages.records import IntentPlanned
from engine.messages.supervision import ChildExited
from engine.session import ist_day
from engine.units import NS_PER_MINUTE, paise_from_rupees
from scripts.simulation import scene
from scripts.simulation.clock import ClockModel
from scripts.simulation.database import FaultyDatabase
from scripts.simulation.disk import SimDisk
from scripts.simulation.kite.model import KiteModel
from scripts.simulation.market.feed import FaultyFeed
from scripts.simulation.market.paths import Listed, TrueFrame
from scripts.simulation.market.truth import Tape
from scripts.simulation.observer import WireRequest
from scripts.simulation.operators import Operators
from supervisors.config import instruments

if TYPE_CHECKING:
    from scripts.simulation.world import World

ACCOUNT = KiteSettings()


class Outside:
    """See the module."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._alerts_read = 0
        faults, clock, profile = world.faults, world.clock, world.profile
        durable = world.durable
        self.disk = SimDisk(
            faults,
            clock.mono_ns,
            lambda seq, body: durable.committed(seq, decode(body)),
            lambda: durable.gone(len(self.database.rows.get("simulation", ()))),
        )
        self.latches = self.disk.latches()
        self.database = FaultyDatabase(faults, clock.mono_ns, durable.committed, durable.lost)
        listed = [
            Listed(name=item.name, price_paise=paise_from_rupees(item.price_inr))
            for item in world.config.instruments
        ]
        call_at = world.pool.call_at
        share_ns = world.config.session.flat_by_min * NS_PER_MINUTE * world.session_ns
        flat_by_ns = share_ns // SESSION_USUAL_NS  # as the calendar shortens it
        self.tape = Tape(listed, world.stream, faults, call_at, flat_by_ns=flat_by_ns)
        self.feed = FaultyFeed(faults, clock.now_ns, call_at, world.deliver)
        around = Surroundings(
            now_ns=clock.true_ns,
            call_at=call_at,
            faults=faults,
            emit=self._reported,
            on_trade=self._traded,
        )
        self.broker = KiteModel(
            {item.name: item for item in instruments(world.config)},
            around,
            ACCOUNT,
            self._requested,
        )
        self.tape.listeners += [self._priced, self.feed.hear]
        closes = tuple(opens_ns + world.session_ns for opens_ns in world.opens_ns)
        flats_ns = tuple(closes_ns - flat_by_ns for closes_ns in closes)
        self.clocks = ClockModel(clock, faults, call_at, flats_ns)
        strategies = tuple(item.name for item in world.config.strategies)
        self.operators = Operators(faults, self, self.latches, strategies, profile.live_count)

    def start(self) -> None:
        """The run begins."""
        world = self._world
        now_ns = world.clock.true_ns()
        days = len(world.opens_ns)
        self.tape.play_days(scene.sessions(world.profile.session_min), scene.SEGMENT, now_ns, days)
        for opens_ns in world.opens_ns:
            world.pool.call_at(opens_ns - scene.LEAD_NS, self._new_day(opens_ns))
        self.clocks.start(world.ends_at_ns)
        self.operators.start()

    def booting(self) -> None:
        """A life of the engine begins."""
        self.clocks.booting()
        self.disk.booting()
        self.operators.booting()

    def died(self) -> None:
        """A life of the engine has ended, in whatever way."""
        self.disk.died()
        self._world.durable.died(self.disk.spooled)

    def heal(self) -> None:
        """Lasting faults end."""
        for model in (self.feed, self.disk, self.database, self.clocks, self.broker):
            model.heal()

    def gave_up(self, exited: ChildExited) -> None:
        """The tree is spent: boot latches HALT, if the disk lets it, and exits."""
        world = self._world
        try:
            self.latches.set(HALT, reason=exited.reason, by="boot", at_ns=world.now_ns)
        except OSError as error:
            world.tell(f"HALT could not be latched: {error}")

    # -- the account ----------------------------------------------------------------------

    def _new_day(self, opens_ns: int) -> Callable[[], None]:
        closes_ns = opens_ns + self._world.session_ns
        day = Day(
            trading_day=ist_day(opens_ns).isoformat(),
            opens_at_ns=opens_ns,
            closes_at_ns=closes_ns,
            square_off_at_ns=closes_ns - scene.SQUARE_OFF_NS,
        )

        def begin() -> None:
            self.broker.start_day(day)
            self.broker.log_in()

        return begin

    def _priced(self, frame: TrueFrame) -> None:
        for tick in frame.ticks:
            self.broker.on_price(
                tick.instrument,
                tick.price_paise,
                bid_paise=tick.bid_paise,
                ask_paise=tick.ask_paise,
                bid_quantity=tick.bid_quantity,
                ask_quantity=tick.ask_quantity,
            )

    def _reported(self, report: Report) -> None:
        """The order stream. A frame comes to the writer, whose gate counts it before the watcher
        hears of it; its way through the writer's own queue is not modelled."""
        writer: Any = self._world.behaviour("writer")
        if (gate := getattr(writer, "_gate", None)) is not None:
            gate.orders.report(report)
        self._world.deliver("watcher", report)

    def _requested(
        self, at_ns: int, intent: IntentPlanned, outcome: Outcome, is_processed: bool
    ) -> None:
        request = WireRequest(
            at_ns=at_ns,
            epoch=self._world.epoch,
            intent=intent,
            outcome=outcome,
            is_processed=is_processed,
        )
        self._world.told_of("on_request", request)

    def _traded(self, trade: TradeReport) -> None:
        self._world.told_of("on_trade", trade)

    # -- what the people and the breaker need of the world --------------------------------

    @property
    def now_ns(self) -> int:
        return self._world.now_ns

    def deliver(self, target: str, message: Message) -> bool:
        return self._world.deliver(target, message)

    def after_ns(self, delay_ns: int, callback: Callable[[], None]) -> None:
        """Call back after a while of true time."""
        self._world.pool.call_at(self._world.clock.true_ns() + delay_ns, callback)

    def kill9(self, why: str) -> None:
        self._world.kill9(why)

    def restart_process(self, why: str) -> None:
        self._world.kill9(why)

    def quarantined(self) -> tuple[tuple[str, str], ...]:
        """(supervisor, name) of rooms that only a person brings back."""
        if self._world.engine is None:
            return ()
        rows = self._world.runtime.board.rows()
        return tuple((row.supervisor, row.name) for row in rows if row.state == "quarantined")

    def is_clock_doubted(self) -> bool:
        """Whether the calendar has closed the session over a clock that stepped, since the last
        question; the clock is looked after then."""
        alerts = self._world.alerts
        new, self._alerts_read = alerts[self._alerts_read :], len(alerts)
        is_doubted = any(alert.event == "clock_stepped" for alert in new)
        if is_doubted:
            self._world.clock.set_right()
        return is_doubted

    def steal_lease(self) -> None:
        epoch = self.database.acquire()
        self._world.tell(f"a second runner takes epoch {epoch}")
