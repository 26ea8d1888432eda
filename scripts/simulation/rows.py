"""Every modelled fault of all models, and what has no model yet.

Decides which faults `--faults all` means. One line for each module with models.
"""

from typing import Final

from scripts.simulation import actors_faults, clock, database, disk, operators
from scripts.simulation.catalogue import FAULTS
from scripts.simulation.faults import FaultRow
from scripts.simulation.kite import rows as broker
from scripts.simulation.market import feed, truth

MODELS: Final = (actors_faults, broker, clock, database, disk, feed, operators, truth)
ROWS: Final[dict[str, FaultRow]] = {row.id: row for model in MODELS for row in model.ROWS}
assert ROWS.keys() <= FAULTS.keys()


def not_covered() -> dict[str, str]:
    """Faults of the catalogue that no model can make happen, with their meaning."""
    return {fault: text for fault, text in FAULTS.items() if fault not in ROWS}
