"""What the day's list says of the configured names: how much at once, and until when."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.errors import ConfigInvalid
from engine.market.kite_table import (
    InstrumentTable,
    TableRow,
    names_with_futures,
    table_of,
    with_bands,
)
from supervisors.config import EngineConfig, instruments, load_config
from supervisors.reference import with_reference
from supervisors.tables import load_freeze, load_sessions
from tests.exchange.process import ROOT
from tests.kite.mocks import MOCKS, needs_mocks

AUGUST, JULY, NOVEMBER = dt.date(2026, 8, 20), dt.date(2026, 7, 15), dt.date(2026, 11, 20)
FUTURE, OPTION, INDEX = "NFO:NIFTY26AUGFUT", "NFO:BANKNIFTY26AUG60000CE", "NSE:NIFTY 50"
TABLE = InstrumentTable(
    day="2026-08-20",
    rows=(
        TableRow(FUTURE, 1, 65, 10, "FUT", "2026-08-25", "NIFTY"),
        TableRow("NFO:INFY26AUGFUT", 2, 400, 5, "FUT", "2026-08-25", "INFY"),
        TableRow(OPTION, 3, 30, 5, "CE", "2026-08-25", "BANKNIFTY"),
        TableRow("NSE:INFY", 4, 1, 5, "EQ", "", "INFOSYS"),
        TableRow("NSE:SMALL", 5, 1, 5, "EQ", "", "SMALL COMPANY"),
        TableRow(INDEX, 6, 0, 0, "EQ", "", "NIFTY 50"),
    ),
)


def config(folder: Path, *names: str, segment: str = "cash_fno", **item: Any) -> EngineConfig:
    """A configuration of Kite's own stream."""
    found = yaml.safe_load((ROOT / "configs" / "kite_paper.yaml").read_text())
    found["market"]["segment"] = segment
    found["instruments"] = [{"name": name} | item for name in names]
    path = folder / "x.yaml"
    path.write_text(yaml.safe_dump(found))
    return load_config(path)


def held(made: EngineConfig, day: dt.date = AUGUST, table: InstrumentTable = TABLE) -> EngineConfig:
    return with_reference(made, table, load_freeze(), load_sessions(), day)


def freeze(made: EngineConfig) -> list[int]:
    return [item.freeze_quantity for item in instruments(made)]


def test_when_names_are_known_then_each_has_the_quantity_of_the_day(tmp_path: Path) -> None:
    made = config(tmp_path, FUTURE, OPTION, "NSE:INFY", INDEX)
    assert freeze(held(made)) == [1_800, 600, 30_000, 0]
    assert freeze(held(made, dt.date(2026, 5, 5))) == [1_800, 900, 30_000, 0]


def test_when_the_operator_sets_less_then_less_counts(tmp_path: Path) -> None:
    assert freeze(held(config(tmp_path, FUTURE, freeze_quantity=650))) == [650]
    assert freeze(held(config(tmp_path, FUTURE, freeze_quantity=9_000))) == [1_800]
    assert freeze(held(config(tmp_path, FUTURE, freeze_quantity=650), NOVEMBER)) == [650]


def test_when_a_month_is_not_written_down_then_the_engine_does_not_start(tmp_path: Path) -> None:
    made = config(tmp_path, FUTURE, "NFO:INFY26AUGFUT", "NSE:INFY")
    with pytest.raises(ConfigInvalid) as raised:
        held(made, NOVEMBER)
    assert [fault.split(":")[1] for fault in raised.value.faults] == [
        "NIFTY26AUGFUT",
        "INFY26AUGFUT",
    ]
    assert "configs/freeze.yaml" in raised.value.faults[0]


def test_when_shares_have_futures_then_the_list_says_so() -> None:
    assert names_with_futures(TABLE) == {"NIFTY", "INFY"}


@needs_mocks
def test_when_the_official_dump_is_read_then_underlyings_are_symbols() -> None:
    table, _ = table_of("2026-11-20", (MOCKS / "instruments_all.csv").read_text().splitlines())
    derived = {row.underlying for row in table.rows if row.name.startswith("NFO:")}
    assert derived
    assert not [name for name in derived if '"' in name or " " in name]


@pytest.mark.parametrize("segment", ["cash_other", "index", "fno"])
def test_when_a_share_goes_into_an_auction_then_later_hours_are_refused(
    tmp_path: Path, segment: str
) -> None:
    made = config(tmp_path, "NSE:INFY", "NSE:SMALL", segment=segment)
    with pytest.raises(ConfigInvalid) as raised:
        held(made)
    (fault,) = raised.value.faults
    assert fault.startswith("NSE:INFY has derivatives and trades until 15:15")
    assert freeze(held(made, JULY)) == [30_000, 30_000], "before the auction all close together"
    assert held(config(tmp_path, "NSE:SMALL", segment=segment))


def test_when_the_list_has_no_futures_then_nobody_knows_and_it_is_refused(tmp_path: Path) -> None:
    cash = InstrumentTable(day=TABLE.day, rows=TABLE.rows[3:])
    made = config(tmp_path, "NSE:SMALL", segment="cash_other")
    with pytest.raises(ConfigInvalid, match="names no futures"):
        held(made, table=cash)
    assert held(config(tmp_path, "NSE:SMALL"), table=cash)


def test_when_the_list_has_the_bands_of_the_day_then_the_names_have_them(tmp_path: Path) -> None:
    table = with_bands(TABLE, {"NSE:INFY": (136_760, 167_140)})
    made = config(tmp_path, "NSE:INFY", FUTURE)
    infy, future = instruments(held(made, table=table))
    assert (infy.band_low_paise, infy.band_high_paise) == (136_760, 167_140)
    assert (future.band_low_paise, future.band_high_paise) == (0, 0)
    (later, _) = instruments(held(made, dt.date(2026, 8, 21), table))
    assert (later.band_low_paise, later.band_high_paise) == (0, 0), "of another day"


@pytest.mark.parametrize("name", ["kite_paper", "canary_live"])
def test_when_a_shipped_profile_meets_the_list_then_its_hours_are_those_of_its_names(
    name: str,
) -> None:
    made = load_config(ROOT / "configs" / f"{name}.yaml")
    symbols = [item.name.partition(":")[2] for item in made.instruments]
    rows = tuple(TableRow(f"NSE:{x}", n, 1, 5, "EQ", "", x) for n, x in enumerate(symbols, 1))
    futures = tuple(
        TableRow(f"NFO:{x}26NOVFUT", 100 + n, 1, 5, "FUT", "2026-11-24", x)
        for n, x in enumerate(symbols)
    )
    table = InstrumentTable(day="2026-11-20", rows=(*rows, *futures))
    assert set(freeze(held(made, NOVEMBER, table))) == {30_000}
