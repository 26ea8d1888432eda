"""Our reading of Kite's frames beside the client library's own, and on bytes that make no sense."""

import base64
import datetime as dt
import os
import struct
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kiteconnect import KiteTicker

from engine.market.kite_frames import KiteFrames, token_fault
from engine.messages.market import Tick
from engine.units import NS_PER_S

MOCKS = Path(__file__).resolve().parents[3] / "shared/marketdata/reference/kite_mocks"
NOW_NS = 1_625_461_888 * NS_PER_S
INFY = 408_065
FULL_INTS = (INFY, 157370, 7, 157037, 1192471, 256443, 363009, 156915, 157500, 156105, 156780,
             1625461887, 0, 0, 0, 1625461887)  # fmt: skip
BUYS = ((5, 157340, 1), (140, 157300, 2), (2, 157295, 1), (219, 157290, 7), (50, 157285, 1))
SELLS = ((172, 157370, 3), (44, 157375, 3), (302, 157385, 3), (141, 157390, 2), (724, 157395, 5))
FULL = struct.pack(">16I", *FULL_INTS) + b"".join(struct.pack(">IIHxx", *x) for x in BUYS + SELLS)
QUOTE = struct.pack(">11I", INFY, 157315, 1, 157033, 1175986, 256511, 360503, 156915, 157500,
                    156105, 156780)  # fmt: skip
PACKETS_COUNT = int(os.environ.get("PAHARA_KITE_PACKETS", "5000"))


def frame_of(*packets: bytes) -> bytes:
    """Packets in a frame."""
    parts = (struct.pack(">H", len(packet)) + packet for packet in packets)
    return struct.pack(">H", len(packets)) + b"".join(parts)


def paise(rupees: float) -> int:
    """The library's float in paise, by its shortest text, half to even."""
    return round(Decimal(repr(rupees)) * 100)


def seconds(value: dt.datetime) -> int:
    """The library's naive time in the host's zone as Unix seconds."""
    return int(value.timestamp())


def expected(row: Mapping[str, Any], names: Mapping[int, str]) -> Tick:
    """The library's tick in our words."""
    stamp, traded = row.get("exchange_timestamp"), row.get("last_trade_time")
    depth = row.get("depth", {"buy": [{"price": 0, "quantity": 0}] * 5,
                              "sell": [{"price": 0, "quantity": 0}] * 5})  # fmt: skip
    return Tick(
        instrument=names[row["instrument_token"]],
        price_paise=paise(row["last_price"]),
        at_ns=NOW_NS if stamp is None else seconds(stamp) * NS_PER_S,
        received_at_ns=NOW_NS,
        volume_day=row.get("volume_traded", 0),
        oi=row.get("oi", 0),
        bid_paise=paise(depth["buy"][0]["price"]),
        ask_paise=paise(depth["sell"][0]["price"]),
        bid_quantity=depth["buy"][0]["quantity"],
        ask_quantity=depth["sell"][0]["quantity"],
        traded_at_ns=0 if traded is None else seconds(traded) * NS_PER_S,
    )


@pytest.fixture
def library() -> KiteTicker:
    return KiteTicker("key", "token")


@pytest.mark.skipif(not MOCKS.is_dir(), reason="the official mock packets are not here")
def test_when_the_mock_files_are_read_then_they_are_these_packets() -> None:
    names = ("ticker_full.packet", "ticker_quote.packet")
    assert [base64.b64decode((MOCKS / name).read_bytes()) for name in names] == [FULL, QUOTE]


def test_when_the_official_packets_are_read_then_every_field_is_the_librarys(
    library: KiteTicker,
) -> None:
    frame = frame_of(FULL, QUOTE)
    names = {INFY: "NSE:INFY"}
    ours = KiteFrames(names).ticks(frame, NOW_NS)
    assert list(ours) == [expected(row, names) for row in library._parse_binary(frame)]
    assert (ours[0].price_paise, ours[0].bid_paise, ours[0].ask_quantity) == (157370, 157340, 172)
    assert ours[0].at_ns == 1_625_461_887 * NS_PER_S
    assert (ours[1].price_paise, ours[1].at_ns, ours[1].traded_at_ns) == (157315, NOW_NS, 0)


