"""KiteBroker over the real client and real sockets: tags, ids, books and the login."""

import json
from collections.abc import Iterator

import pytest

from actors.brokers.kite.account import Trouble
from actors.brokers.kite.broker import KiteBroker
from actors.brokers.kite.credentials import Credentials
from actors.brokers.kite.session import KiteSession
from actors.stores.secrets import Secret
from engine.errors import ConfigInvalid
from engine.ids import client_order_id
from engine.messages.broker import IntentAnswered, OrderStatus, Outcome
from engine.messages.records import IntentPlanned, OrderAccepted
from engine.messages.values import Action, Book, Leg, OrderType
from tests.engine.test_kite_forms import intent
from tests.engine.test_kite_rows import order, trade
from tests.kite.mocks import mock_bytes, needs_mocks
from tests.kite.server import ScriptedKite, Step, data, error, good, kite, says
from tests.kite.test_session import QUICK, credentials, is_silent, resets

__all__ = ["kite"]

TAG = client_order_id(Book.LIVE, "grp-1", Leg.STOP, 0)
ID, SECOND = "1953341975595868160", "1953341975595868161"
NOW_NS = 7


@pytest.fixture
def session(kite: ScriptedKite) -> Iterator[KiteSession]:
    session = KiteSession(credentials(), kite.root, QUICK)
    yield session
    session.close()


@pytest.fixture
def broker(session: KiteSession) -> KiteBroker:
    """A broker that knows no order yet."""
    return KiteBroker(session)


def asked(action: Action, **changes: object) -> IntentPlanned:
    values: dict[str, object] = {"client_order_id": TAG, "action": action}
    values["intent_id"] = TAG if action is Action.PLACE else f"{TAG}-1"
    return intent(**(values | changes))


def row(order_id: str = ID, **changes: object) -> dict[str, object]:
    return order(**({"order_id": order_id, "tag": TAG, "tags": [TAG]} | changes))


def books(orders: list[object], trades: list[object], net: list[object]) -> tuple[Step, ...]:
    return data(orders), data(trades), data({"net": net, "day": []})


def position(quantity: int) -> dict[str, object]:
    return {"exchange": "NSE", "tradingsymbol": "M&M", "product": "MIS", "quantity": quantity}


def ask(broker: KiteBroker, action: Action, **changes: object) -> IntentAnswered:
    send = {
        Action.PLACE: broker.place,
        Action.MODIFY: broker.modify,
        Action.CANCEL: broker.cancel,
    }[action]
    return send(asked(action, **changes), NOW_NS)


def test_when_an_order_is_taken_then_the_answer_names_it(
    kite: ScriptedKite, broker: KiteBroker
) -> None:
    kite.then(good(ID))
    answer = ask(broker, Action.PLACE)
    assert answer == IntentAnswered(
        intent_id=TAG,
        client_order_id=TAG,
        action=Action.PLACE,
        outcome=Outcome.ACKED,
        venue_order_id=ID,
        at_ns=NOW_NS,
    )
    assert kite.heard[0].form["tag"] == TAG


def test_when_a_placed_order_is_changed_then_its_id_is_known(
    kite: ScriptedKite, broker: KiteBroker
) -> None:
    kite.then(good(ID), good(ID), good(ID))
    ask(broker, Action.PLACE)
    answers = [ask(broker, Action.MODIFY, quantity=4), ask(broker, Action.CANCEL)]
    assert [(a.outcome, a.venue_order_id) for a in answers] == [(Outcome.ACKED, ID)] * 2
    assert [heard.method for heard in kite.heard] == ["POST", "PUT", "DELETE"]
    assert kite.heard[1].form["quantity"] == "4"


@pytest.mark.conformance("ORD-01", "FLT-17")
def test_when_the_acknowledgement_is_lost_then_it_is_unknown_and_found_by_its_tag(
    kite: ScriptedKite, broker: KiteBroker
) -> None:
    """The order is in the book all the time; it is never sent again."""
    kite.then(is_silent, *books([row()], [], []), good(ID))
    assert ask(broker, Action.PLACE).outcome is Outcome.UNKNOWN
    snapshot = broker.snapshot(1, NOW_NS)
    assert snapshot is not None
    assert [(o.client_order_id, o.venue_order_id) for o in snapshot.orders] == [(TAG, ID)]
    assert ask(broker, Action.CANCEL).outcome is Outcome.ACKED
    assert [heard.method for heard in kite.heard] == ["POST", "GET", "GET", "GET", "DELETE"]


