"""Other orders under a tag of ours: second effects of one request (FLT-24).

Decides what they may still fill, so that group and gate count it beside the order that we know by
the tag. Refuses to book what they filled (merge.py). Stands alone because the rows of a second say
nothing about the first.
"""

from engine.messages.broker import TERMINAL_STATUSES, OrderReport, TradeReport
from engine.messages.records import AnyOrderFact, OrderDoubled
from engine.orders.aliens import AlienBook
from engine.orders.tracked import Merged, Tracked, fact_base


class SecondBook(AlienBook):
    """The merge book with what it hears of second orders."""

    def _apply(self, tracked: Tracked, fact: AnyOrderFact) -> bool:
        if isinstance(fact, OrderDoubled):
            self._by_venue_id[fact.second_id] = tracked
        return super()._apply(tracked, fact)

    def _is_of_second(self, tracked: Tracked, trade: TradeReport, now_ns: int, out: Merged) -> bool:
        """True for a trade of a second. A reader of the journal knows by the number alone which of
        two is the first, so the second is told of before its fill; its row will say its size."""
        number = trade.venue_order_id
        is_second = tracked.is_second(number)
        if is_second and trade.quantity > 0 and number not in tracked.numbers:
            self._doubled(tracked, number, tracked.intent.quantity, now_ns, out)
        return is_second

    def _doubled(self, tracked: Tracked, number: str, units: int, now_ns: int, out: Merged) -> None:
        base = fact_base(tracked, now_ns)
        self._emit(tracked, OrderDoubled(**base, second_id=number, quantity=units), out)

    def _second(
        self, tracked: Tracked, row: OrderReport, now_ns: int, out: Merged, *, is_proof: bool
    ) -> None:
        """Take a row of a second. What was over stays so, however late an older row comes."""
        number = row.venue_order_id
        if row.status in TERMINAL_STATUSES:
            tracked.seconds_over.add(number)
        is_late = number in tracked.seconds_over and row.status not in TERMINAL_STATUSES
        units = row.filled_quantity if number in tracked.seconds_over else row.quantity
        if not is_late and units != dict(tracked.order.seconds).get(number, 0):
            self._doubled(tracked, number, units, now_ns, out)
        if row.filled_quantity and not is_proof:
            tracked.second_told = max(tracked.second_told, row.filled_quantity)
            self._filled_ahead(tracked, row.filled_quantity - tracked.second, now_ns, out)
