"""What the guard shows of itself: the figures of the topic "risk".

Decides names and units of the published view. Refuses to compute limits anew.
"""

from collections.abc import Mapping

from engine.limits import TEXT_CHARS_MAX
from engine.risk.account import Account


def risk_body(account: Account, refused: Mapping[str, int]) -> dict[str, object]:
    """The view as plain data; money in paise, `limit_*` beside what it bounds;
    `heat_max_pct` is the highest heat since the start, of the capital."""
    book, settings = account.guarded_book(), account.settings
    pnl, held = account.pnl_day(book), account.reservations
    return {
        "book": book.value,
        "pnl_day_paise": pnl.total_paise,
        "limit_loss_day_paise": settings.loss_day_paise_max,
        "is_loss_latched": account.is_loss_latched,
        "heat_paise": held.risk_paise(book),
        "limit_heat_paise": settings.heat_paise_max,
        "heat_max_pct": account.heat_paise_max * 100 / settings.capital_paise_max,
        "notional_paise": held.notional_paise(book),
        "limit_notional_paise": settings.notional_paise_max,
        "positions_count": held.count(book),
        "limit_positions": settings.positions_max,
        "orders_day": account.orders_day,
        "limit_orders_day": settings.orders_day_max,
        "unmarked": list(pnl.unmarked),
        "refused": dict(refused),
    }


def printable(value: object) -> str:
    """A field of outside input as a bounded subject; its type's name if it is no text."""
    return value[:TEXT_CHARS_MAX] if isinstance(value, str) else type(value).__name__
