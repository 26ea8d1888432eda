"""The dated tables of configs/, read once at boot.

Decides where they lie. Refuses to know what they mean: engine/session.py, engine/freeze.py and
engine/portfolio/charges.py check and read them.
"""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from engine.freeze import FreezeTable
from engine.portfolio.charges import ChargeTable
from engine.session import SessionTable

CONFIGS = Path(__file__).resolve().parents[1] / "configs"


@cache
def load_sessions() -> SessionTable:
    """The NSE session table. Raises ConfigInvalid with all faults of the file."""
    return SessionTable(_read("calendars/nse.yaml"))


@cache
def load_charges() -> ChargeTable:
    """The charge rates with their dates. Raises ConfigInvalid with all faults of the file."""
    return ChargeTable(_read("charges.yaml"))


@cache
def load_freeze() -> FreezeTable:
    """Freeze quantities with their dates. Raises ConfigInvalid with all faults of the file."""
    return FreezeTable(_read("freeze.yaml"))


def _read(name: str) -> Any:  # noqa: ANN401 the tables check their own shape
    return yaml.safe_load((CONFIGS / name).read_text(encoding="utf-8"))
