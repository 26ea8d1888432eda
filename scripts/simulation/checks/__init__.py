"""All checks of a simulation, by theme."""

from typing import Final

from scripts.simulation.observer import Observer

ALL_CHECKS: Final[tuple[type[Observer], ...]] = ()
