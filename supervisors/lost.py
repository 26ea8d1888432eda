"""A critical message that nobody will ever handle calls a person.

Decides which losses are an alarm: an inbox that was full, and a message that was parked because its
room died of it. Refuses to alarm what is routine: a receiver that has ended or is not back yet
reads the journal again, a fenced sender is void, a group that has closed needs no more facts; these
are counted (trader_dead_letters) and logged. The alert filter holds back what repeats.
"""

from collections.abc import Callable
from typing import Final

from actors.runtime.runtime import Runtime
from engine.messages.base import Message
from engine.messages.control import AlertRaised

ALARMED: Final = ("full", "parked")


def lost_alarm(runtime: Runtime) -> Callable[[str, Message, str], None]:
    """What `DeadLetters.on_critical` calls, from whatever thread sends."""

    def lost(target: str, message: Message, why: str) -> None:
        if why not in ALARMED or target not in runtime.directory.rooms:
            return
        alert = AlertRaised(
            severity="critical",
            event="message_lost",
            subject=target,
            text=f"{type(message).__name__} for {target} is lost: {why}",
            at_ns=runtime.clock.now_ns(),
        )
        runtime.directory.deliver("alerts", alert, "dead letters")

    return lost
