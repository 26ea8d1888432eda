"""What becomes of one HTTP request on its way in, and of its answer on the way out.

Decides fates by the fault menu (FLT-16 to 24 and the odd answers seen in the wild). Refuses to know
what the request is about. Whoever owns the socket carries a fate out.
"""

from enum import Enum, unique

import msgspec

from engine.exchange.practice.errors import KiteError, too_many
from engine.exchange.practice.faults import Menu
from engine.units import NS_PER_S

OMS_TIME_OUT = (
    "Order request timed out. Please check the order book and confirm before placing again."
)
IP_TEXT = "IP (203.0.113.7) is not allowed to place orders for this app."
HTML = b"<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"
JSON, TEXT = "application/json", "text/html"


@unique
class Doing(Enum):
    """How often the request is carried out."""

    NEVER = "never"
    ONCE = "once"
    TWICE = "twice"
    LATER = "later"


@unique
class Sending(Enum):
    """How the answer leaves. HANG: never. RESET: the connection is cut, after `size` bytes. SLOW:
    after `size` ms. DRIP: a byte each second."""

    WHOLE = "whole"
    HANG = "hang"
    RESET = "reset"
    SLOW = "slow"
    DRIP = "drip"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP answer; `content_type` "" leaves the header out."""

    status: int
    body: bytes
    content_type: str = JSON
    location: str = ""
    encoding: str = ""


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """`answer` replaces the true one. `delay_s` is of Doing.LATER, in real seconds."""

    doing: Doing = Doing.ONCE
    sending: Sending = Sending.WHOLE
    size: int = 0
    delay_s: int = 0
    answer: Answer | None = None


CLEAR = Fate()


def answer_of(error: KiteError) -> Answer:
    """An error as bytes."""
    return Answer(status=error.status, body=msgspec.json.encode(error.body()))


class Transport:
    """`is_token_killed`: a fault has logged the user out; whoever sees it acts and clears it."""

    def __init__(self, menu: Menu) -> None:
        self._menu = menu
        self._limited_until_ns = 0
        self.is_token_killed = False

    def heal(self) -> None:
        """Limits end."""
        self._limited_until_ns = 0

    def fate(self, method: str, path: str, real_ns: int) -> Fate:
        """Draw what happens to one request that is in order so far."""
        menu = self._menu
        if menu.strikes_on("FLT-21", method, path):
            self.is_token_killed = True
            return CLEAR
        if menu.strikes_on("FLT-20", method, path):
            self._limited_until_ns = real_ns + menu.amount("FLT-20", 1, 60) * NS_PER_S
        if real_ns < self._limited_until_ns:
            return Fate(doing=Doing.NEVER, answer=answer_of(too_many()))
        for fault, make in _FATES.items():
            if menu.strikes_on(fault, method, path):
                return make(menu)
        return CLEAR


def _before(menu: Menu) -> Fate:
    is_reset = menu.amount("FLT-16", 0, 1)
    return Fate(doing=Doing.NEVER, sending=Sending.RESET if is_reset else Sending.HANG)


def _after(menu: Menu) -> Fate:
    return Fate(sending=Sending.RESET if menu.amount("FLT-17", 0, 1) else Sending.HANG)


def _later(menu: Menu) -> Fate:
    delay_s = menu.amount("FLT-18", 1, 120)
    return Fate(doing=Doing.LATER, delay_s=delay_s, sending=Sending.HANG)


def _page(menu: Menu) -> Fate:
    """0 to 6 dropped, 7 to 13 processed: JSON 500, HTML 502, JSON 503, HTML 504, empty, torn, 502
    with text."""
    number = menu.amount("FLT-19", 0, 13)
    general = KiteError(500, "GeneralException", "Something unexpected happened.")
    network = KiteError(503, "NetworkException", "Gateway timed out.")
    answer = (
        answer_of(general),
        Answer(status=502, body=HTML, content_type=TEXT),
        answer_of(network),
        Answer(status=504, body=HTML.replace(b"502 Bad", b"504 Slow"), content_type=TEXT),
        Answer(status=200, body=b""),
        Answer(status=200, body=b'{"status":"success","data":{"order_'),
        Answer(status=502, body=b"upstream gone", content_type="text/plain"),
    )[number % 7]
    return Fate(doing=Doing.ONCE if number >= 7 else Doing.NEVER, answer=answer)


def _redirect(_menu: Menu) -> Fate:
    return Fate(doing=Doing.NEVER, answer=Answer(status=302, body=b"", location="/elsewhere"))


def _drip(_menu: Menu) -> Fate:
    return Fate(sending=Sending.DRIP)


def _twice(_menu: Menu) -> Fate:
    return Fate(doing=Doing.TWICE)


def _oms(menu: Menu) -> Fate:
    refusal = answer_of(KiteError(400, "OrderException", OMS_TIME_OUT))
    return Fate(doing=Doing.LATER, delay_s=menu.amount("KITE-02", 0, 60), answer=refusal)


def _ip(_menu: Menu) -> Fate:
    return Fate(doing=Doing.NEVER, answer=answer_of(KiteError(403, "PermissionException", IP_TEXT)))


def _odd(menu: Menu) -> Fate:
    """Bodies that the client library stumbles over; the request was carried out."""
    number = menu.amount("KITE-25", 0, 5)
    body, content_type, status = (
        (b'{"status":"error","error_type":"GeneralException","data":null}', JSON, 500),
        (b'{"status":"error","message":"no type","data":null}', JSON, 400),
        (b'[{"status":"success"}]', JSON, 200),
        (b'{"status":"success","data":null}', JSON, 200),
        (b'{"status":"success","data":{}}', "", 200),
        (b'{"status":"success","data":{"order_id":null}}', JSON, 503),
    )[number]
    return Fate(answer=Answer(status=status, body=body, content_type=content_type))


def _slow(menu: Menu) -> Fate:
    return Fate(sending=Sending.SLOW, size=menu.amount("NET-SLOW", 1, 60_000))


def _reset(menu: Menu) -> Fate:
    return Fate(sending=Sending.RESET, size=menu.amount("NET-RESET", 0, 10_000))


_FATES = {
    "FLT-16": _before, "FLT-17": _after, "FLT-18": _later, "FLT-19": _page, "FLT-22": _redirect,
    "FLT-23": _drip, "FLT-24": _twice, "KITE-02": _oms, "KITE-19": _ip, "KITE-25": _odd,
    "NET-SLOW": _slow, "NET-RESET": _reset,
}  # fmt: skip
