"""Profit and loss at marks.

Decides what positions are worth and which mark is the worst to assume. Refuses to know where marks
come from. Stands alone so that the daily loss limit and the operator's screen use one arithmetic.
"""

from collections.abc import Mapping

import msgspec

from engine.messages.market import Tick
from engine.messages.values import Book
from engine.portfolio.positions import Ledger, Position


class Pnl(msgspec.Struct, frozen=True, kw_only=True):
    """Totals in paise. `total_paise` = realised + open - charges. `unmarked`: instruments that
    are held and have no mark; while there is one the figures are not to be relied on."""

    realised_paise: int = 0
    open_paise: int = 0
    charges_paise: int = 0
    unmarked: tuple[str, ...] = ()

    @property
    def total_paise(self) -> int:
        return self.realised_paise + self.open_paise - self.charges_paise

    def __add__(self, other: "Pnl") -> "Pnl":
        return Pnl(
            realised_paise=self.realised_paise + other.realised_paise,
            open_paise=self.open_paise + other.open_paise,
            charges_paise=self.charges_paise + other.charges_paise,
            unmarked=self.unmarked + other.unmarked,
        )


def worst_mark(quantity: int, tick: Tick) -> int:
    """The least favourable of the last price and the side of the book one would trade on."""
    if quantity > 0:
        return min(tick.price_paise, tick.bid_paise) if tick.bid_paise > 0 else tick.price_paise
    return max(tick.price_paise, tick.ask_paise)


def position_pnl(position: Position, instrument: str, tick: Tick | None) -> Pnl:
    """One position at its worst mark. Without a mark the open part counts as nothing."""
    sign = 1 if position.quantity > 0 else -1
    cost = sign * position.opened_rest_paise
    realised = position.cash_paise + cost
    if not position.quantity:
        return Pnl(realised_paise=realised, charges_paise=position.charges_paise)
    if tick is None or not tick.price_paise > 0:
        return Pnl(
            realised_paise=realised,
            charges_paise=position.charges_paise,
            unmarked=(instrument,),
        )
    value = position.quantity * worst_mark(position.quantity, tick) * position.multiplier
    return Pnl(
        realised_paise=realised,
        open_paise=value - cost,
        charges_paise=position.charges_paise,
    )


def ledger_pnl(ledger: Ledger, book: Book, ticks: Mapping[str, Tick], strategy: str = "") -> Pnl:
    """The sum over a book, or over one strategy in it."""
    realised = opened = charges = 0
    unmarked: list[str] = []
    for key, position in ledger.items(book):
        if not strategy or key.strategy == strategy:
            one = position_pnl(position, key.instrument, ticks.get(key.instrument))
            realised += one.realised_paise
            opened += one.open_paise
            charges += one.charges_paise
            unmarked += one.unmarked
    return Pnl(
        realised_paise=realised,
        open_paise=opened,
        charges_paise=charges,
        unmarked=tuple(unmarked),
    )
