"""One order and one group as durable records and true trades show them.

Decides what is over, what may still fill and what is held. Refuses to hear events: the picture
does.
"""

from collections import Counter

from engine.messages.records import IntentPlanned
from engine.messages.signals import TradePlan
from engine.messages.values import Action, Book, Leg, OrderType


def moves(intent: IntentPlanned) -> bool:
    """True if it makes a stop a limit at the market."""
    is_limit = intent.order_type is OrderType.LIMIT
    return intent.leg is Leg.STOP and intent.action is Action.MODIFY and is_limit


class OrderSeen:
    """One order by its tag. `filled` is by records, `traded` by the live broker's trades.

    `over` is the kind of the record that ended it ("" while none has); an order that is full with
    no growth under way is over too. `seconds`: what others under its tag are good for, by number,
    once a record tells of them (FLT-24), `fills` what each number has filled. `open` are modify and
    cancel requests without an answer. `is_moved`: a stop that works as a limit at the market.
    """

    __slots__ = (
        "filled",
        "fills",
        "intent",
        "is_known",
        "is_moved",
        "is_sent",
        "is_unknown",
        "open",
        "over",
        "quantity",
        "seconds",
        "traded",
        "venues",
        "was_triggered",
    )

    def __init__(self, intent: IntentPlanned) -> None:
        self.intent = intent
        self.quantity = intent.quantity
        self.filled = 0
        self.traded = 0
        self.over = ""
        self.is_known = False
        self.is_moved = False
        self.is_unknown = False
        self.is_sent = False
        self.was_triggered = False
        self.open: dict[str, IntentPlanned] = {}
        self.venues: dict[str, None] = {}
        self.fills: Counter[str] = Counter()
        self.seconds: dict[str, int] = {}

    @property
    def leg_works(self) -> Leg:
        """As which leg it counts: a stop that is, or was asked to be, a limit at the market before
        it triggered fills beside a target, not instead of it."""
        is_moved = self.is_moved or any(moves(intent) for intent in self.open.values())
        return Leg.EXIT if is_moved and not self.was_triggered else self.intent.leg

    @property
    def quantity_max(self) -> int:
        """Its size, a growth that is not answered included."""
        asked = [i.quantity for i in self.open.values() if i.action is Action.MODIFY]
        return max(self.quantity, *asked) if asked else self.quantity

    @property
    def size_max(self) -> int:
        """The most that one order of the venue can trade. Of two that one request made, a
        modification changes one; the other keeps the size of its placement."""
        is_double = len(self.venues) > 1
        return max(self.quantity_max, self.intent.quantity if is_double else 0)

    @property
    def filled_own(self) -> int:
        """What the order itself has filled, without others under its tag."""
        return self.filled - sum(self.fills[number] for number in self.seconds)

    @property
    def remaining_seconds(self) -> int:
        return sum(max(0, size - self.fills[number]) for number, size in self.seconds.items())

    @property
    def is_over_itself(self) -> bool:
        """Whatever becomes of others under its tag."""
        return bool(self.over) or self.filled_own >= self.quantity_max

    @property
    def is_over(self) -> bool:
        return self.is_over_itself and not self.remaining_seconds

    @property
    def remaining(self) -> int:
        """Units that may still fill, by it or another under its tag."""
        own = 0 if self.over else max(0, self.quantity_max - self.filled_own)
        return own + self.remaining_seconds


class GroupSeen:
    """One group: its plan, its orders, and its signed position by records."""

    __slots__ = ("entered", "is_closed", "orders", "plan", "position", "seq")

    def __init__(self, plan: TradePlan) -> None:
        self.begin(plan)

    def begin(self, plan: TradePlan) -> None:
        """Nothing has happened yet, or is known any more."""
        self.plan = plan
        self.orders: list[OrderSeen] = []
        self.position = 0
        self.entered = 0
        self.is_closed = False
        self.seq = 0

    @property
    def is_paper(self) -> bool:
        return self.plan.book is Book.PAPER

    def working(self, leg: Leg) -> list[OrderSeen]:
        return [o for o in self.orders if o.intent.leg is leg and not o.is_over]
