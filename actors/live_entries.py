"""Live entries of the day: the last look at the operator's caps, and the line in the ledger.

Decides nothing of its own: `engine/risk/live_caps.py` judges, the ledger keeps. Whatever keeps the
ledger from being read or written refuses the entry. Stands alone because exits must never wait for
it: the writer asks for entries that leave with real money, and for nothing else.
"""

from pathlib import Path
from typing import Final

import msgspec

from actors.brokers.port import MarginBroker
from actors.runtime.log import log_event
from actors.stores.live_ledger import LiveLedger
from engine.errors import StateUnsafe
from engine.messages.records import IntentPlanned
from engine.messages.values import Refusal
from engine.risk.live_caps import LiveCaps, LiveEntry, caps_refusal
from engine.session import ist_day, ist_text

_RULE: Final = "live_ledger"


class LivePlan(msgspec.Struct, frozen=True, kw_only=True):
    """Where the ledger is and what the caps are; plain values, for the writer's process."""

    ledger: str
    caps: LiveCaps = LiveCaps()


NO_LEDGER: Final = LivePlan(ledger="")
"""Without a ledger no live entry leaves."""


class LiveEntries:
    """Belongs to the writer."""

    def __init__(self, plan: LivePlan) -> None:
        self._ledger = LiveLedger(Path(plan.ledger))
        self._caps = plan.caps

    def take(
        self, intent: IntentPlanned, value_paise: int, now_ns: int, broker: object = None
    ) -> Refusal | None:
        """Put an entry down before it leaves; why it may not, None if it may.

        Args:
            value_paise: its notional at the worst known price, 0 if none is known.
            broker: asked for the margin, if it can tell, once the caps allow the entry.
        """
        entry = LiveEntry(
            at=ist_text(now_ns),
            symbol=intent.instrument,
            side=intent.side,
            quantity=intent.quantity,
            notional_paise=value_paise,
            client_order_id=intent.client_order_id,
        )
        try:
            day = self._ledger.read(ist_day(now_ns).isoformat())
            if refusal := caps_refusal(day, entry, self._caps):
                return refusal
            if isinstance(broker, MarginBroker) and (no := broker.margin_refusal(intent)):
                return no
            self._ledger.add(day, entry)
        except (StateUnsafe, OSError) as error:
            log_event("live_ledger_unusable", "ERROR", why=str(error))
            return Refusal(rule=_RULE, measured=0, limit=0, why=str(error)[:200])
        return None
