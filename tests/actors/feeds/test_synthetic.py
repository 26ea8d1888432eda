from itertools import islice, pairwise, takewhile

import pytest

from actors.feeds.synthetic import SyntheticInstrument, SyntheticSource
from engine.market.quality import TickGate, TickLimits, Verdict
from engine.market.source import due_ns
from engine.messages.market import MarketFrame, Tick
from engine.session import SegmentClass, SessionTable, ist_text, ns_from_ist
from tests.markets import nse

SPECS = [SyntheticInstrument(name=f"NSE:S{i}", price_paise=15_000 + 31_000 * i) for i in range(3)]


def source(seed: int = 7, specs: list[SyntheticInstrument] = SPECS) -> SyntheticSource:
    return SyntheticSource(seed, specs, nse())


def frames(made: SyntheticSource, start: str, count: int) -> list[MarketFrame]:
    found = list(islice(made.items(ns_from_ist(start)), count))
    assert all(isinstance(frame, MarketFrame) for frame in found)
    return [frame for frame in found if isinstance(frame, MarketFrame)]


def day_of(made: SyntheticSource, day: str) -> list[MarketFrame]:
    end_ns = ns_from_ist(f"{day} 23:59:59")
    items = takewhile(lambda i: due_ns(i) < end_ns, made.items(ns_from_ist(f"{day} 00:00:00")))
    return [item for item in items if isinstance(item, MarketFrame)]


def test_when_it_restarts_in_the_day_then_the_same_path_goes_on() -> None:
    whole = frames(source(), "2026-07-01 09:15:00", 2_000)
    rest = frames(source(), "2026-07-01 09:40:00", 500)
    assert rest == whole[1_500:]


def test_when_the_seed_differs_then_the_path_differs() -> None:
    one, two = (frames(source(seed), "2026-07-01 09:15:00", 100) for seed in (1, 2))
    assert one != two


def test_when_an_instrument_is_added_then_the_others_keep_their_path() -> None:
    few = frames(source(specs=SPECS[:2]), "2026-07-01 12:00:00", 50)
    more = frames(source(), "2026-07-01 12:00:00", 50)
    assert [frame.ticks for frame in few] == [frame.ticks[:2] for frame in more]


def test_when_it_starts_on_a_holiday_then_the_next_session_opens_it() -> None:
    first = frames(source(), "2026-06-26 08:00:00", 1)[0]
    assert ist_text(first.ticks[0].at_ns) == "2026-06-29 09:15:00"


def test_when_a_day_has_two_sessions_then_nothing_is_made_between_them() -> None:
    made = day_of(source(specs=SPECS[:1]), "2024-03-02")
    times = [ist_text(frame.ticks[0].at_ns)[11:] for frame in made]
    assert len(times) == 105 * 60
    assert (times[2_699], times[2_700], times[-1]) == ("09:59:59", "11:30:00", "12:29:59")


def test_when_hours_of_classes_differ_then_each_keeps_its_own() -> None:
    specs = [SPECS[0], SyntheticInstrument(name="NFO:F", price_paise=2_500_000,
                                           segment=SegmentClass.FNO)]  # fmt: skip
    made = day_of(source(specs=specs), "2026-11-20")
    assert [len(frame.ticks) for frame in made] == [2] * 21_600 + [1] * 1_500
    assert made[-1].ticks[0].instrument == "NFO:F"


def test_when_the_calendar_ends_then_the_stream_ends() -> None:
    assert list(source(specs=SPECS[:1]).items(ns_from_ist("2026-12-31 15:29:50"))) == []
    assert len(list(source(specs=SPECS[:1]).items(ns_from_ist("2026-12-31 15:14:50")))) == 10


@pytest.fixture(scope="module")
def a_day() -> list[MarketFrame]:
    return day_of(source(), "2026-07-01")


def test_when_ticks_are_made_then_they_pass_the_quality_gate(a_day: list[MarketFrame]) -> None:
    gates = {spec.name: TickGate(TickLimits(is_depth_expected=True)) for spec in SPECS}
    assert len(a_day) == 22_500
    for frame in a_day:
        for tick in frame.ticks:
            assert gates[tick.instrument].admit(tick) == (Verdict.ACCEPT, "")
            assert tick.price_paise % 5 == tick.bid_paise % 5 == tick.ask_paise % 5 == 0
            assert tick.price_paise in (tick.bid_paise, tick.ask_paise)


def test_when_a_day_is_made_then_it_has_the_shape_of_one(a_day: list[MarketFrame]) -> None:
    ticks = [frame.ticks[1] for frame in a_day]
    volumes = [tick.volume_day for tick in ticks]
    assert volumes == sorted(volumes)
    hour = 3_600
    assert volumes[hour] - volumes[0] > 1.3 * (volumes[4 * hour] - volumes[3 * hour])
    assert _roughness(ticks[:hour]) > 1.3 * _roughness(ticks[3 * hour : 4 * hour])
    prices = [tick.price_paise for tick in ticks]
    assert 1.004 < max(prices) / min(prices) < 1.12


def _roughness(ticks: list[Tick]) -> float:
    prices = [tick.price_paise for tick in ticks]
    return sum(abs(b - a) for a, b in pairwise(prices)) / len(prices)


def test_when_days_follow_each_other_then_nights_are_small_and_days_differ() -> None:
    made = frames(source(specs=SPECS[:1]), "2026-06-01 09:15:00", 22_500 * 8)
    prices = [frame.ticks[0].price_paise for frame in made]
    nights = [abs(prices[i] / prices[i - 1] - 1) for i in range(22_500, len(prices), 22_500)]
    assert max(nights) < 0.015
    assert len({prices[i + 11_000] - prices[i] for i in range(0, len(prices), 22_500)}) > 5


def test_when_instruments_are_missing_or_named_twice_then_it_is_refused() -> None:
    for specs in ([], [SPECS[0], SPECS[0]]):
        with pytest.raises(ValueError, match="once"):
            source(specs=specs)
    with pytest.raises(ValueError, match="positive"):
        SyntheticInstrument(name="X", price_paise=0)


def test_when_the_calendar_is_empty_then_nothing_is_made() -> None:
    hours = dict.fromkeys(("cash_fno", "cash_other", "index", "fno"), "09:15-15:30")
    empty = SessionTable({"years": [], "hours": [{"valid_from": "2009-01-01", **hours}],
                          "holidays": {}, "special": {}})  # fmt: skip
    assert list(SyntheticSource(1, SPECS, empty).items(ns_from_ist("2026-07-01 09:15:00"))) == []
