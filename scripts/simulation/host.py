"""The seeded host of a simulation: rooms that can be watched and broken, models with timers.

Decides which room runs next (by the run's policy and decisions), tells the trace and the
observers of every handled message, and breaks a handler where a fault strikes. Refuses to know
which faults there are: `Breaker` is asked.
"""

import heapq
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Protocol

import msgspec
import pykka

from actors.runtime.behaviour import Behaviour
from actors.runtime.clock import VirtualClock
from actors.runtime.context import RoomContext
from actors.runtime.directory import Directory
from actors.runtime.inbox import Item
from actors.runtime.pool import Pool
from actors.runtime.room import Room, RoomSpec
from actors.runtime.seeded import SeededPool
from engine.messages.base import Message
from scripts.simulation.clock import SimClock
from scripts.simulation.decisions import Decisions
from scripts.simulation.observer import Listeners
from scripts.simulation.trace import Trace

POLICIES = ("fifo", "uniform", "priorities", "starve")


class Breaker(Protocol):
    """Where faults may strike inside a room. Raising breaks the handler at that place. A seam that
    is not watched (`is_handling_watched`, `is_sending_watched`) is not asked about."""

    is_handling_watched: bool
    is_sending_watched: bool

    def before(self, room: "SimRoom", message: Message) -> None:
        """The room is about to handle the message."""

    def sending(self, room: "SimRoom", target: str, message: Message) -> None:
        """The handler is about to send."""

    def after(self, room: "SimRoom", message: Message) -> None:
        """The handler is through; nothing of it is lost but its state."""

    def opening(self, room: "SimRoom") -> None:
        """The behaviour is about to open."""


class Unbroken:
    """A breaker that breaks nothing."""

    is_handling_watched = is_sending_watched = False

    def before(self, room: "SimRoom", message: Message) -> None:
        return None

    def sending(self, room: "SimRoom", target: str, message: Message) -> None:
        return None

    def after(self, room: "SimRoom", message: Message) -> None:
        return None

    def opening(self, room: "SimRoom") -> None:
        return None


class SimPool(SeededPool):
    """A seeded pool with a scheduling policy, one message a turn, and the models' own events."""

    clock: VirtualClock

    def __init__(
        self,
        clock: VirtualClock,
        policy: str,
        decisions: Decisions,
        trace: Trace,
        breaker: Breaker | None = None,
    ) -> None:
        assert policy in POLICIES, policy
        super().__init__(clock, batch_max=1)
        self.trace = trace
        self.breaker: Breaker = breaker or Unbroken()
        self._true_mono_at = clock.true_mono_at if isinstance(clock, SimClock) else clock.mono_at
        self.listeners = Listeners()
        self._policy = policy
        self._decisions = decisions
        self._calls: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = count()
        self._priorities: dict[str, int] = {}
        self._starved = ""

    def call_at(self, at_ns: int, callback: Callable[[], None]) -> None:
        """Call back at an instant of true time; at once if it is past."""
        mono_ns = max(self._true_mono_at(at_ns), self.clock.mono_ns())
        heapq.heappush(self._calls, (mono_ns, next(self._numbers), callback))

    def step(self) -> bool:
        ready = self._ready
        if not ready:
            return False
        if len(ready) > 1 and self._policy != "fifo":
            ready.rotate(-self._choice(ready))
        self.turn_count += 1
        ready.popleft().run(1)
        return True

    def advance(self, until_mono_ns: int) -> bool:
        due_ns, calls = self._timers.due_ns(), self._calls
        if calls and (due_ns is None or calls[0][0] <= due_ns):
            if calls[0][0] > until_mono_ns:
                return False
            mono_ns, _, callback = heapq.heappop(calls)
            self.clock.move_to_mono(max(mono_ns, self.clock.mono_ns()))
            callback()
            return True
        return super().advance(until_mono_ns)

    def drop_rooms(self) -> None:
        """Every room is gone with its process; the models' events stay."""
        self._ready.clear()
        self._timers.clear()

    def _choice(self, ready: "deque[Room]") -> int:
        decisions = self._decisions
        if self._policy == "uniform":
            return decisions.pick("room", len(ready))
        if self._policy == "starve":
            return self._spare_starved(ready)
        if decisions.happens("priority_change", 5_000):
            name = ready[decisions.pick("priority_of", len(ready))].name
            self._priorities[name] = -1 - len(self._priorities)
        ranks = [self._priority(room.name) for room in ready]
        return ranks.index(max(ranks))

    def _priority(self, name: str) -> int:
        rank = self._priorities.get(name)
        if rank is None:
            rank = self._priorities[name] = self._decisions.pick("priority", 1_000)
        return rank

    def _spare_starved(self, ready: "deque[Room]") -> int:
        """One room is served only when nobody else wants to; now and then another one."""
        if self._decisions.happens("starve_change", 3_000):
            self._starved = ready[self._decisions.pick("starved", len(ready))].name
        return 1 if ready[0].name == self._starved else 0


