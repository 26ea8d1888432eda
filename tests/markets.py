"""What market tests share: the shipped calendar and the place of the recorded data."""

from functools import cache
from pathlib import Path

import pytest
import yaml

from engine.messages.market import Tick
from engine.session import SessionTable, ns_from_ist

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / ".." / "shared" / "marketdata"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the private recorded data is not here")


@cache
def nse() -> SessionTable:
    return SessionTable(yaml.safe_load((ROOT / "configs/calendars/nse.yaml").read_text()))


def tick(price_paise: int, at: str = "2024-01-02 10:00:00", **fields: int) -> Tick:
    at_ns = ns_from_ist(at)
    values = {"received_at_ns": at_ns} | fields
    return Tick(instrument="X", price_paise=price_paise, at_ns=at_ns, **values)
