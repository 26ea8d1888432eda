"""The units every room speaks: paise, units of quantity, UTC nanoseconds.

Decides how money, quantity and time are represented inside. Refuses to know rupees as floats,
local time or decimals: those exist at the doors only. Stands alone because a unit mix-up is the
costliest bug a trading system can have, and one small file is easy to audit.
"""

from typing import Final, NewType

Paise = NewType("Paise", int)
"""Money or price in Indian paise (1 rupee = 100 paise). May be negative for P&L."""

Quantity = NewType("Quantity", int)
"""Units of an instrument (shares, contract units). Signed only where a docstring says so."""

Nanos = NewType("Nanos", int)
"""UTC nanoseconds since the epoch, or a duration in nanoseconds."""

NS_PER_MS: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000
NS_PER_MINUTE: Final = 60 * NS_PER_S
PAISE_PER_RUPEE: Final = 100
BPS: Final = 10_000


def paise_from_rupees(rupees: float) -> int:
    """Convert a price or amount in rupees, as outside systems write it, to paise.

    Args:
        rupees: a finite number; at most two decimals carry meaning.

    Returns:
        The nearest whole paise (half to even), never truncated.

    Raises:
        ValueError: the number is NaN or infinite. The caller drops and counts the row.
    """
    if not -1e15 < rupees < 1e15:
        raise ValueError(f"not a finite amount of rupees: {rupees!r}")
    return round(rupees * PAISE_PER_RUPEE)


def rupees_text(paise: int) -> str:
    """Paise as operator text, exact: 123456 -> '1,234.56', -5 -> '-0.05'."""
    sign = "-" if paise < 0 else ""
    whole, rest = divmod(abs(paise), PAISE_PER_RUPEE)
    return f"{sign}{whole:,}.{rest:02d}"


def rupees(paise: int) -> float:
    """Paise as a rupee number for JSON reports and metrics only."""
    return paise / PAISE_PER_RUPEE


def round_to_tick(price_paise: int, tick_paise: int, *, up: bool) -> int:
    """The nearest multiple of the tick at or above (`up`) or at or below the price."""
    assert tick_paise > 0
    floor = price_paise // tick_paise * tick_paise
    return floor if floor == price_paise or not up else floor + tick_paise
