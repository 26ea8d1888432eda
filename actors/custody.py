"""What the custodian knows of orders to go flat: whom they concern, and whether they still hold.

Decides which plans a scope covers, and whether all that is open was ordered flat by a person who
has not halted the engine since. Refuses to send anything. Stands alone because a life that starts
HALTED by a latch of its own has to know whether it may go on with what a person began.
"""

from collections.abc import Mapping

from engine.messages.records import ModeChanged, OperatorActed
from engine.messages.signals import TradePlan
from engine.messages.values import Mode

_RELEASES = ("flatten", "resume")


class Told:
    """Open groups that a person's flatten concerned when it was recorded, with its reason.
    `is_stopped`: halted since, other than by a latch that a new life found."""

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}
        self.is_flattening = False
        self.is_stopped = False

    def commanded(
        self, record: ModeChanged | OperatorActed, plans: Mapping[str, TradePlan]
    ) -> None:
        """A person's flatten, now durable, concerns who is open now; his halt ends it."""
        if isinstance(record, ModeChanged):
            is_halted = record.mode_to is Mode.HALTED and record.mode_from is not Mode.STANDBY
            self.is_flattening = record.mode_to is Mode.FLATTENING
            scope, reason, is_ordered = "", record.reason, self.is_flattening
            is_released = is_ordered
        else:
            is_done, command = record.outcome == "done", record.command
            is_halted, is_released = is_done and command == "halt", is_done and command in _RELEASES
            scope, reason, is_ordered = record.argument, command, is_done and command == "flatten"
        self.is_stopped = is_halted or (self.is_stopped and not is_released)
        if is_ordered:
            self.reasons |= {
                plan.group_id: reason for plan in plans.values() if covers(scope, plan)
            }

    def all_reason(self, plans: Mapping[str, TradePlan]) -> str:
        """Why everything that is open has to go flat, "" if not all of it has to any more."""
        if self.is_stopped or not plans.keys() <= self.reasons.keys():
            return ""
        return next(iter(self.reasons.values()), "")


def covers(scope: str, plan: TradePlan) -> bool:
    """True if a scope (as in Ceiling) covers the plan."""
    kind, _, name = scope.partition(":")
    match kind:
        case "":
            return True
        case "instrument":
            return name == plan.instrument
        case "strategy":
            return name == plan.strategy
        case "actor":
            return name == f"oco/{plan.group_id}"
        case _:
            return False
