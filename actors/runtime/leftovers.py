"""What an ended room leaves in its inbox: named as dead letters, askers answered.

Decides nothing but that nothing vanishes silently; conflated data (ticks) may.
"""

import pykka
from pykka._envelope import Envelope

from actors.runtime.deadletters import DeadLetters
from actors.runtime.inbox import Inbox
from engine.messages.base import Delivery


def drop_rest(inbox: Inbox, name: str, dead_letters: DeadLetters) -> None:
    """Empty the inbox of an ended room; any thread, also while the room itself is stuck."""
    while (item := inbox.take(with_data=True, is_all_wanted=True)) is not None:
        if isinstance(item, Envelope):
            if item.reply_to is not None:
                dead = pykka.ActorDeadError(f"{name} ended before handling the message")
                item.reply_to.set_exception((pykka.ActorDeadError, dead, None))
        elif item.delivery is not Delivery.CONFLATE:
            dead_letters.add(name, item, "", "ended")
