"""The answer to one intent, as every broker adapter and our own gate give it.

Decides which of the intent's fields an answer repeats. Refuses to know what was answered and why.
"""

from engine.messages.broker import IntentAnswered, Outcome
from engine.messages.records import IntentPlanned
from engine.messages.values import Refusal


def answered(
    intent: IntentPlanned,
    outcome: Outcome,
    now_ns: int,
    *,
    venue_order_id: str = "",
    text: str = "",
    refusal: Refusal | None = None,
) -> IntentAnswered:
    """What became of an intent; `refusal` where our own gate said no."""
    return IntentAnswered(
        intent_id=intent.intent_id,
        client_order_id=intent.client_order_id,
        action=intent.action,
        outcome=outcome,
        venue_order_id=venue_order_id,
        refusal=refusal,
        text=text,
        at_ns=now_ns,
    )
