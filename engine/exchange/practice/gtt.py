"""Good-till-triggered orders as the broker keeps them: a condition, and what is placed when it is
met.

Decides when a trigger fires and what its row says of the order that followed. Refuses to promise
anything: a trigger that has fired is not an order, and an order is not a fill (50). They live at
the broker, so they are not in the order book before they fire. Source: Kite Connect v3, GTT; staff
answers on LIMIT only and on the least distance (facts of 2026-11).
"""

from typing import Final

import msgspec

from engine.exchange.practice.errors import KiteError, invalid
from engine.exchange.practice.forms import Form
from engine.exchange.practice.venue import Json, PracticeExchange
from engine.session import DAY_NS, ist_text
from engine.units import BPS, PAISE_PER_RUPEE

ACTIVE_MAX: Final = 250
DISTANCE_BPS_MIN: Final = 25
LEGS: Final = {"single": 1, "two-leg": 2}
FAILED_TEXT: Final = "RMS: price is outside of the circuit limits"


class _Condition(msgspec.Struct):
    exchange: str
    tradingsymbol: str
    trigger_values: list[float]
    last_price: float


class _Order(msgspec.Struct):
    transaction_type: str
    quantity: int
    order_type: str
    product: str
    price: float
    result: Json | None = None


class Trigger(msgspec.Struct, kw_only=True):
    """One trigger. `asked_paise`: the price when it was asked for; a single one waits for the
    price to come from there."""

    trigger_id: int
    kind: str
    status: str
    condition: _Condition
    orders: list[_Order]
    asked_paise: int
    created_ns: int

    def row(self) -> Json:
        """As the list of triggers shows it."""
        head = {"exchange": self.condition.exchange, "tradingsymbol": self.condition.tradingsymbol}
        return {
            "id": self.trigger_id,
            "type": self.kind,
            "status": self.status,
            "created_at": ist_text(self.created_ns),
            "expires_at": ist_text(self.created_ns + 365 * DAY_NS),
            "condition": msgspec.to_builtins(self.condition),
            "orders": [head | msgspec.to_builtins(order) for order in self.orders],
        }


class Gtts:
    """The account's triggers."""

    def __init__(self, exchange: PracticeExchange) -> None:
        self._exchange = exchange
        self.triggers: dict[int, Trigger] = {}
        exchange.on_moved = self.look

    def place(self, form: Form) -> Json:
        """A new trigger. Raises KiteError: there is none."""
        kind = form.get("type", "")
        try:
            condition = msgspec.json.decode(form.get("condition", ""), type=_Condition)
            orders = msgspec.json.decode(form.get("orders", ""), type=list[_Order])
        except msgspec.DecodeError as error:
            raise invalid(f"Invalid `condition` or `orders`: {error}") from None
        name = f"{condition.exchange}:{condition.tradingsymbol}"
        self._exchange.named(name)
        last_paise = self._exchange.quotes[name].last_paise
        legs = LEGS.get(kind)
        if legs is None or len(orders) != legs or len(condition.trigger_values) != legs:
            raise invalid("Invalid trigger `type`, or its values or orders are not as many.")
        if any(order.order_type != "LIMIT" for order in orders):
            raise invalid("Only LIMIT orders are allowed for GTT.")
        if sum(trigger.status == "active" for trigger in self.triggers.values()) >= ACTIVE_MAX:
            raise invalid(f"At most {ACTIVE_MAX} active triggers are allowed.")
        for value in condition.trigger_values:
            away = abs(_paise(value) - last_paise)
            if away * BPS < DISTANCE_BPS_MIN * last_paise:
                raise invalid("Trigger price is too close to the last price.")
        trigger_id = 100_000 + len(self.triggers)
        self.triggers[trigger_id] = Trigger(
            trigger_id=trigger_id,
            kind=kind,
            status="active",
            condition=condition,
            orders=orders,
            asked_paise=last_paise,
            created_ns=self._exchange.outer.now_ns(),
        )
        return {"trigger_id": trigger_id}

    def cancel(self, text: str) -> Json:
        """Take one off. Raises KiteError: there is none that waits."""
        trigger = self.find(text)
        if trigger.status != "active":
            raise invalid("The trigger is not active.")
        trigger.status = "deleted"
        return {"trigger_id": trigger.trigger_id}

    def find(self, text: str) -> Trigger:
        """Raises KiteError: no such trigger."""
        found = self.triggers.get(int(text)) if text.isascii() and text.isdigit() else None
        if found is None:
            raise KiteError(404, "GeneralException", "Trigger not found.")
        return found

    def look(self, name: str) -> None:
        """The price of an instrument has moved: what is met fires, once."""
        last_paise = self._exchange.quotes[name].last_paise
        for trigger in self.triggers.values():
            named = f"{trigger.condition.exchange}:{trigger.condition.tradingsymbol}"
            if trigger.status == "active" and named == name:
                leg = _leg_met(trigger, last_paise)
                if leg is not None:
                    self._fire(trigger, leg)

    def _fire(self, trigger: Trigger, leg: int) -> None:
        trigger.status = "triggered"
        order, condition = trigger.orders[leg], trigger.condition
        form = {
            "exchange": condition.exchange,
            "tradingsymbol": condition.tradingsymbol,
            "transaction_type": order.transaction_type,
            "quantity": str(order.quantity),
            "order_type": order.order_type,
            "product": order.product,
            "price": str(order.price),
        }
        result = {"status": "failed", "order_id": "", "rejection_reason": FAILED_TEXT}
        if not self._exchange.menu.strikes("KITE-50"):
            try:
                order_id = self._exchange.place("regular", form).venue_order_id
                result = {"status": "success", "order_id": order_id, "rejection_reason": ""}
            except KiteError as error:
                result["rejection_reason"] = error.message
        at = ist_text(self._exchange.outer.now_ns())
        order.result = {**form, "timestamp": at, "order_result": result}


def _leg_met(trigger: Trigger, last_paise: int) -> int | None:
    """Which order is to be placed: below the asked price a fall meets a value, above it a rise."""
    for leg, value in enumerate(trigger.condition.trigger_values):
        paise = _paise(value)
        is_fall = paise < trigger.asked_paise
        if (last_paise <= paise) if is_fall else (last_paise >= paise):
            return leg
    return None


def _paise(rupees: float) -> int:
    return round(rupees * PAISE_PER_RUPEE)
