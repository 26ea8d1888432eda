"""Broken files, written row by row: a bad row is counted by its reason and never becomes a tick."""

import gzip
from pathlib import Path

import pytest

from actors.feeds.csvfile import CsvSource
from engine.errors import WireMalformed
from engine.market.source import SourceItem, due_ns
from engine.messages.market import FeedBlocked, MarketFrame, Tick
from engine.session import SegmentClass, ist_text, ns_from_ist
from tests.markets import nse

BARS = "ts_ist,open,high,low,close,volume\n"
DAY = "2024-01-02"


def row(clock: str, prices: str = "100,101,99,100.5", volume: str = "9", day: str = DAY) -> str:
    return f"{day} {clock},{prices},{volume}\n"


def minutes(first: int, last: int) -> str:
    return "".join(row(f"{9 + m // 60:02d}:{m % 60:02d}:00") for m in range(first, last))


@pytest.fixture
def write(tmp_path: Path) -> "Writer":
    return Writer(tmp_path)


class Writer:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, text: str, name: str = "ACME_1m.csv") -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path


def ticks(source: CsvSource, from_ns: int = 0) -> list[Tick]:
    frames = [item for item in source.items(from_ns) if isinstance(item, MarketFrame)]
    return [tick for frame in frames for tick in frame.ticks]


def blocks(source: CsvSource, from_ns: int = 0) -> list[tuple[bool, str]]:
    found = [item for item in source.items(from_ns) if isinstance(item, FeedBlocked)]
    return [(block.is_blocked, ist_text(block.at_ns)[11:]) for block in found]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row("09:17:00", "nan,101,99,100"), "nan"),
        (row("09:17:00", "100,NaN,99,100"), "nan"),
        (row("09:17:00", "100,101,-99,100"), "negative"),
        (row("09:17:00", volume="-9"), "negative"),
        (row("09:17:00", "0,101,99,100"), "zero"),
        (row("09:17:00", "100,101,99,"), "missing_field"),
        (f"{DAY} 09:17:00,100,101,99\n", "missing_field"),
        (row("09:17:00", volume="9,9"), "extra_field"),
        (row("09:17:00", "100,abc,99,100"), "bad_number"),
        (row("09:17:00", "100,inf,99,100"), "bad_number"),
        (row("09:17:00", volume="1.5"), "bad_number"),
        (row("25:17:00"), "bad_time"),
        (row("09:17"), "bad_time"),
        (row("09:17:00Z"), "wrong_zone"),
        (row("09:17:00+00:00"), "wrong_zone"),
        (row("09:16:00"), "duplicate"),
        (row("09:16:00", volume="10"), "conflicting_duplicate"),
        (row("09:15:00"), "unsorted"),
        (row("09:17:00", day="2024-01-01"), "unsorted"),
        (row("09:17:00", "100,101,100.06,100"), "ohlc_inconsistent"),
        (row("09:17:00", "100,99,98,98.5"), "ohlc_inconsistent"),
        (row("09:17:00", "100,99,101,100"), "ohlc_inconsistent"),
        (row("09:17:30"), "off_grid"),
        (row("09:17:00", day="2024-01-22"), "out_of_session"),
        (row("09:14:00", day="2024-01-03"), "out_of_session"),
        (row("15:30:00"), "out_of_session"),
        (row("09:17:00", day="2013-01-02"), "unsorted"),
        (row("09:17:00", day="2027-01-04"), "out_of_session"),
        (row("15:30:00", "100.5,100.5,100.5,100.5", "0"), "stale_flat"),
        ("\x00\x01garbage\n", "missing_field"),
    ],
)
def test_when_a_row_is_bad_then_it_is_counted_and_never_traded_on(
    write: Writer, bad: str, reason: str
) -> None:
    good = minutes(15, 17)
    source = CsvSource([write(BARS + good + bad + row("09:18:00", day="2024-01-23"))], nse())
    clean = CsvSource([write(BARS + good + row("09:18:00", day="2024-01-23"))], nse())
    assert source.rows_rejected == {reason: 1}
    assert source.bars_read == 3
    assert ticks(source) == ticks(clean)


def test_when_the_indian_zone_is_written_then_the_row_is_kept(write: Writer) -> None:
    source = CsvSource([write(BARS + row("09:15:00+05:30"))], nse())
    assert (source.bars_read, source.rows_rejected) == (1, {})


