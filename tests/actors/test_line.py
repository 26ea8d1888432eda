"""Source, calendar, market, feeds and strategies together, in one thread under a seed."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pykka
import pytest

from actors.calendar import CalendarBehaviour
from actors.feed import FeedBehaviour
from actors.feeds.synthetic import SyntheticInstrument, SyntheticSource
from actors.market import MarketBehaviour
from actors.runtime.behaviour import Behaviour
from actors.runtime.clock import VirtualClock
from actors.runtime.directory import Directory
from actors.runtime.room import Room
from actors.runtime.roomspec import RoomSpec
from actors.runtime.seeded import SeededPool
from actors.source import SourceBehaviour
from actors.strategy import StrategyBehaviour
from engine.instruments import Instrument
from engine.market.quality import TickLimits
from engine.market.staleness import StalenessLimits
from engine.messages.base import Message
from engine.messages.journal import Replayed, ReplayRequested
from engine.messages.signals import EntryProposed
from engine.messages.supervision import ChildExited, ChildReady, ExitKind
from engine.session import SegmentClass, ns_from_ist
from engine.strategies.base import Parameters, Strategy
from engine.strategies.registry import SHIPPED
from engine.units import NS_PER_S
from tests.engine.strategies.test_proposals import Hostile
from tests.ideas import ENTRIES_END_NS, FLAT_BY_NS
from tests.markets import nse

NAMES = tuple(f"NSE:S{number}" for number in range(4))


class Listener(Behaviour):
    """Keeps what it hears; as the journal, it knows nothing of the past."""

    def __init__(self) -> None:
        self.heard: list[Message] = []

    def receive(self, message: Message) -> None:
        self.heard.append(message)
        if isinstance(message, ReplayRequested):
            past = Replayed(reader_generation=message.reader_generation, records=(), seq=0)
            self.ctx.send(message.reader, past)


class World:
    """The line from source to guard in one thread."""

    def __init__(
        self,
        strategies: dict[str, type[Strategy[Any]]],
        start: str = "2024-01-02 09:00:00",
        choose: Callable[[int], int] | None = None,
    ) -> None:
        self.clock = VirtualClock(ns_from_ist(start))
        self.pool = SeededPool(self.clock, choose=choose)
        self.directory = Directory()
        names = tuple(f"strategy/{name}" for name in strategies)
        self.boss = self._add("boss", Listener())
        self._add("journal", Listener())
        self.guard = self._add("guard", Listener())
        calendar = CalendarBehaviour(
            nse(),
            SegmentClass.CASH_FNO,
            entries_end_ns=ENTRIES_END_NS,
            flat_by_ns=FLAT_BY_NS,
            readers=("market", *names),
        )
        self._add("calendar", calendar)
        feeds = {name: f"feed/{name}" for name in NAMES}
        self._add("market", MarketBehaviour(feeds, check_every_ns=NS_PER_S, view_every_ns=0))
        for name, feed in feeds.items():
            self._add(feed, self._feed(name, names))
        items = tuple(Instrument(name=name) for name in NAMES)
        for name, kind in strategies.items():
            parameters = kind.parameters_type()
            self._add(f"strategy/{name}", StrategyBehaviour(kind, parameters, items, name=name))
        source = SyntheticSource(
            7, [SyntheticInstrument(name=name, price_paise=100_000) for name in NAMES], nse()
        )
        self._add("source", SourceBehaviour(source))

    @staticmethod
    def _feed(name: str, strategies: tuple[str, ...]) -> FeedBehaviour:
        return FeedBehaviour(
            name,
            tick_readers=(),
            bar_readers=((60, strategies),),
            state_readers=strategies,
            tick_limits=TickLimits(),
            staleness=StalenessLimits(),
        )

    def _add(self, name: str, behaviour: Any) -> Any:
        spec = RoomSpec(name=name, generation=1, supervisor="boss", factory=lambda: behaviour)
        Room.begin(spec, self.pool, self.directory)
        return behaviour

    def run_until(self, at: str) -> list[EntryProposed]:
        self.pool.run_until(ns_from_ist(at))
        return [message for message in self.guard.heard if isinstance(message, EntryProposed)]

    def exits(self) -> list[ChildExited]:
        return [message for message in self.boss.heard if isinstance(message, ChildExited)]


@pytest.fixture(autouse=True)
def every_world_ends() -> Iterator[None]:
    yield
    for ref in pykka.ActorRegistry.get_all():
        pykka.ActorRegistry.unregister(ref)


class Bomb(Strategy[Parameters]):
    """Raises an error that cannot be printed."""

    def on_bar(self, bar: Any) -> None:
        class Unprintable(Exception):
            __str__ = __repr__ = Hostile.__str__

        raise Unprintable


def test_when_a_day_is_played_then_strategies_propose_and_again_the_same() -> None:
    played = [World(dict(SHIPPED)).run_until("2024-01-02 11:00:00") for _ in range(2)]
    assert played[0] == played[1]
    assert {proposed.strategy for proposed in played[0]} == set(SHIPPED)


def test_when_rooms_run_in_any_order_then_the_ideas_are_the_same() -> None:
    plain = World(dict(SHIPPED)).run_until("2024-01-02 10:15:00")
    chosen = World(dict(SHIPPED), choose=Random(5).randrange).run_until("2024-01-02 10:15:00")
    assert plain
    assert {p.signal_id for p in plain} == {p.signal_id for p in chosen}


@pytest.mark.conformance("BAD-64")
def test_when_a_strategy_raises_the_unprintable_then_only_it_ends() -> None:
    world = World({"bomb": Bomb, **SHIPPED})
    proposed = world.run_until("2024-01-02 10:15:00")
    assert [(e.name, e.kind) for e in world.exits()] == [("strategy/bomb", ExitKind.CRASHED)]
    assert world.exits()[0].reason == "Unprintable: <unprintable>"
    assert proposed, "the others go on"
    ready = [m.name for m in world.boss.heard if isinstance(m, ChildReady)]
    assert len(ready) == len(set(ready)) >= 10