def test_when_packets_are_random_then_every_field_is_the_librarys(library: KiteTicker) -> None:
    rng = Random(20261121)
    segments = (1, 2, 4, 5, 7, 8, 9, 12)
    for _ in range(PACKETS_COUNT // 50):
        tokens = [rng.getrandbits(24) << 8 | rng.choice(segments) for _ in range(50)]
        tokens = [token or 257 for token in tokens]
        names = {token: f"NSE:{token}" for token in tokens}
        packets = [
            struct.pack(">I", token) + rng.randbytes(rng.choice((8, 28, 32, 44, 184)) - 4)
            for token in tokens
        ]
        frame = frame_of(*packets)
        frames = KiteFrames(names)
        rows = library._parse_binary(frame)
        assert list(frames.ticks(frame, NOW_NS)) == [expected(row, names) for row in rows]
        assert not frames.skipped


@pytest.mark.parametrize("cut", range(2, len(frame_of(FULL, QUOTE))))
def test_when_a_frame_is_cut_then_whole_packets_are_read_and_the_cut_is_counted(cut: int) -> None:
    frames = KiteFrames({INFY: "NSE:INFY"})
    assert len(frames.ticks(frame_of(FULL, QUOTE)[:cut], NOW_NS)) == (cut >= 2 + 2 + 184)
    assert frames.skipped == {"truncated": 1}


@pytest.mark.conformance("BAD-45")
def test_when_lengths_lie_then_what_makes_sense_is_read_and_the_rest_counted() -> None:
    frames = KiteFrames({INFY: "NSE:INFY"})
    more = struct.pack(">H", 9) + frame_of(QUOTE)[2:]
    assert len(frames.ticks(more, NOW_NS)) == 1
    assert len(frames.ticks(frame_of(QUOTE) + b"more", NOW_NS)) == 1
    assert len(frames.ticks(frame_of(QUOTE[:40], QUOTE, b"", b"\0"), NOW_NS)) == 1
    assert frames.ticks(b"\0\x01\xff\xff" + FULL, NOW_NS) == ()
    assert len(frames.ticks(b"\xff\xff" + frame_of(QUOTE)[2:], NOW_NS)) == 1
    assert frames.skipped == {"truncated": 3, "trailing": 1, "length_unknown": 3}


def test_when_a_frame_is_a_heartbeat_then_it_has_no_ticks_and_no_fault() -> None:
    frames = KiteFrames({INFY: "NSE:INFY"})
    assert [frames.ticks(x, NOW_NS) for x in (b"", b"\0", b"\0\0")] == [(), (), ()]
    assert not frames.skipped


@pytest.mark.conformance("BAD-46")
def test_when_tokens_are_strangers_or_currency_then_they_are_counted_apart() -> None:
    frames = KiteFrames({INFY: "NSE:INFY"})
    strangers = [struct.pack(">II", token, 1) for token in (257, 256 + 3, 256 + 6)]
    long_stranger = struct.pack(">I", 257) + FULL[4:]
    assert frames.ticks(frame_of(*strangers, long_stranger, QUOTE), NOW_NS)[0].volume_day == 1175986
    assert frames.skipped == {"token_unknown": 2, "segment_currency": 2}


@pytest.mark.parametrize(("token", "word"), [(259, "CDS"), (262, "BCD"), (0, "0"), (1 << 32, "32")])
def test_when_a_token_cannot_be_taken_then_the_map_is_refused_with_the_reason(
    token: int, word: str
) -> None:
    assert word in token_fault(token)
    with pytest.raises(ValueError, match=word):
        KiteFrames({token: "CDS:USDINR"})


def test_when_an_instrument_never_traded_then_its_trade_time_is_zero() -> None:
    packet = FULL[:44] + bytes(4) + FULL[48:]
    (tick,) = KiteFrames({INFY: "NSE:INFY"}).ticks(frame_of(packet), NOW_NS)
    assert (tick.traded_at_ns, tick.at_ns) == (0, 1_625_461_887 * NS_PER_S)


def test_when_times_are_wanted_then_packets_without_are_no_ticks() -> None:
    index = INFY & ~0xFF | 9
    names = {INFY: "NSE:INFY", index: "NSE:NIFTY 50", 256 | 12: "NCO:X"}
    bare = [struct.pack(">I", index) + bytes(24), struct.pack(">II", 256 | 12, 1), QUOTE]
    timed = struct.pack(">I", index) + bytes(24) + struct.pack(">I", 1_625_461_887)
    frames = KiteFrames(names, needs_time=True)
    found = frames.ticks(frame_of(*bare, timed, FULL), NOW_NS)
    assert [tick.instrument for tick in found] == ["NSE:NIFTY 50", "NSE:INFY"]
    assert frames.skipped == {"time_missing": 3}
    assert len(KiteFrames(names).ticks(frame_of(*bare, timed, FULL), NOW_NS)) == 5


_packet = st.one_of(
    st.binary(max_size=200),
    st.sampled_from((8, 28, 32, 44, 184)).flatmap(
        lambda n: st.binary(min_size=n - 4, max_size=n - 4).map(lambda b: FULL[:4] + b)
    ),
)
_framed = st.lists(_packet, max_size=6).map(lambda packets: frame_of(*packets))


@settings(max_examples=int(os.environ.get("PAHARA_KITE_FUZZ", "300")), deadline=None)
@given(
    frame=st.one_of(
        st.binary(max_size=600),
        _framed,
        st.tuples(_framed, st.integers(0, 600)).map(lambda x: x[0][: x[1]]),
        st.tuples(st.binary(min_size=2, max_size=2), _framed).map(lambda x: x[0] + x[1][2:]),
    )
)
def test_when_bytes_are_anything_then_ticks_come_out_and_no_exception(frame: bytes) -> None:
    frames = KiteFrames({INFY: "NSE:INFY"})
    found = frames.ticks(frame, NOW_NS)
    assert all(tick.instrument == "NSE:INFY" and tick.price_paise >= 0 for tick in found)
    read_count = len(found) + sum(frames.skipped.values())
    assert read_count or len(frame) < 2 or frame == b"\0\0"
