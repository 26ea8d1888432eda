"""The last check next to the broker: may this one intent leave now?

Decides send, wait or deny, and remembers what was sent so that nothing leaves twice. Refuses to
trust anything decided earlier: guard and group may be wrong, this table is the safety argument.
Refuses to know brokers and clocks. The checks, in order:

    repeated     an intent leaves at most once, also over restarts     (INV-04)
    expired      its time is not over
    shape        quantities and prices are whole and sane, the order is known to MODIFY and CANCEL
    authority    effective >= needed; HALTED allows maintenance of exits (INV-08..10)
    mode_seq     an entry was approved under the present mode          (INV-33)
    entry_once   one live entry a group                                (INV-05)
    orders_day   the broker's daily quota keeps a share for exits      (CTL-06)
    fat_finger   quantity and value caps of entries, of the writer's own
    price_away   an entry's limit is near the market that the writer knows: the guard measured it at
                 approval, and the journal may have held it up since (INV-24)
    rate         entries <= 6 a second, all <= 8; exits wait, entries are denied (CTL-05)

Reduce-only is judged per group: the guard admits no opposite groups on one instrument and book, so
what shrinks every group shrinks the account. (See engine/risk/reduce_only.py for the proof.)
"""

from collections.abc import Mapping
from enum import Enum, unique

import msgspec

from engine import limits
from engine.authority import effective, is_maintenance, needed, scope_of
from engine.messages.control import AuthorityChanged
from engine.messages.market import Tick
from engine.messages.records import IntentPlanned, Record
from engine.messages.values import Action, Authority, Book, Leg, Mode, OrderType, Refusal
from engine.risk.day_count import DayCount
from engine.risk.rate import RateBudget
from engine.risk.sent_order import REPEATED
from engine.risk.sent_orders import SentOrders
from engine.risk.settings import RiskSettings
from engine.units import BPS, NS_PER_MS

AWAY_TIMES = 2
"""The market may have moved once more as far since the guard approved an entry."""


class GateCaps(msgspec.Struct, frozen=True, kw_only=True):
    """The writer's own fat-finger caps of one entry, independent of the guard's. How far its limit
    may be from the last price, twice that once it is approved; a price older than `tick_age_ns_max`
    says nothing (a paper writer hears no ticks that don't matter to its orders)."""

    quantity_max: int
    notional_paise_max: int
    price_away_bps_max: int = limits.PRICE_AWAY_BPS_MAX
    tick_age_ns_max: int = limits.TICK_AGE_MS_MAX * NS_PER_MS


def gate_caps(settings: RiskSettings) -> GateCaps:
    """The caps of the configured limits."""
    return GateCaps(
        quantity_max=limits.QUANTITY_MAX,
        notional_paise_max=settings.notional_symbol_paise_max,
        price_away_bps_max=settings.price_away_bps_max,
        tick_age_ns_max=settings.tick_age_ms_max * NS_PER_MS,
    )


@unique
class Verdict(Enum):
    SEND = "send"
    WAIT = "wait"


