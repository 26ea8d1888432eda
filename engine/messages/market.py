"""What the market says, and what the feeds make of it."""

from typing import ClassVar

from engine.messages.base import Delivery, Message, Word
from engine.messages.values import FeedState, SessionPhase


class Tick(Message, frozen=True, kw_only=True):
    """One quote or trade of one instrument.

    Prices in paise, quantities in units; `volume_day` and `oi` are the exchange's running totals
    (0 where the source has none). `at_ns` is the exchange's time, `received_at_ns` ours. Bid and
    ask are 0 where the source has no depth. `traded_at_ns` is when it last traded: 0 never today,
    or the source does not say.
    """

    delivery: ClassVar[Delivery] = Delivery.CONFLATE

    instrument: str
    price_paise: int
    at_ns: int
    received_at_ns: int
    volume_day: int = 0
    oi: int = 0
    bid_paise: int = 0
    ask_paise: int = 0
    bid_quantity: int = 0
    ask_quantity: int = 0
    traded_at_ns: int = 0

    @property
    def conflation_key(self) -> str:
        return self.instrument


class MarketFrame(Message, frozen=True, kw_only=True):
    """Ticks that arrived together (a websocket frame, a second of a replayed file); none of them:
    a sign of life. `source` is the actor that took them in, "" where there is only one."""

    delivery: ClassVar[Delivery] = Delivery.CRITICAL

    ticks: tuple[Tick, ...]
    source: str = ""


class LinkState(Word):
    """How a source stands to where its data comes from.

    UNKNOWN: it does not say (files, generators). UP: connected. DOWN: not connected, it tries.
    LOGIN_NEEDED: refused, it does not try until there is a new login.
    """

    UNKNOWN = "unknown"
    UP = "up"
    DOWN = "down"
    LOGIN_NEEDED = "login_needed"


class LinkChanged(Message, frozen=True, kw_only=True):
    """A source's connection came, went or was refused. `reason` is a code, "" when up;
    `connect_count` counts the attempts of this life of the source."""

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    source: str
    state: LinkState
    reason: str
    connect_count: int
    at_ns: int


class FeedEnded(Message, frozen=True, kw_only=True):
    """The source has no more data (end of the files). Sent once, after the last frame."""

    delivery: ClassVar[Delivery] = Delivery.CRITICAL

    rows_rejected: tuple[tuple[str, int], ...] = ()


class FeedBlocked(Message, frozen=True, kw_only=True):
    """The source declares a span of an instrument's data untradeable (stale bars, bad rows)."""

    delivery: ClassVar[Delivery] = Delivery.CRITICAL

    instrument: str
    is_blocked: bool
    reason: str
    at_ns: int


class BarClosed(Message, frozen=True, kw_only=True):
    """A finished bar [start_at_ns, end_at_ns). Prices in paise."""

    instrument: str
    interval_s: int
    start_at_ns: int
    end_at_ns: int
    open_paise: int
    high_paise: int
    low_paise: int
    close_paise: int
    volume: int
    tick_count: int


class FeedStateChanged(Message, frozen=True, kw_only=True):
    """The feed of one instrument changed its quality; `reasons` are codes, worst first."""

    instrument: str
    state: FeedState
    reasons: tuple[str, ...]
    at_ns: int
    tick_at_ns: int


class PhaseChanged(Message, frozen=True, kw_only=True):
    """The session calendar moved. When closed, `entries_end_at_ns` and `flat_by_at_ns` are 0, and
    the bounds are those of the next session, 0 if none is known."""

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    phase: SessionPhase
    trading_day: str
    at_ns: int
    opens_at_ns: int = 0
    closes_at_ns: int = 0
    entries_end_at_ns: int = 0
    flat_by_at_ns: int = 0


class MarketWatch(Message, frozen=True, kw_only=True):
    """A room wants the ticks of an instrument sent to it (or no longer). Idempotent.

    A tick whose prices all lie strictly between the quiet bounds cannot matter to the reader: it
    is left with it, to be found before its next message, and does not wake it. With `quiet_ns` one
    tick in so long a time wakes it all the same. Without bounds (0, 0) every tick does.
    """

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    instrument: str
    reader: str
    is_on: bool
    quiet_low_paise: int = 0
    quiet_high_paise: int = 0
    quiet_ns: int = 0


class FeedChecked(Message, frozen=True, kw_only=True):
    """The market's coarse beat to its quiet feeds: judge your age, close bars whose end has passed.

    `source_at_ns` is when the feed's source last gave a sign of life, market time; `link` how it
    is connected.
    """

    delivery: ClassVar[Delivery] = Delivery.CONFLATE

    at_ns: int
    source_at_ns: int
    link: LinkState = LinkState.UNKNOWN


class FeedsCalled(Message, frozen=True, kw_only=True):
    """A market that has just started asks its feeds and its sources to announce themselves, and by
    way of the custodian the open groups to say again what they watch."""

    delivery: ClassVar[Delivery] = Delivery.CONTROL


class FeedAnnounced(Message, frozen=True, kw_only=True):
    """A feed is there; `watchers` are the names that had asked it for ticks before (none after its
    own start). The market answers with the phase, a block in force and the watches it misses."""

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    instrument: str
    watchers: tuple[str, ...] = ()


class PhaseWanted(Message, frozen=True, kw_only=True):
    """A room has started and wants the present `PhaseChanged` from the calendar."""

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    reader: str
