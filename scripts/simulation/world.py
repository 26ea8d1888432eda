"""One simulated world: an engine under supervision in an outside world that may fail.

Decides the order of a run: boot, a safety phase in which faults strike, healing, a liveness phase
in which everything must come right, the end. Refuses to judge (observers) and to know single
faults (models). What is outside of the engine's process survives its death.
"""

import random
from collections.abc import Callable, Iterable, Iterator

from actors.runtime.behaviour import Behaviour
from actors.runtime.runtime import Runtime, SeededHosts
from engine.market.quality import TickLimits
from engine.market.staleness import StalenessLimits
from engine.messages.base import Message
from engine.messages.control import AlertRaised
from engine.messages.supervision import ChildExited
from engine.orders.resolve import ResolveSettings
from engine.session import ist_day, ist_text, midnight_ns, ns_from_ist
from engine.units import NS_PER_MINUTE, NS_PER_S
from scripts.simulation import scene
from scripts.simulation.actors_faults import ActorBreaker
from scripts.simulation.clock import SimClock
from scripts.simulation.database import FaultyStore
from scripts.simulation.decisions import Decisions
from scripts.simulation.durable import Durable
from scripts.simulation.faults import Faults
from scripts.simulation.host import SimPool, SimRoom
from scripts.simulation.market.feed import NoFrames, SimSource
from scripts.simulation.observer import Hear, Listeners, Observer, Violated, hooks_of, is_end
from scripts.simulation.outside import Outside
from scripts.simulation.profile import Profile
from scripts.simulation.trace import Trace
from supervisors.engine import Engine
from supervisors.tables import load_charges
from supervisors.wiring import Parts

STEPS_MAX = 60_000
REBOOT_NS = 5 * NS_PER_S
RECONCILE_EVERY_NS = 5 * NS_PER_MINUTE
AFTER_CLOSE_NS = 2 * NS_PER_MINUTE
SLOW_FEED = StalenessLimits(stale_ms_max=60_000, mute_ms_max=180_000, dead_ms_max=120_000)
TICKS = TickLimits(stuck_ms_max=600_000, confirm_ms_max=120_000)


