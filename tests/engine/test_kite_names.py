"""Which order a tag means."""

import pytest
from msgspec.structs import replace

from engine.kite.names import OrderNames
from engine.kite.rows import order_report
from engine.messages.broker import OrderReport, OrderStatus
from tests.engine.test_kite_rows import OWN, order


def row(order_id: str, at_ns: int = 1, **changes: object) -> OrderReport:
    report = order_report(order(order_id=order_id))
    assert report is not None
    return replace(report, at_ns=at_ns, **changes)


@pytest.fixture
def names() -> OrderNames:
    """Nothing is known yet."""
    return OrderNames()


def test_when_a_tag_is_bound_then_no_row_changes_what_it_means(names: OrderNames) -> None:
    names.bind(OWN, "1")
    names.learn(row("2", at_ns=9))
    assert names.find(OWN) == "1"
    assert names.seconds(OWN, "1") == ("2",)


def test_when_several_bear_it_then_the_newest_that_works_is_meant(names: OrderNames) -> None:
    names.learn(row("1", at_ns=1))
    names.learn(row("2", at_ns=2))
    names.learn(row("3", at_ns=3, status=OrderStatus.REJECTED))
    assert names.find(OWN) == "2"
    assert names.seconds(OWN, "2") == ("1",)


def test_when_an_order_has_ended_then_it_is_no_second(names: OrderNames) -> None:
    names.learn(row("2"))
    names.learn(row("2", status=OrderStatus.CANCELLED))
    assert names.seconds(OWN, "1") == ()
    assert names.find(OWN) == "2"


def test_when_a_stranger_uses_a_tag_often_then_it_is_no_duplicate_of_ours(
    names: OrderNames,
) -> None:
    names.learn(row("1", client_order_id="theirs"))
    names.learn(row("2", client_order_id="theirs"))
    names.learn(row("5", client_order_id=""))
    assert names.duplicate_tag_count == 0
    names.learn(row("3"))
    names.learn(row("4"))
    names.learn(row("4"))
    assert names.duplicate_tag_count == 1
    assert names.tags == {"1": "theirs", "2": "theirs", "3": OWN, "4": OWN}


def test_when_the_day_ends_then_nothing_is_known(names: OrderNames) -> None:
    names.bind(OWN, "1")
    names.learn(row("2"))
    names.forget()
    assert (names.find(OWN), names.seconds(OWN, ""), dict(names.tags)) == ("", (), {})
