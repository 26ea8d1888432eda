"""The strategy's shell and door."""

import json
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import pytest

from actors.runtime.behaviour import Opening
from actors.strategy import StrategyBehaviour, no_history
from engine.ids import signal_id
from engine.instruments import Instrument
from engine.limits import PROPOSALS_SECOND_MAX
from engine.messages.base import Message
from engine.messages.control import (
    AlertRaised,
    AuthorityChanged,
    Ceiling,
    CeilingMoved,
    ViewPublished,
)
from engine.messages.journal import Journaled, Replayed, ReplayRequested
from engine.messages.market import BarClosed, FeedStateChanged, PhaseWanted
from engine.messages.records import GroupClosed, GroupOpened, Record, SignalRecorded
from engine.messages.signals import EntryDecided, EntryProposed, ExitAdvised, TradePlan
from engine.messages.supervision import TimerFired
from engine.messages.values import (
    Authority,
    Book,
    FeedState,
    Mode,
    Product,
    Refusal,
    Side,
)
from engine.strategies.base import Closed, Decided, Fill, Parameters, Proposal, Strategy
from engine.units import NS_PER_MINUTE, NS_PER_S
from tests.engine.strategies.test_proposals import BAD, Hostile, a_proposal
from tests.fakes import FakeContext
from tests.ideas import NAME, OPENS_NS, a_phase, a_tick, bar

OWN = Instrument(name=NAME, tick_paise=5)
NOW_NS = OPENS_NS + 10 * NS_PER_MINUTE


class Scripted(Strategy[Parameters]):
    """Does on each bar what the test says, and notes all it hears."""

    script: ClassVar[Callable[["Scripted", BarClosed], object]]
    heard: ClassVar[list[str]]

    def on_start(self, view: Any) -> None:
        self.heard.append(f"start {view.name}")

    def on_stop(self) -> None:
        self.heard.append("stop")

    def on_phase(self, phase: Any) -> None:
        self.heard.append(f"phase {phase.phase.value}")

    def on_tick(self, tick: Any) -> None:
        self.heard.append(f"tick {tick.price_paise}")

    def on_bar(self, bar: BarClosed) -> None:
        self.heard.append(f"bar {bar.close_paise}")
        type(self).script(self, bar)

    def on_decision(self, decided: Decided) -> None:
        self.heard.append(f"decided {decided.group_id or decided.rule}")

    def on_fill(self, fill: Fill) -> None:
        self.heard.append(f"fill {fill.price_paise}")

    def on_group_closed(self, closed: Closed) -> None:
        self.heard.append(f"closed {closed.group_id}")

    def on_timer(self, key: str, now_ns: int) -> None:
        self.heard.append(f"timer {key}")


def idle(_strategy: Scripted, _bar: BarClosed) -> None:
    pass


def propose(strategy: Scripted, item: BarClosed) -> None:
    strategy.port.propose(idea(item))


def idea(item: BarClosed, **changes: Any) -> Proposal:
    times = {"idea_at_ns": item.end_at_ns, "expires_at_ns": item.end_at_ns + NS_PER_MINUTE}
    return a_proposal(**(times | changes))


class Shell:
    """A started shell with its context."""

    def __init__(
        self,
        script: Callable[[Scripted, BarClosed], object] = propose,
        *,
        records: tuple[Record, ...] = (),
        history: Callable[[int], Iterable[BarClosed]] = no_history,
        console: str = "",
    ) -> None:
        self.heard: list[str] = []
        self.kind: type[Scripted] = type(
            "Own", (Scripted,), {"script": staticmethod(script), "heard": self.heard}
        )
        self.ctx = FakeContext("strategy/own", now_ns=NOW_NS)
        self.behaviour = StrategyBehaviour(
            self.kind, Parameters(), (OWN,), name="own", history=history, console=console
        )
        assert self.behaviour.open(self.ctx) is Opening.DEFERRED
        self.give(Replayed(reader_generation=1, records=records, seq=len(records)))
        assert not self.ctx.is_ready
        self.give(a_phase(NOW_NS))
        assert self.ctx.is_ready

    def give(self, *messages: Message) -> None:
        for message in messages:
            self.behaviour.receive(message)

    def proposed(self) -> list[EntryProposed]:
        return self.ctx.of(EntryProposed, "guard")


