import csv
import datetime as dt
import gzip
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigInvalid
from engine.session import (
    SegmentClass,
    SessionTable,
    WrongZone,
    ist_day,
    ist_text,
    ns_from_ist,
)
from tests.markets import DATA, needs_data, nse

INDEX, FNO = SegmentClass.INDEX, SegmentClass.FNO
WITHHELD = {"2024-02-01", "2024-03-04", "2024-04-05", "2024-05-07"}
"""Trading days that are left out of the recorded files of 2024 (known to have traded)."""


def hours(day: str, segment: SegmentClass = INDEX) -> list[str]:
    found = nse().sessions(dt.date.fromisoformat(day), segment)
    return [f"{ist_text(s.opens_at_ns)[11:16]}-{ist_text(s.closes_at_ns)[11:16]}" for s in found]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2009-12-31", ["09:55-15:30"]),
        ("2016-08-16", ["09:15-15:30"]),
        ("2024-01-20", ["09:15-15:30"]),
        ("2024-01-21", []),
        ("2024-01-22", []),
        ("2024-03-02", ["09:15-10:00", "11:30-12:30"]),
        ("2024-05-18", ["09:15-10:00", "11:30-12:30"]),
        ("2024-11-01", ["18:00-19:00"]),
        ("2025-02-01", ["09:15-15:30"]),
        ("2025-10-21", ["13:45-14:45"]),
        ("2026-02-01", ["09:15-15:30"]),
        ("2026-11-08", []),
    ],
)
def test_when_a_day_is_looked_up_then_its_own_hours_apply(day: str, expected: list[str]) -> None:
    assert hours(day) == expected


@pytest.mark.parametrize(
    ("segment", "before", "after"),
    [
        (SegmentClass.CASH_FNO, "09:15-15:30", "09:15-15:15"),
        (SegmentClass.CASH_OTHER, "09:15-15:30", "09:15-15:30"),
        (SegmentClass.INDEX, "09:15-15:30", "09:15-15:30"),
        (SegmentClass.FNO, "09:15-15:30", "09:15-15:40"),
    ],
)
def test_when_the_closing_auction_starts_then_classes_part(
    segment: SegmentClass, before: str, after: str
) -> None:
    assert hours("2026-07-31", segment) == [before]
    assert hours("2026-08-03", segment) == [after]


def test_when_the_year_is_unknown_then_the_market_is_closed_and_says_why() -> None:
    monday = dt.date(2027, 1, 4)
    assert not nse().covers(monday)
    assert nse().sessions(monday, FNO) == ()
    assert nse().why_closed(monday, FNO) == "year_not_covered"
    assert nse().next_session(ns_from_ist("2026-12-31 15:40:00"), FNO) is None


def test_when_a_day_is_closed_then_the_reason_is_named() -> None:
    assert nse().why_closed(dt.date(2024, 1, 22), INDEX) == "Ram temple consecration"
    assert nse().why_closed(dt.date(2024, 1, 21), INDEX) == "weekend"
    assert nse().why_closed(dt.date(2026, 11, 8), INDEX).startswith("no_hours")
    assert nse().why_closed(dt.date(2024, 1, 23), INDEX) == ""


def test_when_time_reaches_an_edge_then_open_is_inside_and_close_is_outside() -> None:
    opens, closes = ns_from_ist("2024-03-02 11:30:00"), ns_from_ist("2024-03-02 12:30:00")
    assert nse().session_at(opens - 1, INDEX) is None
    found = nse().session_at(opens, INDEX)
    assert found is not None
    assert (found.trading_day, found.opens_at_ns) == ("2024-03-02", opens)
    assert nse().session_at(closes - 1, INDEX) == found
    assert nse().session_at(closes, INDEX) is None


@pytest.mark.parametrize(
    ("after", "opens"),
    [
        ("2024-01-19 15:30:00", "2024-01-20 09:15:00"),
        ("2024-01-20 15:30:00", "2024-01-23 09:15:00"),
        ("2024-03-02 09:15:00", "2024-03-02 11:30:00"),
        ("2025-10-20 15:30:00", "2025-10-21 13:45:00"),
    ],
)
def test_when_the_next_session_is_asked_then_holidays_are_skipped(after: str, opens: str) -> None:
    found = nse().next_session(ns_from_ist(after), INDEX)
    assert found is not None
    assert ist_text(found.opens_at_ns) == opens


