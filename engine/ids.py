"""Identifiers: deterministic, short, traceable; nothing here is random.

Decides how a signal, a plan, a group and an order are named. Refuses to know where ids are
stored. Stands alone because an id that changes shape breaks recovery and audit together.

The client order id is the Kite tag: at most 20 characters, A-Z and 0-9 only. Layout (18):
env(1) leg(1) plan(12) attempt(2) check(2). `plan` is a digest of the plan id, so all orders of
one group share it; the check characters tell our tags from alien ones.
Source: Kite Connect v3, tag <= 20 alphanumerics (documentation and staff answers, 2026-11).
"""

from hashlib import blake2b
from typing import Final

from engine.messages.values import Book, Leg, Side

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LEG_LETTER: Final = {
    Leg.ENTRY: "E",
    Leg.STOP: "S",
    Leg.TARGET_1: "A",
    Leg.TARGET_2: "B",
    Leg.EXIT: "X",
}
_BOOK_LETTER: Final = {Book.PAPER: "P", Book.LIVE: "L"}
ATTEMPTS_MAX: Final = 36 * 36 - 1
TAG_LENGTH: Final = 18


def base36(number: int, width: int) -> str:
    """A non-negative number in base 36, upper case, exactly `width` characters (modulo)."""
    assert number >= 0
    digits = []
    for _ in range(width):
        number, rest = divmod(number, 36)
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))


def digest36(text: str, width: int) -> str:
    """A stable digest of `text` in `width` base-36 characters."""
    return base36(int.from_bytes(blake2b(text.encode(), digest_size=16).digest()), width)


def signal_id(strategy: str, instrument: str, side: Side, bar_at_ns: int) -> str:
    """The same idea at the same bar is the same signal, also after a restart."""
    return f"sig-{digest36(f'{strategy}|{instrument}|{side.value}|{bar_at_ns}', 16)}"


def client_plan_id(book: Book, signal: str) -> str:
    """One plan a signal and book: approving it twice is impossible."""
    return f"plan-{digest36(f'{book.value}|{signal}', 16)}"


def decision_id(plan_id: str) -> str:
    """The decision on a plan."""
    return f"dec-{digest36(plan_id, 16)}"


def group_id(plan_id: str) -> str:
    """The OCO group of a plan; also the last part of its actor's name."""
    return f"grp-{digest36(plan_id, 12)}"


def client_order_id(book: Book, group: str, leg: Leg, attempt: int) -> str:
    """Our id of one order attempt = the Kite tag.

    Args:
        group: the group's id; all its orders share 12 characters of it.
        attempt: 0 to ATTEMPTS_MAX, counted per leg by the group.
    """
    assert 0 <= attempt <= ATTEMPTS_MAX
    head = _BOOK_LETTER[book] + _LEG_LETTER[leg] + digest36(group, 12) + base36(attempt, 2)
    return head + digest36(head, 2)


def is_own_tag(tag: str) -> bool:
    """True if the tag has our layout and its check characters agree."""
    return (
        len(tag) == TAG_LENGTH
        and set(tag) <= set(_ALPHABET)
        and tag[0] in "PL"
        and tag[1] in "ESABX"
        and digest36(tag[:16], 2) == tag[16:]
    )
