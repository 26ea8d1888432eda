"""Exposure that is taken the moment an entry is approved, and given back when it can't come true.

Decides the worst case of every plan that is not settled. Refuses to know rules and limits. Stands
alone because "reserved equals the worst case of all non-settled plans" (INV-23) is the invariant
that makes concurrent approvals safe.

| event                                        | effect on the group                          |
|----------------------------------------------|----------------------------------------------|
| approved (or GroupOpened on replay)          | all units may still be entered               |
| fill of the entry                            | unfilled -> position                         |
| entry denied, rejected, lost or cancelled    | the unfilled part is released                |
| fill of an exit                              | position shrinks                             |
| GroupClosed, never opened                    | everything is released                       |
| append refused                               | the same, unless the group is open: what its |
|                                              | last generation asked for changes nothing    |
"""

from collections.abc import Iterator

import msgspec

from engine.limits import GROUPS_OPEN_MAX
from engine.messages.records import (
    GroupClosed,
    GroupOpened,
    OrderCancelled,
    OrderDenied,
    OrderFilled,
    OrderLost,
    OrderRejected,
    Record,
)
from engine.messages.signals import TradePlan
from engine.messages.values import Action, Book, Leg


class Holding(msgspec.Struct, kw_only=True):
    """One non-settled plan. Quantities are positive in the plan's direction."""

    plan: TradePlan
    is_opened: bool = False
    is_entry_over: bool = False
    entered: int = 0
    exited: int = 0

    @property
    def unfilled(self) -> int:
        """Units that the entry may still bring."""
        return 0 if self.is_entry_over else max(0, self.plan.quantity - self.entered)

    @property
    def worst_units(self) -> int:
        """The largest position this plan can still come to, in either direction."""
        held = self.entered - self.exited
        return max(abs(held), abs(held + self.unfilled))

    @property
    def risk_paise(self) -> int:
        return _share(self.plan.risk_paise, self.worst_units, self.plan.quantity)

    @property
    def notional_paise(self) -> int:
        return _share(self.plan.notional_paise, self.worst_units, self.plan.quantity)


def _share(whole: int, part: int, of: int) -> int:
    """`whole` x part / of, rounded up: the remainder is never forgotten."""
    return -(-whole * part // of)


class Reservations:
    """All non-settled plans by group."""

    def __init__(self) -> None:
        self._holdings: dict[str, Holding] = {}

    def reserve(self, plan: TradePlan) -> None:
        """Take a plan's exposure. The caller has checked the limits."""
        assert plan.quantity > 0, plan
        assert plan.group_id not in self._holdings, plan
        assert len(self._holdings) < GROUPS_OPEN_MAX
        self._holdings[plan.group_id] = Holding(plan=plan)

    def release(self, group_id: str) -> bool:
        """Give a plan's whole exposure back. False: it was not held."""
        return self._holdings.pop(group_id, None) is not None

    def refused(self, group_id: str) -> bool:
        """A request to record something of a group was refused: a plan that never opened is given
        back. An open group ends by its GroupClosed alone. False: nothing was given back."""
        holding = self._holdings.get(group_id)
        return holding is not None and not holding.is_opened and self.release(group_id)

    def fold(self, record: Record) -> None:
        """Follow the journal; records of no concern change nothing."""
        match record:
            case GroupOpened():
                if record.plan.group_id not in self._holdings:
                    self.reserve(record.plan)
                self._holdings[record.plan.group_id].is_opened = True
            case OrderFilled():
                if holding := self._holdings.get(record.group_id):
                    _fill(holding, record)
            case OrderRejected() | OrderLost() | OrderCancelled():
                self._entry_over(record.group_id, record.leg)
            case OrderDenied() if record.action is Action.PLACE:
                self._entry_over(record.group_id, record.leg)
            case GroupClosed():
                self.release(record.group_id)
            case _:
                pass

    def _entry_over(self, group_id: str, leg: Leg) -> None:
        holding = self._holdings.get(group_id)
        if holding is not None and leg is Leg.ENTRY:
            holding.is_entry_over = True

    def __len__(self) -> int:
        return len(self._holdings)

    # -- what the rules ask ---------------------------------------------------------------

    def holdings(self, book: Book) -> Iterator[Holding]:
        return (h for h in self._holdings.values() if h.plan.book is book)

    def get(self, group_id: str) -> Holding | None:
        return self._holdings.get(group_id)

    def risk_paise(self, book: Book) -> int:
        return sum(h.risk_paise for h in self.holdings(book))

    def notional_paise(self, book: Book, instrument: str = "") -> int:
        return sum(
            h.notional_paise for h in self.holdings(book) if instrument in ("", h.plan.instrument)
        )

    def count(self, book: Book) -> int:
        """Slots taken: one a group until it is closed."""
        return sum(1 for _ in self.holdings(book))

    def never_opened(self, now_ns: int) -> tuple[str, ...]:
        """Groups whose actor never came up although their entry can't be sent any more."""
        return tuple(
            group_id
            for group_id, holding in self._holdings.items()
            if not holding.is_opened and holding.plan.entry_expires_at_ns < now_ns
        )


def _fill(holding: Holding, fill: OrderFilled) -> None:
    if fill.leg is Leg.ENTRY:
        holding.entered += fill.quantity
    else:
        is_back = fill.side is holding.plan.side
        holding.exited += -fill.quantity if is_back else fill.quantity