@pytest.mark.parametrize(
    "change",
    [
        {"years": "2024"},
        {"unknown": 1},
        {"hours": []},
        {"holidays": {"2031-01-01": "year not listed"}},
        {"special": {"2024-03-02": {"name": "x", "windows": ["10:00-09:00"]}}},
        {"special": {"2024-03-02": {"name": "x", "windows": ["9:15-10:00"]}}},
        {"special": {"2024-03-02": {"name": "x", "windows": ["09:15-10:00", "09:30-11:00"]}}},
    ],
)
def test_when_the_calendar_has_a_fault_then_boot_refuses(change: dict[str, Any]) -> None:
    row = dict.fromkeys(("cash_fno", "cash_other", "index", "fno"), "09:15-15:30")
    good = {
        "years": [2024],
        "hours": [{"valid_from": "2024-01-01", **row}],
        "holidays": {"2024-01-26": "Republic Day"},
        "special": {},
    }
    assert SessionTable(good).covers(dt.date(2024, 5, 1))
    with pytest.raises(ConfigInvalid):
        SessionTable(good | change)


@given(st.integers(min_value=0, max_value=4_102_444_800))
def test_when_text_is_read_back_then_the_instant_is_the_same(second: int) -> None:
    ns = second * 10**9
    assert ns_from_ist(ist_text(ns)) == ns
    assert ist_day(ns).isoformat() == ist_text(ns)[:10]


def test_when_a_timestamp_has_a_fraction_or_the_indian_zone_then_it_is_read() -> None:
    base = ns_from_ist("2024-01-02 09:15:00")
    assert base == 1_704_167_100 * 10**9
    assert ns_from_ist("2024-01-02T09:15:00.25+05:30") == base + 250_000_000
    assert ns_from_ist("2024-01-02 09:15:00.000001") == base + 1000


@pytest.mark.parametrize("zone", ["Z", "+00:00", "-05:30", "+0530", "+05:31"])
def test_when_another_zone_is_written_then_it_is_refused(zone: str) -> None:
    with pytest.raises(WrongZone):
        ns_from_ist("2024-01-02 09:15:00" + zone)


@pytest.mark.parametrize(
    "text",
    ["", "nan", "1704167100", "2024-01-02", "2024-13-02 09:15:00", "2024-W01-2 09:15:00",
     "2024-01-02 24:00:00", "2024-01-02 09:15:60", "2024-01-02 09:15:0x", "2024/01/02 09:15:00",
     "2024-01-02 09:15:00.", "2024-01-02 09:15:00.1_2", "2024-01-02 09:15:00,5",
     "2024-01-02 ٠٩:15:00", "2024-01-02 +9:15:00"],
)  # fmt: skip
def test_when_a_timestamp_is_malformed_then_it_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a|nvalid|must be"):
        ns_from_ist(text)


def _days(name: str) -> set[str]:
    with gzip.open(DATA / "index_1m" / name, "rt") as file:
        return {row["ts_ist"][:10] for row in csv.DictReader(file)}


@needs_data
@pytest.mark.parametrize(
    "name",
    ["NIFTY50_1m_2024-01-01_2024-06-14.csv.gz", "BANKNIFTY_1m_2024-01-01_2024-06-14.csv.gz",
     "NIFTY50_1m_2025-01-23_2025-02-27.csv.gz", "INDIAVIX_1m_2025-01-23_2025-02-27.csv.gz"],
)  # fmt: skip
def test_when_recorded_days_are_compared_then_the_calendar_agrees(name: str) -> None:
    traded = _days(name)
    day, last = dt.date.fromisoformat(min(traded)), dt.date.fromisoformat(max(traded))
    while day <= last:
        is_session = bool(nse().sessions(day, INDEX))
        expected = day.isoformat() in traded or day.isoformat() in WITHHELD
        assert is_session == (expected or day == dt.date(2024, 5, 18)), day
        day += dt.timedelta(days=1)


@needs_data
def test_when_years_with_holes_are_compared_then_no_traded_day_is_closed() -> None:
    names = ["index_1m/NIFTY50_1m_2009_JanApr_AugDec.csv.gz",
             "index_15m/BANKNIFTY_15m_2018-01_2023-08_excl_heldout.csv.gz",
             "index_1s/NIFTY50_1s_2022-08-10_2022-11-07.csv.gz",
             "stocks_1m/RELIANCE_1m_2025-10-29_2025-12-05.csv.gz"]  # fmt: skip
    for name in names:
        for day in _days("../" + name):
            assert nse().sessions(dt.date.fromisoformat(day), INDEX), day


@needs_data
def test_when_the_reference_list_is_compared_then_every_row_is_in_the_calendar() -> None:
    path = DATA / "reference/nse_holidays_special_sessions_2024_2026.csv.gz"
    with gzip.open(path, "rt") as file:
        for row in csv.DictReader(file):
            day = dt.date.fromisoformat(row["date"])
            is_muhurat_day = row["date"] == "2025-10-21"
            is_open = row["kind"] != "holiday" and row["session_ist"] != ""
            assert bool(nse().sessions(day, INDEX)) == (is_open or is_muhurat_day), row
