"""The real client over real sockets: what each answer and each failure is taken for."""

import gzip
import json
import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.brokers.kite.credentials import Credentials
from actors.brokers.kite.session import KiteSession
from actors.brokers.kite.transport import TransportSettings
from actors.stores.secrets import Secret
from engine.errors import ConfigInvalid
from engine.kite.outcome import Asked, Verdict
from engine.messages.broker import Outcome
from engine.units import NS_PER_MS
from tests.kite.mocks import mock_bytes, mock_data, needs_mocks
from tests.kite.server import Peer, ScriptedKite, Step, answer, data, error, good, kite, says

__all__ = ["kite"]

ID = "1953341975595868160"
QUICK = TransportSettings(total_ns_max=800 * NS_PER_MS, read_ns_max=800 * NS_PER_MS)
FIELDS: dict[str, str | int] = {
    "variety": "regular",
    "exchange": "NSE",
    "tradingsymbol": "M&M",
    "transaction_type": "BUY",
    "quantity": 10,
    "product": "MIS",
    "order_type": "LIMIT",
    "validity": "DAY",
    "price": "1000.05",
    "tag": "LE0000000000000012",
}
CHANGES: dict[str, str | int] = {"variety": "regular", "order_id": ID, "quantity": 5}


def credentials() -> Credentials:
    return Credentials(Secret("apikey0123456789"), Secret("accesstoken9876543210"))


@pytest.fixture
def session(kite: ScriptedKite) -> Iterator[KiteSession]:
    """The client, connected to the scripted server, with a deadline of 0.8 s."""
    session = KiteSession(credentials(), kite.root, QUICK)
    yield session
    session.close()


def write(session: KiteSession, asked: Asked) -> Verdict:
    if asked is Asked.PLACE:
        return session.place(FIELDS)
    return session.modify(CHANGES) if asked is Asked.MODIFY else session.cancel(ID)


WRITES = (Asked.PLACE, Asked.MODIFY, Asked.CANCEL)
OMS = "Order request timed out. Please check the order book and confirm before placing again."
GOOD = answer(200, {"status": "success", "data": {"order_id": ID}})


def resets(peer: Peer) -> None:
    peer.reset()


def resets_after_status(peer: Peer) -> None:
    peer.send(GOOD[:20])
    peer.reset()


def closes_in_the_body(peer: Peer) -> None:
    peer.send(GOOD[:-5])
    peer.held.shutdown(socket.SHUT_RDWR)


def half_closes(peer: Peer) -> None:
    peer.held.shutdown(socket.SHUT_WR)


def is_silent(peer: Peer) -> None:
    peer.wait_gone()


def drips(peer: Peer) -> None:
    peer.drip(GOOD, 0.02)


ANSWERS: dict[str, tuple[Step, Outcome]] = {
    "success": (good(), Outcome.ACKED),
    "input": (error(400, "InputException", "Invalid `price`."), Outcome.REFUSED),
    "margin": (error(400, "MarginException", "Insufficient funds."), Outcome.REFUSED),
    "token": (error(403, "TokenException", "Incorrect `access_token`."), Outcome.REFUSED),
    "ip": (error(403, "PermissionException", "No IPs configured for this app."), Outcome.REFUSED),
    "limit": (error(429, "NetworkException", "Too many requests"), Outcome.REFUSED),
    "oms-400": (error(400, "InputException", OMS), Outcome.UNKNOWN),
    "order": (error(500, "OrderException", "RMS"), Outcome.UNKNOWN),
    "network": (error(503, "NetworkException", "OMS is away"), Outcome.UNKNOWN),
    "data": (error(502, "DataException", "?"), Outcome.UNKNOWN),
    "general": (error(500, "GeneralException", "?"), Outcome.UNKNOWN),
    "gateway": (error(504, "GeneralException", "?"), Outcome.UNKNOWN),
    "html": (says(502, b"<html>Bad gateway</html>", "text/html"), Outcome.UNKNOWN),
    "html-200": (says(200, b"<html>Welcome</html>", "text/html"), Outcome.UNKNOWN),
    "empty-json": (says(200, b""), Outcome.UNKNOWN),
    "no-content-type": (says(200, {"status": "success"}, None), Outcome.UNKNOWN),
    "no-message": (says(400, {"status": "error", "error_type": "InputException"}), Outcome.UNKNOWN),
    "no-error-type": (says(400, {"status": "error", "message": "?"}), Outcome.UNKNOWN),
    "list": (says(200, []), Outcome.UNKNOWN),
    "data-null": (data(None), Outcome.UNKNOWN),
    "cut-json": (says(200, b'{"status": "succ'), Outcome.UNKNOWN),
    "success-500": (
        says(500, {"status": "success", "data": {"order_id": ID}}),
        Outcome.UNKNOWN,
    ),
    "redirect": (
        lambda peer: peer.send(answer(302, b"", "text/html", "Location: /orders")),
        Outcome.UNKNOWN,
    ),
    "not-http": (lambda peer: peer.send(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), Outcome.UNKNOWN),
    "reset": (resets, Outcome.UNKNOWN),
    "reset-in-answer": (resets_after_status, Outcome.UNKNOWN),
    "eof-in-body": (closes_in_the_body, Outcome.UNKNOWN),
    "eof": (half_closes, Outcome.UNKNOWN),
    "read-time-out": (is_silent, Outcome.UNKNOWN),
    "dripping": (drips, Outcome.UNKNOWN),
}


