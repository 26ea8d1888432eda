"""Every row of the classification, and a fuzz: unclear is UNKNOWN, and nothing is raised."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.kite.outcome import REFUSING_TYPES, Asked, Observation, Verdict, classify
from engine.limits import TEXT_CHARS_MAX
from engine.messages.broker import Outcome

JSON = "application/json"
WRITES = (Asked.PLACE, Asked.MODIFY, Asked.CANCEL)
ACKED, REFUSED, UNKNOWN = Outcome.ACKED, Outcome.REFUSED, Outcome.UNKNOWN


def seen(
    status: int, body: object, asked: Asked = Asked.PLACE, content_type: str = JSON, **more: object
) -> Verdict:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return classify(
        Observation(
            asked, is_written=True, status=status, content_type=content_type, body=raw, **more
        )
    )


def error(kind: str, message: str) -> dict[str, object]:
    return {"status": "error", "error_type": kind, "message": message, "data": None}


GOOD = {"status": "success", "data": {"order_id": "1953341975595868160"}}
IP = "IP (2401::1) is not allowed to place orders for this app. Update allowed IPs."
OMS = "Order request timed out. Please check the order book and confirm before placing again."
FLUX = "Order cannot be cancelled as it is being processed. Try later."

CASES = {
    "success": (200, GOOD, ACKED),
    "input": (400, error("InputException", "Invalid `price`."), REFUSED),
    "margin": (400, error("MarginException", "Insufficient funds."), REFUSED),
    "holding": (400, error("HoldingException", "No holdings."), REFUSED),
    "depository": (428, error("HoldingException", "Authorise at CDSL."), REFUSED),
    "user": (400, error("UserException", "Segment is not active."), REFUSED),
    "modifications": (
        400,
        error("InputException", "Maximum allowed order modifications exceeded."),
        REFUSED,
    ),
    "permission": (403, error("PermissionException", "Insufficient permission."), REFUSED),
    "token": (403, error("TokenException", "Incorrect `api_key` or `access_token`."), REFUSED),
    "ip": (403, error("PermissionException", IP), REFUSED),
    "ip-general": (400, error("GeneralException", IP), REFUSED),
    "no-ips": (403, error("GeneralException", "No IPs configured for this app."), REFUSED),
    "limit": (429, error("NetworkException", "Too many requests"), REFUSED),
    "limit-gateway": (429, b"<html>slow down</html>", REFUSED),
    "oms-400": (400, error("InputException", OMS), UNKNOWN),
    "oms-order": (400, error("OrderException", OMS), UNKNOWN),
    "general-400": (400, error("GeneralException", "Something went wrong."), UNKNOWN),
    "unlisted-400": (400, error("PlanetException", "Mercury is retrograde."), UNKNOWN),
    "order": (500, error("OrderException", "RMS: blocked."), UNKNOWN),
    "input-500": (500, error("InputException", "Invalid `price`."), UNKNOWN),
    "input-200": (200, error("InputException", "Invalid `price`."), UNKNOWN),
    "token-500": (500, error("TokenException", "?"), UNKNOWN),
    "network": (503, error("NetworkException", "Couldn't connect to OMS"), UNKNOWN),
    "data": (502, error("DataException", "Unreadable"), UNKNOWN),
    "general": (500, error("GeneralException", "Oops"), UNKNOWN),
    "gateway-time-out": (504, error("GeneralException", "Gateway"), UNKNOWN),
    "gone": (410, error("GeneralException", "Gone"), UNKNOWN),
    "not-found": (404, error("GeneralException", "Route not found"), UNKNOWN),
    "no-message": (400, {"status": "error", "error_type": "InputException"}, UNKNOWN),
    "no-type": (400, {"status": "error", "message": "no"}, UNKNOWN),
    "number-message": (
        400,
        {"status": "error", "error_type": "InputException", "message": 5},
        UNKNOWN,
    ),
    "html": (502, b"<html>Bad gateway</html>", UNKNOWN),
    "empty": (200, b"", UNKNOWN),
    "list": (200, [GOOD], UNKNOWN),
    "null": (200, None, UNKNOWN),
    "data-null": (200, {"status": "success", "data": None}, UNKNOWN),
    "no-data": (200, {"status": "success"}, UNKNOWN),
    "id-number": (200, {"status": "success", "data": {"order_id": 5}}, UNKNOWN),
    "id-null": (200, {"status": "success", "data": {"order_id": None}}, UNKNOWN),
    "id-empty": (200, {"status": "success", "data": {"order_id": ""}}, UNKNOWN),
    "id-zero": (200, {"status": "success", "data": {"order_id": 0}}, UNKNOWN),
    "id-list": (200, {"status": "success", "data": {"order_id": ["1"]}}, UNKNOWN),
    "html-200": (200, b"<html>Welcome</html>", UNKNOWN),
    "id-text": (200, {"status": "success", "data": {"order_id": "abc"}}, UNKNOWN),
    "id-other-digits": (200, {"status": "success", "data": {"order_id": "१२"}}, UNKNOWN),
    "id-long": (200, {"status": "success", "data": {"order_id": "1" * 33}}, UNKNOWN),
    "success-500": (500, GOOD, UNKNOWN),
    "success-202": (202, GOOD, UNKNOWN),
    "success-429": (429, GOOD, UNKNOWN),
    "redirect": (302, GOOD, UNKNOWN),
    "cut": (200, b'{"status": "success", "data": {"order_id": "19', UNKNOWN),
    "not-utf8": (200, b'{"status": "\xff"}', UNKNOWN),
    "deep": (200, b"[" * 200_000, UNKNOWN),
    "nan": (400, b'{"status": "error", "error_type": NaN}', UNKNOWN),
}


@pytest.mark.conformance("BAD-54", "BAD-55", "BAD-56")
@pytest.mark.parametrize("asked", WRITES, ids=lambda asked: asked.value)
@pytest.mark.parametrize("name", CASES)
def test_when_a_write_is_answered_then_its_outcome_is_of_the_table(name: str, asked: Asked) -> None:
    status, body, outcome = CASES[name]
    content_type = "text/html" if isinstance(body, bytes) and b"<html>" in body else JSON
    verdict = seen(status, body, asked, content_type)
    assert verdict.outcome is outcome, verdict
    assert (verdict.order_id != "") == (outcome is ACKED)
    assert verdict.text or outcome is ACKED
    assert verdict.is_session_lost == name.startswith("token")
    assert verdict.is_locked_out == (name in {"ip", "ip-general", "no-ips", "permission"})
    assert verdict.is_limited == name.startswith("limit")
    assert verdict.is_misled == (name == "redirect")
    assert verdict.is_to_verify == (outcome is UNKNOWN or name.startswith("limit"))


@pytest.mark.parametrize("content_type", ["", "text/html", "text/plain"])
def test_when_the_answer_does_not_call_itself_json_then_it_is_unknown(content_type: str) -> None:
    assert seen(200, GOOD, content_type=content_type).outcome is UNKNOWN
    no = error("InputException", "no")
    assert seen(400, no, content_type=content_type).outcome is UNKNOWN


@pytest.mark.parametrize(
    ("asked", "outcome"),
    [(Asked.PLACE, UNKNOWN), (Asked.MODIFY, REFUSED), (Asked.CANCEL, REFUSED)],
)
def test_when_an_order_is_in_flux_then_its_change_is_refused_and_looked_at(
    asked: Asked, outcome: Outcome
) -> None:
    verdict = seen(400, error("OrderException", FLUX), asked)
    assert (verdict.outcome, verdict.is_to_verify) == (outcome, True)


def test_when_the_days_quota_is_spent_then_it_is_refused_and_limited() -> None:
    verdict = seen(400, error("InputException", "Maximum allowed order requests exceeded."))
    assert (verdict.outcome, verdict.is_limited) == (REFUSED, True)


def test_when_another_order_is_acknowledged_then_the_change_is_unknown() -> None:
    other = seen(200, GOOD, Asked.CANCEL, order_id="1")
    same = seen(200, GOOD, Asked.CANCEL, order_id="1953341975595868160")
    assert (other.outcome, same.outcome) == (UNKNOWN, ACKED)


@pytest.mark.parametrize("name", ["ConnectionRefusedError", "gaierror", "SSLError", ""])
def test_when_no_byte_was_written_then_it_was_not_sent(name: str) -> None:
    verdict = classify(Observation(Asked.PLACE, error=name, is_late=name == ""))
    assert verdict.outcome is Outcome.NOT_SENT
    assert name in verdict.text
    assert not verdict.is_to_verify


@pytest.mark.parametrize(
    "more",
    [
        {"error": "ConnectionResetError"},
        {"error": "TimeoutError", "is_late": True},
        {"error": "RemoteDisconnected"},
        {},
        {"error": "IncompleteRead", "status": 200, "content_type": JSON},
        {"error": "IncompleteRead", "status": 400, "content_type": JSON},
        {"error": "IncompleteRead", "status": 429},
    ],
)
def test_when_bytes_were_written_and_no_full_answer_came_then_it_is_unknown(
    more: dict[str, object],
) -> None:
    body = json.dumps(GOOD).encode()
    verdict = classify(Observation(Asked.PLACE, is_written=True, body=body, **more))
    assert (verdict.outcome, verdict.is_to_verify) == (UNKNOWN, True)


def test_when_an_answer_came_although_nothing_was_written_then_it_is_not_unsent() -> None:
    assert classify(Observation(Asked.PLACE, status=200)).outcome is UNKNOWN


def test_when_a_read_succeeds_then_its_data_is_handed_on() -> None:
    verdict = seen(200, {"status": "success", "data": [1, "x"]}, Asked.READ)
    assert (verdict.outcome, verdict.data) == (ACKED, [1, "x"])


@pytest.mark.parametrize("name", [name for name in CASES if "success" not in name])
def test_when_a_read_fails_then_nothing_is_to_be_verified(name: str) -> None:
    status, body, _ = CASES[name]
    verdict = seen(status, body, Asked.READ)
    assert not (verdict.outcome is UNKNOWN and verdict.is_to_verify)


KINDS = st.sampled_from(
    [*sorted(REFUSING_TYPES), "TokenException", "OrderException", "GeneralException", "X", 5, None]
)
MESSAGES = st.sampled_from([OMS, FLUX, IP, "Invalid `price`.", "", None, 3]) | st.text(max_size=300)
ENVELOPES = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["success", "error", "", None]),
        "error_type": KINDS,
        "message": MESSAGES,
        "data": st.none() | st.fixed_dictionaries({}, optional={"order_id": st.text(max_size=40)}),
    },
)
BODIES = st.binary(max_size=200) | ENVELOPES.map(lambda value: json.dumps(value).encode())
STATUSES = st.sampled_from(
    [0, 200, 302, 400, 403, 404, 428, 429, 500, 502, 503, 504]
) | st.integers(0, 999)


@settings(max_examples=1_500, deadline=None)
@given(
    asked=st.sampled_from(Asked),
    is_written=st.booleans(),
    status=STATUSES,
    content_type=st.sampled_from([JSON, "application/json; charset=utf-8", "text/html", ""])
    | st.text(max_size=20),
    body=BODIES,
    name=st.sampled_from(["", "", "", "ConnectionResetError"]),
    is_late=st.sampled_from([False, False, False, True]),
)
@example(Asked.PLACE, True, 200, JSON, b"[" * 100_000, "", False)
def test_when_any_bytes_come_then_nothing_is_raised_and_doubt_is_unknown(
    asked: Asked,
    is_written: bool,
    status: int,
    content_type: str,
    body: bytes,
    name: str,
    is_late: bool,
) -> None:
    verdict = classify(
        Observation(asked, "", is_written, status, content_type, body, name, is_late)
    )
    assert len(verdict.text) <= TEXT_CHARS_MAX
    assert (verdict.outcome is Outcome.NOT_SENT) == (not is_written and status == 0)
    if verdict.outcome is REFUSED:
        assert status in {400, 403, 428, 429} or verdict.is_locked_out
        assert not name
        assert not is_late
    if verdict.outcome is ACKED:
        assert status == 200
        assert json.loads(body)["status"] == "success"
    if verdict.outcome is REFUSED and status != 429:
        kind = json.loads(body)["error_type"]
        allowed = REFUSING_TYPES | {"TokenException", "PermissionException"}
        is_flux = asked in (Asked.MODIFY, Asked.CANCEL) and verdict.is_to_verify
        assert kind in allowed or verdict.is_locked_out or is_flux
