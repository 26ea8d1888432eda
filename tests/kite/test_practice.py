"""The live broker against the practice exchange's fault menu, over real sockets: what it is told
agrees with what truly became of each order."""

from collections.abc import Iterator

import pytest

from actors.brokers.kite.account import Trouble
from actors.brokers.kite.broker import KiteBroker
from actors.brokers.kite.credentials import Credentials
from actors.brokers.kite.session import KiteSession
from actors.brokers.kite.transport import TransportSettings
from actors.stores.secrets import Secret
from engine.ids import client_order_id
from engine.messages.broker import IntentAnswered, OrderStatus, Outcome
from engine.messages.values import Action, Book, Leg
from engine.units import NS_PER_MS
from tests.contract import practice
from tests.engine.test_kite_forms import intent
from tests.exchange.process import Practice

HASTY = TransportSettings(total_ns_max=800 * NS_PER_MS)
ACKED, REFUSED, UNKNOWN = Outcome.ACKED, Outcome.REFUSED, Outcome.UNKNOWN


@pytest.fixture(scope="module")
def process() -> Iterator[Practice]:
    yield practice.exchange()
    practice.stop_exchange()


@pytest.fixture
def exchange(process: Practice) -> Practice:
    process.calm()
    return process


def token(exchange: Practice) -> Credentials:
    new = exchange.control("POST", "/token")["access_token"]
    return Credentials(Secret(exchange.state["api_key"]), Secret(new))


@pytest.fixture
def broker(exchange: Practice) -> Iterator[KiteBroker]:
    """A broker that waits 0.8 s; a new login is handed in whenever it asks."""
    session = KiteSession(token(exchange), exchange.root, HASTY)
    yield KiteBroker(session, reload=lambda: token(exchange))
    session.close()


def tag(number: int) -> str:
    return client_order_id(Book.LIVE, f"grp-{number}", Leg.ENTRY, 0)


def place(broker: KiteBroker, number: int = 0) -> IntentAnswered:
    """A buy that rests far below the market."""
    own = tag(number)
    return broker.place(
        intent(
            intent_id=own,
            client_order_id=own,
            instrument="NSE:INFY",
            price_limit_paise=140_000,
            quantity=1,
        ),
        1,
    )


def cancel(broker: KiteBroker, number: int = 0) -> IntentAnswered:
    own = tag(number)
    return broker.cancel(
        intent(
            intent_id=f"{own}-1",
            client_order_id=own,
            instrument="NSE:INFY",
            action=Action.CANCEL,
        ),
        1,
    )


def live_tags(exchange: Practice) -> list[str]:
    return [order["tag"] for order in exchange.truth()["orders"]]


def statuses(broker: KiteBroker) -> list[OrderStatus]:
    snapshot = broker.snapshot(1, 1)
    assert snapshot is not None
    return [order.status for order in snapshot.orders]


CASES: list[tuple[str, int | None, Outcome, int]] = [
    ("FLT-16", 0, UNKNOWN, 0),
    ("FLT-16", 1, UNKNOWN, 0),
    ("FLT-17", 0, UNKNOWN, 1),
    ("FLT-17", 1, UNKNOWN, 1),
    ("FLT-18", 600, UNKNOWN, 0),
    *(("FLT-19", size, UNKNOWN, size // 7) for size in range(14)),
    ("FLT-20", 1, REFUSED, 0),
    ("FLT-21", None, REFUSED, 0),
    ("FLT-22", None, UNKNOWN, 0),
    ("FLT-23", None, UNKNOWN, 1),
    ("FLT-24", None, ACKED, 2),
    ("KITE-02", 600, UNKNOWN, 0),
    ("KITE-19", None, REFUSED, 0),
    *(("KITE-25", size, UNKNOWN, 1) for size in range(6)),
    ("NET-SLOW", 100, ACKED, 1),
    ("NET-SLOW", 5_000, UNKNOWN, 1),
    ("NET-RESET", 0, UNKNOWN, 1),
    ("NET-RESET", 30, UNKNOWN, 1),
]


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "size", "outcome", "count"), CASES)
def test_when_a_fault_strikes_then_the_answer_claims_no_more_than_is_true(
    exchange: Practice,
    broker: KiteBroker,
    fault: str,
    size: int | None,
    outcome: Outcome,
    count: int,
) -> None:
    exchange.arm(fault, amount=size)
    answer = place(broker)
    assert (answer.outcome, live_tags(exchange)) == (outcome, [tag(0)] * count), answer
    snapshot = broker.snapshot(1, 1)
    if fault != "FLT-20":
        assert snapshot is not None
        assert [order.client_order_id for order in snapshot.orders] == [tag(0)] * count


@pytest.mark.slow
@pytest.mark.conformance("ORD-01", "FLT-17")
def test_when_200_acknowledgements_are_lost_in_a_row_then_each_order_is_there_once_and_found(
    exchange: Practice, broker: KiteBroker
) -> None:
    exchange.arm("FLT-17", amount=1, count=200)
    answers = [place(broker, number) for number in range(200)]
    assert {answer.outcome for answer in answers} == {UNKNOWN}
    assert sorted(live_tags(exchange)) == sorted(tag(number) for number in range(200))
    snapshot = broker.snapshot(1, 1)
    assert snapshot is not None
    assert len({order.client_order_id for order in snapshot.orders}) == 200
    assert {cancel(broker, number).outcome for number in range(200)} == {ACKED}
    assert statuses(broker) == [OrderStatus.CANCELLED] * 200


@pytest.mark.slow
@pytest.mark.conformance("FLT-24")
def test_when_one_request_had_two_effects_then_one_cancel_takes_both_off(
    exchange: Practice, broker: KiteBroker
) -> None:
    exchange.arm("FLT-24")
    place(broker)
    assert broker.snapshot(1, 1) is not None
    assert cancel(broker).outcome is ACKED
    assert statuses(broker) == [OrderStatus.CANCELLED] * 2


@pytest.mark.slow
@pytest.mark.conformance("FLT-21")
def test_when_the_login_dies_in_mid_session_then_the_next_token_goes_on(
    exchange: Practice, broker: KiteBroker
) -> None:
    exchange.arm("FLT-21")
    assert place(broker).outcome is REFUSED
    assert broker.trouble is Trouble.LOGGED_OUT
    assert place(broker, 1).outcome is ACKED
    assert broker.closed_because == ""


@pytest.mark.slow
def test_when_faults_strike_at_random_then_no_refused_order_is_live_and_no_taken_one_is_missing(
    exchange: Practice, broker: KiteBroker
) -> None:
    for fault in ("FLT-16", "FLT-17", "NET-RESET"):
        exchange.arm(fault, count=1_000, ppm=150_000, amount=1)
    for fault in ("FLT-19", "FLT-22", "KITE-25"):
        exchange.arm(fault, count=1_000, ppm=100_000)
    answers = [place(broker, number) for number in range(200)]
    live = live_tags(exchange)
    assert len(live) == len(set(live)), "nothing is sent twice"
    by_outcome = {
        outcome: {a.client_order_id for a in answers if a.outcome is outcome} for outcome in Outcome
    }
    assert by_outcome[ACKED] <= set(live)
    assert not (by_outcome[REFUSED] | by_outcome[Outcome.NOT_SENT]) & set(live)
    assert by_outcome[ACKED]
    assert by_outcome[UNKNOWN]
