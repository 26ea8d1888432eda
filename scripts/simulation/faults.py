"""Which faults strike in a run, when, and how often.

Decides by the run's profile (armed faults, their likelihood and budget) and by its decisions.
Refuses to know what a fault does: models ask at every seam where it could happen.
"""

from collections import Counter
from collections.abc import Callable, Mapping

import msgspec

from scripts.simulation.decisions import Decisions


class FaultRow(msgspec.Struct, frozen=True, kw_only=True):
    """How a modelled fault is armed: a run draws its likelihood per question in 1..`ppm_max` and
    how often it may strike in 1..`budget_max`. The budget keeps the run winnable."""

    id: str
    ppm_max: int
    budget_max: int = 3


class Armed(msgspec.Struct, kw_only=True):
    """A fault of this run."""

    ppm: int
    budget: int


class Faults:
    """See the module.

    Args:
        armed: by fault id.
        tell: takes a line for the story of each strike: fault id and text.
    """

    def __init__(
        self,
        armed: Mapping[str, Armed],
        decisions: Decisions,
        tell: Callable[[str, str], None],
    ) -> None:
        self.struck: Counter[str] = Counter()
        self.is_healed = False
        self._armed = {fault: Armed(ppm=row.ppm, budget=row.budget) for fault, row in armed.items()}
        self._decisions = decisions
        self._tell = tell

    def is_armed(self, fault: str) -> bool:
        """Whether the run may see this fault at all."""
        return fault in self._armed

    def strikes(self, fault: str) -> bool:
        """Whether the fault happens here and now."""
        armed = self._armed.get(fault)
        if armed is None or self.is_healed or armed.budget <= 0:
            return False
        if not self._decisions.happens(fault, armed.ppm):
            return False
        armed.budget -= 1
        self.struck[fault] += 1
        self._tell(fault, "strikes")
        return True

    def amount(self, fault: str, low: int, high: int) -> int:
        """A size for a fault that struck, low..high; low is the mildest."""
        return low + self._decisions.pick(f"{fault}/size", high - low + 1)

    def note(self, fault: str, text: str) -> None:
        """A line for the story: what the strike did."""
        self._tell(fault, text)

    def heal(self) -> None:
        """No fault strikes any more: the liveness phase begins. Models end lasting ones."""
        self.is_healed = True
