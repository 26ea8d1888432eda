"""Text frames of the stream: hints, complaints and rubbish."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.kite_text import TEXT_BYTES_MAX, TextKind, read_text


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b'{"type":"order","data":{"order_id":"1"}}', TextKind.ORDER),
        (b'{"order_id":"1","status":"COMPLETE"}', TextKind.ORDER),
        (b'{"type":"error","data":"no"}', TextKind.ERROR),
        (b'{"type":"message","data":"hello"}', TextKind.OTHER),
        (b"{}", TextKind.OTHER),
        (b"[1]", TextKind.MALFORMED),
        (b"17", TextKind.MALFORMED),
        (b"null", TextKind.MALFORMED),
        (b"not json", TextKind.MALFORMED),
        (b"\xff\xfe", TextKind.MALFORMED),
        (b'{"type":"order","data":"' + b"x" * TEXT_BYTES_MAX + b'"}', TextKind.MALFORMED),
        (b"[" * 50_000, TextKind.MALFORMED),
    ],
)
def test_when_a_text_frame_comes_then_its_kind_is_known(payload: bytes, expected: TextKind) -> None:
    kind, text = read_text(payload)
    assert kind is expected
    assert (text.encode() == payload) == (kind is TextKind.ORDER)


@given(st.binary(max_size=200))
def test_when_bytes_are_anything_then_a_kind_comes_out(payload: bytes) -> None:
    assert isinstance(read_text(payload)[0], TextKind)
