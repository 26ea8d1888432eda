"""What one answer of Kite means: a total function from raw HTTP to an outcome.

Decides whether a request was taken, definitely refused, never sent, or may have been processed,
and what is to be done next. Refuses to guess: whatever is not on the short list of clear answers
is UNKNOWN, so that nothing is ever sent twice. Refuses to know sockets and the client library,
whose own reading of an answer loses its status. Stands alone because the whole safety of
re-sending hangs on this table.

| observation                                              | write      | next                 |
|----------------------------------------------------------|------------|----------------------|
| no byte written, no answer                               | NOT_SENT   |                      |
| 200, JSON success, order id of digits (the asked one)    | ACKED      | wait for the books   |
| 400, JSON error of a type in `REFUSING_TYPES`            | REFUSED    |                      |
| 428, HoldingException                                    | REFUSED    |                      |
| 403, TokenException                                      | REFUSED    | session lost         |
| 403, PermissionException; any 4xx error with an IP text  | REFUSED    | locked out           |
| 429 that is not a success                                | REFUSED    | back off, verify     |
| 400, "cannot be cancelled/modified", of modify or cancel | REFUSED    | verify               |
| 400 whose text speaks of a time-out                      | UNKNOWN    | verify               |
| 3xx: a portal, a moved endpoint                          | UNKNOWN    | misled, verify       |
| everything else                                          | UNKNOWN    | verify               |

A certificate that does not verify is NOT_SENT, and misled as well.

An OrderException is UNKNOWN: it names a failure at the order system, on either side of the order.
Source: Kite Connect v3 error table; forum answers on time-outs, 429 and IP rules (2026-11).
"""

from enum import unique
from typing import Final, NamedTuple, cast

import msgspec

from engine.limits import TEXT_CHARS_MAX
from engine.messages.base import Word
from engine.messages.broker import Outcome

REFUSING_TYPES: Final = frozenset(
    {"InputException", "MarginException", "HoldingException", "UserException"}
)
ORDER_ID_CHARS_MAX: Final = 32
_TIMED_OUT: Final = ("timed out", "timeout", "time out", "time-out", "check the order book")
_IN_FLUX: Final = ("cannot be cancelled", "cannot be modified", "being processed")
_ADDRESS: Final = ("no ips configured", "is not allowed to place orders")
_CERTIFICATE: Final = frozenset({"SSLCertVerificationError", "SSLError", "CertificateError"})
_QUOTA: Final = ("maximum allowed order requests exceeded", "too many requests")


@unique
class Asked(Word):
    """What the request was for: its outcome depends on it."""

    PLACE = "place"
    MODIFY = "modify"
    CANCEL = "cancel"
    READ = "read"


class Observation(NamedTuple):
    """What was seen of one request.

    Args:
        order_id: of the order to be changed; "" for placements and reads.
        is_written: a byte of the request may have left.
        status: 0 if no answer was read.
        content_type: of the answer, "" if it names none.
        body: complete, and unpacked, unless `error` says otherwise.
        error: class name of what failed in transport, "" if nothing.
        is_late: the total deadline passed.
    """

    asked: Asked
    order_id: str = ""
    is_written: bool = False
    status: int = 0
    content_type: str = ""
    body: bytes = b""
    error: str = ""
    is_late: bool = False


class Verdict(NamedTuple):
    """What it means.

    `outcome` of a read: ACKED means `data` may be used, anything else that it was not read.
    `order_id` is the venue's, "" unless ACKED. `is_to_verify`: look the order up by its tag.
    `is_session_lost`: a person must log in. `is_locked_out`: configuration, no order will pass.
    `is_limited`: nothing more in this calendar second. `is_misled`: who answers is not Kite.
    """

    outcome: Outcome
    text: str = ""
    order_id: str = ""
    data: object = None
    is_to_verify: bool = False
    is_session_lost: bool = False
    is_locked_out: bool = False
    is_limited: bool = False
    is_misled: bool = False


