"""One order attempt: what it asks for, has filled and may still fill.

Decides figures of an order alone. Refuses to know what changes it (lifecycle.py). Stands alone
because all who reckon with an order read it, and only its life cycle makes a new one.
"""

from enum import unique
from typing import Final

import msgspec

from engine.messages.base import Word
from engine.messages.values import Action, Leg, OrderType, Side


@unique
class Status(Word):
    PLANNED = "planned"
    WORKING = "working"
    TRIGGERED = "triggered"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    DENIED = "denied"
    UNKNOWN = "unknown"
    LOST = "lost"


TERMINAL: Final = frozenset(
    {Status.FILLED, Status.CANCELLED, Status.REJECTED, Status.DENIED, Status.LOST}
)
FAILED: Final = frozenset({Status.REJECTED, Status.DENIED, Status.LOST})


class Request(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A MODIFY or CANCEL under way; quantity and prices as asked."""

    intent_id: str
    action: Action
    quantity: int
    order_type: OrderType
    price_limit_paise: int
    price_trigger_paise: int


class OrderState(msgspec.Struct, frozen=True, kw_only=True):
    """One order attempt. `value_paise` is the sum of quantity x price over its fills. `request`
    stays set after a terminal status (see `is_busy`), so that a request and the fact that overtook
    it can be applied in either order with the same result. `seconds`: what others under the tag are
    good for, by number (OrderDoubled), `filled_seconds` what they have filled (FLT-24).
    `modify_count_moved`: of its modifications, those until a stop was a limit order."""

    client_order_id: str
    venue_order_id: str = ""
    leg: Leg
    side: Side
    quantity: int
    order_type: OrderType
    price_limit_paise: int
    price_trigger_paise: int
    planned_at_ns: int
    status: Status = Status.PLANNED
    status_at_ns: int
    filled: int = 0
    value_paise: int = 0
    charges_paise: int = 0
    request: Request | None = None
    requested_at_ns: int = 0
    modify_count: int = 0
    modify_count_moved: int = 0
    cancel_count: int = 0
    refused_count: int = 0
    was_triggered: bool = False
    was_lost: bool = False
    is_cancel_asked: bool = False
    seconds: tuple[tuple[str, int], ...] = ()
    filled_seconds: int = 0

    @property
    def is_over(self) -> bool:
        """True once the order itself is over, whatever becomes of its seconds."""
        return self.status in TERMINAL

    @property
    def is_terminal(self) -> bool:
        """True once nothing under the tag may fill any more."""
        return self.status in TERMINAL and not self.remaining_seconds

    @property
    def is_busy(self) -> bool:
        """True while an answer is owed: nothing else may be asked of this order."""
        return not self.is_terminal and (
            self.request is not None or self.status in (Status.PLANNED, Status.UNKNOWN)
        )

    @property
    def filled_own(self) -> int:
        """Units that the order itself has filled, without its seconds."""
        return self.filled - self.filled_seconds

    @property
    def remaining_seconds(self) -> int:
        """Units that its seconds may still fill, or have filled without a fact of it."""
        if not self.seconds:
            return 0
        return max(0, sum(units for _, units in self.seconds) - self.filled_seconds)

    @property
    def remaining(self) -> int:
        """Units that may still fill as far as is known; 0 once terminal."""
        own = 0 if self.is_over else max(0, self.quantity - self.filled_own)
        return own + self.remaining_seconds

    @property
    def exposure(self) -> int:
        """Units that may still fill in the worst case: a growing modify counts already."""
        if self.is_over:
            return self.remaining_seconds
        asked = self.request.quantity if self.request is not None else 0
        return max(0, max(self.quantity, asked) - self.filled_own) + self.remaining_seconds
