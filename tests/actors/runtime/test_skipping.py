"""A pace-maker may move a virtual clock only past instants at which nobody has anything to do."""

from actors.runtime.behaviour import Behaviour, Context, Opening
from actors.runtime.clock import VirtualClock
from actors.runtime.roomspec import RoomSpec
from actors.runtime.runtime import Runtime, SeededHosts
from actors.runtime.seeded import SeededPool
from engine.messages.base import Message
from engine.messages.supervision import StopOrdered, TimerFired

_BEAT = TimerFired(key="beat")


class Pace(Behaviour):
    """Beats each ten instants in one turn as long as it may; wakes `other` at 50."""

    def __init__(self, log: list[tuple[str, int]]) -> None:
        self.log = log
        self.turns = 0

    def open(self, ctx: Context) -> Opening:
        ctx.timer_at("beat", 10, _BEAT)
        return super().open(ctx)

    def receive(self, message: Message) -> None:
        self.turns += 1
        at_ns = self.ctx.now_ns()
        while True:
            self.log.append((self.ctx.name, self.ctx.now_ns()))
            if at_ns == 50:
                self.ctx.send("other", _BEAT)
            at_ns += 10
            if not self.ctx.skip_to(at_ns):
                break
        self.ctx.timer_at("beat", at_ns, _BEAT)


class Other(Behaviour):
    """Has a timer of its own at 25."""

    def __init__(self, log: list[tuple[str, int]]) -> None:
        self.log = log

    def open(self, ctx: Context) -> Opening:
        ctx.timer_at("own", 25, _BEAT)
        return super().open(ctx)

    def receive(self, message: Message) -> None:
        self.log.append((self.ctx.name, self.ctx.now_ns()))


def played(until_ns: int, *, is_chosen: bool) -> tuple[list[tuple[str, int]], int]:
    """What happened when up to an instant, and in how many turns of the pace-maker."""
    log: list[tuple[str, int]] = []
    pool = SeededPool(VirtualClock(), choose=(lambda _: 0) if is_chosen else None)
    runtime, pace = Runtime(SeededHosts(pool)), Pace(log)
    makers = {"pace": lambda: pace, "other": lambda: Other(log)}
    for name, factory in makers.items():
        runtime.start(RoomSpec(name=name, generation=1, supervisor="", factory=factory))
    pool.run_until(until_ns)
    for name in makers:
        runtime.directory.deliver(name, StopOrdered(reason="over"))
    pool.run_idle()
    assert pool.clock.now_ns() == until_ns
    return log, pace.turns


def test_when_a_pace_maker_skips_then_all_happens_at_the_same_instants_as_by_timers() -> None:
    skipped, turns = played(75, is_chosen=False)
    assert turns == 3, "others were due at 25 and 50"
    by_timers, turns = played(75, is_chosen=True)
    assert turns == 7
    assert skipped == by_timers
    assert skipped == [
        *(("pace", at_ns) for at_ns in (10, 20)),
        ("other", 25),
        *(("pace", at_ns) for at_ns in (30, 40, 50)),
        ("other", 50),
        *(("pace", at_ns) for at_ns in (60, 70)),
    ]
