"""Every recorded file is read as it is; the counts were checked by reading the files twice."""

import itertools
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from actors.feeds.csvfile import CsvSource
from engine.market.bars import BarBuilder
from engine.market.source import due_ns
from engine.messages.market import BarClosed, FeedBlocked, MarketFrame
from engine.session import ist_text, ns_from_ist
from tests.markets import DATA, needs_data, nse

pytestmark = needs_data

FOLDERS = ("index_1m", "index_15m", "index_1s", "stocks_1m", "ticks", "options_1m")
FILES = sorted(path for folder in FOLDERS for path in (DATA / folder).glob("*"))
EXPECTED: dict[str, tuple[int, dict[str, int]]] = {
    # file: accepted bars or ticks, rows by reason
    "BANKNIFTY_15m": (26_382, {"ohlc_inconsistent": 18, "ohlc_rounded": 519}),
    # 2024-01-20 runs to 18:16: two moving rows and 165 copies after the close
    "BANKNIFTY_1m": (40_605, {"out_of_session": 2, "stale_flat": 165}),
    "NIFTY50_1m_2024": (40_605, {"out_of_session": 2, "stale_flat": 165}),
    # 164 days have a row that starts at the close, 15:30
    "NIFTY50_1m_2009": (55_563, {"out_of_session": 162, "stale_flat": 2}),
    "NIFTY50_1m_2025": (9_730, {}),
    "INDIAVIX_1m": (9_730, {}),
    "NIFTY_FUT1": (46, {}),
    # indications before 09:15, the closing second and later
    "NIFTY50_1s": (644_024, {"out_of_session": 30_205}),
    # neighbouring minutes are swapped in places
    "NSE_EQ_41": (214_963, {"unsorted": 287}),
    "RELIANCE_1m": (10_125, {}),
    "breeze": (2_231, {"duplicate": 42, "unsorted": 560}),
    "depth200_NIFTY_DEC25FUT_2025-12-29_1340": (1_744, {}),
    "depth200_NIFTY_DEC25FUT_2025-12-29_1410": (10_006, {}),
    "fyers": (2_150, {}),
    "kite_full": (271, {}),
    "kite_tape": (2_680, {}),
    "NIFTY_weekly": (8_174, {}),
}


@cache
def read(path: Path) -> CsvSource:
    return CsvSource([path], nse())


def file(start: str) -> Path:
    return next(path for path in FILES if path.name.startswith(start))


@pytest.fixture(scope="module", autouse=True)
def _forget_files_afterwards() -> Iterator[None]:
    yield
    read.cache_clear()


def test_when_the_folders_are_listed_then_no_file_is_left_out() -> None:
    assert len(FILES) == 18
    assert all(any(path.name.startswith(start) for start in EXPECTED) for path in FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_when_a_recorded_file_is_read_then_each_row_is_accepted_or_counted(path: Path) -> None:
    start = next(start for start in EXPECTED if path.name.startswith(start))
    accepted, rejected = EXPECTED[start]
    source = read(path)
    assert source.rows_rejected == rejected
    last_ns = tick_count = 0
    for item in source.items(0):
        assert due_ns(item) >= last_ns
        last_ns = due_ns(item)
        tick_count += 0 if isinstance(item, FeedBlocked) else len(item.ticks)
    assert source.bars_read in (accepted, 0)
    assert tick_count == (4 * accepted if source.bars_read else accepted)


def blocks(start: str) -> list[tuple[bool, str]]:
    found = [item for item in read(file(start)).items(0) if isinstance(item, FeedBlocked)]
    return [(block.is_blocked, ist_text(block.at_ns)) for block in found]


def test_when_the_lower_circuit_halts_the_market_then_the_span_is_blocked() -> None:
    assert blocks("NIFTY_FUT1") == [
        (True, "2020-03-13 09:27:00"),
        (False, "2020-03-13 10:24:00"),
    ]


def test_when_a_recording_breaks_off_then_it_is_blocked_into_the_next_day() -> None:
    assert blocks("NIFTY50_1s")[:2] == [
        (True, "2022-09-21 13:11:48"),
        (False, "2022-09-29 09:15:09"),
    ]


def test_when_the_special_saturdays_are_read_then_only_their_sessions_remain() -> None:
    source = read(file("NIFTY50_1m_2024"))
    start, end = ns_from_ist("2024-03-02 00:00:00"), ns_from_ist("2024-03-03 00:00:00")
    due = itertools.takewhile(lambda item: due_ns(item) < end, source.items(start))
    times = [ist_text(due_ns(item))[11:] for item in due]
    assert len(times) == 4 * (45 + 60)
    assert (times[0], times[179], times[180], times[-1]) == (
        "09:15:00", "09:59:59", "11:30:00", "12:29:59",
    )  # fmt: skip


def test_when_bars_become_ticks_and_bars_again_then_nothing_is_lost() -> None:
    path = file("RELIANCE_1m")
    source, builder = read(path), BarBuilder("RELIANCE", 60)
    bars: list[BarClosed] = []
    for item in source.items(0):
        assert isinstance(item, MarketFrame)
        bars += filter(None, map(builder.on_tick, item.ticks))
    bars += filter(None, [builder.flush()])
    (series,) = source._series
    assert builder.late_count == 0
    assert [
        (b.start_at_ns, b.open_paise, b.high_paise, b.low_paise, b.close_paise, b.volume)
        for b in bars
    ] == [
        (b.start_at_ns, b.open_paise, b.high_paise, b.low_paise, b.close_paise, b.volume)
        for b in series.bars
    ]


def test_when_the_csv_and_the_packets_of_one_recording_are_read_then_they_agree() -> None:
    both = sorted(path for path in FILES if path.name.startswith("kite_full"))
    csv_items, packet_items = (list(read(path).items(0)) for path in both)
    assert csv_items == packet_items


def test_when_a_stream_starts_late_then_it_is_the_rest_of_the_whole() -> None:
    source = read(file("kite_tape"))
    whole = list(source.items(0))
    middle_ns = due_ns(whole[len(whole) // 2])
    assert [i for i in source.items(middle_ns) if isinstance(i, MarketFrame)] == [
        i for i in whole if isinstance(i, MarketFrame) and due_ns(i) >= middle_ns
    ]


def test_when_index_files_are_merged_then_each_instant_holds_both() -> None:
    source = CsvSource([file("NIFTY50_1m_2024"), file("BANKNIFTY_1m")], nse())
    assert source.instruments == ("BANKNIFTY", "NIFTY50")
    frames = list(source.items(ns_from_ist("2024-06-14 00:00:00")))
    assert len(frames) == 375 * 4
    assert all(isinstance(f, MarketFrame) and len(f.ticks) == 2 for f in frames)
