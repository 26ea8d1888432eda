"""LIVE is taken back by a person, and an engine is armed before it has seen anything."""

from collections.abc import Callable

import pytest

from actors.authority import AuthorityBehaviour
from actors.guard import GuardBehaviour
from engine.messages.broker import OrderReport, OrderStatus
from engine.messages.control import AuthorityChanged, EntriesCancelled, FlattenOrdered
from engine.messages.market import FeedStateChanged, Tick
from engine.messages.records import IntentPlanned
from engine.messages.values import Action, Authority, Book, FeedState, Leg, Mode, Refusal, Side
from engine.risk.gate import Gate, GateCaps, Verdict
from tests.actors.test_authority_actor import (
    authority,
    ceilings,
    command,
    ctx,
    live,
    mode,
    reconcile,
)
from tests.actors.test_guard import approvals, make_guard, propose, rule_of
from tests.fakes import FakeContext, opened
from tests.risk_samples import NOW, SESSION, intent, stop, tick
from tests.risk_samples import authority as authority_view

__all__ = ["authority", "ctx", "live"]

ON_PAPER = {
    ("release", "strategy:ema"): Authority.NONE,
    ("release", "strategy:orb"): Authority.NONE,
}


def cancelled(ctx: FakeContext) -> list[str]:
    return [item.scope for item in ctx.of(EntriesCancelled, "custodian")]


def test_when_disarmed_then_all_is_on_paper_and_nothing_is_killed_or_flattened(
    authority: AuthorityBehaviour, live: FakeContext
) -> None:
    done = command(authority, "disarm")
    assert (done.is_done, mode(live)) == (True, Mode.PAPER)
    assert ceilings(live) == ON_PAPER
    assert cancelled(live)[:2] == ["strategy:ema", "strategy:orb"]
    assert not live.of(FlattenOrdered)
    modes = [view.mode for view in live.of(AuthorityChanged, "writer")]
    assert Mode.REDUCE in modes[modes.index(Mode.LIVE) :]


def test_when_disarmed_in_trouble_then_paper_comes_when_the_books_are_clean_and_live_does_not(
    authority: AuthorityBehaviour, live: FakeContext
) -> None:
    reconcile(authority, False)
    assert command(authority, "disarm").is_done
    assert mode(live) is Mode.REDUCE
    reconcile(authority, True, True, True)
    assert mode(live) is Mode.PAPER
    assert ceilings(live) == ON_PAPER


def test_when_one_strategy_is_disarmed_then_the_others_stay_live_until_the_last(
    authority: AuthorityBehaviour, live: FakeContext
) -> None:
    assert command(authority, "disarm", "ema").is_done
    assert mode(live) is Mode.LIVE
    assert ceilings(live) == {("release", "strategy:ema"): Authority.NONE}
    assert not command(authority, "disarm", "nobody").is_done
    assert command(authority, "disarm", "orb").is_done
    assert mode(live) is Mode.PAPER


def test_when_disarmed_again_then_nothing_more_happens(
    authority: AuthorityBehaviour, live: FakeContext
) -> None:
    command(authority, "disarm", request_id="1")
    before = len(cancelled(live)), live.of(AuthorityChanged, "writer")[-1].mode_seq
    assert command(authority, "disarm", request_id="2").is_done
    assert (len(cancelled(live)), live.of(AuthorityChanged, "writer")[-1].mode_seq) == before


@pytest.mark.parametrize("event", ["halt", "kill"])
def test_when_disarmed_while_halted_or_killed_then_that_stays(
    authority: AuthorityBehaviour, live: FakeContext, event: str
) -> None:
    command(authority, event)
    stayed = mode(live)
    assert command(authority, "disarm").is_done
    assert mode(live) is stayed
    assert ceilings(live) == ON_PAPER


def test_when_one_strategy_is_armed_later_then_an_earlier_release_does_not_count(
    authority: AuthorityBehaviour, live: FakeContext
) -> None:
    reconcile(authority, False, True, True)  # LIVE ends; both were released for it
    seq = live.of(AuthorityChanged, "writer")[-1].mode_seq
    assert command(authority, "arm", f"live {seq} ema").is_done
    assert mode(live) is Mode.LIVE
    assert ceilings(live) == {("release", "strategy:orb"): Authority.NONE}


