"""The custodian: every open group has its actor, flat means verified."""

import pytest
from msgspec.structs import replace

from actors.custodian import CustodianBehaviour
from engine.limits import FLAT_CHECK_NS, LATE_AGAIN_NS
from engine.messages.control import (
    AlertRaised,
    EntriesCancelled,
    FlattenOrdered,
    FlatVerified,
    RecoveryDone,
)
from engine.messages.market import FeedsCalled
from engine.messages.plans import PlanApproved
from engine.messages.records import (
    ModeChanged,
    OperatorActed,
    Record,
    RiskNoted,
)
from engine.messages.signals import ExitAdvised
from engine.messages.supervision import ChildExited, ChildReady, ChildWanted, ExitKind
from engine.messages.values import Mode, SessionPhase
from engine.units import NS_PER_MINUTE
from tests.fakes import FakeContext, journaled, opened
from tests.risk_samples import NOW, SESSION, closed_group, fill, opened_group

PAST: tuple[Record, ...] = (
    opened_group("a"),
    opened_group("b", instrument="NSE:TCS", strategy="orb"),
    opened_group("c"),
    closed_group("c"),
)


@pytest.fixture
def custodian() -> CustodianBehaviour:
    return CustodianBehaviour()


@pytest.fixture
def ctx(custodian: CustodianBehaviour) -> FakeContext:
    return opened(custodian, FakeContext("custodian", now_ns=NOW), PAST)


def wanted(ctx: FakeContext) -> list[str]:
    return [want.child_id for want in ctx.of(ChildWanted, "protection")]


def advised(ctx: FakeContext) -> list[str]:
    return [target for target, message in ctx.sent if isinstance(message, ExitAdvised)]


def flatten(custodian: CustodianBehaviour, scope: str = "") -> None:
    custodian.receive(FlattenOrdered(scope=scope, reason="test", at_ns=NOW))


def test_when_recovered_then_every_open_group_is_brought_back(ctx: FakeContext) -> None:
    assert wanted(ctx) == ["a", "b"]
    arguments = [want.argument for want in ctx.of(ChildWanted)]
    assert all(isinstance(a, PlanApproved) and a.preface == () for a in arguments)
    assert [done.part for done in ctx.of(RecoveryDone, "authority")] == ["custodian"]


def test_when_protection_is_back_then_the_groups_are_asked_for_again(
    custodian: CustodianBehaviour, ctx: FakeContext
) -> None:
    ctx.forget()
    custodian.receive(ChildReady(name="protection", generation=2))
    assert wanted(ctx) == ["a", "b"]


def test_when_a_group_ends_while_open_then_it_is_wanted_again(
    custodian: CustodianBehaviour, ctx: FakeContext
) -> None:
    ctx.forget()
    for name in ("oco/a", "oco/c", "writer"):
        custodian.receive(ChildExited(name=name, generation=1, kind=ExitKind.NORMAL, reason=""))
    assert wanted(ctx) == ["a"]


@pytest.mark.parametrize(
    ("scope", "told"),
    [
        ("", ["oco/a", "oco/b"]),
        ("strategy:orb", ["oco/b"]),
        ("instrument:NSE:INFY", ["oco/a"]),
        ("actor:oco/a", ["oco/a"]),
        ("strategy:nobody", []),
        ("nonsense:x", []),
    ],
)
def test_when_a_scope_goes_flat_then_its_groups_are_told(
    custodian: CustodianBehaviour, ctx: FakeContext, scope: str, told: list[str]
) -> None:
    flatten(custodian, scope)
    assert advised(ctx) == told
    custodian.receive(EntriesCancelled(scope=scope, reason="test", at_ns=NOW))
    assert [to for to, m in ctx.sent if isinstance(m, EntriesCancelled)] == told


@pytest.mark.conformance("INV-42", "LIV-02")
def test_when_a_flatten_does_not_end_then_it_is_told_and_pursued(
    custodian: CustodianBehaviour, ctx: FakeContext
) -> None:
    flatten(custodian)
    ctx.advance(custodian, FLAT_CHECK_NS)
    (alert,) = ctx.of(AlertRaised)
    assert alert.severity == "critical"
    assert alert.text.startswith("NOT FLAT: 2 groups")
    assert advised(ctx) == ["oco/a", "oco/b", "oco/a", "oco/b"]
    number = journaled(10)
    custodian.receive(number(closed_group("a")))
    custodian.receive(number(closed_group("b")))
    assert [v.groups_open for v in ctx.of(FlatVerified, "authority")] == [2, 2, 1, 0]
    ctx.forget()
    ctx.advance(custodian, 10 * FLAT_CHECK_NS)
    assert not ctx.sent