def classify(seen: Observation) -> Verdict:
    """What an observation means. Total: raises nothing, whatever bytes are in it."""
    if not seen.is_written and seen.status == 0:
        text = _why(seen.error, "deadline passed" if seen.is_late else "not sent")
        return Verdict(Outcome.NOT_SENT, text, is_misled=seen.error in _CERTIFICATE)
    if seen.error or seen.is_late or seen.status == 0:
        late = "deadline passed" if seen.is_late else "no full answer"
        return _unknown(seen, _why(seen.error, late))
    if 300 <= seen.status < 400:
        return _unknown(seen, f"HTTP {seen.status}: a redirect")._replace(is_misled=True)
    answer = _decoded(seen)
    if answer is None:
        return _unlimited(seen, f"HTTP {seen.status}: unreadable body")
    if answer.get("status") == "error" or answer.get("error_type"):
        return _failed(seen, answer)
    if seen.status == 200 and answer.get("status") == "success" and "data" in answer:
        return _succeeded(seen, answer["data"])
    if answer.get("status") == "success":
        return _unknown(seen, f"HTTP {seen.status}: success without its form")
    return _unlimited(seen, f"HTTP {seen.status}: unexpected body")


def _decoded(seen: Observation) -> dict[str, object] | None:
    """The object in the body, None if it is no JSON object or does not call itself JSON."""
    if "json" not in seen.content_type.lower():
        return None
    try:
        found = msgspec.json.decode(seen.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return cast("dict[str, object]", found) if isinstance(found, dict) else None


def _succeeded(seen: Observation, data: object) -> Verdict:
    if seen.asked is Asked.READ:
        return Verdict(Outcome.ACKED, data=data)
    found = data.get("order_id") if isinstance(data, dict) else None
    if not is_order_id(found):
        return _unknown(seen, "HTTP 200: success without an order id")
    if seen.order_id and found != seen.order_id:
        return _unknown(seen, f"HTTP 200: answers about order {found}")
    return Verdict(Outcome.ACKED, order_id=cast("str", found))


def _failed(seen: Observation, answer: dict[str, object]) -> Verdict:
    """An error that Kite has put into its own words."""
    kind, message = answer.get("error_type"), answer.get("message")
    if not isinstance(kind, str) or not isinstance(message, str):
        return _unlimited(seen, f"HTTP {seen.status}: error without its form")
    text, words, status = _cut(f"{kind}: {message}"), message.lower(), seen.status
    is_lost = kind == "TokenException"
    if status == 403 and is_lost:
        return Verdict(Outcome.REFUSED, text, is_session_lost=True)
    if status == 429:
        return Verdict(Outcome.REFUSED, text, is_limited=True, is_to_verify=True)
    if 400 <= status < 500 and any(pattern in words for pattern in _ADDRESS):
        return Verdict(Outcome.REFUSED, text, is_locked_out=True)
    if status == 403 and kind == "PermissionException":
        return Verdict(Outcome.REFUSED, text, is_locked_out=True)
    if any(pattern in words for pattern in _TIMED_OUT):
        return _unknown(seen, text)
    is_change = seen.asked in (Asked.MODIFY, Asked.CANCEL)
    if status == 400 and is_change and any(pattern in words for pattern in _IN_FLUX):
        return Verdict(Outcome.REFUSED, text, is_to_verify=True)
    is_limited = any(pattern in words for pattern in _QUOTA)
    if (status == 400 and kind in REFUSING_TYPES) or (status == 428 and kind == "HoldingException"):
        return Verdict(Outcome.REFUSED, text, is_limited=is_limited)
    return _unknown(seen, f"HTTP {status}: {text}", is_lost=is_lost, is_limited=is_limited)


def _unlimited(seen: Observation, text: str) -> Verdict:
    """No answer in Kite's words: only the status 429 says for itself that nothing was taken."""
    if seen.status == 429:
        return Verdict(Outcome.REFUSED, text, is_limited=True, is_to_verify=True)
    return _unknown(seen, text)


def _unknown(
    seen: Observation, text: str, *, is_lost: bool = False, is_limited: bool = False
) -> Verdict:
    return Verdict(
        Outcome.UNKNOWN,
        _cut(text),
        is_to_verify=seen.asked is not Asked.READ,
        is_session_lost=is_lost,
        is_limited=is_limited,
    )


def is_order_id(value: object) -> bool:
    """True for the venue's ids: a text of 1 to 32 digits (15 before 2025-08, 19 since)."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= ORDER_ID_CHARS_MAX
        and value.isascii()
        and value.isdigit()
    )


def _why(error: str, otherwise: str) -> str:
    return _cut(f"{error}: {otherwise}" if error else otherwise)


def _cut(text: str) -> str:
    return text[:TEXT_CHARS_MAX]
