"""The gate: what may leave now, and nothing twice."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.messages.broker import (
    BrokerSnapshot,
    IntentAnswered,
    OrderReport,
    OrderStatus,
    Outcome,
    TradeReport,
)
from engine.messages.control import Ceiling
from engine.messages.records import (
    IntentPlanned,
    OrderAccepted,
    OrderDenied,
    OrderFact,
    OrderLost,
    OrderRejected,
    OrderTriggered,
)
from engine.messages.values import (
    Action,
    Authority,
    Book,
    Leg,
    Mode,
    OrderType,
    Product,
    Refusal,
    Side,
)
from engine.risk.gate import Gate, GateCaps, Verdict
from engine.risk.rate import RateBudget
from engine.risk.reduce_only import Interval
from engine.units import NS_PER_S
from tests.risk_samples import INFY, NOW, authority, closed_group, fill, intent, stop, tick

CAPS = GateCaps(quantity_max=100, notional_paise_max=15_000_000)


@pytest.fixture
def gate() -> Gate:
    gate = Gate(CAPS, {"NSE:INFY": 1})
    gate.authorise(authority())
    return gate


@pytest.fixture
def held() -> Gate:
    """A gate that knows of a bought position of ten without protection."""
    gate = Gate(CAPS, {"NSE:INFY": 1})
    gate.authorise(authority())
    gate.orders.fold(intent())
    gate.orders.fold(fill())
    return gate


def verdict(gate: Gate, asked: IntentPlanned, now_ns: int = NOW, mark: int = 150_000) -> str:
    got = gate.judge(asked, mark, now_ns, now_ns)
    if isinstance(got, Refusal):
        return got.rule
    if got is Verdict.SEND:
        gate.sent(asked)
    return got.value


def known(gate: Gate, asked: IntentPlanned) -> None:
    """Send it and let the broker take it."""
    assert verdict(gate, asked) == "send"
    answer = IntentAnswered(
        intent_id=asked.intent_id,
        client_order_id=asked.client_order_id,
        action=asked.action,
        outcome=Outcome.ACKED,
        at_ns=NOW,
    )
    gate.orders.report(answer)


def denied(asked: IntentPlanned, rule: str) -> OrderDenied:
    return OrderDenied(
        client_order_id=asked.client_order_id,
        group_id=asked.group_id,
        leg=asked.leg,
        instrument=asked.instrument,
        at_ns=NOW,
        intent_id=asked.intent_id,
        action=asked.action,
        refusal=Refusal(rule=rule, measured=1, limit=0, why="a test"),
    )


def fact(kind: type[OrderFact], asked: IntentPlanned, **more: Any) -> Any:
    return kind(
        client_order_id=asked.client_order_id,
        group_id=asked.group_id,
        leg=asked.leg,
        instrument=asked.instrument,
        at_ns=NOW,
        **more,
    )


@pytest.mark.conformance("INV-04", "CTL-15")
def test_when_an_intent_has_left_then_it_never_leaves_again(gate: Gate) -> None:
    assert verdict(gate, intent()) == "send"
    assert verdict(gate, intent()) == "repeated"


@pytest.mark.conformance("INV-04")
def test_when_an_intent_is_in_the_past_then_it_never_leaves(gate: Gate) -> None:
    gate.orders.fold(intent())
    assert verdict(gate, intent()) == "repeated"


@pytest.mark.parametrize(("expires", "expected"), [(NOW + 1, "send"), (NOW, "expired")])
def test_when_the_time_is_over_then_it_is_denied(gate: Gate, expires: int, expected: str) -> None:
    assert verdict(gate, intent(expires_at_ns=expires)) == expected


@pytest.mark.conformance("BAD-63", "CTL-01", "CTL-02")
@pytest.mark.parametrize(
    ("changes", "mark", "expected"),
    [
        ({"quantity": 100}, 0, "send"),
        ({"quantity": 101}, 0, "fat_finger"),
        ({"quantity": 0}, 0, "shape"),
        ({"quantity": -1}, 0, "shape"),
        ({"quantity": 10.0}, 0, "shape"),
        ({"quantity": None}, 0, "shape"),
        ({"quantity": math.nan}, 0, "shape"),
        ({"price_limit_paise": None}, 0, "shape"),
        ({"price_limit_paise": 0}, 0, "shape"),
        ({"price_limit_paise": math.nan}, 0, "shape"),
        ({"quantity": 100, "price_limit_paise": 150_005}, 0, "fat_finger"),
        ({"quantity": 100}, 150_001, "fat_finger"),
        ({"order_type": OrderType.MARKET, "price_limit_paise": 0}, 150_000, "send"),
        ({"order_type": OrderType.MARKET, "price_limit_paise": 0}, 0, "fat_finger"),
        ({"instrument": "NSE:TCS"}, 0, "fat_finger"),
        ({"mode_seq": 6}, 0, "mode_seq"),
        ({"mode_seq": 8}, 0, "mode_seq"),
        ({"action": Action.MODIFY, "intent_id": "m"}, 0, "shape"),
    ],
)
def test_when_an_entry_is_not_sound_then_it_is_denied(
    gate: Gate, changes: dict[str, Any], mark: int, expected: str
) -> None:
    assert verdict(gate, intent(**changes), mark=mark) == expected


@pytest.mark.conformance("INV-24", "CTL-03")
@pytest.mark.parametrize(
    ("limit_paise", "age_s", "expected"),
    [
        (153_000, 0, "send"),
        (153_020, 0, "price_away"),
        (146_980, 0, "price_away"),
        (1_500, 0, "price_away"),
        (153_020, 5, "price_away"),
        (153_020, 6, "send"),
        (153_020, -6, "send"),
    ],
)
def test_inv_24_when_an_entry_comes_late_then_it_is_near_the_price_that_the_writer_knows(
    limit_paise: int, age_s: int, expected: str
) -> None:
    """Twice one percent of 1500.00, unless that price is older than five seconds."""
    gate = Gate(replace(CAPS, price_away_bps_max=100, tick_age_ns_max=5 * NS_PER_S), {INFY.name: 1})
    gate.authorise(authority())
    gate.ticks[INFY.name] = tick(received_at_ns=NOW - age_s * NS_PER_S)
    assert verdict(gate, intent(quantity=1, price_limit_paise=limit_paise)) == expected


def test_inv_24_when_an_exit_is_far_from_the_price_then_it_leaves(held: Gate) -> None:
    held.ticks[INFY.name] = tick()
    assert verdict(held, replace(stop(), price_limit_paise=15_000)) == "send"


def test_when_no_authority_was_given_yet_then_nothing_leaves() -> None:
    assert verdict(Gate(CAPS, {"NSE:INFY": 1}), intent()) == "authority"


@pytest.mark.conformance("INV-08", "INV-09", "INV-10", "INV-11")
@pytest.mark.parametrize(
    ("mode", "entry", "exit_", "cancel"),
    [
        (Mode.STANDBY, "authority", "authority", "authority"),
        (Mode.RECOVERING, "authority", "send", "send"),
        (Mode.PAPER, "send", "send", "send"),
        (Mode.REDUCE, "authority", "send", "send"),
        (Mode.LIVE, "send", "send", "send"),
        (Mode.HALTED, "authority", "authority", "send"),
        (Mode.FLATTENING, "authority", "send", "send"),
        (Mode.KILLED, "authority", "send", "send"),
        (Mode.FENCED, "authority", "authority", "authority"),
    ],
)
def test_when_a_mode_rules_then_only_what_it_allows_leaves(
    held: Gate, mode: Mode, entry: str, exit_: str, cancel: str
) -> None:
    held.orders.fold(intent("E2", group_id="grp-2"))
    held.authorise(authority(mode, seq=2))
    exit_intent = stop("X1", leg=Leg.EXIT, order_type=OrderType.LIMIT, price_trigger_paise=0)
    withdraw = intent("E2", intent_id="c", group_id="grp-2", action=Action.CANCEL)
    assert verdict(held, intent("E3", group_id="grp-3")) == entry
    assert verdict(held, exit_intent) == exit_
    assert verdict(held, withdraw) == cancel


@pytest.mark.conformance("INV-17")
def test_when_halted_then_a_stop_grows_with_a_late_fill_and_never_beyond(held: Gate) -> None:
    known(held, stop())
    held.authorise(authority(Mode.HALTED, seq=2))
    reprice = stop(intent_id="m1", action=Action.MODIFY, price_trigger_paise=149_500)
    assert verdict(held, reprice) == "send"
    held.orders.fold(fill("T2", 5, filled_total=15))
    grow = stop(intent_id="m2", action=Action.MODIFY, quantity=15)
    assert verdict(held, grow) == "send"
    beyond = stop(intent_id="m3", action=Action.MODIFY, quantity=16)
    assert verdict(held, beyond) != "send"


@pytest.mark.conformance("INV-10")
@pytest.mark.parametrize("is_replayed", [False, True])
def test_when_halted_then_a_growth_that_did_not_happen_is_new_quantity(
    held: Gate, is_replayed: bool
) -> None:
    held.orders.fold(fill("T2", 5, filled_total=15))
    known(held, stop())
    if is_replayed:
        grow = stop(intent_id="m1", action=Action.MODIFY, quantity=15)
        held.orders.fold(grow)
        held.orders.fold(denied(grow, "authority"))
        assert held.orders.get(grow.client_order_id).remaining == 10  # type: ignore[union-attr]
    held.authorise(authority(Mode.HALTED, seq=2))
    as_limit = {"order_type": OrderType.LIMIT, "price_trigger_paise": 0}
    again = stop(intent_id="m2", action=Action.MODIFY, quantity=15, **as_limit)
    assert verdict(held, again) == "authority"
    reprice = stop(intent_id="m3", action=Action.MODIFY, **as_limit)
    assert verdict(held, reprice) == "send"


@pytest.mark.conformance("INV-09")
def test_inv_09_when_a_stop_is_moved_to_the_market_then_no_target_may_fill_beside_it(
    held: Gate,
) -> None:
    """A stop and a target fill one instead of the other; a stop at the market does not."""
    known(held, stop())
    target = stop("T", leg=Leg.TARGET_1, order_type=OrderType.LIMIT, price_trigger_paise=0)
    known(held, target)
    as_limit = {"order_type": OrderType.LIMIT, "price_trigger_paise": 0}
    move = stop(intent_id="m1", action=Action.MODIFY, **as_limit)
    assert verdict(held, move) == "reduce_only"
    held.orders.fold(fact(OrderRejected, target, reason="a test"))
    assert verdict(held, move) == "send"
    assert verdict(held, replace(target, client_order_id="T9", intent_id="T9")) == "reduce_only"
    held.orders.fold(denied(move, "authority"))
    assert verdict(held, replace(target, client_order_id="T9", intent_id="T9")) == "send"


def test_when_a_growth_is_denied_as_repeated_then_the_first_may_still_happen(held: Gate) -> None:
    held.orders.fold(fill("T2", 5, filled_total=15))
    known(held, stop())
    grow = stop(intent_id="m1", action=Action.MODIFY, quantity=15)
    assert verdict(held, grow) == "send"
    held.orders.fold(denied(grow, "repeated"))
    assert held.orders.get(grow.client_order_id).remaining == 15  # type: ignore[union-attr]


def test_when_halted_with_a_naked_position_then_its_stop_may_be_placed(held: Gate) -> None:
    held.authorise(authority(Mode.HALTED, seq=2))
    target = stop(leg=Leg.TARGET_1, order_type=OrderType.LIMIT, price_trigger_paise=0)
    assert verdict(held, target) == "authority"
    assert verdict(held, stop("S2")) == "send"


@pytest.mark.conformance("LIV-09", "ORD-07", "INV-10")
def test_when_halted_with_a_flipped_position_then_it_may_go_back_to_flat(held: Gate) -> None:
    target = stop("T", leg=Leg.TARGET_1, order_type=OrderType.LIMIT, price_trigger_paise=0)
    known(held, target)
    held.authorise(authority(Mode.HALTED, seq=2))
    withdraw = replace(target, intent_id="c", action=Action.CANCEL)
    assert verdict(held, withdraw) == "authority"
    held.orders.fold(stop())
    held.orders.fold(fill("T2", 15, client_order_id="S1", leg=Leg.STOP, side=Side.SELL))
    assert held.orders.position("grp-1").hi == -5
    assert verdict(held, withdraw) == "send"
    back = stop(
        "X1",
        leg=Leg.EXIT,
        side=Side.BUY,
        quantity=5,
        order_type=OrderType.LIMIT,
        price_trigger_paise=0,
    )
    assert verdict(held, replace(back, intent_id="x0", quantity=6)) == "reduce_only"
    assert verdict(held, replace(back, owner="strategy/ema")) != "send"
    assert verdict(held, back) == "send"


@pytest.mark.conformance("LIV-09", "INV-10")
@pytest.mark.parametrize("is_filled", [False, True])
def test_when_halted_after_a_stop_for_a_part_triggered_then_the_rest_may_go(
    held: Gate, is_filled: bool
) -> None:
    held.orders.fold(fill("T2", 5, filled_total=15))
    known(held, stop())
    target = stop("T", leg=Leg.TARGET_1, order_type=OrderType.LIMIT, price_trigger_paise=0)
    known(held, target)
    held.authorise(authority(Mode.HALTED, seq=2))
    as_limit = {"order_type": OrderType.LIMIT, "price_trigger_paise": 0}
    withdraw = replace(target, intent_id="c", action=Action.CANCEL)
    back = stop("X1", leg=Leg.EXIT, quantity=5, **as_limit)
    grow = stop(intent_id="m1", action=Action.MODIFY, quantity=15, **as_limit)
    assert [verdict(held, asked) for asked in (withdraw, back)] == ["authority"] * 2
    assert verdict(held, grow) == "reduce_only"  # at the market it would fill beside the target
    if is_filled:
        as_stop = {"client_order_id": "S1", "leg": Leg.STOP, "side": Side.SELL}
        held.orders.fold(fill("T3", 10, **as_stop))
    else:
        held.orders.fold(fact(OrderTriggered, stop()))
        assert verdict(held, replace(grow, intent_id="m2", quantity=16)) == "reduce_only"
        assert verdict(held, grow) == "send"
    assert verdict(held, withdraw) == "send"
    if is_filled:
        assert verdict(held, replace(back, intent_id="x0", quantity=6)) == "reduce_only"
        assert verdict(held, back) != "send"  # the target may still fill
        held.orders.fold(fact(OrderRejected, target, reason="a test"))
        assert verdict(held, back) == "send"


def test_when_an_older_view_comes_late_then_it_is_ignored(gate: Gate) -> None:
    gate.authorise(authority(Mode.HALTED, seq=3))
    gate.authorise(authority(Mode.PAPER, seq=2))
    assert verdict(gate, intent()) == "authority"


@pytest.mark.conformance("PK-07", "INV-06")
def test_when_a_zombie_sends_then_it_is_denied_as_fenced(held: Gate) -> None:
    held.fence("oco/grp-1", 1)
    assert verdict(held, stop()) == "fenced"
    assert verdict(held, intent("E9", group_id="g9", owner="oco/grp-1")) == "fenced"
    assert verdict(held, stop("S2", owner_generation=2)) == "send"


@pytest.mark.conformance("PK-07")
def test_when_a_newer_generation_has_sent_then_the_older_is_void(held: Gate) -> None:
    assert verdict(held, stop("S2", owner_generation=2)) == "send"
    assert verdict(held, stop("S1", quantity=1)) in ("fenced", "reduce_only")
    assert held.is_fenced(stop("S1"))


@pytest.mark.conformance("CTL-17")
def test_when_an_instrument_is_lowered_then_its_entries_stop_and_its_exits_go_on(
    held: Gate,
) -> None:
    low = Ceiling(
        owner="feed", scope="instrument:NSE:INFY", authority=Authority.REDUCE, reason="stale"
    )
    held.authorise(authority(seq=2, ceilings=(low,)))
    assert verdict(held, intent("E2", group_id="grp-2")) == "authority"
    assert verdict(held, stop()) == "send"


@pytest.mark.conformance("INV-05", "CTL-11")
def test_when_a_group_has_entered_then_a_second_entry_is_denied(gate: Gate) -> None:
    known(gate, intent())
    assert verdict(gate, intent("E2")) == "entry_once"
    gate.orders.report(
        IntentAnswered(
            intent_id="E1",
            client_order_id="E1",
            action=Action.PLACE,
            outcome=Outcome.NOT_SENT,
            at_ns=NOW,
        )
    )
    assert verdict(gate, intent("E2")) == "send"


@pytest.mark.conformance("INV-16")
def test_when_exits_cover_the_position_then_not_one_unit_more_leaves(held: Gate) -> None:
    target = {"order_type": OrderType.LIMIT, "price_trigger_paise": 0}
    known(held, stop())
    assert verdict(held, stop("S2", 1)) == "reduce_only"
    known(held, stop("A1", 5, leg=Leg.TARGET_1, **target))
    known(held, stop("B1", 5, leg=Leg.TARGET_2, **target))
    assert verdict(held, stop("B2", 1, leg=Leg.TARGET_2, **target)) == "reduce_only"
    assert verdict(held, stop("X1", 1, leg=Leg.EXIT, **target)) == "reduce_only"


@pytest.mark.conformance("ORD-03")
def test_when_a_stop_is_unknown_then_no_second_one_leaves_until_it_is_lost(held: Gate) -> None:
    assert verdict(held, stop()) == "send"
    assert verdict(held, stop("S2")) == "reduce_only"
    lost = OrderLost(
        at_ns=NOW,
        client_order_id="S1",
        group_id="grp-1",
        leg=Leg.STOP,
        instrument="NSE:INFY",
        reason="absent",
    )
    held.orders.fold(lost)
    assert verdict(held, stop("S2")) == "send"


@pytest.mark.parametrize("how", ["journal", "books", "fill", "trade"])
def test_flt_18_when_a_lost_stop_works_after_all_then_it_counts_again(held: Gate, how: str) -> None:
    """It was over for ever: beside it and the one in its place a target of all left too."""
    assert verdict(held, stop()) == "send"
    held.orders.fold(fact(OrderLost, stop(), reason="absent"))
    assert verdict(held, stop("S2", 6)) == "send"
    a_trade_of_one = TradeReport(
        trade_id="T2",
        client_order_id="S1",
        venue_order_id="1",
        instrument="NSE:INFY",
        side=Side.SELL,
        product=Product.MIS,
        quantity=1,
        price_paise=99_000,
        at_ns=NOW,
    )
    part = {"side": Side.SELL, "leg": Leg.STOP, "client_order_id": "S1", "order_quantity": 10}
    match how:
        case "journal":
            held.orders.fold(fact(OrderAccepted, stop()))
        case "books":
            held.orders.report(report(OrderStatus.TRIGGER_PENDING, 0))
        case "fill":
            held.orders.fold(fill("T2", 1, **part))
        case _:
            held.orders.report(a_trade_of_one)
    target = {"order_type": OrderType.LIMIT, "price_trigger_paise": 0, "leg": Leg.TARGET_1}
    assert verdict(held, stop("A1", 3, **target)) == "reduce_only"


def test_when_the_group_is_flat_then_its_orphans_may_be_cancelled_with_cancel(held: Gate) -> None:
    known(held, stop())
    held.authorise(authority(Mode.HALTED, seq=2))
    withdraw = stop(intent_id="c1", action=Action.CANCEL)
    assert verdict(held, withdraw) == "authority"
    target = {"side": Side.SELL, "leg": Leg.TARGET_1, "client_order_id": "A1"}
    held.orders.fold(stop("A1", leg=Leg.TARGET_1))
    held.orders.fold(fill("T2", 10, **target))
    assert verdict(held, withdraw) == "send"


@pytest.mark.conformance("CTL-05", "INV-25")
def test_when_entries_fill_their_share_then_exits_still_have_theirs(held: Gate) -> None:
    entries = [intent(f"E{n}", group_id=f"g{n}") for n in range(2, 12)]
    assert [verdict(held, entry) for entry in entries] == ["send"] * 6 + ["rate"] * 4
    for n in (2, 3):
        cancel = intent(f"E{n}", intent_id=f"c{n}", group_id=f"g{n}", action=Action.CANCEL)
        assert verdict(held, cancel) == "send"
    assert verdict(held, stop()) == "wait"
    assert verdict(held, stop(), NOW + NS_PER_S) == "send"


@pytest.mark.conformance("CTL-05")
@given(
    steps=st.lists(st.tuples(st.booleans(), st.integers(0, 400_000_000)), min_size=20, max_size=80)
)
def test_when_any_burst_comes_then_no_second_has_more_than_eight(
    steps: list[tuple[bool, int]],
) -> None:
    gate = Gate(CAPS, {"NSE:INFY": 1})
    now_ns, sent = NOW, []
    for is_entry, wait_ns in steps:
        now_ns += wait_ns
        if gate.rate.take(is_entry=is_entry, now_ns=now_ns):
            sent.append((now_ns, is_entry))
    for from_ns, _ in sent:
        window = [is_entry for at_ns, is_entry in sent if from_ns <= at_ns < from_ns + NS_PER_S]
        assert len(window) <= 8
        assert sum(window) <= 6


@pytest.mark.conformance("INV-25", "FLT-60")
def test_when_the_clock_is_set_back_then_exits_do_not_wait_for_it_to_catch_up() -> None:
    budget = RateBudget()
    while budget.take(is_entry=False, now_ns=NOW):
        pass
    assert budget.next_at_ns(NOW) == NOW + NS_PER_S
    assert budget.take(is_entry=False, now_ns=NOW - 3_600 * NS_PER_S)


def report(status: OrderStatus, filled: int, tag: str = "S1", quantity: int = 10) -> OrderReport:
    return OrderReport(
        client_order_id=tag,
        venue_order_id="1",
        instrument="NSE:INFY",
        side=Side.SELL,
        order_type=OrderType.SL,
        product=Product.MIS,
        status=status,
        quantity=quantity,
        filled_quantity=filled,
        price_limit_paise=1,
        price_trigger_paise=1,
        at_ns=NOW,
    )


@pytest.mark.conformance("INV-09", "FLT-24")
@pytest.mark.parametrize("is_read", [False, True])
def test_flt_24_when_two_orders_have_one_tag_then_the_fills_of_both_count(
    held: Gate, is_read: bool
) -> None:
    """One order of ours sold all twice over; an exit for the rest would open a position."""
    known(held, stop(quantity=5))
    first = report(OrderStatus.COMPLETE, 5, quantity=5)
    second = replace(first, venue_order_id="2")
    for row in (first, second):
        if is_read:
            books = BrokerSnapshot(
                request_id=1, orders=(row,), trades=(), positions=(), at_ns=NOW, book=Book.LIVE
            )
            held.orders.read(books)
        else:
            held.orders.report(row)
    position = held.orders.position("grp-1")
    assert (position.lo, position.hi) == (0, 0)


def doubled(gate: Gate, quantity: int = 5) -> OrderReport:
    """One request made two orders, which both rest; the row of the second."""
    known(gate, stop("T1", quantity, leg=Leg.TARGET_1))
    first = report(OrderStatus.OPEN, 0, "T1", quantity)
    second = replace(first, venue_order_id="2")
    gate.orders.report(first)
    gate.orders.report(second)
    return second


OUT: dict[str, Any] = {"leg": Leg.EXIT, "order_type": OrderType.LIMIT, "price_trigger_paise": 0}


@pytest.mark.conformance("INV-09", "FLT-24")
def test_flt_24_when_two_orders_have_one_tag_then_no_exit_leaves_for_what_either_may_sell(
    held: Gate,
) -> None:
    doubled(held, 4)
    assert verdict(held, stop("X1", 3, **OUT)) == "reduce_only"
    assert verdict(held, stop("X1", 2, **OUT)) == "send"


@pytest.mark.conformance("INV-09", "FLT-24")
def test_flt_24_when_one_of_two_is_over_then_the_other_counts_still(held: Gate) -> None:
    second = doubled(held)
    held.orders.report(replace(second, venue_order_id="1", status=OrderStatus.CANCELLED))
    held.orders.report(replace(second, filled_quantity=2))
    assert held.orders.position("grp-1") == Interval(8, 8)
    assert verdict(held, stop("X1", 6, **OUT)) == "reduce_only"
    assert verdict(held, stop("X1", 5, **OUT)) == "send"


@pytest.mark.conformance("INV-09", "FLT-24")
def test_flt_24_when_both_are_over_then_all_the_rest_may_go_and_an_old_row_changes_nothing(
    held: Gate,
) -> None:
    second = doubled(held)
    for number in "12":
        gone = replace(second, venue_order_id=number, status=OrderStatus.CANCELLED)
        held.orders.report(gone)
    held.orders.report(second)
    assert verdict(held, stop("X1", 10, **OUT)) == "send"


@pytest.mark.conformance("INV-09", "FLT-24")
def test_flt_24_when_one_of_two_is_to_grow_then_the_other_counts_beside_it(held: Gate) -> None:
    doubled(held, 4)
    grown = stop("T1", 7, leg=Leg.TARGET_1, action=Action.MODIFY, intent_id="T1-m1")
    assert verdict(held, grown) == "reduce_only"
    assert verdict(held, replace(grown, quantity=6)) == "send"


@pytest.mark.conformance("INV-09", "FLT-24")
def test_flt_24_when_recovered_by_the_journal_then_a_fill_of_another_number_is_of_a_second(
    held: Gate,
) -> None:
    target = stop("T1", 5, leg=Leg.TARGET_1)
    sale: dict[str, Any] = {"side": Side.SELL, "leg": Leg.TARGET_1, "client_order_id": "T1"}
    held.orders.fold(target)
    held.orders.fold(fact(OrderAccepted, target, venue_order_id="1"))
    held.orders.fold(fill("T2", 5, order_quantity=10, venue_order_id="2", **sale))
    assert held.orders.position("grp-1") == Interval(5, 5)
    assert verdict(held, stop("X1", 1, **OUT)) == "reduce_only"


@pytest.mark.conformance("INV-20", "ORD-10")
def test_when_reports_come_late_then_filled_never_falls_and_late_fills_count(held: Gate) -> None:
    known(held, stop())
    held.orders.report(report(OrderStatus.OPEN, 6))
    held.orders.report(report(OrderStatus.CANCELLED, 4))
    assert held.orders.position("grp-1").lo == 4
    held.orders.report(report(OrderStatus.OPEN, 8))
    assert held.orders.position("grp-1").lo == 2
    order = held.orders.get("S1")
    assert order is not None
    assert order.remaining == 0


@pytest.mark.conformance("LIV-09", "ORD-14")
def test_liv_09_when_a_part_of_a_strangers_order_is_adopted_then_its_rest_counts_for_nobody(
    held: Gate,
) -> None:
    adopted = stop("X9", 1, leg=Leg.EXIT, owner="watcher", reason="adopted:1")
    held.fold(adopted)
    his = {"side": Side.SELL, "leg": Leg.EXIT, "client_order_id": "X9", "venue_order_id": "1"}
    held.fold(fill("T9", 1, order_quantity=1, **his))
    held.orders.report(report(OrderStatus.COMPLETE, 106, tag="", quantity=106))  # all of his
    assert held.orders.position("grp-1") == Interval(9, 9)
    assert verdict(held, stop("S1", 9)) == "send"


@pytest.mark.conformance("ORD-10", "INV-09")
def test_when_a_late_fill_reopens_a_closed_group_then_its_exit_may_leave(held: Gate) -> None:
    sale = {"side": Side.SELL, "leg": Leg.STOP, "client_order_id": "S1"}
    late = fill("T3", 2, filled_total=12)
    for record in (stop(), fill("T2", 10, **sale), closed_group(), late):
        held.orders.fold(record)
    out = {"leg": Leg.EXIT, "order_type": OrderType.LIMIT, "price_trigger_paise": 0}
    assert verdict(held, stop("X1", 3, **out)) == "reduce_only"
    assert verdict(held, stop("X1", 2, **out)) == "send"


def test_when_a_book_is_live_then_paper_mode_sends_no_entry(gate: Gate) -> None:
    assert verdict(gate, intent(book=Book.LIVE)) == "authority"


def test_when_recovered_by_the_journal_then_working_orders_are_known(held: Gate) -> None:
    held.orders.fold(stop())
    assert held.orders.position("grp-1").lo == 0
    accepted = OrderAccepted(
        at_ns=NOW, client_order_id="S1", group_id="grp-1", leg=Leg.STOP, instrument="NSE:INFY"
    )
    held.orders.fold(accepted)
    assert held.orders.position("grp-1").lo == 10
    assert verdict(held, replace(stop("S2"), quantity=1)) == "reduce_only"


def test_when_fills_outrun_a_shrinking_stop_then_it_still_shrinks(held: Gate) -> None:
    known(held, stop())
    fill_of_target = report(OrderStatus.OPEN, 3, tag="T1", quantity=5)
    known(held, replace(stop(), intent_id="T1", client_order_id="T1", leg=Leg.TARGET_1, quantity=5))
    held.orders.report(fill_of_target)
    stale = replace(stop(), intent_id="S1-m1", action=Action.MODIFY, quantity=8)
    assert verdict(held, stale) == "send"
    grown = replace(stop(), intent_id="S1-m2", action=Action.MODIFY, quantity=11)
    assert verdict(held, grown) == "reduce_only"