def at(minute: int) -> BarClosed:
    """The bar that ends `minute` minutes after the opening."""
    return bar(minute - 1, 10_000)


SIGNAL = signal_id("own", NAME, Side.BUY, NOW_NS)


def an_entry(signal: str = SIGNAL, strategy: str = "own") -> EntryProposed:
    proposal = a_proposal()
    return EntryProposed(
        signal_id=signal,
        strategy=strategy,
        strategy_generation=1,
        instrument=NAME,
        side=Side.BUY,
        price_limit_paise=proposal.price_limit_paise,
        price_stop_paise=proposal.price_stop_paise,
        targets=proposal.targets,
        at_ns=NOW_NS,
        expires_at_ns=NOW_NS + NS_PER_MINUTE,
    )


def an_opened(group: str = "grp-1", strategy: str = "own") -> GroupOpened:
    plan = TradePlan(
        group_id=group,
        client_plan_id="plan-1",
        decision_id="dec-1",
        signal_id="sig-1",
        strategy=strategy,
        instrument=NAME,
        book=Book.PAPER,
        side=Side.BUY,
        quantity=1,
        lot=1,
        tick_paise=5,
        price_limit_paise=10_000,
        price_stop_paise=9_900,
        targets=a_proposal().targets,
        trail_paise=0,
        product=Product.MIS,
        risk_paise=100,
        notional_paise=10_000,
        mode_seq=1,
        config_sha="",
        at_ns=OPENS_NS,
        entry_expires_at_ns=NOW_NS,
    )
    return GroupOpened(at_ns=OPENS_NS, plan=plan)


def a_closed(group: str = "grp-1", strategy: str = "own") -> GroupClosed:
    return GroupClosed(
        at_ns=OPENS_NS + NS_PER_S,
        group_id=group,
        strategy=strategy,
        instrument=NAME,
        book=Book.PAPER,
        reason="stop",
        quantity_entered=1,
        pnl_gross_paise=-100,
        charges_paise=0,
    )


def a_decision(signal: str, group: str = "grp-1") -> EntryDecided:
    refusal = None if group else Refusal(rule="heat", measured=2, limit=1, why="")
    return EntryDecided(
        signal_id=signal,
        strategy="own",
        instrument=NAME,
        group_id=group,
        refusal=refusal,
        at_ns=NOW_NS,
    )


def authority(*ceilings: Ceiling) -> AuthorityChanged:
    return AuthorityChanged(seq=1, mode=Mode.PAPER, mode_seq=1, ceilings=ceilings, at_ns=NOW_NS)


def a_ceiling(owner: str = "operator", scope: str = "strategy:own") -> Ceiling:
    return Ceiling(owner=owner, scope=scope, authority=Authority.NONE, reason="lunch")


# -- the start --------------------------------------------------------------------------------


def test_when_opened_then_past_and_phase_are_asked_for() -> None:
    shell = Shell()
    assert [request.reader for request in shell.ctx.of(ReplayRequested)] == ["strategy/own"]
    assert [wanted.reader for wanted in shell.ctx.of(PhaseWanted, "calendar")] == ["strategy/own"]


def test_when_started_in_the_day_then_the_past_is_told_before_the_present() -> None:
    shell = Shell(
        records=(an_opened(), a_closed(), an_opened("grp-2"), an_opened("grp-3", "other")),
        history=lambda now_ns: [bar(n, 10_000 + n) for n in range(2)],
    )
    shell.give(a_tick(5))
    assert shell.heard == [
        "start own", "phase continuous", "decided grp-1", "closed grp-1", "decided grp-2",
        "bar 10000", "bar 10001", "tick 5",
    ]  # fmt: skip
    assert shell.proposed() == [], "the past proposes nothing"


def test_when_an_idea_was_recorded_before_the_start_then_it_is_not_proposed_again() -> None:
    recorded = SignalRecorded(at_ns=NOW_NS, signal=an_entry())
    shell = Shell(records=(recorded,))
    shell.give(at(10))
    assert shell.proposed() == []
    shell.ctx.advance(shell.behaviour, NS_PER_MINUTE)
    shell.give(at(11))
    assert len(shell.proposed()) == 1