@pytest.mark.conformance("BAD-54", "BAD-55", "BAD-56")
@pytest.mark.parametrize("asked", WRITES, ids=lambda asked: asked.value)
@pytest.mark.parametrize("name", ANSWERS)
def test_when_a_write_is_answered_then_its_outcome_is_of_the_table(
    kite: ScriptedKite, session: KiteSession, name: str, asked: Asked
) -> None:
    step, outcome = ANSWERS[name]
    kite.then(step)
    verdict = write(session, asked)
    assert verdict.outcome is outcome, verdict
    assert len(kite.heard) == 1, "nothing is ever sent again"
    assert verdict.is_session_lost == (name == "token")
    assert verdict.is_locked_out == (name == "ip")
    assert verdict.is_misled == (name == "redirect")


@pytest.mark.parametrize("name", [name for name in ANSWERS if name not in {"success", "data-null"}])
def test_when_a_read_fails_then_nothing_is_used(
    kite: ScriptedKite, session: KiteSession, name: str
) -> None:
    kite.then(ANSWERS[name][0])
    verdict = session.orders()
    assert verdict.outcome is not Outcome.ACKED
    assert verdict.data is None


def test_when_an_order_is_placed_then_kites_form_goes_out(
    kite: ScriptedKite, session: KiteSession
) -> None:
    kite.then(good(), good(), good())
    assert session.place(FIELDS).order_id == ID
    session.modify(CHANGES)
    session.cancel(ID)
    place, modify, cancel = kite.heard
    assert (place.method, place.path) == ("POST", "/orders/regular")
    assert place.form == {key: str(value) for key, value in FIELDS.items()}
    assert place.headers["x-kite-version"] == "3"
    assert place.headers["authorization"] == "token apikey0123456789:accesstoken9876543210"
    assert place.headers["content-type"] == "application/x-www-form-urlencoded"
    assert (modify.method, modify.path) == ("PUT", f"/orders/regular/{ID}")
    assert modify.form["quantity"] == "5"
    assert (cancel.method, cancel.target) == ("DELETE", f"/orders/regular/{ID}")
    assert {heard.connection for heard in kite.heard} == {1}


def test_when_nobody_listens_then_it_was_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    session = KiteSession(credentials(), f"http://127.0.0.1:{port}", QUICK)
    for asked in WRITES:
        assert write(session, asked).outcome is Outcome.NOT_SENT