def test_when_nothing_is_open_then_flat_is_verified_at_once() -> None:
    custodian = CustodianBehaviour()
    ctx = opened(custodian, FakeContext("custodian", now_ns=NOW))
    flatten(custodian)
    assert [v.groups_open for v in ctx.of(FlatVerified)] == [0]


def test_when_a_group_opens_during_a_flatten_then_it_goes_flat_too(
    custodian: CustodianBehaviour, ctx: FakeContext
) -> None:
    flatten(custodian)
    ctx.forget()
    custodian.receive(journaled(10)(opened_group("d")))
    assert advised(ctx) == ["oco/d"]


@pytest.mark.conformance("INV-39")
def test_when_flat_by_comes_then_all_goes_flat_once_and_it_is_noted(
    custodian: CustodianBehaviour, ctx: FakeContext
) -> None:
    custodian.receive(SESSION)
    ctx.advance(custodian, 240 * NS_PER_MINUTE)
    assert [c.reason for c in ctx.of(EntriesCancelled, "oco/a")] == ["entry window is over"]
    assert not advised(ctx)
    ctx.advance(custodian, 50 * NS_PER_MINUTE)
    assert advised(ctx) == ["oco/a", "oco/b"]
    (note,) = ctx.records()
    assert isinstance(note, RiskNoted)
    again = CustodianBehaviour()
    late = FakeContext("custodian", generation=2, now_ns=SESSION.flat_by_at_ns + 1)
    opened(again, late, (*PAST, note, closed_group("a"), closed_group("b")))
    again.receive(SESSION)
    late.advance(again, NS_PER_MINUTE)
    assert not advised(late)
    assert not late.records()


