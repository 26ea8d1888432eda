"""Failures 20 to 23, 30 to 32, 35 to 38, 43: what the exchange and the broker's risk desk refuse,
change or do by themselves. No exit may be impossible, none may open a position."""

from typing import Any

import pytest
import requests
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kite_errors
from msgspec.structs import replace

from engine.messages.records import GroupClosed, IntentPlanned
from engine.messages.values import Leg, OrderType, Product, Side
from engine.session import ns_from_ist
from tests.failures.conftest import Houses
from tests.failures.house import FloorHouse
from tests.failures.market import CONFIG, OPTION, SHARE, SMALL, SMALL_FREEZE
from tests.sim.live_house import DATE


def by_hand(house: FloorHouse, **changes: Any) -> Any:
    """What the exchange says to an order that somebody sends with the library as it is."""
    kite = KiteConnect(house.state["api_key"], root=f"http://127.0.0.1:{house.state['rest']}")
    kite.set_access_token(house.token)
    terms: dict[str, Any] = {
        "variety": "regular", "exchange": "NSE", "tradingsymbol": "AAA", "quantity": 10,
        "transaction_type": "SELL", "product": "MIS", "order_type": "MARKET",
    }  # fmt: skip
    try:
        return kite.place_order(**(terms | changes))
    finally:
        kite.reqsession.close()


@pytest.mark.conformance("KITE-20")
def test_kite_20_when_market_needs_a_protection_then_ours_has_one_and_fills(
    house: FloorHouse,
) -> None:
    with pytest.raises(kite_errors.InputException, match="market protection"):
        by_hand(house)
    house.enter()
    house.arm("FLT-20", 1, method="PUT")  # the stop may not be moved: an exit of its own leaves
    house.arm("FLT-25", count=3)  # our own price is refused: the fourth leaves it to the broker
    house.command("flatten")
    house.run(20)
    house.run(20)
    assert house.net() == 0
    markets = [one["form"] for one in house.heard("POST") if one["form"]["order_type"] == "MARKET"]
    ours = [form for form in markets if form.get("tag")]
    assert [form["market_protection"] for form in ours] == ["-1"]
    house.settle(naked_s_max=15)


@pytest.mark.conformance("KITE-21", "ORD-11", "FLT-36")
@pytest.mark.parametrize("side", Side)
def test_kite_21_when_the_price_gaps_through_the_stop_then_it_is_re_priced_until_it_fills(
    house: FloorHouse, side: Side
) -> None:
    house.enter(side)
    house.run(1, 100_000 - side.sign * 2_500)
    (stop,) = house.orders("S")
    assert (stop["status"], stop["filled_quantity"]) == ("OPEN", 0), "triggered, and left behind"
    house.run(6)
    assert house.net() == 0, house.story()
    assert len(house.heard("PUT", "/orders")) >= 1
    house.settle()


@pytest.mark.conformance("KITE-21", "ORD-11")
def test_kite_21_when_the_price_runs_on_then_steps_grow_and_a_person_is_paged(
    house: FloorHouse,
) -> None:
    house.enter()
    for price in range(97_500, 95_000, -250):
        house.run(2, price)
    assert "exit_not_filling" in house.events("critical") or house.net() == 0
    house.run(10)
    assert house.net() == 0, house.story()
    assert len(house.of_leg("S")) == 1, "the quantity never grew"
    house.settle()


@pytest.mark.conformance("KITE-22")
def test_kite_22_when_options_take_no_sl_m_then_our_stop_is_sl_with_a_limit_beyond(
    house: FloorHouse,
) -> None:
    with pytest.raises(kite_errors.KiteException, match="SL-M"):
        by_hand(house, exchange="NFO", tradingsymbol="NIFTYCE", quantity=65, order_type="SL-M",
                trigger_price=190, market_protection=-1, product="NRML")  # fmt: skip
    held = house.enter(name=OPTION)
    assert held > 0
    (stop,) = house.working("S")
    assert (stop["order_type"], stop["quantity"]) == ("SL", held)
    assert 0 < stop["price_limit_paise"] < stop["price_trigger_paise"] == 19_000
    house.run(5, 18_990, OPTION)
    assert house.net(OPTION) == 0
    house.settle()


