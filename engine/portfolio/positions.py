"""Positions as the sum of fills: quantities and money, never averages.

Decides what a fill does to a position and to the day. Refuses to know orders, marks and limits.
Stands alone because book, guard and reports must agree to the paisa, and they do by sharing it.
"""

from collections.abc import Iterator
from typing import NamedTuple

from engine.limits import TRADE_IDS_MAX
from engine.messages.records import OrderFilled
from engine.messages.values import Book


class Key(NamedTuple):
    """What a position belongs to. Live and paper never mix, because the book is part of it."""

    book: Book
    strategy: str
    instrument: str


class Position:
    """One key's fills, summed. Money is quantity x price x multiplier in paise.

    `quantity` is signed. `cash_paise` is money received minus paid, before charges.
    `opened_units` and `opened_paise` are what built the present position, for display of the open
    part; they start anew when the position passes through flat.
    """

    __slots__ = (
        "cash_paise",
        "charges_paise",
        "fills_count",
        "multiplier",
        "opened_paise",
        "opened_units",
        "quantity",
        "turnover_paise",
    )

    def __init__(self, multiplier: int = 1) -> None:
        assert multiplier > 0
        self.multiplier = multiplier
        self.quantity = 0
        self.cash_paise = 0
        self.charges_paise = 0
        self.turnover_paise = 0
        self.opened_units = 0
        self.opened_paise = 0
        self.fills_count = 0

    def apply(self, fill: OrderFilled) -> None:
        """Add one trade (each trade once: the ledger sees to that)."""
        signed = fill.side.sign * fill.quantity
        value = fill.quantity * fill.price_paise * self.multiplier
        before, after = self.quantity, self.quantity + signed
        self.quantity = after
        self.cash_paise -= fill.side.sign * value
        self.turnover_paise += value
        self.charges_paise += fill.charges_paise
        self.fills_count += 1
        if before * signed >= 0:
            self.opened_units += fill.quantity
            self.opened_paise += value
        elif before * after < 0:
            self.opened_units = abs(after)
            self.opened_paise = abs(after) * fill.price_paise * self.multiplier
        elif after == 0:
            self.opened_units = self.opened_paise = 0

    @property
    def opened_rest_paise(self) -> int:
        """What the units still open had cost, for display: the opening money's share of them."""
        if not self.opened_units:
            return 0
        return self.opened_paise * abs(self.quantity) // self.opened_units


class Ledger:
    """All positions. Folding the same fill twice changes nothing (trade id and order)."""

    def __init__(self, multipliers: dict[str, int] | None = None) -> None:
        self._multipliers = multipliers or {}
        self._positions: dict[Key, Position] = {}
        self._trades: set[tuple[str, str]] = set()
        self._held: dict[str, int] = {}
        self.held_count = 0
        """Instruments that any book or strategy holds."""

    def apply(self, fill: OrderFilled) -> bool:
        """Add a trade. False: it was known already."""
        identity = (fill.trade_id, fill.client_order_id)
        if identity in self._trades:
            return False
        assert len(self._trades) < TRADE_IDS_MAX, "more trades than a day can have"
        self._trades.add(identity)
        key = Key(fill.book, fill.strategy, fill.instrument)
        position = self._positions.get(key)
        if position is None:
            position = Position(self._multipliers.get(fill.instrument, 1))
            self._positions[key] = position
        was_held = position.quantity != 0
        position.apply(fill)
        before = self._held.get(fill.instrument, 0)
        now = before + (position.quantity != 0) - was_held
        self._held[fill.instrument] = now
        self.held_count += (now > 0) - (before > 0)
        return True

    def get(self, key: Key) -> Position | None:
        return self._positions.get(key)

    def items(self, book: Book | None = None) -> Iterator[tuple[Key, Position]]:
        """Positions with their keys, flat ones too, in order of their first fill."""
        for key, position in self._positions.items():
            if book is None or key.book is book:
                yield key, position

    def net(self, book: Book, instrument: str) -> int:
        """The signed sum over all strategies."""
        return sum(p.quantity for k, p in self.items(book) if k.instrument == instrument)

    def is_held(self, instrument: str) -> bool:
        """True if any book or strategy holds the instrument."""
        return self._held.get(instrument, 0) > 0

    def open_count(self, book: Book) -> int:
        return sum(position.quantity != 0 for _, position in self.items(book))

    def start_day(self) -> None:
        """Let flat positions and known trades of the past go; what is open stays."""
        self._positions = {key: p for key, p in self._positions.items() if p.quantity}
        self._trades.clear()
