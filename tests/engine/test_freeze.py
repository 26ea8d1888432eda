"""Freeze quantities: dated, and unknown where nobody wrote them down."""

import datetime as dt
from typing import Any

import pytest

from engine.errors import ConfigInvalid
from engine.freeze import FreezeTable
from supervisors.tables import load_freeze


@pytest.mark.parametrize(
    ("name", "day", "units"),
    [
        ("NFO:NIFTY", "2026-08-31", 1_800),
        ("NFO:BANKNIFTY", "2026-03-31", 600),
        ("NFO:BANKNIFTY", "2026-04-01", 900),
        ("NFO:BANKNIFTY", "2026-07-01", 600),
        ("NFO:FINNIFTY", "2026-01-15", 0),
        ("NFO:FINNIFTY", "2026-02-15", 1_800),
        ("NFO:FINNIFTY", "2026-03-15", 1_200),
        ("NFO:NIFTY", "2026-09-01", 0),
        ("NFO:NIFTY", "2025-11-30", 0),
        ("NFO:RELIANCE", "2026-08-01", 0),
    ],
)
def test_when_a_day_is_looked_up_then_its_own_quantity_counts(
    name: str, day: str, units: int
) -> None:
    assert load_freeze().of_underlying(name, dt.date.fromisoformat(day)) == units


def test_when_shares_are_asked_for_then_the_intraday_bound_is_known() -> None:
    assert load_freeze().of_shares(dt.date(2026, 11, 20)) == 30_000
    assert load_freeze().of_shares(dt.date(2020, 12, 31)) == 0


def row(**changes: Any) -> dict[str, Any]:
    return {"valid_from": "2026-01-01", "valid_to": "2026-01-31", "quantity": 5,
            "source": "x"} | changes  # fmt: skip


@pytest.mark.parametrize(
    "rows",
    [
        [row(quantity=0)],
        [row(quantity=-1)],
        [row(quantity=10**12)],
        [row(quantity="5")],
        [row(source=" ")],
        [row(valid_to="2025-12-31")],
        [row(), row(valid_from="2026-01-31", valid_to="2026-02-28")],
        [row(valid_from="2026-02-01", valid_to="2026-02-28"), row()],
        [row(valid_from="soon")],
        [row(unknown=1)],
    ],
)
def test_when_the_table_has_a_fault_then_boot_refuses(rows: list[dict[str, Any]]) -> None:
    sound = {"mis_shares_max": [row()], "underlyings": {"NFO:X": [row()]}}
    FreezeTable(sound)
    with pytest.raises(ConfigInvalid, match="freeze"):
        FreezeTable(sound | {"underlyings": {"NFO:X": rows}})
    with pytest.raises(ConfigInvalid, match="freeze"):
        FreezeTable(sound | {"mis_shares_max": rows})
