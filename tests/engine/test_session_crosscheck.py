"""The session table against a calendar that others keep (package exchange_calendars, Bombay: both
exchanges close on the same days). It knows normal trading days, not the special sessions."""

import datetime as dt
import warnings

import exchange_calendars
import pytest

from engine.session import SegmentClass
from tests.markets import nse

YEARS = (2009, *range(2016, 2027))
SPECIAL = {
    "2016-10-30", "2017-10-19", "2018-11-07", "2019-10-27", "2020-02-01", "2020-11-14",
    "2021-11-04", "2022-10-24", "2023-11-12", "2024-01-20", "2024-03-02", "2024-05-18",
    "2024-11-01", "2025-02-01", "2025-10-21", "2026-02-01",
}  # fmt: skip
"""Sessions on days that are closed by the rule: muhurat, budget, drills, a moved Monday."""


@pytest.fixture(scope="module")
def theirs() -> frozenset[dt.date]:
    """All normal trading days of the years that both know."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package's own, about the library it is built on
        found = exchange_calendars.get_calendar("XBOM", start="2009-01-01", end="2026-12-31")
    return frozenset(moment.date() for moment in found.sessions)


@pytest.mark.parametrize("year", YEARS)
@pytest.mark.parametrize("segment", SegmentClass)
def test_when_another_calendar_is_compared_then_only_special_sessions_differ(
    theirs: frozenset[dt.date], year: int, segment: SegmentClass
) -> None:
    first = dt.date(year, 1, 1)
    length = (dt.date(year + 1, 1, 1) - first).days
    days = [first + dt.timedelta(days=number) for number in range(length)]
    ours = {day for day in days if nse().sessions(day, segment)}
    normal = {day for day in days if day in theirs}
    assert normal - ours == set(), "a trading day is closed here"
    assert {day.isoformat() for day in ours - normal} == {x for x in SPECIAL if x[:4] == str(year)}


@pytest.mark.parametrize("year", [2008, 2015, 2027])
def test_when_a_year_is_not_in_the_table_then_every_day_of_it_is_closed(year: int) -> None:
    first = dt.date(year, 1, 1)
    days = [first + dt.timedelta(days=number) for number in range(365)]
    assert not any(nse().sessions(day, segment) for day in days for segment in SegmentClass)
    assert {nse().why_closed(day, SegmentClass.INDEX) for day in days} == {"year_not_covered"}