def test_when_the_phase_comes_first_then_the_start_waits_for_the_past() -> None:
    ctx = FakeContext("strategy/own", now_ns=NOW_NS)
    kind = type("Own", (Scripted,), {"script": staticmethod(idle), "heard": []})
    behaviour = StrategyBehaviour(kind, Parameters(), (OWN,), name="own")
    behaviour.open(ctx)
    behaviour.receive(a_phase(NOW_NS))
    assert not ctx.is_ready
    behaviour.receive(Replayed(reader_generation=1, records=(), seq=0))
    assert ctx.is_ready


# -- the way of an idea -----------------------------------------------------------------------


def test_when_an_idea_is_sound_then_the_guard_hears_it_once() -> None:
    shell = Shell()
    shell.give(at(10), at(10))
    (proposed,) = shell.proposed()
    assert proposed.signal_id == SIGNAL
    assert (proposed.strategy, proposed.strategy_generation) == ("own", 1)
    assert proposed.at_ns == NOW_NS
    shell.give(a_decision(proposed.signal_id))
    shell.give(Journaled(seq=1, record=a_closed()), Journaled(seq=1, record=a_closed()))
    assert shell.heard[2:] == ["bar 10000", "bar 10000", "decided grp-1", "closed grp-1"]


def test_when_nobody_decides_then_the_idea_counts_as_refused() -> None:
    shell = Shell()
    shell.give(at(10))
    shell.ctx.advance(shell.behaviour, 69 * NS_PER_S)
    assert "decided unanswered" not in shell.heard
    shell.ctx.advance(shell.behaviour, NS_PER_S)
    assert shell.heard[-1] == "decided unanswered"
    shell.ctx.advance(shell.behaviour, 600 * NS_PER_S)
    assert shell.heard.count("decided unanswered") == 1


def test_when_a_decision_came_then_no_timer_waits() -> None:
    shell = Shell()
    shell.give(at(10), a_decision(SIGNAL, ""))
    assert shell.heard[-1] == "decided heat"
    shell.ctx.advance(shell.behaviour, 600 * NS_PER_S)
    assert shell.heard[-1] == "decided heat"


@pytest.mark.parametrize(
    ("ceiling", "is_heard"),
    [
        (a_ceiling(), False),
        (a_ceiling("storm"), False),
        (a_ceiling(scope="actor:strategy/own"), False),
        (a_ceiling("release"), True),  # on the paper book
        (a_ceiling(scope="strategy:other"), True),
    ],
)
def test_when_a_ceiling_is_on_the_strategy_then_it_stops_proposing(
    ceiling: Ceiling, is_heard: bool
) -> None:
    shell = Shell()
    shell.give(authority(ceiling), at(10))
    assert bool(shell.proposed()) is is_heard
    assert "bar 10000" in shell.heard, "a paused strategy stays warm"
    shell.give(authority())
    shell.ctx.advance(shell.behaviour, NS_PER_MINUTE)
    shell.give(at(11))
    assert len(shell.proposed()) == 1 + is_heard


def test_when_the_feed_is_not_fresh_then_nothing_is_proposed() -> None:
    def state(value: FeedState) -> FeedStateChanged:
        return FeedStateChanged(
            instrument=NAME, state=value, reasons=(), at_ns=NOW_NS, tick_at_ns=NOW_NS
        )

    shell = Shell()
    shell.give(state(FeedState.STALE), at(10))
    assert shell.proposed() == []
    shell.give(state(FeedState.FRESH), at(10))
    assert len(shell.proposed()) == 1


def test_when_an_exit_is_advised_then_only_own_open_groups_hear_it() -> None:
    answers: list[bool] = []

    def advise(strategy: Scripted, _item: BarClosed) -> None:
        for group in ("grp-1", "grp-2", "grp-9"):
            answers.append(strategy.port.advise_exit(group, "y" * 1_000))

    records = (an_opened(), a_closed(), an_opened("grp-2"), an_opened("grp-9", "other"))
    shell = Shell(advise, records=records)
    shell.give(at(10))
    assert answers == [False, True, False]
    (advised,) = shell.ctx.of(ExitAdvised, "oco/grp-2")
    assert advised.reason == "y" * 200