def test_when_acknowledgements_are_lost_many_times_then_each_order_is_sent_once(
    kite: ScriptedKite, broker: KiteBroker
) -> None:
    tags = [client_order_id(Book.LIVE, f"grp-{number}", Leg.ENTRY, 0) for number in range(50)]
    kite.then(*(resets for _ in tags))
    answers = [ask(broker, Action.PLACE, client_order_id=tag, intent_id=tag) for tag in tags]
    assert {answer.outcome for answer in answers} == {Outcome.UNKNOWN}
    assert [heard.form["tag"] for heard in kite.heard] == tags


def test_when_the_engine_has_restarted_then_the_journal_tells_the_id(
    kite: ScriptedKite, broker: KiteBroker
) -> None:
    placed = asked(Action.PLACE)
    fact = OrderAccepted(
        client_order_id=TAG,
        venue_order_id=ID,
        group_id="grp-1",
        leg=Leg.STOP,
        instrument="NSE:M&M",
        at_ns=1,
    )
    broker.recover((placed, fact))
    kite.then(good(ID))
    assert ask(broker, Action.CANCEL).outcome is Outcome.ACKED
    assert kite.heard[0].path.endswith(ID)


@pytest.mark.parametrize("action", [Action.MODIFY, Action.CANCEL])
def test_when_an_order_is_known_to_nobody_then_its_change_is_refused(
    kite: ScriptedKite, broker: KiteBroker, action: Action
) -> None:
    kite.then(data([order(tag="x", tags=["x"])]))
    assert ask(broker, action).outcome is Outcome.REFUSED
    assert [heard.path for heard in kite.heard] == ["/orders"]


@pytest.mark.parametrize("action", [Action.MODIFY, Action.CANCEL])
@pytest.mark.parametrize("step", [resets, error(503, "NetworkException", "?"), data([1])])
def test_when_an_order_cannot_be_looked_up_then_its_change_is_not_sent(
    kite: ScriptedKite, broker: KiteBroker, action: Action, step: Step
) -> None:
    kite.then(step)
    assert ask(broker, action).outcome is Outcome.NOT_SENT
    assert [heard.method for heard in kite.heard] == ["GET"]


def test_when_an_unbound_order_is_in_the_books_then_it_is_changed_by_its_id(
    kite: ScriptedKite, broker: KiteBroker
) -> None:
    gone = row(SECOND, status="REJECTED", exchange_update_timestamp="2026-11-20 12:00:00")
    kite.then(data([row(), gone]), good(ID))
    assert ask(broker, Action.CANCEL).venue_order_id == ID


@pytest.mark.conformance("FLT-24")
def test_when_one_request_had_two_effects_then_both_are_cancelled(
    kite: ScriptedKite, broker: KiteBroker
) -> None:
    done = row("1953341975595868162", status="COMPLETE")
    kite.then(good(ID), *books([row(), row(SECOND), done], [], []), good(ID), good(SECOND))
    ask(broker, Action.PLACE)
    broker.snapshot(1, NOW_NS)
    answer = ask(broker, Action.CANCEL)
    assert (answer.outcome, answer.venue_order_id) == (Outcome.ACKED, ID)
    cancelled = [heard.path for heard in kite.heard if heard.method == "DELETE"]
    assert cancelled == [f"/orders/regular/{ID}", f"/orders/regular/{SECOND}"]
    assert broker.duplicate_tag_count == 2


def test_when_a_market_order_reads_back_then_it_is_a_limit_with_our_tag(
    kite: ScriptedKite, broker: KiteBroker
) -> None:
    shown = row(order_type="LIMIT", trigger_price=0, tag=None, market_protection=0)
    kite.then(good(ID), *books([shown | {"tags": ["mktp", "mktp:2.00", TAG]}], [], []))
    ask(broker, Action.PLACE, order_type=OrderType.MARKET, price_limit_paise=0)
    snapshot = broker.snapshot(1, NOW_NS)
    assert snapshot is not None
    assert kite.heard[0].form["market_protection"] == "-1"
    assert "price" not in kite.heard[0].form
    assert [(o.order_type, o.client_order_id) for o in snapshot.orders] == [(OrderType.LIMIT, TAG)]


