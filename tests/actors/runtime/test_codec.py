"""The codec between our processes: every message crosses unchanged, garbage never does."""

import pkgutil
from enum import Enum
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.runtime import codec
from actors.runtime.clock import LapseClock, SystemClock, VirtualClock
from actors.runtime.codec import Deliver, Sent
from engine import messages
from engine.errors import WireMalformed
from engine.messages.base import Message
from engine.messages.market import Tick
from engine.messages.records import Record


def sample(kind: Any) -> Any:
    """A value of a type as msgspec sees it; of a union the first member that is not None."""
    match kind:
        case msgspec.inspect.StructType():
            return kind.cls(**{field.name: sample(field.type) for field in kind.fields})
        case msgspec.inspect.UnionType():
            return sample(next(t for t in kind.types if t != msgspec.inspect.NoneType()))
        case msgspec.inspect.VarTupleType():
            return (sample(kind.item_type), sample(kind.item_type))
        case msgspec.inspect.TupleType():
            return tuple(sample(item) for item in kind.item_types)
        case msgspec.inspect.EnumType():
            members: list[Enum] = list(kind.cls)
            return members[-1]
        case msgspec.inspect.BoolType():
            return True
        case msgspec.inspect.IntType():
            return -(2**62)
        case msgspec.inspect.StrType():
            return "अ\x00"
    raise TypeError(kind)


@pytest.mark.parametrize("kind", codec.message_types(), ids=lambda kind: kind.__name__)
def test_when_a_message_crosses_both_ways_then_it_is_unchanged(kind: type[Message]) -> None:
    message = sample(msgspec.inspect.type_info(kind))
    assert codec.decode_to_child(codec.encode(Deliver(message))) == Deliver(message)
    sent = Sent("guard", message)
    assert codec.decode_from_child(codec.encode(sent)) == sent


def test_when_messages_are_collected_then_none_is_missing_and_tags_are_unique() -> None:
    kinds = codec.message_types()
    assert set(Record.__args__) <= set(kinds)
    assert Tick in kinds
    assert len({kind.__name__ for kind in kinds}) == len(kinds)


def test_when_a_module_of_messages_is_added_then_the_codec_knows_it() -> None:
    names = {f"engine.messages.{module.name}" for module in pkgutil.iter_modules(messages.__path__)}
    assert names <= {module.__name__ for module in codec.MODULES}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        msgspec.msgpack.encode(["Nonsense", 1]),
        msgspec.msgpack.encode(["Sent", "guard", ["Nonsense", 1]]),
        msgspec.msgpack.encode(["Sent", "guard"]),
        msgspec.msgpack.encode(["Deliver", ["Tick", "NSE:INFY", "not a price", 1, 1]]),
        b"\x91" * 100_000,
    ],
)
def test_when_bytes_do_not_parse_then_they_are_malformed_and_nothing_else(body: bytes) -> None:
    for decode in (codec.decode_to_child, codec.decode_from_child):
        with pytest.raises(WireMalformed):
            decode(body)


@given(st.binary(max_size=200))
def test_when_bytes_are_noise_then_decoding_returns_or_is_malformed(body: bytes) -> None:
    for decode in (codec.decode_to_child, codec.decode_from_child):
        try:
            decode(body)
        except WireMalformed:
            continue


def test_when_a_clock_is_continued_then_it_reads_the_same() -> None:
    lapse = LapseClock(start_ns=10**18, speed=20, origin_ns=5)
    other = codec.clock_from(codec.clock_spec(lapse))
    assert isinstance(other, LapseClock)
    assert (other.start_ns, other.speed, other.origin_ns) == (10**18, 20, 5)
    assert isinstance(codec.clock_from(codec.clock_spec(SystemClock())), SystemClock)
    with pytest.raises(TypeError):
        codec.clock_spec(VirtualClock())
