"""The heartbeat actor: when was each source last alive?

Decides from ticks, views and signs of life at which instant a source was last seen; the age itself
is worked out when somebody scrapes (actors/channels/prometheus.py), so it goes on growing while
this actor is down. Refuses to judge: limits on ages are alert rules and the rooms' own business.

An instant is never taken from when a message was handled but from when its content was true: a
message that waited three seconds reports a source seen three seconds ago (INV-45).
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from actors.channels import prometheus as metric
from actors.runtime.behaviour import Behaviour, Context, Opening
from actors.runtime.pulses import Pulse
from actors.views import Views
from engine.messages.base import Message
from engine.messages.broker import OrderReport
from engine.messages.console import SourceSeen
from engine.messages.control import Reconciled, ViewPublished
from engine.messages.market import Tick
from engine.messages.supervision import TimerFired
from engine.units import NS_PER_S

EVERY_NS: Final = NS_PER_S
KEYS_MAX: Final = 10_000


Pulses = Callable[[], Iterable[Pulse]]


class Heartbeat(Behaviour):
    """Stamps sources; samples actors once a second."""

    def __init__(self, pulses: Pulses, ages: metric.Ages = metric.AGES) -> None:
        self._pulses = pulses
        self._ages = ages
        self._views = Views()
        self._served: dict[str, tuple[int, int]] = {}
        self._keys: set[str] = set()

    def open(self, ctx: Context) -> Opening:
        self.ctx = ctx
        self._sample()
        return Opening.READY

    def receive(self, message: Message) -> None:
        match message:
            case Tick():
                self._see("tick", message.instrument, message.received_at_ns)
            case SourceSeen():
                self._see(message.source, message.key, message.seen_at_ns)
            case OrderReport():
                self._see("order_stream", "", message.at_ns)
            case Reconciled():
                self._see("reconcile", "", message.at_ns)
            case ViewPublished(topic="feeds"):
                self._views.put(message)
                self._feeds(message.at_ns)
            case ViewPublished(topic="reconcile"):
                self._views.put(message)
                self._aged("reconcile", message.at_ns, self._views.figures("reconcile"))
            case ViewPublished(topic="stream"):
                self._views.put(message)
                self._aged("order_stream", message.at_ns, self._views.figures("stream"))
            case ViewPublished():
                pass
            case TimerFired(key="sample"):
                self._sample()
            case _:
                super().receive(message)

    def _see(self, source: str, key: str, seen_at_ns: int) -> None:
        """A source was alive at a market-clock instant."""
        if key not in self._keys:
            if len(self._keys) >= KEYS_MAX:
                return
            self._keys.add(key)
        ago_ns = max(0, self.ctx.now_ns() - seen_at_ns)
        self._ages.see(source, key, self.ctx.mono_ns() - ago_ns)

    def _aged(self, source: str, published_at_ns: int, figures: dict[str, object]) -> None:
        """A view that tells an age; without one the view itself is the sign of life."""
        age_s = figures.get("age_s", 0)
        if isinstance(age_s, int | float):
            self._see(source, "", published_at_ns - int(age_s * NS_PER_S))

    def _feeds(self, published_at_ns: int) -> None:
        for row in self._views.rows("feeds"):
            age_s = row.get("age_s")
            if isinstance(age_s, int | float):
                instrument = str(row.get("instrument"))
                self._see("tick", instrument, published_at_ns - int(age_s * NS_PER_S))

    def _sample(self) -> None:
        """An actor makes progress while it serves or while nothing waits for it."""
        self.ctx.timer_after("sample", EVERY_NS, TimerFired(key="sample"))
        now_ns = self.ctx.mono_ns()
        deepest: Counter[str] = Counter()
        alive = set()
        for pulse in self._pulses():
            name, life = pulse.name, (pulse.generation, pulse.served_count)
            kind = name.split("/", 1)[0]
            deepest[kind] = max(deepest[kind], pulse.depth)
            alive.add(name)
            is_idle = pulse.depth == 0 and not pulse.is_busy
            if is_idle or self._served.get(name) != life:
                self._served[name] = life
                self._ages.see("progress", name, now_ns)
        for name in self._served.keys() - alive:
            del self._served[name]
            self._ages.forget("progress", name)
        for kind, depth in deepest.items():
            metric.INBOX_DEPTH.labels(kind).set(depth)