def test_when_restarted_after_flat_by_then_what_is_still_open_is_pursued(
    custodian: CustodianBehaviour, ctx: FakeContext
) -> None:
    late = FakeContext("custodian", generation=2, now_ns=SESSION.flat_by_at_ns + 1)
    again = CustodianBehaviour()
    opened(again, late, PAST)
    again.receive(SESSION)
    late.advance(again, NS_PER_MINUTE // 60)
    assert advised(late) == ["oco/a", "oco/b"]


def test_when_the_session_closes_with_open_groups_then_it_is_a_flatten(
    custodian: CustodianBehaviour, ctx: FakeContext
) -> None:
    custodian.receive(SESSION)
    closed = replace(SESSION, phase=SessionPhase.CLOSED, flat_by_at_ns=0, entries_end_at_ns=0)
    custodian.receive(closed)
    assert advised(ctx) == ["oco/a", "oco/b"]


@pytest.mark.conformance("INV-17")
def test_when_a_group_of_an_earlier_life_fills_late_then_it_is_brought_back(
    custodian: CustodianBehaviour, ctx: FakeContext
) -> None:
    custodian.receive(SESSION)
    late = fill("T9", 5, group_id="c", filled_total=5)
    custodian.receive(journaled(len(PAST) + 1)(late))
    assert wanted(ctx)[-1] == "c"


@pytest.mark.conformance("LIV-12")
def test_liv_12_when_a_market_begins_then_the_open_groups_are_called(
    custodian: CustodianBehaviour, ctx: FakeContext
) -> None:
    custodian.receive(FeedsCalled())
    assert [to for to, message in ctx.sent if isinstance(message, FeedsCalled)] == [
        "oco/a",
        "oco/b",
    ]


@pytest.mark.conformance("LIV-01")
def test_when_told_to_go_flat_before_the_first_phase_then_it_still_goes(
    custodian: CustodianBehaviour, ctx: FakeContext
) -> None:
    flatten(custodian)
    custodian.receive(SESSION)
    ctx.sent.clear()
    ctx.advance(custodian, FLAT_CHECK_NS)
    assert advised(ctx) == ["oco/a", "oco/b"]


def moved(before: Mode, after: Mode) -> ModeChanged:
    return ModeChanged(mode_from=before, mode_to=after, mode_seq=1, reason="test", at_ns=NOW)


def ordered(scope: str, outcome: str = "done") -> OperatorActed:
    return OperatorActed(command="flatten", argument=scope, by="me", outcome=outcome, at_ns=NOW)


FLATTENING = moved(Mode.LIVE, Mode.FLATTENING)
RESTARTED = moved(Mode.STANDBY, Mode.RECOVERING)


@pytest.mark.conformance("LIV-02")
@pytest.mark.parametrize(
    ("later", "told"),
    [
        ((FLATTENING,), ["oco/a", "oco/b"]),
        ((FLATTENING, RESTARTED, opened_group("d")), ["oco/a", "oco/b"]),
        ((FLATTENING, opened_group("d"), RESTARTED), ["oco/a", "oco/b", "oco/d"]),
        ((FLATTENING, closed_group("a"), RESTARTED), ["oco/b"]),
        ((ordered("strategy:orb"),), ["oco/b"]),
        ((ordered("", outcome="refused"),), []),
        ((moved(Mode.LIVE, Mode.REDUCE),), []),
    ],
)
def test_liv_02_when_a_flatten_was_recorded_then_the_next_life_goes_on_with_it(
    later: tuple[Record, ...], told: list[str]
) -> None:
    """A core that restarted before the groups had recorded their exits forgot a person's order."""
    again = CustodianBehaviour()
    ctx = opened(again, FakeContext("custodian", generation=2, now_ns=NOW), (*PAST, *later))
    assert advised(ctx) == told
    ctx.forget()
    ctx.advance(again, LATE_AGAIN_NS)
    assert advised(ctx) == told
    ctx.forget()
    ctx.advance(again, FLAT_CHECK_NS)
    assert advised(ctx) == told
    assert len(ctx.of(AlertRaised)) == len(told)


def halted_by_him(outcome: str = "done") -> OperatorActed:
    return OperatorActed(command="halt", argument="", by="me", outcome=outcome, at_ns=NOW)


LATCHED = moved(Mode.STANDBY, Mode.HALTED)
HALTED = moved(Mode.FLATTENING, Mode.HALTED)
RESUMED = OperatorActed(command="resume", argument="", by="me", outcome="done", at_ns=NOW)


@pytest.mark.conformance("LIV-02")
@pytest.mark.parametrize(
    ("later", "reasons"),
    [
        ((FLATTENING, LATCHED), ["test"]),
        ((FLATTENING, LATCHED, LATCHED), ["test"]),
        ((FLATTENING, HALTED, LATCHED), []),
        ((LATCHED, FLATTENING, halted_by_him(), LATCHED), []),
        ((FLATTENING, halted_by_him("refused"), LATCHED), ["test"]),
        ((FLATTENING, HALTED, RESUMED, LATCHED), ["test"]),
        ((FLATTENING, HALTED, FLATTENING, LATCHED), ["test"]),
        ((ordered("strategy:orb"), LATCHED), []),
        ((FLATTENING, RESTARTED, opened_group("d"), LATCHED), []),
        ((FLATTENING, closed_group("a"), closed_group("b"), LATCHED), []),
    ],
)
def test_liv_02_when_a_life_begins_halted_then_the_authority_hears_of_a_flatten_that_goes_on(
    later: tuple[Record, ...], reasons: list[str]
) -> None:
    """A flatten of all that nobody has halted since; what opened after it is not meant."""
    again = CustodianBehaviour()
    ctx = opened(again, FakeContext("custodian", generation=2, now_ns=NOW), (*PAST, *later))
    asked = ctx.of(FlattenOrdered, "authority")
    assert [order.reason for order in asked] == reasons
    assert all(order.by == "custodian" and not order.scope for order in asked)


@pytest.mark.conformance("LIV-02", "LIV-11")
def test_liv_02_when_the_engine_orders_all_flat_then_the_authority_hears_it(
    custodian: CustodianBehaviour, ctx: FakeContext
) -> None:
    """Only the authority itself leads out of HALTED, where no exit may leave."""
    flatten(custodian)
    flatten(custodian, "strategy:orb")
    custodian.receive(FlattenOrdered(scope="", reason="a person's", by="authority", at_ns=NOW))
    custodian.receive(SESSION)
    ctx.advance(custodian, SESSION.flat_by_at_ns - NOW)
    reasons = [order.reason for order in ctx.of(FlattenOrdered, "authority")]
    assert reasons == ["test", "flat-by time"]


def test_when_nothing_is_open_then_nobody_asks_for_the_mode() -> None:
    custodian = CustodianBehaviour()
    ctx = opened(custodian, FakeContext("custodian", now_ns=NOW), ())
    flatten(custodian)
    assert not ctx.of(FlattenOrdered, "authority")
