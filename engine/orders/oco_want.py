"""What planning looks at, and what it comes to: an order that should be working.

Decides nothing. Stands alone because policy (oco_plan.py), exits (oco_exit.py) and the machine
(oco.py) share it.
"""

import msgspec

from engine.instruments import Instrument
from engine.messages.values import Leg, OrderType, Side
from engine.orders.oco_state import Group, OcoSettings
from engine.orders.oco_view import View


class Want(msgspec.Struct, frozen=True, kw_only=True):
    """An order that should be working: `quantity` is what it may still fill."""

    leg: Leg
    side: Side
    quantity: int
    order_type: OrderType
    price_limit_paise: int
    price_trigger_paise: int = 0


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """All that planning looks at."""

    group: Group
    view: View
    instrument: Instrument
    settings: OcoSettings
    now_ns: int

    @property
    def flat_by_at_ns(self) -> int:
        return self.view.flat_by_at_ns or self.settings.flat_by_at_ns

    def mark(self, side: Side) -> int:
        """What an aggressive order on `side` meets: ask, bid, or the last price; 0 unknown."""
        depth = self.view.ask_paise if side is Side.BUY else self.view.bid_paise
        return depth or self.view.price_paise