def test_when_the_books_are_read_then_trades_get_the_tags_of_their_orders(
    kite: ScriptedKite, broker: KiteBroker
) -> None:
    theirs = order(order_id="5", tag=None, tags=None)
    trades = [
        trade(order_id=ID, quantity=4),
        trade(order_id="5", trade_id="2"),
        trade(order_id="6", trade_id="3"),
    ]
    kite.then(*books([row(), theirs], trades, [position(-4)]))
    snapshot = broker.snapshot(9, NOW_NS)
    assert snapshot is not None
    assert (snapshot.request_id, snapshot.book, snapshot.at_ns) == (9, Book.LIVE, NOW_NS)
    assert [(t.venue_order_id, t.client_order_id) for t in snapshot.trades] == [
        (ID, TAG),
        ("5", ""),
    ]
    assert [p.quantity for p in snapshot.positions] == [-4]


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize(
    "step",
    [
        resets,
        error(503, "NetworkException", "?"),
        error(429, "NetworkException", "Too many requests"),
        says(200, b"<html>", "text/html"),
        data(None),
        data([{"order_id": "x"}]),
    ],
)
def test_when_one_book_cannot_be_read_then_there_is_no_snapshot(
    kite: ScriptedKite, broker: KiteBroker, number: int, step: Step
) -> None:
    steps = list(books([row()], [], []))
    steps[number] = step
    kite.then(*steps)
    assert broker.snapshot(1, NOW_NS) is None


@needs_mocks
def test_when_the_official_samples_are_the_books_then_they_are_a_snapshot(
    kite: ScriptedKite, broker: KiteBroker
) -> None:
    kite.then(*(says(200, mock_bytes(name)) for name in ("orders", "trades", "positions")))
    snapshot = broker.snapshot(1, NOW_NS)
    assert snapshot is not None
    assert (len(snapshot.orders), len(snapshot.positions)) == (9, 2)


def test_when_the_stream_tells_of_orders_then_reports_hand_them_on_once(
    broker: KiteBroker,
) -> None:
    broker.hear(json.dumps({"type": "order", "data": row(status="CANCELLED")}))
    broker.hear(b"\xff")
    broker.hear('{"type": "message", "data": "hello"}')
    (report,) = broker.reports()
    assert (report.client_order_id, report.venue_order_id) == (TAG, ID)
    assert getattr(report, "status", None) is OrderStatus.CANCELLED
    assert broker.reports() == ()
    assert broker.malformed_count == 1


def test_when_the_login_is_lost_then_a_new_token_is_taken_up(
    kite: ScriptedKite, session: KiteSession
) -> None:
    brought: list[Credentials] = []

    def reload() -> Credentials:
        if not brought:
            raise ConfigInvalid(("nothing yet",))
        return brought[0]

    broker = KiteBroker(session, reload=reload)
    lost = error(403, "TokenException", "Incorrect `api_key` or `access_token`.")
    kite.then(lost, lost, good(ID))
    assert ask(broker, Action.PLACE).outcome is Outcome.REFUSED
    assert broker.trouble is Trouble.LOGGED_OUT
    assert "log in" in (broker.closed_because or "")
    assert broker.snapshot(1, NOW_NS) is None
    brought.append(Credentials(Secret("apikey0123456789"), Secret("freshtoken11111")))
    assert ask(broker, Action.PLACE).outcome is Outcome.ACKED
    assert kite.heard[-1].headers["authorization"] == "token apikey0123456789:freshtoken11111"
    assert broker.trouble is Trouble.NONE


def test_when_the_address_is_not_listed_then_reading_does_not_hide_it(
    kite: ScriptedKite, broker: KiteBroker
) -> None:
    no = error(403, "PermissionException", "No IPs configured for this app.")
    kite.then(no, *books([], [], []), good(ID))
    assert ask(broker, Action.PLACE).outcome is Outcome.REFUSED
    assert broker.snapshot(1, NOW_NS) is not None
    assert broker.trouble is Trouble.LOCKED_OUT
    ask(broker, Action.PLACE)
    assert broker.trouble is Trouble.NONE


def test_when_nothing_was_answered_then_the_account_is_not_called_open(
    kite: ScriptedKite, broker: KiteBroker
) -> None:
    assert broker.closed_because is None
    kite.then(resets, data([]))
    ask(broker, Action.PLACE)
    assert broker.closed_because is None
    ask(broker, Action.CANCEL)
    assert broker.closed_because == ""


def test_when_the_day_ends_then_its_ids_name_nothing(
    kite: ScriptedKite, broker: KiteBroker
) -> None:
    kite.then(good(ID), data([]))
    ask(broker, Action.PLACE)
    broker.end_day()
    assert ask(broker, Action.CANCEL).outcome is Outcome.REFUSED