@pytest.mark.conformance("KITE-23", "FLT-37", "ORD-13", "ORD-19")
def test_kite_23_when_the_stop_is_cancelled_at_its_trigger_then_the_exit_goes_at_once(
    house: FloorHouse,
) -> None:
    house.enter()
    house.arm("FLT-37")
    house.run(8, 98_990)
    assert [row["status"] for row in house.orders("S")] == ["CANCELLED"]
    assert house.net() == 0, house.story()
    house.settle(naked_s_max=3)


@pytest.mark.conformance("KITE-30", "ORD-20")
def test_kite_30_when_the_limit_is_known_then_more_than_it_is_never_sent(house: FloorHouse) -> None:
    house.propose(name=SMALL)
    house.run(5)
    assert house.net(SMALL) == SMALL_FREEZE
    assert {int(one["form"]["quantity"]) <= SMALL_FREEZE for one in house.heard("POST")} == {True}
    house.settle()


@pytest.mark.conformance("KITE-30", "KITE-31")
def test_kite_30_when_the_limit_has_changed_since_then_the_entry_is_refused_once_and_for_all(
    houses: Houses,
) -> None:
    """Our table still has the old month's; autoslice would fail for this size as well (31)."""
    stale = tuple(
        replace(item, freeze_quantity=5_000) if item.name == SMALL else item
        for item in CONFIG.instruments
    )
    house = houses(config=replace(CONFIG, instruments=stale))
    house.propose(name=SMALL)
    house.run(30)
    (sent,) = house.heard("POST", "/orders")
    assert SMALL_FREEZE < int(sent["form"]["quantity"]) < 2 * SMALL_FREEZE
    assert "autoslice" not in sent["form"]
    assert house.facts(Leg.ENTRY) == ["OrderRejected"]
    assert [r.reason for r in house.of(GroupClosed)] == ["entry_rejected"]  # type: ignore[attr-defined]
    house.settle()


@pytest.mark.conformance("KITE-32")
def test_kite_32_when_a_part_of_somebodys_slices_is_missing_then_ours_are_whole(
    house: FloorHouse,
) -> None:
    """A person slices by the broker, and one slice is lost; the engine never asks for slices."""
    house.arm("KITE-32")
    order = {"exchange": "NSE", "tradingsymbol": "SMALL", "transaction_type": "BUY", "price": 900,
             "quantity": 4 * SMALL_FREEZE, "order_type": "LIMIT", "product": "MIS"}  # fmt: skip
    answer = requests.post(
        f"http://127.0.0.1:{house.state['rest']}/orders/regular",
        data={**order, "autoslice": "true"},
        headers={"X-Kite-Version": "3",
                 "Authorization": f"token {house.state['api_key']}:{house.token}"},
        timeout=5,
    )  # fmt: skip
    assert any("error" in child for child in answer.json()["data"]["children"])
    assert house.struck == {"KITE-32": 1}
    assert house.enter() == 90
    house.run(70)
    assert "alien_order" in house.events("warning")
    ours = [one["form"] for one in house.heard("POST", "/orders") if one["form"].get("tag")]
    assert len(ours) == 4
    assert not [form for form in ours if "autoslice" in form]
    assert [row["quantity"] for row in house.working("S")] == [90]


@pytest.mark.conformance("KITE-35", "ORD-21")
def test_kite_35_when_the_square_off_nears_then_ours_came_before_and_nothing_enters(
    houses: Houses,
) -> None:
    house = houses(begin="10:11:30")
    assert house.enter() == 90
    house.run((ns_from_ist(f"{DATE} 10:14:30") - house.clock.now_ns()) / 1e9)
    assert (house.net(), house.working()) == (0, [])
    sent = len(house.heard("POST", "/orders"))
    house.propose()
    house.run(2)
    assert len(house.heard("POST", "/orders")) == sent
    house.control("POST", "/to", now_ns=ns_from_ist(f"{DATE} 10:14:50"))
    with pytest.raises(kite_errors.KiteException, match="square-off"):
        by_hand(house, order_type="LIMIT", price=1_000)
    house.settle()