class World:
    """See the module.

    Args:
        profile: of the run.
        decisions: its only source of chance.
        checks: builds the observers of this run.
    """

    def __init__(
        self,
        profile: Profile,
        decisions: Decisions,
        checks: Iterable[type[Observer]] = (),
    ) -> None:
        self.profile = profile
        self.decisions = decisions
        self.trace = Trace()
        self.reached: dict[str, int] = {}
        self._hooks: dict[str, list[Callable[..., None]]] = {}
        self.durable = Durable(self._hooks)
        self.records, self.kept = self.durable.records, self.durable.kept
        self.alerts: list[AlertRaised] = []
        self.violation: Violated | None = None
        self.boots = self.epoch = 0
        self.engine: Engine | None = None
        self.faults = Faults(profile.armed, decisions, lambda f, text: self.tell(f"{f} {text}"))
        self.config = scene.engine_config(profile)
        self.opens_ns = [
            ns_from_ist(f"{day.isoformat()} {scene.OPENS}:00")
            for day in scene.trading_days(profile.days)
        ]
        self.session_ns = profile.session_min * NS_PER_MINUTE
        self._heals_at_ns = self.opens_ns[-1] + profile.heal_min * NS_PER_MINUTE
        self.ends_at_ns = self.opens_ns[-1] + self.session_ns + AFTER_CLOSE_NS
        self.clock = SimClock(self.opens_ns[0] - scene.LEAD_NS)
        self.pool = SimPool(self.clock, profile.policy, decisions, self.trace)
        self.outside = Outside(self)
        self.database = self.outside.database
        self.latches = self.outside.latches
        self.operators = self.outside.operators
        self.broker = self.outside.broker
        self.market = self.outside.tape
        self.pool.breaker = ActorBreaker(self.faults, self.outside)
        self.observers = [kind(self) for kind in checks]
        self._hooks.update(hooks_of(self.observers))
        self.pool.listeners = Listeners(self._listening)

    # -- what models and checks may use ---------------------------------------------------

    @property
    def now_ns(self) -> int:
        """The market clock."""
        return self.clock.now_ns()

    @property
    def heals_at_ns(self) -> int:
        """When all faults end or ended: as planned, but a machine that sleeps over it heals when it
        wakes and has come to rest, so until they have ended it is never past, not by a market clock
        that runs ahead either."""
        if self.faults.is_healed:
            return self._heals_at_ns
        return max(self._heals_at_ns, self.clock.true_ns() + 1, self.now_ns + 1)

    def stream(self, name: str) -> random.Random:
        """A source of numbers that are part of the scene, not decisions."""
        return random.Random(f"{self.profile.seed}/{name}")  # noqa: S311 - a world, no secrets

    def tell(self, line: str) -> None:
        """A line of the story."""
        self.trace.told(f"{ist_text(self.now_ns)} {line}")

    def reach(self, name: str) -> None:
        """A sometimes property has come true."""
        self.reached[name] = self.reached.get(name, 0) + 1

    def behaviour(self, name: str) -> Behaviour | None:
        """The behaviour behind a name now."""
        room = self.runtime.directory.rooms.get(name)
        return room.behaviour if isinstance(room, SimRoom) else None

    def deliver(self, target: str, message: Message) -> bool:
        """Send into the engine from outside. False: nobody there."""
        return self.engine is not None and self.runtime.directory.deliver(target, message, "world")

    # -- lives ----------------------------------------------------------------------------

    def boot(self) -> None:
        """Start the engine's process, as an init system does."""
        if self.engine is not None:
            return
        self.outside.booting()
        epoch = self.epoch = self.database.acquire()
        self.boots += 1
        self.tell(f"boot {self.boots}, epoch {epoch}")
        self.runtime = Runtime(SeededHosts(self.pool), room_type=SimRoom)
        for hook in self._hooks["on_boot"]:
            hook(epoch)
        self.engine = Engine(
            self.runtime, self._parts(epoch), seed=self.profile.seed, on_end=self._ended
        )

    def kill9(self, why: str) -> None:
        """The process dies between two instructions; the init system starts it again."""
        if self.engine is None:
            return
        self.tell(f"kill -9: {why}")
        self._vanish()
        self.runtime.directory.rooms.clear()
        self.pool.drop_rooms()
        self.outside.died()
        for hook in self._hooks["on_death"]:
            hook(why)
        self.pool.call_at(self.clock.true_ns() + REBOOT_NS, self.boot)

    def _ended(self, exited: ChildExited) -> None:
        """The tree gave up: boot latches HALT and exits, the init system starts a new life."""
        self.outside.gave_up(exited)
        self.kill9(f"the tree gave up: {exited.reason}")

    # -- a run ----------------------------------------------------------------------------

    def run(self) -> None:
        """The whole run.

        Raises:
            Violated: a property does not hold.
        """
        self.outside.start()
        self.boot()
        self._play(self._heals_at_ns)
        self._heals_at_ns = max(self._heals_at_ns, self.clock.true_ns())
        self.tell("everything heals")
        self.faults.heal()
        self.outside.heal()
        self._play(self.ends_at_ns)
        for hook in self._hooks["at_end"]:
            hook()
        self.close()

    def close(self) -> None:
        """Let go of the rooms; the next run has its own."""
        if self.engine is not None:
            self._vanish()

    def _vanish(self) -> None:
        self.engine = None
        for room in tuple(self.runtime.directory.rooms.values()):
            assert isinstance(room, SimRoom)
            room.vanish()

    def _play(self, until_ns: int) -> None:
        pool, trace = self.pool, self.trace
        until_mono_ns = self.clock.true_mono_at(until_ns)
        at_rest = self._hooks["at_rest"]
        while True:
            while pool.step():
                if self.violation is not None:
                    raise self.violation
                if trace.steps > STEPS_MAX * self.profile.days:
                    raise Violated("LIVELOCK", f"still busy after {trace.steps} messages")
            for hook in at_rest:
                hook()
            if not pool.advance(until_mono_ns):
                return

    # -- wiring ---------------------------------------------------------------------------

    def _parts(self, epoch: int) -> Parts:
        return Parts(
            config=self.config,
            sessions=scene.sessions(self.profile.session_min),
            charges=load_charges(),
            source=NoFrames(),
            make_store=lambda: FaultyStore(self.database, "simulation", epoch),
            make_spool=self.outside.disk.spool,
            latches=self.outside.latches,
            since_ns=midnight_ns(ist_day(self.now_ns)),
            trading_day=ist_day(self.now_ns).isoformat(),
            clock_speed=1,
            check_every_ns=NS_PER_MINUTE,
            view_every_ns=0,
            reconcile_every_ns=RECONCILE_EVERY_NS,
            sentinel_every_ns=0,
            staleness=SLOW_FEED,
            tick_limits=TICKS,
            make_live_broker=lambda: self.broker,
            resolve=ResolveSettings(),
            extra={
                "console": lambda _: self.operators.console(),
                "source": lambda _: SimSource(),
                "alerts": lambda _: Sink(self._alerted),
            },
        )

    def told_of(self, hook: str, what: object) -> None:
        """Something that observers hear of happened outside."""
        for told in self._hooks[hook]:
            told(what)

    def _alerted(self, message: Message) -> None:
        if isinstance(message, AlertRaised):
            self.alerts.append(message)
            for hook in self._hooks["on_alert"]:
                hook(message)

    def _listening(self, room: str, kind: type) -> Iterator[Hear]:
        """Who hears of a message of that type in that room, in the order of the observers."""
        for observer in self.observers:
            if kind in observer.handles and (not observer.rooms or room in observer.rooms):
                yield observer.on_handled
        if kind is ChildExited and self._hooks["on_exit"]:
            yield self._exited

    def _exited(self, room: str, generation: int, message: Message) -> None:
        assert isinstance(message, ChildExited)
        live = self.runtime.directory.rooms.get(message.name)
        if live is not None and not is_end(message, live.spec.generation):
            return
        for hook in self._hooks["on_exit"]:
            hook(message)


class Sink(Behaviour):
    """Takes what the console and the alerts would show to people."""

    def __init__(self, take: Callable[[Message], None]) -> None:
        self._take = take

    def receive(self, message: Message) -> None:
        self._take(message)