def test_when_a_timer_is_set_then_it_comes_under_its_own_key() -> None:
    shell = Shell(lambda strategy, item: strategy.port.set_timer("view", NOW_NS + 5))
    shell.give(at(10))
    shell.ctx.advance(shell.behaviour, 10)
    assert shell.heard[-1] == "timer view"


def test_when_stopped_then_the_strategy_is_told_if_it_was_started() -> None:
    shell = Shell()
    shell.behaviour.close("over")
    assert shell.heard[-1] == "stop"
    StrategyBehaviour(Scripted, Parameters(), (OWN,), name="own").close("never opened")


def test_when_a_console_is_named_then_the_view_is_published_and_rests() -> None:
    shell = Shell(console="console")
    shell.give(at(10), at(10))
    shell.ctx.advance(shell.behaviour, 60 * NS_PER_S)
    (view,) = shell.ctx.of(ViewPublished, "console")
    assert view.topic == "strategies/own"
    body = json.loads(view.body)
    assert body["proposed"] == 1
    assert body["refused"] == {"repeated": 1}


def test_when_a_message_is_unknown_then_it_is_a_bug() -> None:
    with pytest.raises(TypeError):
        Shell().give(PhaseWanted(reader="x"))


# -- what anybody may write -------------------------------------------------------------------


@pytest.mark.conformance("BAD-63", "BAD-64")
@pytest.mark.parametrize(("rule", "changes"), BAD, ids=lambda value: "")
def test_when_a_proposal_is_malformed_then_it_is_refused_and_reported(
    rule: str, changes: dict[str, Any]
) -> None:
    returned: list[str] = []

    def emit(strategy: Scripted, item: BarClosed) -> None:
        times = {"idea_at_ns": OPENS_NS, "expires_at_ns": OPENS_NS + NS_PER_MINUTE} | changes
        returned.append(strategy.port.propose(a_proposal(**times)))
        returned.append(strategy.port.propose(idea(item)))

    shell = Shell(emit)
    shell.ctx._now_ns = OPENS_NS
    shell.give(bar(-1, 10_000))
    assert returned[0] == ""
    assert returned[1] != "", "the sound one after it passes"
    assert len(shell.proposed()) == 1
    (alert,) = shell.ctx.of(AlertRaised, "alerts")
    assert alert.text.startswith(rule)
    assert len(alert.text) < 500


@pytest.mark.conformance("BAD-63")
def test_when_a_thousand_ideas_come_in_a_second_then_it_is_a_storm_and_pauses() -> None:
    def storm(strategy: Scripted, item: BarClosed) -> None:
        for number in range(1_000):
            strategy.port.propose(idea(item, idea_at_ns=item.end_at_ns - number))

    shell = Shell(storm)
    shell.give(at(10))
    assert len(shell.proposed()) == PROPOSALS_SECOND_MAX
    (moved,) = shell.ctx.of(CeilingMoved, "authority")
    assert moved.ceiling == Ceiling(
        owner="storm", scope="strategy:own", authority=Authority.NONE, reason="proposal_storm"
    )
    (alert,) = shell.ctx.of(AlertRaised, "alerts")
    assert (alert.severity, alert.event) == ("critical", "proposal_storm")
    shell.give(authority(a_ceiling("storm")), authority())
    shell.ctx.advance(shell.behaviour, NS_PER_MINUTE)
    shell.give(at(11))
    assert len(shell.ctx.of(CeilingMoved)) == 2, "let go on, it stormed again"


@pytest.mark.conformance("BAD-64")
def test_when_an_odd_text_is_advised_then_it_never_leaves() -> None:
    def advise(strategy: Scripted, _item: BarClosed) -> None:
        strategy.port.advise_exit("grp-1", Hostile())  # type: ignore[arg-type]
        strategy.port.advise_exit(Hostile(), "x")  # type: ignore[arg-type]

    shell = Shell(advise, records=(an_opened(),))
    shell.give(at(10))
    assert [advised.reason for advised in shell.ctx.of(ExitAdvised)] == ["advised"]


def test_when_a_timer_fires_that_is_not_ours_then_it_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        Shell().give(TimerFired(key="strange"))