@pytest.mark.conformance("KITE-36", "FLT-39", "ORD-21")
@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("ours", ["flatten", "stop", "nothing"])
def test_kite_36_when_the_broker_squares_off_beside_our_exit_then_nothing_flips(
    house: FloorHouse, side: Side, ours: str
) -> None:
    house.enter(side)
    if ours == "flatten":
        house.command("flatten")
    elif ours == "stop":
        house.move(SHARE, 100_000 - side.sign * 1_010)
    house.control("POST", "/square-off")
    house.run(40)
    assert (house.net(), house.working()) == (0, []), house.story()
    house.settle()


@pytest.mark.conformance("KITE-37")
def test_kite_37_when_another_product_is_held_too_then_our_exits_are_of_our_product(
    house: FloorHouse,
) -> None:
    house.control("POST", "/stranger", name=SHARE, units=50, product=Product.CNC.value)
    house.run(2)
    house.propose()
    house.run(5)
    house.command("flatten")
    house.run(10)
    forms = [one["form"] for one in house.heard("POST", "/orders")]
    assert {form["product"] for form in forms} == {"MIS"}
    held = {row["product"]: row["units"] for row in house.truth()["positions"]}
    assert held == {"CNC": 50, "MIS": 0}


@pytest.mark.conformance("KITE-38")
def test_kite_38_when_some_is_from_yesterday_then_net_counts_and_ours_is_our_own_fills(
    house: FloorHouse,
) -> None:
    house.control("POST", "/stranger", name=SHARE, units=50, product=Product.NRML.value)
    house.control("POST", "/overnight")
    house.run(1)
    seen = house.live.snapshot(1, house.clock.now_ns())
    assert seen is not None
    assert [(p.product, p.quantity) for p in seen.positions] == [(Product.NRML, 50)]
    house.propose()
    house.run(5)
    assert house.held() in (0, 90)
    house.run(5, 98_900)
    assert house.held() == 0
    held = {row["product"]: row["units"] for row in house.truth()["positions"]}
    assert held["NRML"] == 50


@pytest.mark.conformance("KITE-43")
@pytest.mark.parametrize("begin", ["09:10:00", "10:15:05"])
def test_kite_43_when_the_market_is_closed_then_nothing_is_sent(houses: Houses, begin: str) -> None:
    house = houses(is_live=False, begin=begin)
    house.run(15)
    house.command("mode", f"live {house.authority.mode_seq}")
    with pytest.raises(kite_errors.KiteException, match="closed"):
        by_hand(house, order_type="LIMIT", price=1_000)
    before = len(house.heard("POST", "/orders"))
    house.propose()
    house.run(10)
    assert len(house.heard("POST", "/orders")) == before
    assert [r for r in house.of(IntentPlanned) if r.order_type is not OrderType.SL] == []  # type: ignore[attr-defined]


@pytest.mark.conformance("KITE-50")
@pytest.mark.parametrize("why", ["refused", "passed"])
def test_kite_50_when_a_trigger_of_the_broker_has_fired_for_nothing_then_our_stop_has_not(
    house: FloorHouse, why: str
) -> None:
    """A person has put a GTT beside our position. Ours is an order at the exchange from the start,
    and no trigger counts as one."""
    house.enter()
    kite = KiteConnect(house.state["api_key"], root=f"http://127.0.0.1:{house.state['rest']}")
    kite.set_access_token(house.token)
    order = {"transaction_type": "SELL", "quantity": 90, "order_type": "LIMIT", "product": "CNC",
             "price": 995.0}  # fmt: skip
    made = kite.place_gtt("single", "AAA", "NSE", [996.0], 1_000.0, [order])
    if why == "refused":
        house.control("POST", "/faults", number=50)
    house.run(2)
    house.run(10, 99_400)
    found = kite.get_gtt(made["trigger_id"])
    kite.reqsession.close()
    result = found["orders"][0]["result"]["order_result"]
    filled = [row for row in house.truth()["trades"] if row["venue_order_id"] == result["order_id"]]
    assert (found["status"], filled) == ("triggered", [])
    assert result["status"] == ("failed" if why == "refused" else "success")
    assert (house.net(), [row["quantity"] for row in house.working("S")]) == (90, [90])
    house.run(10, 98_950)
    assert house.net() == 0
    assert not house.heard("POST", "/gtt")[1:], "none of ours"
    if why == "refused":
        house.settle()
