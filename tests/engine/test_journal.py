"""Codec, chain and routing of the journal."""

from hashlib import sha256
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import JournalDamaged
from engine.journal import GENESIS, decode, encode, group_of, next_chain, recipients
from engine.messages.records import Record, RiskNoted
from engine.messages.values import Action, Leg
from tests.fixtures.history import Trip

TRIP = Trip(1)
NOTED = RiskNoted(event="e", subject="s", measured=1, limit=2, why="w", at_ns=3)


def test_when_records_are_encoded_then_they_come_back_equal() -> None:
    for record in [*TRIP.whole(), NOTED]:
        assert decode(encode(record)) == record


def test_when_a_body_is_chained_then_the_value_is_sha256_of_chain_and_body() -> None:
    first = next_chain(GENESIS, b"a")
    assert first == sha256(bytes(32) + b"a").digest()
    assert next_chain(first, b"a") != first


@pytest.mark.conformance("BAD-61")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x91\xa7Unknown",
        encode(NOTED) + b"\x00",
        msgspec.msgpack.encode([*msgspec.msgpack.decode(encode(NOTED)), "newer field"]),
        msgspec.msgpack.encode({"type": "RiskNoted"}),
        encode(NOTED)[:-1],
    ],
    ids=["empty", "unknown-kind", "trailing", "newer-schema", "map", "torn"],
)
def test_when_a_body_is_not_a_record_we_know_then_it_is_damage(body: bytes) -> None:
    with pytest.raises(JournalDamaged):
        decode(body)


def test_when_an_older_record_lacks_a_later_field_then_it_takes_the_default() -> None:
    intent = TRIP.intent(Leg.ENTRY)
    fields = msgspec.msgpack.decode(encode(intent))
    assert decode(msgspec.msgpack.encode(fields[:-1])) == intent


@pytest.mark.conformance("BAD-61")
@given(data=st.data())
def test_when_a_bit_flips_then_the_chain_tells(data: st.DataObject) -> None:
    body = bytearray(encode(data.draw(st.sampled_from(TRIP.whole()))))
    chain = next_chain(GENESIS, bytes(body))
    body[data.draw(st.integers(0, len(body) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert next_chain(GENESIS, bytes(body)) != chain


@given(st.binary(max_size=200))
def test_when_bytes_are_random_then_decoding_yields_a_record_or_damage(body: bytes) -> None:
    try:
        record = decode(body)
    except JournalDamaged:
        return
    assert isinstance(record, get_args(Record))


def test_when_a_record_is_durable_then_those_whom_it_concerns_are_told() -> None:
    group, strategy = f"oco/{TRIP.group_id}", "strategy/ema"
    told = {type(r).__name__: recipients(r) for r in [*TRIP.whole(), NOTED]}
    assert told == {
        "SignalRecorded": (),
        "DecisionRecorded": (),
        "GroupOpened": ("guard", "custodian"),
        "IntentPlanned": ("writer", "watcher"),
        "OrderAccepted": ("writer", group, "guard", "custodian"),
        "OrderFilled": ("writer", group, "guard", "book", "custodian", strategy),
        "GroupClosed": (group, "guard", "custodian", "book", strategy),
        "RiskNoted": (),
    }


def test_when_a_record_belongs_to_a_group_then_it_says_so() -> None:
    assert {group_of(r) for r in TRIP.whole()[2:]} == {TRIP.group_id}
    assert group_of(TRIP.intent(Leg.STOP, action=Action.CANCEL)) == TRIP.group_id
    assert [group_of(r) for r in (TRIP.signal(), TRIP.decision(), NOTED)] == ["", "", ""]
