"""Orders of somebody else at our account, and ours that look like one: what follows from them.

Decides which group an alien trade has closed a part of, and adopts it there as an exit, so that no
exit of ours sells what is gone (ORD-14 a person in the app, ORD-21 the broker's square-off). An
alien's own position comes first: what he opened himself he may close himself. Refuses to guess
about trades that open or enlarge: they are told, and differ until a person looks.
"""

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from engine.ids import ATTEMPTS_MAX, client_order_id, is_own_tag
from engine.instruments import Instrument
from engine.messages.broker import OrderReport, TradeReport
from engine.messages.records import IntentPlanned, OrderUnknown
from engine.messages.values import Book, Leg, OrderType, Product
from engine.orders.merge_book import Charge, Hearsay, MergeBook, no_charge
from engine.orders.order import Status
from engine.orders.tracked import Merged, Tracked, fact_base

ADOPTER: Final = "watcher"


class AlienBook(MergeBook):
    """The merge book with what it hears of others."""

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        charge: Charge = no_charge,
        trading_day: str = "",
    ) -> None:
        super().__init__(instruments, charge, trading_day)
        self._alien_units: dict[tuple[str, Product], int] = {}
        self._alien_filled: dict[str, int] = {}

    def end_day(self, now_ns: int) -> None:
        super().end_day(now_ns)
        self._alien_filled.clear()

    def _unknown(self, item: Hearsay, now_ns: int, out: Merged) -> None:
        super()._unknown(item, now_ns, out)
        if is_own_tag(item.client_order_id):
            return
        if isinstance(item, OrderReport):
            if item.filled_quantity > self._alien_filled.get(item.venue_order_id, 0):
                self._alien_filled[item.venue_order_id] = item.filled_quantity
                out.is_snapshot_wanted = True
        elif isinstance(item, TradeReport):
            key = (item.venue_order_id, item.trade_id)
            if key not in self._trade_keys and item.quantity > 0:
                self._trade_keys.add(key)
                self._adopt(item, now_ns, out)

    def _note_number(self, tracked: Tracked, row: OrderReport, now_ns: int, out: Merged) -> None:
        """An order whose tag the broker lost is told from a stranger's by its number alone. While
        it is pending no other fact names that, and a life that does not know it would call the
        order lost and send another beside it (FLT-42, FLT-34)."""
        is_tagged = row.client_order_id == tracked.intent.client_order_id
        if not is_tagged and tracked.order.status is Status.PLANNED:
            reason = f"{row.status.value}, its tag is lost"
            self._emit(tracked, OrderUnknown(**fact_base(tracked, now_ns), reason=reason), out)

    def _adopt(self, trade: TradeReport, now_ns: int, out: Merged) -> None:
        """Give the trade to the groups that it has closed a part of, the oldest first."""
        sign, left = trade.side.sign, trade.quantity
        place = (trade.instrument, trade.product)
        own = self._alien_units.get(place, 0)
        closed = min(left, max(0, -sign * own))
        left -= closed
        for number, (entry, held) in enumerate(self._held(trade)):
            quantity = min(left, held)
            if quantity > 0:
                left -= quantity
                trade_id = trade.trade_id if number == 0 else f"{trade.trade_id}/{number}"
                self._book(entry, trade, trade_id, quantity, now_ns, out)
        self._alien_units[place] = own + sign * (closed + left)

    def _held(self, trade: TradeReport) -> list[tuple[Tracked, int]]:
        """The live groups that hold what the trade closes: their entries and units."""
        units: dict[str, int] = {}
        entries: dict[str, Tracked] = {}
        for tracked in self.orders.values():
            intent, order = tracked.intent, tracked.order
            if intent.book is Book.LIVE and intent.instrument == trade.instrument:
                units[intent.group_id] = (
                    units.get(intent.group_id, 0) - order.side.sign * order.filled
                )
                if intent.leg is Leg.ENTRY and intent.product is trade.product:
                    entries[intent.group_id] = tracked
        return [
            (entry, trade.side.sign * units[group_id])
            for group_id, entry in entries.items()
            if trade.side.sign * units[group_id] > 0
        ]

    def _book(
        self,
        entry: Tracked,
        trade: TradeReport,
        trade_id: str,
        quantity: int,
        now_ns: int,
        out: Merged,
    ) -> None:
        """An order that never was ours, in the group's name, filled at once."""
        intent = _adoption(entry.intent, self._adopted_count(entry), trade, quantity, now_ns)
        self.evolve(intent)
        out.facts.append(intent)
        text = f"{trade.side.value} {quantity} of {intent.group_id} by somebody else"
        self._alert(out, "alien_exit", trade.venue_order_id, text, now_ns)
        tracked = self.orders[intent.client_order_id]
        key = (trade.venue_order_id, trade_id)
        self._fill(tracked, key, quantity, trade.price_paise, now_ns, out)

    def _adopted_count(self, entry: Tracked) -> int:
        group_id = entry.intent.group_id
        return sum(
            t.intent.is_adopted and t.intent.group_id == group_id for t in self.orders.values()
        )


def _adoption(
    entry: IntentPlanned, number: int, trade: TradeReport, quantity: int, now_ns: int
) -> IntentPlanned:
    """Named from the far end of the group's attempts, which it never reaches itself."""
    own_id = client_order_id(entry.book, entry.group_id, Leg.EXIT, ATTEMPTS_MAX - number)
    return replace(
        entry,
        intent_id=own_id,
        client_order_id=own_id,
        leg=Leg.EXIT,
        side=trade.side,
        quantity=quantity,
        order_type=OrderType.MARKET,
        price_limit_paise=0,
        price_trigger_paise=0,
        reason=f"adopted:{trade.venue_order_id}",
        owner=ADOPTER,
        owner_generation=1,
        expires_at_ns=0,
        at_ns=now_ns,
    )
