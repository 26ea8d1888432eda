import pytest

from engine.errors import WireMalformed
from engine.market.layout import detect_layout, guess_segment, instrument_of_file
from engine.market.packets import parse_packet
from engine.market.rows import Bar, RowBad, count, paise
from engine.market.source import bar_ticks
from engine.session import SegmentClass


@pytest.mark.parametrize(
    ("text", "expected"),
    [("21727.75", 2_172_775), ("1039", 103_900), ("0.05", 5), ("81.6", 8160), ("1.005", 100)],
)
def test_when_a_price_is_written_then_it_becomes_paise(text: str, expected: int) -> None:
    assert paise(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "missing_field"), (" ", "missing_field"), ("nan", "nan"), ("NaN", "nan"),
        ("-nan", "nan"), ("inf", "bad_number"), ("-inf", "bad_number"), ("1e9", "bad_number"),
        ("10000000", "bad_number"), ("-0.05", "negative"), ("0", "zero"), ("-0.0", "zero"),
        ("0.001", "zero"), ("1_000", "bad_number"), ("\u0661\u0660", "bad_number"),
        ("12,5", "bad_number"),
        ("0x10", "bad_number"), ("None", "bad_number"),
    ],
)  # fmt: skip
def test_when_a_price_is_not_believable_then_the_reason_is_named(text: str, reason: str) -> None:
    with pytest.raises(RowBad) as bad:
        paise(text)
    assert bad.value.reason == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [("-1", "negative"), ("nan", "nan"), ("1.5", "bad_number"), ("", "missing_field"),
     ("1e30", "bad_number"), ("9" * 40, "bad_number"), ("inf", "bad_number")],
)  # fmt: skip
def test_when_a_quantity_is_not_believable_then_the_reason_is_named(text: str, reason: str) -> None:
    assert (count("0"), count("57006"), count("12.0")) == (0, 57006, 12)
    with pytest.raises(RowBad) as bad:
        count(text)
    assert bad.value.reason == reason


@pytest.mark.parametrize("header", ["", "a,b", "open,high,low,close", "ts_ist,volume", "price"])
def test_when_a_header_is_unknown_then_the_file_is_refused(header: str) -> None:
    with pytest.raises(WireMalformed):
        detect_layout(header.split(","))


@pytest.mark.parametrize(
    ("stem", "name", "segment"),
    [
        ("NIFTY50_1m_2009_JanApr_AugDec", "NIFTY50", SegmentClass.INDEX),
        ("BANKNIFTY_15m_2018-01_2023-08_x", "BANKNIFTY", SegmentClass.INDEX),
        ("INDIAVIX_1m_2025-01-23", "INDIAVIX", SegmentClass.INDEX),
        ("fyers_ltp_NIFTY50_2025-02-11", "NIFTY50", SegmentClass.INDEX),
        ("kite_tape_NIFTY25DECFUT_2025-12-29_0936", "NIFTY25DECFUT", SegmentClass.FNO),
        ("depth200_NIFTY_DEC25FUT_2025-12-29", "NIFTY_DEC25FUT", SegmentClass.FNO),
        ("BAJAJ-AUTO_1m", "BAJAJ-AUTO", SegmentClass.CASH_FNO),
        ("prices", "prices", SegmentClass.CASH_FNO),
    ],
)
def test_when_a_file_has_no_name_column_then_its_name_tells_the_instrument(
    stem: str, name: str, segment: SegmentClass
) -> None:
    assert instrument_of_file(stem) == name
    assert guess_segment(name) is segment


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        ("NIFTY 50", SegmentClass.INDEX),
        ("NSE:NIFTY 50", SegmentClass.INDEX),
        ("NIFTY_F1", SegmentClass.FNO),
        ("NIFTY DEC 2025 FUT", SegmentClass.FNO),
        ("NFO:NIFTY2631023550PE", SegmentClass.FNO),
        ("RELIANCE", SegmentClass.CASH_FNO),
        ("ULTRACEMCO", SegmentClass.CASH_FNO),
        ("NSE:FUTURE", SegmentClass.CASH_FNO),
    ],
)
def test_when_a_name_is_classified_then_its_hours_follow(name: str, segment: SegmentClass) -> None:
    assert guess_segment(name) is segment


@pytest.mark.parametrize(("close", "prices"), [(105, (100, 90, 120, 105)), (95, (100, 120, 90, 95)),
                                               (100, (100, 90, 120, 100))])  # fmt: skip
def test_when_a_bar_is_expanded_then_the_swing_against_it_comes_first(
    close: int, prices: tuple[int, ...]
) -> None:
    minute = 60 * 10**9
    ticks = bar_ticks(Bar("X", minute, 2 * minute, 100, 120, 90, close, 10, 7, False, 1000))
    assert tuple(tick.price_paise for tick in ticks) == prices
    assert [tick.volume_day for tick in ticks] == [1000, 1003, 1006, 1010]
    assert [tick.at_ns - minute for tick in ticks] == [
        0, 20 * 10**9, 40 * 10**9, minute - 10**6,
    ]  # fmt: skip
    assert {tick.oi for tick in ticks} == {7}


PACKET = (
    '{"instrument_token": 1, "last_price": %s, "exchange_timestamp": "%s", "volume_traded": %s,'
    ' "oi": 3, "depth": {"buy": [{"quantity": 75, "price": 25975.6, "orders": 1}], "sell": []}}'
)
GOOD_TIME = "2025-12-29T12:47:00+05:30"


def test_when_a_packet_is_good_then_it_becomes_a_tick() -> None:
    tick = parse_packet(PACKET % ("25978.5", GOOD_TIME, "100"), "N")
    assert (tick.price_paise, tick.volume_day, tick.oi) == (2_597_850, 100, 3)
    assert (tick.bid_paise, tick.bid_quantity, tick.ask_paise) == (2_597_560, 75, 0)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "bad_json"), ("null", "bad_json"), ("[1]", "bad_json"), ("{}", "bad_json"),
        ((PACKET % ("1", GOOD_TIME, "1"))[:-5], "bad_json"),
        (PACKET % ("NaN", GOOD_TIME, "1"), "bad_json"),
        (PACKET % ("0", GOOD_TIME, "1"), "zero"), (PACKET % ("-5", GOOD_TIME, "1"), "negative"),
        (PACKET % ("5", GOOD_TIME, "-1"), "negative"),
        (PACKET % ("5", "2025-12-29T12:47:00Z", "1"), "wrong_zone"),
        (PACKET % ("5", "soon", "1"), "bad_time"),
    ],
)  # fmt: skip
def test_when_a_packet_is_bad_then_the_reason_is_named(line: str, reason: str) -> None:
    with pytest.raises(RowBad) as bad:
        parse_packet(line, "N")
    assert bad.value.reason == reason
