"""Believing the order stream where waiting is worse: a fill of an entry that the books do not show.

Decides which fills may be booked on the stream's word: those of live entries, because a position
without its stop is worse than a stop too many, which the next reading of the books takes back.
Refuses exits: that something is flat is for the books to say (reliability 4.6). Stands alone
because it is the one place where hearsay becomes a fact.

The units are booked as one fill that stands for trades still to come; these are absorbed when the
books are read again, so that nothing counts twice.
"""

from engine.messages.values import Book
from engine.orders.merge import OrderTruth
from engine.orders.tracked import Merged, Tracked


class BelievingTruth(OrderTruth):
    """See the module."""

    def entries_ahead(self) -> list[Tracked]:
        """Live entries whose newest row counts more units than are booked."""
        return [
            tracked
            for tracked in self.open_orders()
            if not tracked.intent.leg.is_exit
            and tracked.intent.book is Book.LIVE
            and tracked.row is not None
            and tracked.row.filled_quantity > tracked.own_filled
        ]

    def believe(self, tracked: Tracked, now_ns: int) -> Merged:
        """Book what the row counts and no trade has shown."""
        out = Merged()
        row = tracked.row
        assert row is not None
        text = f"{row.filled_quantity} filled, says the stream alone: the books are not read"
        self._alert(out, "fill_believed", row.client_order_id, text, now_ns, "warning")
        self._synthesize(tracked, row, now_ns, out)
        self._settle(tracked, now_ns, out)
        out.is_snapshot_wanted = True
        return out