class SimContext(RoomContext):
    """A context that tells the breaker of each send."""

    __slots__ = ()

    def send(self, target: str, message: Message) -> None:
        room = self._room
        if TYPE_CHECKING:
            assert isinstance(room, SimRoom)
        breaker = room.sim.breaker
        if breaker.is_sending_watched:
            breaker.sending(room, target, message)
        if room.held is not None:
            room.held.append((target, message))
        else:
            super().send(target, message)


class SimRoom(Room):
    """A room whose handler is watched and can be broken."""

    context_type = SimContext
    is_still = False
    is_gone = False
    held: list[tuple[str, Message]] | None = None
    _late: Message | None = None
    _inner: Callable[[Message], None]

    def __init__(self, spec: RoomSpec, pool: Pool, directory: Directory) -> None:
        super().__init__(spec, pool, directory)
        assert isinstance(pool, SimPool)
        self.sim = pool

    @property
    def handles_stop(self) -> bool:
        """Whether a supervisor lives here."""
        return self._handles_stop

    @property
    def data_max(self) -> int:
        """The bound of the inbox, for a flood."""
        return self.inbox.data_max

    @data_max.setter
    def data_max(self, value: int) -> None:
        self.inbox.data_max = value

    def drain(self) -> None:
        """The flood is over."""
        self.inbox.data_max = self.spec.inbox_max

    @property
    def behaviour(self) -> Behaviour | None:
        """For checks that look into an actor's state."""
        return self._behaviour

    def _open(self) -> None:
        made = self.spec.factory

        def opening() -> Behaviour:
            self.sim.breaker.opening(self)
            return made()

        self.spec = msgspec.structs.replace(self.spec, factory=opening)
        super()._open()
        if self._behaviour is None:
            return
        self._inner = self._receive
        if self.sim.breaker.is_handling_watched:
            self._receive = self._break

    def _break(self, message: Message) -> None:
        """Handle a message where the handler may be broken. What one that breaks off has sent is
        under way before anybody is told of its end, also if it was to stand still."""
        breaker = self.sim.breaker
        breaker.before(self, message)
        if self.is_still and self.held is None:
            self._late = message
            return
        is_through = False
        try:
            self._inner(message)
            is_through = True
        finally:
            if not is_through:
                self._send_held()
        breaker.after(self, message)

    def run(self, batch_max: int) -> None:
        if self.is_still:
            return
        if not self._is_open or self.is_ended or self.is_fenced:
            super().run(batch_max)
            return
        item = self.inbox.take(self._serves_data)  # one message a turn: as Room.run, without a loop
        if item is None:
            self._settle(0)
            return
        self._handle(item)
        if self.stop_wanted is not None and not self.is_fenced:
            self._stop_as_wanted()
        self._settle(1)

    def stand_still(self, *, has_begun: bool) -> None:
        """Serve nothing until told to go on: the message in hand is not begun, or it is handled and
        what its handler sends is held back."""
        self.is_still = True
        if has_begun:
            self.held = []

    def go_on(self) -> None:
        """The handler returns; if the room was fenced meanwhile, it finds itself void."""
        if not self.is_still or self.is_gone:
            return
        self.is_still = False
        self._send_held()
        late, self._late = self._late, None
        self._guarded(lambda: self._inner(late) if late is not None else None)
        self.is_scheduled = True
        self.sim.schedule(self)

    def _send_held(self) -> None:
        held, self.held = self.held, None
        context = self.context_type(self)
        for target, message in held or ():
            RoomContext.send(context, target, message)

    def _handle(self, item: Item) -> None:
        sim, kind = self.sim, type(item)
        if TYPE_CHECKING:
            assert isinstance(item, Message)
        sim.trace.handled(self.name, item)
        super()._handle(item)
        for hear in sim.listeners[self.name, kind]:
            hear(self.name, self.spec.generation, item)

    def vanish(self) -> None:
        """The process died: nothing is closed, nobody is told."""
        self.is_fenced = self.is_gone = True
        self._behaviour = None
        pykka.ActorRegistry.unregister(self.actor_ref)
