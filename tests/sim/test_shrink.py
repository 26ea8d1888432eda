"""A failing run becomes small, and its story short enough for a person."""

from typing import ClassVar

from engine.ids import client_order_id, digest36
from engine.messages.records import GroupOpened, Record
from engine.messages.values import Book, Leg
from scripts.simulation.faults import Armed
from scripts.simulation.observer import Observer
from scripts.simulation.profile import Profile
from scripts.simulation.shrink import Shrinker
from scripts.simulation.story import LINES_MAX, told, trades_of

CROWDED = Profile(
    seed=3,
    days=1,
    policy="uniform",
    instruments_count=3,
    strategies_count=2,
    live_count=2,
    heal_min=30,
    armed={
        "FLT-04": Armed(ppm=20_000, budget=3),
        "FLT-69": Armed(ppm=20_000, budget=3),
        "FLT-73": Armed(ppm=50_000, budget=1),
    },
)


class NoTradeAfterADeath(Observer):
    """A forged property: once the engine was killed, no group may open any more."""

    id: ClassVar[str] = "FORGED"

    def __init__(self, world: object) -> None:
        super().__init__(world)  # type: ignore[arg-type]
        self._is_dead = False

    def on_death(self, why: str) -> None:
        self._is_dead = True

    def on_record(self, seq: int, record: Record) -> None:
        if self._is_dead and isinstance(record, GroupOpened):
            self.violated(f"{record.plan.group_id} opened")


def test_when_a_run_fails_then_it_shrinks_to_the_one_fault_and_a_short_story() -> None:
    shrunk = Shrinker(CROWDED, "FORGED", (NoTradeAfterADeath,)).shrink()
    assert set(shrunk.profile.armed) == {"FLT-73"}
    assert {point.partition("/")[0] for point, _ in shrunk.decisions} == {"FLT-73"}
    assert shrunk.profile.policy == "fifo"
    assert shrunk.profile.instruments_count == shrunk.profile.strategies_count == 1
    lines = told(shrunk.result.story, shrunk.result.text)
    assert len(lines) < 40
    assert sum("kill -9" in line for line in lines) == 1
    assert "FORGED" in lines[-1]


def test_when_a_story_is_long_then_it_keeps_the_trade_that_is_accused() -> None:
    group, other = (f"grp-{digest36(text, 12)}" for text in ("one", "other"))
    order, stranger = (client_order_id(Book.LIVE, name, Leg.STOP, 0) for name in (group, other))
    story = [f"10:00 placed {stranger}" for _ in range(LINES_MAX)]
    story[5:5] = [f"10:00 group {group} opened", f"10:00 placed {order}", "10:00 FLT-17 strikes"]
    lines = told([*story, f"INV-17: {order} is naked"], f"{order} is naked")
    assert lines == [*story[5:8], f"INV-17: {order} is naked"]
    assert trades_of(lines[0]) == trades_of(lines[1])
