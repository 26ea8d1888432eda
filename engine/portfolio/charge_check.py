"""Our charges of executed orders beside the broker's.

Decides how far they may part before somebody has to look at configs/charges.yaml. Refuses to say
who is right: the contract note of the evening is. Stands alone because rates change by circular and
nothing else would notice that ours are old.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from engine.portfolio.charges import Charges
from engine.units import BPS

TOLERANCE_BPS: Final = 100
TOLERANCE_PAISE: Final = 100
"""One per cent of the broker's total or one rupee, whichever is more: what rounding makes."""


class Line(NamedTuple):
    """One component, or "total", summed over all orders, in paise."""

    name: str
    ours_paise: int
    theirs_paise: int

    @property
    def difference_paise(self) -> int:
        """Ours above theirs."""
        return self.ours_paise - self.theirs_paise


class Comparison(NamedTuple):
    """All components, then the total."""

    order_count: int
    lines: tuple[Line, ...]

    @property
    def is_close(self) -> bool:
        """Whether every line is within the tolerance: errors that cancel out do not hide."""
        return all(_is_close(line) for line in self.lines)


def compare_charges(pairs: Iterable[tuple[Charges, Charges]]) -> Comparison:
    """(ours, theirs) of each order, summed by component."""
    listed = list(pairs)
    lines = [
        Line(
            name.removesuffix("_paise"),
            sum(getattr(ours, name) for ours, _ in listed),
            sum(getattr(theirs, name) for _, theirs in listed),
        )
        for name in Charges.__struct_fields__
    ]
    total = Line("total", sum(x.ours_paise for x in lines), sum(x.theirs_paise for x in lines))
    return Comparison(len(listed), (*lines, total))


def _is_close(line: Line) -> bool:
    bound = max(TOLERANCE_PAISE, line.theirs_paise * TOLERANCE_BPS // BPS)
    return abs(line.difference_paise) <= bound