def test_when_the_connection_is_never_taken_then_it_was_not_sent() -> None:
    """A full backlog: the handshake does not end within the deadline."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        held = [socket.socket() for _ in range(4)]
        for one in held:
            one.setblocking(False)
            one.connect_ex(address)
        session = KiteSession(credentials(), f"http://127.0.0.1:{address[1]}", QUICK)
        verdict = session.place(FIELDS)
        for one in held:
            one.close()
    assert (verdict.outcome, verdict.text) == (Outcome.NOT_SENT, "DeadlinePassed: deadline passed")


def test_when_an_argument_cannot_be_written_then_it_was_not_sent(session: KiteSession) -> None:
    assert session.cancel("1\r\nX: y").outcome is Outcome.NOT_SENT


def test_when_the_server_has_closed_an_idle_connection_then_a_new_one_is_made(
    kite: ScriptedKite, session: KiteSession
) -> None:
    kite.then(good(), good())
    session.place(FIELDS)
    kite.hang_up()
    assert session.place(FIELDS).outcome is Outcome.ACKED
    assert [heard.connection for heard in kite.heard] == [1, 2]


def test_when_a_connection_is_old_then_it_is_not_trusted(kite: ScriptedKite) -> None:
    kite.then(good(), good())
    session = KiteSession(credentials(), kite.root, TransportSettings(idle_ns_max=0))
    outcomes = {session.place(FIELDS).outcome for _ in range(2)}
    session.close()
    assert outcomes == {Outcome.ACKED}
    assert session.connects_count == 2


def test_when_a_reused_connection_is_reset_then_it_is_unknown_and_not_repeated(
    kite: ScriptedKite, session: KiteSession
) -> None:
    kite.then(good(), resets, good())
    session.place(FIELDS)
    assert session.cancel(ID).outcome is Outcome.UNKNOWN
    assert len(kite.heard) == 2
    assert session.cancel(ID).outcome is Outcome.ACKED
    assert [heard.connection for heard in kite.heard] == [1, 1, 2]


def test_when_more_comes_than_the_answer_then_it_answers_nobody_else(
    kite: ScriptedKite, session: KiteSession
) -> None:
    other = answer(200, {"status": "success", "data": {"order_id": "666"}})
    kite.then(lambda peer: peer.send(GOOD + other), good("777"))
    assert session.place(FIELDS).order_id == ID
    assert session.place(FIELDS).order_id == "777"
    assert session.connects_count == 2


def test_when_a_late_answer_comes_then_the_next_request_does_not_get_it(
    kite: ScriptedKite, session: KiteSession
) -> None:
    kite.then(is_silent, good("777"))
    assert session.place(FIELDS).outcome is Outcome.UNKNOWN
    assert session.place(FIELDS).order_id == "777"
    assert [heard.connection for heard in kite.heard] == [1, 2]


@pytest.mark.parametrize("is_chunked", [False, True])
def test_when_the_answer_is_packed_or_in_chunks_then_it_is_read(
    kite: ScriptedKite, session: KiteSession, is_chunked: bool
) -> None:
    raw = gzip.compress(json.dumps({"status": "success", "data": [1, 2]}).encode())
    whole = answer(200, raw, "application/json", "Content-Encoding: gzip")
    if is_chunked:
        head = whole[: -len(raw)].replace(b"Content-Length", b"X").rstrip() + b"\r\n"
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(raw), raw)
        whole = head + b"Transfer-Encoding: chunked\r\n\r\n" + body
    kite.then(lambda peer: peer.send(whole), good())
    assert session.orders().data == [1, 2]
    assert session.place(FIELDS).outcome is Outcome.ACKED
    assert session.connects_count == 1


@pytest.mark.parametrize("packed", [b"no gzip", gzip.compress(b"{}" * 500)[:-9]])
def test_when_the_packing_is_broken_then_it_is_unknown(
    kite: ScriptedKite, session: KiteSession, packed: bytes
) -> None:
    kite.then(
        lambda peer: peer.send(answer(200, packed, "application/json", "Content-Encoding: gzip"))
    )
    assert session.place(FIELDS).outcome is Outcome.UNKNOWN


@pytest.mark.conformance("BAD-58")
def test_when_a_huge_body_is_announced_then_it_is_not_read(
    kite: ScriptedKite, session: KiteSession
) -> None:
    head = (
        b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n"
    )
    kite.then(lambda peer: peer.send(head))
    verdict = session.place(FIELDS)
    assert (verdict.outcome, verdict.text) == (Outcome.UNKNOWN, "BodyTooLong: no full answer")


@pytest.mark.parametrize(
    "root", ["http://api.kite.trade", "ftp://127.0.0.1", "", "http://10.0.0.1"]
)
def test_when_the_root_is_neither_https_nor_here_then_it_is_refused(root: str) -> None:
    with pytest.raises(ConfigInvalid):
        KiteSession(credentials(), root)


@needs_mocks
def test_when_the_official_samples_are_played_then_the_real_client_hands_them_on(
    kite: ScriptedKite, session: KiteSession
) -> None:
    names = ("orders", "trades", "positions")
    kite.then(*(says(200, mock_bytes(name)) for name in names))
    found = [session.orders(), session.trades(), session.positions()]
    assert [verdict.data for verdict in found] == [mock_data(name) for name in names]
    assert [heard.path for heard in kite.heard] == ["/orders", "/trades", "/portfolio/positions"]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    status=st.sampled_from([200, 201, 302, 400, 403, 429, 500, 503]) | st.integers(200, 999),
    content_type=st.sampled_from(["application/json", "text/csv", "text/html", None]),
    body=st.binary(max_size=100)
    | st.sampled_from(["success", "error", "__doc__", "KiteException", "log", None, 5]).flatmap(
        lambda kind: st.sampled_from(
            [
                {"status": "error", "error_type": kind, "message": "m"},
                {"status": kind, "data": kind},
                {"error_type": kind},
                {"status": kind, "data": {"order_id": kind}},
            ]
        ).map(lambda value: json.dumps(value).encode())
    ),
)
def test_when_anything_is_answered_then_nothing_is_raised_and_nothing_is_sent_again(
    kite: ScriptedKite,
    session: KiteSession,
    status: int,
    content_type: str | None,
    body: bytes,
) -> None:
    before = len(kite.heard)
    kite.then(says(status, body, content_type))
    verdict = session.place(FIELDS)
    assert len(kite.heard) == before + 1
    assert verdict.outcome in {Outcome.UNKNOWN, Outcome.REFUSED}
    assert verdict.outcome is Outcome.UNKNOWN or status in {403, 429}
