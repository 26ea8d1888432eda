"""Every modelled fault of all models, and what has no model yet.

Decides which faults `--faults all` means. One line for each module with models.
"""

from typing import Final

from scripts.simulation import actors_faults
from scripts.simulation.catalogue import FAULTS
from scripts.simulation.faults import FaultRow

ROWS: Final[dict[str, FaultRow]] = {row.id: row for row in (*actors_faults.ROWS,)}
assert ROWS.keys() <= FAULTS.keys()


def not_covered() -> dict[str, str]:
    """Faults of the catalogue that no model can make happen, with their meaning."""
    return {fault: text for fault, text in FAULTS.items() if fault not in ROWS}
