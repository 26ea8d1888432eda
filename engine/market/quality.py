"""Is this tick believable: the gate in front of marks, bars and strategies.

Decides for each tick: accept, accept for exits only, or quarantine, with a stable reason code.
Refuses to repair anything: a bad tick is not stored as last price and refreshes no staleness.
Stands alone so that live frames and files pass the same test.

| code              | verdict    | meaning                                                         |
|-------------------|------------|-----------------------------------------------------------------|
| price_zero        | quarantine | price not above 0                                               |
| price_absurd      | quarantine | above any listed price (2**32 - 1 and the like)                 |
| price_out_of_band | quarantine | outside the day's circuit band, where one is known              |
| negative_quantity | quarantine | a quantity, running total or book price below 0                 |
| time_ancient      | quarantine | exchange time far behind ours (1970)                            |
| time_future       | quarantine | exchange time ahead of ours (2106, five minutes)                |
| time_backward     | quarantine | older than the last accepted tick                               |
| price_jump        | quarantine | far from the last price and no second tick confirms it in time  |
| crossed_book      | exits only | bid above ask                                                   |
| empty_book        | exits only | no bid or no ask, where depth is expected (locked at a circuit) |
| stuck             | exits only | same content for long while its time stamps advance             |
"""

from enum import Enum, unique
from typing import Final

import msgspec

from engine.messages.market import Tick
from engine.session import DAY_NS
from engine.units import BPS, NS_PER_MS


@unique
class Verdict(Enum):
    """What a tick may be used for."""

    ACCEPT = "accept"
    EXITS_ONLY = "exits_only"
    QUARANTINE = "quarantine"


GOOD: Final = (Verdict.ACCEPT, "")
STUCK: Final = (Verdict.EXITS_ONLY, "stuck")
EXITS_ONLY_REASONS = frozenset({"crossed_book", "empty_book", "stuck"})


class TickLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of belief. Band prices in paise, 0 where no band is known (futures move it by day)."""

    price_paise_max: int = 1_000_000_000  # one crore rupees
    band_low_paise: int = 0
    band_high_paise: int = 0
    jump_bps_max: int = 300
    confirm_ms_max: int = 3_000
    future_ms_max: int = 2_000
    ancient_ms_max: int = 60_000
    stuck_ms_max: int = 120_000
    is_depth_expected: bool = False


def check_tick(previous: Tick | None, tick: Tick, limits: TickLimits) -> str | None:
    """The worst reason not to believe a tick, or None; `previous` is the last accepted one."""
    return (
        _price_reason(tick, limits)
        or _time_reason(previous, tick, limits)
        or _jump_reason(previous, tick, limits)
        or _book_reason(tick, limits)
    )


def _price_reason(tick: Tick, limits: TickLimits) -> str | None:
    price = tick.price_paise
    if not price > 0:
        return "price_zero"
    if not price <= limits.price_paise_max:
        return "price_absurd"
    if limits.band_low_paise and not price >= limits.band_low_paise:
        return "price_out_of_band"
    if limits.band_high_paise and not price <= limits.band_high_paise:
        return "price_out_of_band"
    numbers = (tick.bid_quantity, tick.ask_quantity, tick.volume_day, tick.oi)
    if not min(*numbers, tick.bid_paise, tick.ask_paise) >= 0:
        return "negative_quantity"
    return None


def _time_reason(previous: Tick | None, tick: Tick, limits: TickLimits) -> str | None:
    behind_ns = tick.received_at_ns - tick.at_ns
    if not behind_ns <= limits.ancient_ms_max * NS_PER_MS:
        return "time_ancient"
    if not behind_ns >= -limits.future_ms_max * NS_PER_MS:
        return "time_future"
    if previous is not None and not tick.at_ns >= previous.at_ns:
        return "time_backward"
    return None


def _jump_reason(previous: Tick | None, tick: Tick, limits: TickLimits) -> str | None:
    is_far = previous is not None and _is_far(previous.price_paise, tick.price_paise, limits)
    return "price_jump" if is_far else None


def _book_reason(tick: Tick, limits: TickLimits) -> str | None:
    if limits.is_depth_expected and not (
        min(tick.bid_paise, tick.ask_paise, tick.bid_quantity, tick.ask_quantity) > 0
    ):
        return "empty_book"
    return "crossed_book" if tick.bid_paise > tick.ask_paise > 0 else None


def _is_far(price_a: int, price_b: int, limits: TickLimits) -> bool:
    return abs(price_b - price_a) * BPS > limits.jump_bps_max * price_a


class TickGate:
    """The gate of one instrument: `check_tick` with memory (jumps in doubt, stuck content)."""

    def __init__(self, limits: TickLimits) -> None:
        self.limits = limits
        self.last: Tick | None = None
        self._doubted: Tick | None = None
        self._content_since_ns = 0
        self._low_paise = max(1, limits.band_low_paise)
        self._high_paise = min(
            limits.price_paise_max, limits.band_high_paise or limits.price_paise_max
        )
        self._behind_ns_min = -limits.future_ms_max * NS_PER_MS
        self._behind_ns_max = limits.ancient_ms_max * NS_PER_MS

    def admit(self, tick: Tick) -> tuple[Verdict, str]:
        """Judge a tick; `last` becomes the tick unless it is quarantined. The bounds of
        `check_tick` stand here in one expression, because almost every tick of a day passes all.

        Returns:
            The verdict and its reason code, '' for ACCEPT.
        """
        last, limits = self.last, self.limits
        price, at_ns, bid, ask = tick.price_paise, tick.at_ns, tick.bid_paise, tick.ask_paise
        if (
            last is not None
            and self._low_paise <= price <= self._high_paise
            and (0 <= bid <= ask or (ask == 0 and bid > 0))
            and at_ns >= last.at_ns
            and self._behind_ns_min <= tick.received_at_ns - at_ns <= self._behind_ns_max
            and abs(price - last.price_paise) * BPS <= limits.jump_bps_max * last.price_paise
            and tick.bid_quantity >= 0
            and tick.ask_quantity >= 0
            and tick.volume_day >= 0
            and tick.oi >= 0
            and not limits.is_depth_expected
        ):
            self._doubted = None
            self.last = tick
            if price != last.price_paise:
                self._content_since_ns = at_ns
                return GOOD
            return STUCK if self._is_stuck(last, tick) else GOOD
        return self._admit_slowly(last, tick)

    def _admit_slowly(self, last: Tick | None, tick: Tick) -> tuple[Verdict, str]:
        reason = check_tick(last, tick, self.limits)
        if reason == "price_jump":
            if not self._is_confirmed(tick):
                self._doubted = tick
                return Verdict.QUARANTINE, reason
            reason = _book_reason(tick, self.limits)
        elif reason is not None and reason not in EXITS_ONLY_REASONS:
            return Verdict.QUARANTINE, reason
        self._doubted = None
        if reason is None and self._is_stuck(last, tick):
            reason = "stuck"
        self.last = tick
        return (Verdict.EXITS_ONLY, reason) if reason else (Verdict.ACCEPT, "")

    def _is_confirmed(self, tick: Tick) -> bool:
        doubted = self._doubted
        if doubted is None or not tick.at_ns > doubted.at_ns:
            return False
        in_time = tick.at_ns - doubted.at_ns <= self.limits.confirm_ms_max * NS_PER_MS
        return in_time and not _is_far(doubted.price_paise, tick.price_paise, self.limits)

    def _is_stuck(self, last: Tick | None, tick: Tick) -> bool:
        at_ns = tick.at_ns
        if (
            last is None
            or not _is_same_content(last, tick)
            or last.at_ns // DAY_NS != (at_ns // DAY_NS)
        ):
            self._content_since_ns = at_ns
            return False
        return at_ns - self._content_since_ns > self.limits.stuck_ms_max * NS_PER_MS


def _is_same_content(a: Tick, b: Tick) -> bool:
    """All but the times; what changes most often is compared first."""
    return (
        a.volume_day == b.volume_day
        and a.price_paise == b.price_paise
        and a.bid_quantity == b.bid_quantity
        and a.ask_quantity == b.ask_quantity
        and a.bid_paise == b.bid_paise
        and a.ask_paise == b.ask_paise
        and a.oi == b.oi
    )