def test_when_high_is_rounded_away_then_it_is_widened_and_counted(write: Writer) -> None:
    source = CsvSource([write(BARS + row("09:15:00", "100.05,100,99,99.95"))], nse())
    assert source.rows_rejected == {"ohlc_rounded": 1}
    assert [tick.price_paise for tick in ticks(source)] == [10_005, 10_005, 9_900, 9_995]


@pytest.mark.parametrize("cut", [1, 4, 12])
def test_when_the_last_line_is_cut_then_it_is_dropped(write: Writer, cut: int) -> None:
    source = CsvSource([write((BARS + minutes(15, 18))[:-cut])], nse())
    assert (source.bars_read, source.rows_rejected) == (2, {"truncated": 1})


def test_when_the_archive_is_cut_then_what_came_before_is_kept(tmp_path: Path) -> None:
    whole = gzip.compress((BARS + minutes(15, 300)).encode())
    path = tmp_path / "ACME_1m.csv.gz"
    path.write_bytes(whole[: len(whole) * 2 // 3])
    source = CsvSource([path], nse())
    assert source.rows_rejected == {"truncated": 1}
    assert 50 < source.bars_read < 285
    path.write_bytes(whole)
    assert CsvSource([path], nse()).bars_read == 285


def test_when_the_archive_is_damaged_then_it_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "ACME_1m.csv.gz"
    whole = bytearray(gzip.compress((BARS + minutes(15, 300)).encode()))
    whole[-8] ^= 0xFF  # the check sum
    path.write_bytes(bytes(whole))
    assert CsvSource([path], nse()).rows_rejected == {"truncated": 1}


@pytest.mark.parametrize("text", ["", "\n", "a,b,c\n1,2,3\n", "PK\x03\x04"])
def test_when_the_header_is_unknown_then_the_file_is_refused(write: Writer, text: str) -> None:
    with pytest.raises(WireMalformed):
        CsvSource([write(text)], nse())


def test_when_a_line_never_ends_then_the_file_is_refused(write: Writer) -> None:
    with pytest.raises(WireMalformed):
        CsvSource([write(BARS + "9" * 3_000_000)], nse())


def test_when_windows_wrote_the_file_then_it_is_read(write: Writer) -> None:
    text = ("\ufeff" + BARS + minutes(15, 17)).replace("\n", "\r\n")
    path = write("")
    path.write_bytes(text.encode())
    source = CsvSource([path], nse())
    assert (source.bars_read, source.rows_rejected) == (2, {})


def test_when_data_stops_inside_a_session_then_the_span_is_blocked(write: Writer) -> None:
    source = CsvSource([write(BARS + minutes(15, 20) + minutes(26, 31))], nse())
    assert blocks(source) == [(True, "09:25:00"), (False, "09:29:00")]
    assert blocks(CsvSource([write(BARS + minutes(15, 20) + minutes(25, 31))], nse())) == []


def test_when_a_stream_starts_inside_a_blocked_span_then_the_block_is_repeated(
    write: Writer,
) -> None:
    source = CsvSource([write(BARS + minutes(15, 20) + minutes(26, 31))], nse())
    inside = ns_from_ist(f"{DAY} 09:27:00")
    assert blocks(source, inside) == [(True, "09:27:00"), (False, "09:29:00")]
    assert ticks(source, inside)[0].at_ns == inside
    assert blocks(source, ns_from_ist(f"{DAY} 09:29:01")) == []


def test_when_data_breaks_off_again_then_the_count_to_unblock_starts_again(write: Writer) -> None:
    text = BARS + minutes(15, 20) + minutes(26, 28) + minutes(35, 40)
    assert blocks(CsvSource([write(text)], nse())) == [(True, "09:25:00"), (False, "09:38:00")]


def test_when_the_last_hourly_bar_is_short_then_it_ends_with_the_session(write: Writer) -> None:
    clocks = ("13:15:00", "14:15:00", "15:15:00")
    source = CsvSource([write(BARS + "".join(map(row, clocks)))], nse())
    assert (source.bars_read, source.rows_rejected) == (3, {})
    assert ist_text(ticks(source)[-1].at_ns)[11:] == "15:29:59"


def test_when_a_session_ends_or_starts_without_data_then_it_is_blocked(write: Writer) -> None:
    late = "".join(row(f"09:{m}:00", day="2024-01-03") for m in range(25, 29))
    source = CsvSource([write(BARS + minutes(15, 20) + late)], nse())
    assert blocks(source) == [(True, "09:25:00"), (False, "09:28:00")]


def flat(first: int, last: int, close: str = "100.5", volume: str = "0") -> str:
    times = [f"{9 + m // 60:02d}:{m % 60:02d}:00" for m in range(first, last)]
    return "".join(row(clock, ",".join([close] * 4), volume) for clock in times)


def test_when_a_session_ends_in_flat_copies_then_they_are_stale(write: Writer) -> None:
    end = 6 * 60 + 30
    source = CsvSource([write(BARS + minutes(15, end - 6) + flat(end - 6, end))], nse())
    assert source.rows_rejected == {"stale_flat": 6}


@pytest.mark.parametrize(
    ("text", "bars"),
    [
        (minutes(15, 386) + flat(386, 390), 375),
        (minutes(15, 380) + flat(380, 390, volume="1"), 375),
        (minutes(15, 100) + flat(100, 110) + minutes(110, 390), 375),
        (minutes(15, 100) + flat(100, 110), 95),
    ],
)
def test_when_flat_bars_are_few_traded_or_inside_then_they_are_kept(
    write: Writer, text: str, bars: int
) -> None:
    source = CsvSource([write(BARS + text)], nse())
    assert (source.bars_read, source.rows_rejected) == (bars, {})
    assert due_times(source) == sorted(due_times(source))


def due_times(source: CsvSource) -> list[int]:
    return [due_ns(item) for item in source.items(0)]


def test_when_a_file_is_sorted_by_name_then_its_frames_are_sorted_by_time(write: Writer) -> None:
    rows = minutes(15, 18).splitlines(keepends=True)
    text = "symbol," + BARS + "".join(f"{name},{line}" for name in "ZAB" for line in rows)
    source = CsvSource([write(text)], nse())
    frames = [item for item in source.items(0) if isinstance(item, MarketFrame)]
    assert source.instruments == ("A", "B", "Z")
    assert [len(frame.ticks) for frame in frames] == [3] * 12
    assert due_times(source) == sorted(set(due_times(source)))


def test_when_files_are_merged_then_ticks_of_one_instant_share_a_frame(write: Writer) -> None:
    one = write(BARS + minutes(15, 18), "ONE_1m.csv")
    two = write(BARS + minutes(16, 19), "TWO_1m.csv")
    source = CsvSource([one, two], nse())
    frames: list[SourceItem] = list(source.items(0))
    sizes = [len(item.ticks) for item in frames if isinstance(item, MarketFrame)]
    assert sizes == [1] * 4 + [2] * 8 + [1] * 4
    assert source.instruments == ("ONE", "TWO")


def test_when_names_and_segments_are_given_then_they_replace_the_guesses(write: Writer) -> None:
    last = BARS + row("15:35:00", day="2026-11-20")
    path = write(last, "NIFTY_1m.csv")
    assert CsvSource([path], nse()).rows_rejected == {"out_of_session": 1}
    source = CsvSource(
        [path], nse(), instruments={"NIFTY": "NFO:N"}, segments={"NFO:N": SegmentClass.FNO}
    )
    assert source.rows_rejected == {}
    assert {tick.instrument for tick in ticks(source)} == {"NFO:N"}


def test_when_ticks_repeat_or_step_back_then_they_are_dropped(write: Writer) -> None:
    text = f"""ts_ist,price
{DAY} 09:15:01,100
{DAY} 09:15:02,100.05
{DAY} 09:15:02,100.05
{DAY} 09:15:02,100.10
{DAY} 09:15:01,100
{DAY} 09:08:00,99
{DAY} 15:30:00,99
"""
    source = CsvSource([write(text)], nse())
    assert source.rows_rejected == {"duplicate": 1, "out_of_session": 1, "unsorted": 2}
    assert [tick.price_paise for tick in ticks(source)] == [10_000, 10_005, 10_010]


def test_when_volume_is_written_as_deltas_then_the_day_total_is_their_sum(write: Writer) -> None:
    text = f"""exchange_ts_ist,last_price,volume_delta,oi
{DAY} 09:15:01,100,4000,1
{DAY} 09:15:02,100,5,1
{DAY} 09:15:03,nan,7,1
2024-01-03 09:15:01,100,9,1
"""
    source = CsvSource([write(text)], nse())
    assert [tick.volume_day for tick in ticks(source)] == [4000, 4005, 9]
