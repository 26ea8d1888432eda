"""The broker's daily quota: counted from the journal, entries stop before exits do."""

from typing import Any

import pytest

from engine import limits
from engine.messages.records import IntentPlanned, OrderDenied
from engine.messages.values import Action, Book, Leg, Mode, Refusal
from engine.risk.day_count import DayCount
from engine.risk.gate import Gate, GateCaps, Verdict
from tests.risk_samples import NOW, authority, intent

DAY_NS = 86_400 * 10**9
CAPS = GateCaps(quantity_max=1_000, notional_paise_max=10**10)


def live(number: int, **changes: Any) -> IntentPlanned:
    fields = {"client_order_id": f"LE{number:016d}", "group_id": f"grp-{number}"} | changes
    return intent(book=Book.LIVE, **fields)


def denied(of: IntentPlanned) -> OrderDenied:
    return OrderDenied(
        at_ns=of.at_ns,
        client_order_id=of.client_order_id,
        group_id=of.group_id,
        leg=of.leg,
        instrument=of.instrument,
        intent_id=of.intent_id,
        action=Action.PLACE,
        refusal=Refusal(rule="rate", measured=1, limit=0, why="test"),
    )


@pytest.mark.conformance("CTL-06", "KITE-27")
def test_when_the_writer_restarts_then_the_count_of_the_day_is_folded_again() -> None:
    before, after = DayCount(), DayCount()
    orders = [live(number) for number in range(5)]
    for order in orders:
        before.sent(order)
        after.fold(order)
    assert before.count(NOW) == after.count(NOW) == 5
    after.fold(orders[0])
    assert after.count(NOW) == 5


def test_when_an_order_never_left_or_is_of_paper_then_it_does_not_count() -> None:
    count = DayCount()
    order = live(1)
    for record in (order, denied(order), intent("E9"), live(2, action=Action.CANCEL)):
        count.fold(record)
    assert count.count(NOW) == 0


def test_when_another_day_begins_then_the_count_begins_anew() -> None:
    count = DayCount()
    count.sent(live(1))
    assert count.count(NOW + DAY_NS) == 0
    count.fold(live(2))
    assert count.count(NOW + DAY_NS) == 0, "a record of yesterday is not of today"


@pytest.mark.conformance("CTL-06")
def test_when_the_share_of_entries_is_used_up_then_only_exits_leave(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "ORDERS_DAY_ENTRIES_MAX", 2)
    gate = Gate(CAPS, {"NSE:INFY": 1})
    gate.authorise(authority(Mode.LIVE))
    for number in range(2):
        order = live(number)
        assert gate.judge(order, 150_000, NOW, number * 10**9) is Verdict.SEND
        gate.sent(order)
    refused = gate.judge(live(3), 150_000, NOW, 10**10)
    assert isinstance(refused, Refusal)
    assert (refused.rule, refused.measured, refused.limit) == ("orders_day", 2, 2)
    own = live(0).client_order_id
    leave = live(0, action=Action.CANCEL, client_order_id=own, intent_id=f"{own}-1")
    assert gate.judge(leave, 150_000, NOW, 10**10) is Verdict.SEND
    assert leave.leg is Leg.ENTRY
