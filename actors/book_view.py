"""What the book shows: the topics "positions" and "pnl".

Decides names and units of the published views, money in paise. Refuses to keep anything.
"""

from collections.abc import Mapping

from engine.messages.market import Tick
from engine.messages.values import Book
from engine.portfolio.drawdown import Drawdown
from engine.portfolio.pnl import Pnl, ledger_pnl, position_pnl
from engine.portfolio.positions import Ledger
from engine.units import rupees


def positions_body(ledger: Ledger, ticks: Mapping[str, Tick]) -> list[dict[str, object]]:
    """One row a position that is or was open today."""
    rows: list[dict[str, object]] = []
    for key, position in ledger.items():
        tick = ticks.get(key.instrument)
        units = position.opened_units * position.multiplier
        rows.append(
            {
                "book": key.book.value,
                "strategy": key.strategy,
                "instrument": key.instrument,
                "quantity": position.quantity,
                "average_paise": position.opened_paise // units if units else 0,
                "mark_paise": tick.price_paise if tick else 0,
                **_money(position_pnl(position, key.instrument, tick)),
            }
        )
    return rows


def pnl_body(
    ledger: Ledger,
    ticks: Mapping[str, Tick],
    book: Book,
    round_trips: Mapping[Book, int],
    drawdown: Drawdown,
) -> dict[str, object]:
    """The day's totals of every book, and by strategy and instrument of the main one."""
    strategies = sorted({key.strategy for key, _ in ledger.items(book)})
    instruments: dict[str, Pnl] = {}
    for key, position in ledger.items(book):
        pnl = position_pnl(position, key.instrument, ticks.get(key.instrument))
        instruments[key.instrument] = instruments.get(key.instrument, Pnl()) + pnl
    return {
        "book": book.value,
        "books": {
            b.value: {**_money(ledger_pnl(ledger, b, ticks)), "round_trips": round_trips[b]}
            for b in Book
        },
        "strategies": {s: _money(ledger_pnl(ledger, book, ticks, s)) for s in strategies},
        "instruments": {name: _money(pnl) for name, pnl in instruments.items()},
        "drawdown_paise": drawdown.drawdown_paise,
        "drawdown_paise_max": drawdown.drawdown_paise_max,
        "drawdown_bps_max": drawdown.drawdown_bps_max,
        "drawdown_max_inr": rupees(drawdown.drawdown_paise_max),
    }


def _money(pnl: Pnl) -> dict[str, object]:
    return {
        "realised_paise": pnl.realised_paise,
        "open_paise": pnl.open_paise,
        "charges_paise": pnl.charges_paise,
        "total_paise": pnl.total_paise,
        "is_marked": not pnl.unmarked,
    }
