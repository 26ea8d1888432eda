"""Kite's text frames: which of them speak of orders.

Decides the kind of a text frame from bytes that may be anything. Refuses to read what an order
frame says: it is a hint that the books have changed, never truth. Anything that is not an object in
JSON is malformed; the client library dies of it (kiteconnect 5.2.2, 2026-11).
"""

from enum import Enum, unique
from typing import Any, Final

import msgspec

TEXT_BYTES_MAX: Final = 65_536
SAID_CHARS_MAX: Final = 200


@unique
class TextKind(Enum):
    """ORDER: about an order of the account. ERROR: the broker complains. OTHER: the broker tells
    something. MALFORMED: not a message."""

    ORDER = "order"
    ERROR = "error"
    OTHER = "other"
    MALFORMED = "malformed"


def read_text(payload: bytes) -> tuple[TextKind, str]:
    """The kind of a text frame, and its text: whole for an order, bounded for others.

    An order without "data" is the old form with all fields at the top: taken, too.
    Source: Kite Connect v3 documentation; forum 7454, 2026-11.
    """
    if len(payload) > TEXT_BYTES_MAX:
        return TextKind.MALFORMED, ""
    try:
        text = payload.decode()
        body: Any = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return TextKind.MALFORMED, ""
    if not isinstance(body, dict):
        return TextKind.MALFORMED, ""
    kind = body.get("type")
    if kind == "order" or (kind is None and "order_id" in body):
        return TextKind.ORDER, text
    said = str(body.get("data", ""))[:SAID_CHARS_MAX]
    return (TextKind.ERROR if kind == "error" else TextKind.OTHER), said
