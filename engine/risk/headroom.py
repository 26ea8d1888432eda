"""How far prices may move before the day's loss can reach a threshold.

Decides bounds for each held instrument such that, while all prices stay inside theirs, the loss is
certainly below the threshold. Refuses to compare losses with limits (the guard does, on the tick
that leaves a bound). Stands alone because the daily stop must not look at every position on every
tick, nor miss the one tick that matters.
"""

from collections.abc import Mapping

from engine.market.watching import ANY_PRICE, NO_PRICE
from engine.messages.market import Tick
from engine.messages.values import Book
from engine.portfolio.pnl import worst_mark
from engine.portfolio.positions import Ledger


def quiet_bounds(
    ledger: Ledger,
    book: Book,
    ticks: Mapping[str, Tick],
    room_paise: int,
    before: Mapping[str, tuple[int, int]],
) -> dict[str, tuple[int, int]]:
    """Bounds in paise by instrument held in the book, strictly inside of which the loss grows by
    less than `room_paise` in all.

    Args:
        room_paise: from the loss at these ticks to the threshold; not positive: no bounds.
        before: bounds given earlier; kept where they are still safe, so that little is told anew.
    """
    units: dict[str, int] = {}
    for key, position in ledger.items(book):
        if position.quantity:
            held = abs(position.quantity) * position.multiplier
            units[key.instrument] = units.get(key.instrument, 0) + held
    bounds = {}
    for instrument, count in units.items():
        tick = ticks.get(instrument)
        distance = room_paise // (len(units) * count)
        if tick is None or distance <= 0:
            bounds[instrument] = NO_PRICE
            continue
        low, high = worst_mark(1, tick), worst_mark(-1, tick)
        widest = (low - distance, high + distance)
        told = before.get(instrument, ANY_PRICE)
        is_safe = widest[0] <= told[0] < low and high < told[1] <= widest[1]
        bounds[instrument] = told if is_safe else (low - distance // 2, high + distance // 2)
    return bounds
