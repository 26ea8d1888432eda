import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.bars import BarBuilder
from engine.messages.market import BarClosed, Tick
from engine.session import ist_text, ns_from_ist
from tests.markets import tick


@pytest.fixture
def a_minute_builder() -> BarBuilder:
    return BarBuilder("X", 60)


def test_when_a_tick_of_the_next_minute_comes_then_the_bar_closes(
    a_minute_builder: BarBuilder,
) -> None:
    for price, second, volume in ((100, 0, 10), (120, 20, 15), (90, 40, 30), (110, 59, 30)):
        at = f"2024-01-02 10:00:{second:02d}"
        assert a_minute_builder.on_tick(tick(price, at, volume_day=volume)) is None
    bar = a_minute_builder.on_tick(tick(111, "2024-01-02 10:01:00", volume_day=37))
    start = ns_from_ist("2024-01-02 10:00:00")
    assert bar == BarClosed(
        instrument="X", interval_s=60, start_at_ns=start, end_at_ns=start + 60 * 10**9,
        open_paise=100, high_paise=120, low_paise=90, close_paise=110, volume=20, tick_count=4,
    )  # fmt: skip
    last = a_minute_builder.flush()
    assert last is not None
    assert (last.open_paise, last.volume) == (111, 7)


def test_when_time_passes_without_a_tick_then_the_bar_closes_and_none_is_invented(
    a_minute_builder: BarBuilder,
) -> None:
    a_minute_builder.on_tick(tick(100))
    assert a_minute_builder.on_time(ns_from_ist("2024-01-02 10:00:59")) is None
    assert a_minute_builder.on_time(ns_from_ist("2024-01-02 10:01:00")) is not None
    assert a_minute_builder.on_time(ns_from_ist("2024-01-02 10:30:00")) is None
    a_minute_builder.on_tick(tick(100, "2024-01-02 10:30:00"))
    bar = a_minute_builder.flush()
    assert bar is not None
    assert ist_text(bar.start_at_ns) == "2024-01-02 10:30:00"


@pytest.mark.parametrize("at", ["2024-01-02 09:59:59", "2023-12-29 10:00:30"])
def test_when_a_tick_is_late_then_it_is_dropped_and_counted(
    a_minute_builder: BarBuilder, at: str
) -> None:
    a_minute_builder.on_tick(tick(100))
    assert a_minute_builder.on_tick(tick(999, at)) is None
    a_minute_builder.on_time(ns_from_ist("2024-01-02 10:01:00"))
    assert a_minute_builder.on_tick(tick(999, "2024-01-02 10:00:30")) is None
    assert a_minute_builder.late_count == 2
    assert a_minute_builder.flush() is None


@pytest.mark.parametrize(
    ("interval_s", "start"),
    [(60, "10:01"), (300, "10:00"), (900, "10:00"), (1800, "09:45"), (3600, "09:15")],
)
def test_when_bars_are_long_then_they_are_aligned_to_the_open(interval_s: int, start: str) -> None:
    builder = BarBuilder("X", interval_s)
    builder.on_tick(tick(100, "2024-01-02 10:01:30"))
    bar = builder.flush()
    assert bar is not None
    assert ist_text(bar.start_at_ns) == f"2024-01-02 {start}:00"


def test_when_volume_steps_back_then_it_is_never_negative_or_counted_twice(
    a_minute_builder: BarBuilder,
) -> None:
    for second, volume in enumerate((1000, 900, 1000, 1050)):
        a_minute_builder.on_tick(tick(1, f"2024-01-02 10:00:{second:02d}", volume_day=volume))
    bar = a_minute_builder.flush()
    assert bar is not None
    assert bar.volume == 50


def test_when_a_new_day_starts_then_its_running_total_starts_again(
    a_minute_builder: BarBuilder,
) -> None:
    a_minute_builder.on_tick(tick(1, "2024-01-02 15:29:00", volume_day=9_000))
    a_minute_builder.on_tick(tick(1, "2024-01-03 09:15:00", volume_day=40))
    a_minute_builder.on_tick(tick(1, "2024-01-03 09:15:30", volume_day=100))
    bar = a_minute_builder.flush()
    assert bar is not None
    assert bar.volume == 60


@pytest.mark.parametrize("interval_s", [0, -60, 7, 100_000])
def test_when_an_interval_does_not_divide_the_day_then_it_is_refused(interval_s: int) -> None:
    with pytest.raises(ValueError, match="divide"):
        BarBuilder("X", interval_s)


@given(st.lists(st.tuples(st.integers(0, 600), st.integers(1, 10**6), st.integers(0, 10**6))))
def test_when_any_ticks_come_then_bars_are_sound_ordered_and_lose_nothing(
    rows: list[tuple[int, int, int]],
) -> None:
    builder, bars = BarBuilder("X", 60), []
    base = ns_from_ist("2024-01-02 10:00:00")
    for second, price, volume in rows:
        at_ns = base + second * 10**9
        bars.append(builder.on_tick(
            Tick(instrument="X", price_paise=price, at_ns=at_ns, received_at_ns=at_ns,
                 volume_day=volume)
        ))  # fmt: skip
    found = [bar for bar in (*bars, builder.flush()) if bar is not None]
    assert sum(bar.tick_count for bar in found) + builder.late_count == len(rows)
    for bar in found:
        assert bar.low_paise <= min(bar.open_paise, bar.close_paise)
        assert bar.high_paise >= max(bar.open_paise, bar.close_paise)
        assert bar.volume >= 0
    starts = [bar.start_at_ns for bar in found]
    assert starts == sorted(set(starts))