class Gate:
    """The gate's memory: authority, fences, sent orders, the last second. `ticks`: the last one of
    each instrument that the writer was told."""

    def __init__(self, caps: GateCaps, multipliers: Mapping[str, int]) -> None:
        assert 0 < caps.quantity_max <= limits.QUANTITY_MAX
        assert 0 < caps.notional_paise_max <= limits.MONEY_PAISE_MAX
        assert 0 < caps.price_away_bps_max <= limits.PRICE_AWAY_BPS_MAX
        assert 0 < caps.tick_age_ns_max <= limits.TICK_AGE_MS_MAX * NS_PER_MS
        self._caps = caps
        self._multipliers = multipliers
        self._authority: AuthorityChanged | None = None
        self.fenced: dict[str, int] = {}
        self.ticks: dict[str, Tick] = {}
        self.orders = SentOrders()
        self.rate = RateBudget()
        self.day = DayCount()

    def authorise(self, changed: AuthorityChanged) -> None:
        """Take a newer view of authority; an older one is late and ignored."""
        if self._authority is None or changed.seq > self._authority.seq:
            self._authority = changed

    def fence(self, name: str, generation: int) -> None:
        """Void all generations of an actor up to one."""
        self.fenced[name] = max(self.fenced.get(name, 0), generation)

    def judge(
        self, intent: IntentPlanned, mark_paise: int, now_ns: int, rate_ns: int
    ) -> Verdict | Refusal:
        """May it leave now?

        Args:
            intent: durable already.
            mark_paise: the instrument's last price, 0 if unknown.
            now_ns: the market clock, for deadlines.
            rate_ns: the clock that measures the second of the budget.

        Returns:
            SEND (and a share of the budget is taken), WAIT for the budget, or the refusal.
        """
        if refusal := self._refusal(intent, mark_paise, now_ns):
            return refusal
        is_entry = intent.leg is Leg.ENTRY and intent.action is not Action.CANCEL
        if self.rate.take(is_entry=is_entry, now_ns=rate_ns):
            return Verdict.SEND
        if is_entry:
            limit = limits.ENTRIES_PER_SECOND_MAX
            return _deny("rate", self.rate.count, limit, "too many orders in this second")
        return Verdict.WAIT

    def sent(self, intent: IntentPlanned) -> None:
        """Note an intent as gone, before any byte of it leaves."""
        self.fence(intent.owner, intent.owner_generation - 1)
        self.orders.plan(intent)
        self.day.sent(intent)

    def fold(self, record: Record) -> None:
        """A record that somebody else has made durable, or of the past."""
        self.orders.fold(record)
        self.day.fold(record)

    # -- the checks -----------------------------------------------------------------------

    def _refusal(self, intent: IntentPlanned, mark_paise: int, now_ns: int) -> Refusal | None:
        if self.orders.is_known(intent.intent_id):
            return _deny(REPEATED, 1, 0, "this intent has left before")
        if 0 < intent.expires_at_ns <= now_ns:
            return _deny("expired", now_ns - intent.expires_at_ns, 0, "the intent is too old")
        if not self._is_sound(intent):
            return _deny("shape", 0, 0, "quantity, price or order unknown")
        is_reducing = self.orders.is_reducing(intent)
        if refusal := self._authority_refusal(intent, is_reducing):
            return refusal
        if intent.leg is Leg.ENTRY and intent.action is not Action.CANCEL:
            return self._entry_refusal(intent, mark_paise, now_ns)
        return None

    def _is_sound(self, intent: IntentPlanned) -> bool:
        if intent.action is not Action.PLACE and self.orders.get(intent.client_order_id) is None:
            return False
        if intent.action is Action.CANCEL:
            return True
        prices = (intent.price_limit_paise, intent.price_trigger_paise)
        has_limit = intent.order_type in (OrderType.LIMIT, OrderType.SL)
        has_trigger = intent.order_type in (OrderType.SL, OrderType.SL_M)
        return (
            type(intent.quantity) is int
            and 0 < intent.quantity <= limits.QUANTITY_MAX
            and all(type(p) is int and 0 <= p <= limits.PRICE_PAISE_MAX for p in prices)
            and (intent.price_limit_paise > 0) == has_limit
            and (intent.price_trigger_paise > 0) == has_trigger
        )

    def _authority_refusal(self, intent: IntentPlanned, is_reducing: bool) -> Refusal | None:
        view, want = self._authority, needed(intent, is_reducing)
        if view is None:
            return _deny("authority", Authority.NONE, want, "no authority was given yet")
        if intent.leg.is_exit and intent.action is not Action.CANCEL and not is_reducing:
            return _deny("reduce_only", intent.quantity, 0, "the exit could increase or flip")
        have = effective(
            view.mode,
            view.ceilings,
            scope_of(intent),
            fenced=self.fenced,
            is_protecting=view.is_protecting,
        )
        if have >= want and (want < Authority.FULL or intent.mode_seq == view.mode_seq):
            return None
        if have >= want:
            return _deny("mode_seq", intent.mode_seq, view.mode_seq, "approved in another mode")
        order = self.orders.get(intent.client_order_id)
        quantity = order.quantity_told if order is not None else 0
        is_halted = view.mode is Mode.HALTED and have is Authority.CANCEL
        if is_halted and is_maintenance(
            intent,
            quantity,
            is_reducing,
            is_flip=self.orders.is_flip_exit(intent),
            is_stop_hit=self.orders.is_stop_hit(intent.group_id),
        ):
            return None
        rule = "fenced" if self.is_fenced(intent) else "authority"
        return _deny(rule, have, want, f"{view.mode.value} leaves {have.name}")

    def is_fenced(self, intent: IntentPlanned) -> bool:
        """True if the intent's owner is of a void generation."""
        return not intent.owner_generation > self.fenced.get(intent.owner, 0)

    def _entry_refusal(self, intent: IntentPlanned, mark_paise: int, now_ns: int) -> Refusal | None:
        if intent.action is Action.PLACE and self.orders.has_entered(intent.group_id):
            return _deny("entry_once", 1, 0, "the group has an entry already")
        if intent.book is Book.LIVE and not self.day.has_room(now_ns):
            used, limit = self.day.count(now_ns), limits.ORDERS_DAY_ENTRIES_MAX
            return _deny("orders_day", used, limit, "the rest of the day's quota is for exits")
        price = max(intent.price_limit_paise, intent.price_trigger_paise, mark_paise)
        multiplier = self._multipliers.get(intent.instrument, 0)
        value, caps = intent.quantity * price * multiplier, self._caps
        if not 0 < intent.quantity <= caps.quantity_max:
            return _deny("fat_finger", intent.quantity, caps.quantity_max, "quantity of one order")
        if not 0 < value <= caps.notional_paise_max:
            return _deny("fat_finger", value, caps.notional_paise_max, "value of one order")
        away_bps, away_max = self._away_bps(intent, now_ns), AWAY_TIMES * caps.price_away_bps_max
        if not away_bps <= away_max:
            return _deny("price_away", away_bps, away_max, "the limit is far from the last price")
        return None

    def _away_bps(self, intent: IntentPlanned, now_ns: int) -> int:
        """How far an entry's limit is from the last price, 0 where either is not known."""
        tick = self.ticks.get(intent.instrument)
        if tick is None or not intent.price_limit_paise:
            return 0
        age_ns = abs(now_ns - tick.received_at_ns)
        away_paise = abs(intent.price_limit_paise - tick.price_paise)
        return away_paise * BPS // tick.price_paise if age_ns <= self._caps.tick_age_ns_max else 0


def _deny(rule: str, measured: int, limit: int, why: str) -> Refusal:
    return Refusal(rule=rule, measured=int(measured), limit=int(limit), why=why)
