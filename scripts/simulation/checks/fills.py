"""Fills: each trade is booked once, and its money with it.

Source: reliability 6.4, INV-21.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.messages.control import AlertRaised
from engine.messages.records import DayClosed, OrderFilled, Record, RequestRefused
from engine.messages.values import Action, Book
from scripts.simulation.checks.check import Check
from scripts.simulation.checks.positions import Key, paper_fills
from scripts.simulation.observer import WireRequest

if TYPE_CHECKING:
    from scripts.simulation.world import World


class FillsCountOnce(Check):
    """A trade is booked once, no more of an order than it can trade, and the book's figures of the
    day are the sum of its fills. A growth that records call refused and that the venue processed
    all the same, later (FLT-18: no snapshot showed it in time), has made the order larger. A paper
    trade that is gone may happen once more: its venue is rebuilt from the records that are left.
    Nobody calls an order overfilled that has in truth traded no more than records let it."""

    id = "INV-21"

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._trades: set[tuple[str, str]] = set()
        self._booked: dict[tuple[str, str], int] = {}
        self._money: dict[Key, list[int]] = {}
        self._carried: set[Key] = set()
        self._processed: dict[str, int] = {}
        self._grown: dict[str, int] = {}
        self._is_due = False

    def on_request(self, request: WireRequest) -> None:
        if request.is_processed and request.intent.action is Action.MODIFY:
            self._processed[request.intent.intent_id] = request.intent.quantity

    def on_alert(self, alert: AlertRaised) -> None:
        order = self.picture.orders.get(alert.subject)
        if alert.event != "overfilled" or order is None:
            return
        if order.intent.book is Book.PAPER or order.traded <= order.size_max:
            self.violated(f"{alert.subject} called overfilled: {alert.text}")

    def on_record(self, seq: int, record: Record) -> None:
        if isinstance(record, DayClosed):
            self._money.clear()
            held = (g for g in self.picture.open_groups.values() if g.position)
            self._carried.update((g.plan.book, g.plan.strategy, g.plan.instrument) for g in held)
        if isinstance(record, RequestRefused):
            grown, tag = self._processed.get(record.intent_id, 0), record.client_order_id
            self._grown[tag] = max(grown, self._grown.get(tag, 0))
        if not isinstance(record, OrderFilled):
            return
        identity = (record.client_order_id, record.trade_id)
        if identity in self._trades:
            self.violated(f"trade {identity} is booked twice")
        self._trades.add(identity)
        order = self.picture.orders.get(record.client_order_id)
        place = (record.client_order_id, record.venue_order_id)
        booked = self._booked[place] = self._booked.get(place, 0) + record.quantity
        grown = self._grown.get(record.client_order_id, 0)
        size = max(grown, order.size_max) if order is not None else booked
        if booked > size:
            self.violated(f"{record.client_order_id}: {booked} booked of {size}")
        key = (record.book, record.strategy, record.instrument)
        sums = self._money.setdefault(key, [0, 0])
        sums[0] += record.quantity * record.price_paise
        sums[1] += record.charges_paise
        self._is_due = True

    def on_gone(self, records: Sequence[Record]) -> None:
        for fill in paper_fills(records):
            self._trades.discard((fill.client_order_id, fill.trade_id))
            self._booked[fill.client_order_id, fill.venue_order_id] -= fill.quantity
            sums = self._money.get((fill.book, fill.strategy, fill.instrument))
            if sums is not None:
                sums[0] -= fill.quantity * fill.price_paise
                sums[1] -= fill.charges_paise

    def at_rest(self) -> None:
        book = self.room("book") if self._is_due else None
        if book is None or book.seq < self.picture.fill_seq:
            return
        self._is_due = False
        for key, position in book.ledger.items():
            turnover, charges = self._money.get(tuple(key), (0, 0))
            wanted = turnover * position.multiplier
            is_today = key in self._money and position.fills_count and key not in self._carried
            if is_today and (position.turnover_paise, position.charges_paise) != (wanted, charges):
                self.violated(f"{key}: turnover {position.turnover_paise}, fills say {wanted}")
