"""A critical message that is lost for good calls a person; routine losses are only counted."""

import pytest

from engine.messages.control import AlertRaised
from engine.messages.journal import Append
from supervisors.lost import lost_alarm
from tests.supervisors.harness import House

APPEND = Append(records=(), sender="x", sender_generation=1)


@pytest.mark.parametrize(
    ("why", "is_alarmed"), [("full", True), ("parked", True), ("absent", False), ("ended", False)]
)
def test_inv_38_when_a_critical_message_is_lost_for_good_then_a_person_is_called(
    seeded: House, why: str, is_alarmed: bool
) -> None:
    seeded.tree(seeded.child("a"), seeded.child("alerts"))
    letters = seeded.runtime.directory.dead_letters
    letters.on_critical = lost_alarm(seeded.runtime)
    letters.add("a", APPEND, "x", why)
    letters.add("oco/closed", APPEND, "x", why)
    seeded.settle(lambda: not any(len(r.inbox) for r in seeded.runtime.directory.rooms.values()))
    alerts = [what for _, _, what in seeded.script.heard if isinstance(what, AlertRaised)]
    assert [(alert.event, alert.subject) for alert in alerts] == (
        [("message_lost", "a")] if is_alarmed else []
    )