# -- what is held, at the gate -------------------------------------------------------------------


def filled(order: IntentPlanned, venue_order_id: str, units: int) -> OrderReport:
    return OrderReport(
        client_order_id=order.client_order_id, venue_order_id=venue_order_id,
        instrument=order.instrument, side=order.side, order_type=order.order_type,
        product=order.product, quantity=order.quantity, filled_quantity=units,
        status=OrderStatus.COMPLETE if units else OrderStatus.TRIGGER_PENDING,
        price_limit_paise=order.price_limit_paise, price_trigger_paise=order.price_trigger_paise,
        price_average_paise=150_000, at_ns=NOW,
    )  # fmt: skip


@pytest.mark.conformance("INV-17", "INV-33")
def test_when_disarmed_then_a_live_position_keeps_its_stop_and_its_way_out(
    authority: AuthorityBehaviour, live: FakeContext
) -> None:
    gate = Gate(GateCaps(quantity_max=1_000, notional_paise_max=10**10), {"NSE:INFY": 1})
    asked = 0

    def judge(order: IntentPlanned) -> Verdict | Refusal:
        nonlocal asked
        asked += 1
        gate.authorise(live.of(AuthorityChanged, "writer")[-1])
        return gate.judge(order, 150_000, NOW, asked * 10**9)

    seq = live.of(AuthorityChanged, "writer")[-1].mode_seq
    entry = intent("E1", book=Book.LIVE, mode_seq=seq)
    protection = stop("S1", book=Book.LIVE)
    for order, venue_order_id, units in ((entry, "1", 10), (protection, "2", 0)):
        assert judge(order) is Verdict.SEND
        gate.sent(order)
        gate.orders.report(filled(order, venue_order_id, units))
    assert command(authority, "disarm").is_done
    more = intent("E2", book=Book.LIVE, group_id="grp-2", mode_seq=seq)
    refused = judge(more)
    assert isinstance(refused, Refusal)
    assert refused.rule == "authority"
    smaller = stop("S1", quantity=5, book=Book.LIVE, intent_id="S1-m1", action=Action.MODIFY)
    assert judge(smaller) is Verdict.SEND
    gate.sent(smaller)
    gate.orders.report(filled(stop("S1", quantity=5, book=Book.LIVE), "2", 0))
    out = intent("X1", book=Book.LIVE, leg=Leg.EXIT, side=Side.SELL, quantity=5)
    assert judge(out) is Verdict.SEND
    paper = intent(
        "P1", group_id="grp-3", mode_seq=live.of(AuthorityChanged, "writer")[-1].mode_seq
    )
    assert judge(paper) is Verdict.SEND


# -- armed before the first tick -----------------------------------------------------------------


def fresh(guard: GuardBehaviour) -> None:
    state = FeedStateChanged(
        instrument="NSE:INFY", state=FeedState.FRESH, reasons=(), at_ns=NOW, tick_at_ns=NOW
    )
    guard.receive(state)


OLD: Tick = tick(at_ns=NOW - 3_600 * 10**9)


@pytest.mark.parametrize(
    ("steps", "rule"),
    [
        ((), "feed"),
        ((lambda guard: guard.receive(tick()),), "feed"),
        ((fresh,), "tick_age"),
        ((fresh, lambda guard: guard.receive(OLD)), "tick_age"),
        ((fresh, lambda guard: guard.receive(tick())), ""),
    ],
)
def test_when_armed_before_its_first_tick_then_the_guard_lets_no_entry_pass_until_feeds_are_fresh(
    steps: tuple[Callable[[GuardBehaviour], None], ...], rule: str
) -> None:
    guard = make_guard()
    ctx = opened(guard, FakeContext("guard", now_ns=NOW))
    guard.receive(authority_view(Mode.LIVE))
    guard.receive(SESSION)
    for step in steps:
        step(guard)
    propose(guard)
    assert rule_of(ctx) == rule
    books = [approved.plan.book for approved in approvals(ctx)]
    assert books == ([] if rule else [Book.LIVE])
