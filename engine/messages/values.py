"""Nouns shared by messages: sides, order types, books, authority, refusals.

Kite's own names are used for variety, product, order type and validity.
Source: Kite Connect v3 documentation, order parameters (facts of 2026-11).
"""

from enum import IntEnum, unique

from engine.messages.base import Message, Word


@unique
class Side(Word):
    BUY = "BUY"
    SELL = "SELL"

    sign: int
    """+1 or -1; an attribute, because nothing is asked more often."""

    def __init__(self, value: str) -> None:
        self.sign = 1 if value == "BUY" else -1

    @property
    def opposite(self) -> "Side":
        return Side.SELL if self is Side.BUY else Side.BUY


@unique
class OrderType(Word):
    LIMIT = "LIMIT"
    MARKET = "MARKET"
    SL = "SL"
    SL_M = "SL-M"


@unique
class Product(Word):
    MIS = "MIS"
    NRML = "NRML"
    CNC = "CNC"


@unique
class Book(Word):
    """Whose money. Live and paper keys never mix."""

    PAPER = "paper"
    LIVE = "live"


@unique
class Leg(Word):
    """The role of an order inside its OCO group."""

    ENTRY = "entry"
    STOP = "stop"
    TARGET_1 = "target_1"
    TARGET_2 = "target_2"
    EXIT = "exit"

    @property
    def is_exit(self) -> bool:
        return self is not Leg.ENTRY


@unique
class Action(Word):
    """What an intent asks of the broker."""

    PLACE = "place"
    MODIFY = "modify"
    CANCEL = "cancel"


class Authority(IntEnum):
    """What may leave for a book: a lattice, combined by minimum."""

    NONE = 0
    CANCEL = 1
    REDUCE = 2
    FULL = 3


@unique
class Mode(Word):
    """Engine modes; the transition table is in engine/authority.py."""

    STANDBY = "STANDBY"
    RECOVERING = "RECOVERING"
    PAPER = "PAPER"
    REDUCE = "REDUCE"
    LIVE = "LIVE"
    HALTED = "HALTED"
    FLATTENING = "FLATTENING"
    KILLED = "KILLED"
    FENCED = "FENCED"


@unique
class FeedState(Word):
    """FRESH may be traded on; STALE and MUTE allow exits only; DEAD has no source; BLOCKED is
    refused by the data quality gate."""

    FRESH = "fresh"
    STALE = "stale"
    MUTE = "mute"
    DEAD = "dead"
    BLOCKED = "blocked"


@unique
class SessionPhase(Word):
    """DOUBTED: our clocks disagree, so nobody knows. Nothing is entered and nothing is over: the
    day is not closed, orders and prices of what is held go on."""

    DOUBTED = "doubted"
    CLOSED = "closed"
    PRE_OPEN = "pre_open"
    CONTINUOUS = "continuous"
    CLOSING = "closing"


class Refusal(Message, frozen=True, kw_only=True):
    """A risk rule said no. A value, never an exception.

    `measured` and `limit` are in the unit that `rule` names (paise, units, bps, count); `why` is
    one line for the operator.
    """

    rule: str
    measured: int
    limit: int
    why: str


class Target(Message, frozen=True, kw_only=True):
    """One profit target: a limit price and its share of the filled quantity in basis points."""

    price_paise: int
    share_bps: int


class Feature(Message, frozen=True, kw_only=True):
    """A named number that a signal was based on, scaled by 10,000."""

    name: str
    value_e4: int
