"""Live entries of the day: the last look at the operator's caps, and the line in the ledger.

Decides nothing of its own: `engine/risk/live_caps.py` judges, the ledger keeps. Whatever keeps the
ledger from being read or written refuses the entry. Stands alone because exits must never wait for
it: the writer asks for entries that leave with real money, and for nothing else.

The line is in the file before the entry leaves, and made durable while the order is on its way: the
intent is durable in the journal already, and a second wait for the disk would delay every entry by
as much again. What a power cut takes from the file a new writer puts back from the journal before
it sends anything; an entry counts there whether or not it left, unless our gate denied it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from actors.brokers.port import MarginBroker
from actors.runtime.log import log_event
from actors.stores.live_ledger import LiveLedger
from engine.errors import StateUnsafe
from engine.messages.records import IntentPlanned, OrderDenied, Record
from engine.messages.values import Action, Book, Leg, Refusal
from engine.risk.live_caps import LedgerDay, LiveCaps, LiveEntry, caps_refusal
from engine.session import ist_day, ist_text

_RULE: Final = "live_ledger"


class LivePlan(msgspec.Struct, frozen=True, kw_only=True):
    """Where the ledger is and what the caps are; plain values, for the writer's process."""

    ledger: str
    caps: LiveCaps = LiveCaps()


NO_LEDGER: Final = LivePlan(ledger="")
"""Without a ledger no live entry leaves."""


class LiveEntries:
    """Belongs to the writer.

    Args:
        multipliers: units of value by instrument; one without has no known value and is refused.
    """

    def __init__(self, plan: LivePlan, multipliers: Mapping[str, int]) -> None:
        self._ledger = LiveLedger(Path(plan.ledger))
        self._caps = plan.caps
        self._multipliers = multipliers
        self._past: dict[str, IntentPlanned] = {}
        self._is_owing = False

    # -- the past -------------------------------------------------------------------------

    def fold(self, record: Record) -> None:
        """Take a record of the past."""
        match record:
            case IntentPlanned() if _is_live_entry(record):
                self._past[record.client_order_id] = record
            case OrderDenied(action=Action.PLACE):
                self._past.pop(record.client_order_id, None)
            case _:
                pass

    def restore(self, now_ns: int) -> None:
        """Put back what the ledger of today lacks of the past. One that cannot be read or written
        stays as it is, and refuses the next entry."""
        today = ist_day(now_ns)
        past = [record for record in self._past.values() if ist_day(record.at_ns) == today]
        self._past.clear()
        try:
            day = self._ledger.read(today.isoformat())
            listed = {entry.client_order_id for entry in day.entries}
            for intent in past:
                if intent.client_order_id not in listed:
                    log_event("live_ledger_restored", "WARNING", intent_id=intent.intent_id)
                    day = self._add(day, _entry(intent, self._value(intent, 0), intent.at_ns))
        except (StateUnsafe, OSError) as error:
            log_event("live_ledger_unusable", "WARNING", why=str(error))
        self.settle()

    # -- an entry -------------------------------------------------------------------------

    def refusal(
        self, intent: IntentPlanned, mark_paise: int, now_ns: int, broker: object = None
    ) -> Refusal | None:
        """Why an intent may not leave; None if it may, or is no live entry. `mark_paise`: the last
        price, 0 if unknown; `broker` as in `take`."""
        if not _is_live_entry(intent):
            return None
        return self.take(intent, self._value(intent, mark_paise), now_ns, broker)

    def take(
        self, intent: IntentPlanned, value_paise: int, now_ns: int, broker: object = None
    ) -> Refusal | None:
        """Put an entry down before it leaves; why it may not, None if it may.

        Args:
            value_paise: its notional at the worst known price, 0 if none is known.
            broker: asked for the margin, if it can tell, once the caps allow the entry.
        """
        entry = _entry(intent, value_paise, now_ns)
        try:
            if self._is_owing:
                self._sync()
            day = self._ledger.read(ist_day(now_ns).isoformat())
            if refusal := caps_refusal(day, entry, self._caps):
                return refusal
            if isinstance(broker, MarginBroker) and (no := broker.margin_refusal(intent)):
                return no
            self._add(day, entry)
        except (StateUnsafe, OSError) as error:
            log_event("live_ledger_unusable", "ERROR", why=str(error))
            return Refusal(rule=_RULE, measured=0, limit=0, why=str(error)[:200])
        return None

    def settle(self) -> None:
        """Make durable what was put down, once the order is on its way. A disk that refuses is
        asked again before the next entry, which it refuses then."""
        if self._is_owing:
            try:
                self._sync()
            except OSError as error:
                log_event("live_ledger_unsynced", "ERROR", why=str(error))

    def _add(self, day: LedgerDay, entry: LiveEntry) -> LedgerDay:
        self._is_owing = True
        return self._ledger.add(day, entry)

    def _sync(self) -> None:
        self._ledger.sync()
        self._is_owing = False

    def _value(self, intent: IntentPlanned, mark_paise: int) -> int:
        price = max(intent.price_limit_paise, intent.price_trigger_paise, mark_paise)
        return intent.quantity * price * self._multipliers.get(intent.instrument, 0)


def _is_live_entry(intent: IntentPlanned) -> bool:
    is_entry = intent.leg is Leg.ENTRY and intent.action is Action.PLACE
    return is_entry and intent.book is Book.LIVE and not intent.is_adopted


def _entry(intent: IntentPlanned, value_paise: int, at_ns: int) -> LiveEntry:
    return LiveEntry(
        at=ist_text(at_ns),
        symbol=intent.instrument,
        side=intent.side,
        quantity=intent.quantity,
        notional_paise=value_paise,
        client_order_id=intent.client_order_id,
    )
