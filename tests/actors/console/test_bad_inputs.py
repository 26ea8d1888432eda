"""Bad inputs to the console: the right answer, and nothing has changed."""

import os
import socket as plain_socket
from contextlib import closing
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.channels.commands import COMMANDS, Code
from actors.channels.envelope import (
    REQUEST_BYTES_MAX,
    Rejection,
    Request,
    decode_request,
    encode_request,
)
from actors.channels.limiter import PEERS_MAX, Limiter
from actors.channels.socket_path import CONTROL_NAME
from tests.fixtures.engine import Client, TestEngine, wait_for

BASE = {"v": 1, "id": "a1", "cmd": "halt", "args": {}}


def _packed(**changes: Any) -> bytes:
    return bytes(msgpack.packb({**BASE, **changes}))


def _map(*pairs: tuple[bytes, bytes]) -> bytes:
    """A map from packed keys and values: packb cannot say a key twice."""
    return bytes([0x80 | len(pairs)]) + b"".join(key + value for key, value in pairs)


def _nested(depth: int) -> bytes:
    return b"\x81\xa1a" * depth + b"\x01"


def _text(value: str) -> bytes:
    return bytes(msgpack.packb(value))


TWICE = _map(
    (_text("v"), b"\x01"),
    (_text("id"), _text("x")),
    (_text("cmd"), _text("halt")),
    (_text("cmd"), _text("resume")),
)
BYTES_KEY = _map((_text("v"), b"\x01"), (_text("id"), _text("x")), (b"\xc4\x03cmd", _text("halt")))
INT_KEY = _map((b"\x01", b"\x01"), (_text("id"), _text("x")), (_text("cmd"), _text("halt")))
BAD_UTF8 = _map((_text("v"), b"\x01"), (_text("id"), _text("x")), (_text("cmd"), b"\xa2\xff\xfe"))
SURROGATE = _map(
    (_text("v"), b"\x01"), (_text("id"), _text("x")), (_text("cmd"), b"\xa3\xed\xa0\x80")
)
BAD = Code.BAD_REQUEST
NAMES = ("a\x00b", "abc\u202edef", "a\u200bb", "a\nb", "a\x1b[31mb")

CASES: list[tuple[str, str, bytes, Code]] = [
    ("BAD-01", "empty", b"", BAD),
    ("BAD-03", "random", os.urandom(64) + b"\xc1", BAD),  # noqa: TID251 - a nonce, no decision
    ("BAD-03", "text", b"GET / HTTP/1.1\r\n\r\n", BAD),
    ("BAD-03", "trailing", _packed() + b"\x00", BAD),
    ("BAD-03", "long", _packed(args={"reason": "x" * REQUEST_BYTES_MAX})[:REQUEST_BYTES_MAX], BAD),
    *[("BAD-04", repr(v), bytes(msgpack.packb(v)), BAD) for v in (1, "halt", [BASE], None, True)],
    ("BAD-05", "nested", _nested(500), BAD),
    ("BAD-05", "nested far", _nested(5_000), BAD),
    ("BAD-05", "nested five", _packed(args={"reason": {"a": {"b": {"c": 1}}}}), BAD),
    ("BAD-06", "map claim", b"\xdf\xff\xff\xff\xff\xa1a\x01", BAD),
    ("BAD-06", "array claim", b"\xdd\xff\xff\xff\xff\x01", BAD),
    ("BAD-06", "string claim", b"\xdb\xff\xff\xff\xffa", BAD),
    ("BAD-07", "twice", TWICE, BAD),
    ("BAD-08", "bytes key", BYTES_KEY, BAD),
    ("BAD-08", "int key", INT_KEY, BAD),
    ("BAD-09", "extra field", _packed(limit=1), BAD),
    ("BAD-09", "extra argument", _packed(args={"limit": 1}), BAD),
    *[
        ("BAD-10", f"seq {seq!r}", _packed(seq=seq), BAD)
        for seq in (True, 1.0, "1", 1 << 63, -1, None)
    ],
    *[
        ("BAD-11", f"seq {seq!r}", _packed(seq=seq), BAD)
        for seq in (float("nan"), float("inf"), float("-inf"), -0.0)
    ],
    *[
        ("BAD-12", f"flat {v!r}", _packed(cmd="kill", args={"flat": v}), BAD)
        for v in ("\u0661\u0660", "1_000", " 10", "1e3", 1, 0, None)
    ],
    *[
        (
            "BAD-12",
            f"quantity {v!r}",
            _packed(cmd="flatten", args={"scope": "all", "quantity": v}),
            BAD,
        )
        for v in ("\u0661\u0660", "1_000", " 10", "1e3")
    ],
    ("BAD-13", "ext", _packed(args={"reason": msgpack.ExtType(5, b"abc")}), BAD),
    ("BAD-13", "timestamp", _packed(seq=msgpack.Timestamp(253_402_300_799, 0)), BAD),
    ("BAD-13", "timestamp overflow", _map((_text("v"), b"\xc7\x0c\xff" + b"\xff" * 12)), BAD),
    ("BAD-14", "utf-8", BAD_UTF8, BAD),
    ("BAD-14", "surrogate", SURROGATE, BAD),
    *[("BAD-14", repr(n), _packed(cmd="pause", args={"strategy": n}), BAD) for n in NAMES],
    *[("BAD-14", repr(n), _packed(args={"reason": n}), BAD) for n in NAMES],
    (
        "BAD-15",
        "cyrillic",
        _packed(cmd="flatten", args={"scope": "instrument:NSE:\u0406NFY"}),
        Code.NOT_FOUND,
    ),
    (
        "BAD-15",
        "cyrillic strategy",
        _packed(cmd="pause", args={"strategy": "\u0435ma"}),
        Code.NOT_FOUND,
    ),
    *[
        ("BAD-16", repr(cmd), _packed(cmd=cmd), Code.UNKNOWN_COMMAND)
        for cmd in ("HALT", "Halt", " halt", "halt ", "", "h\u0430lt", "__class__")
    ],
    *[
        ("BAD-32", scope[:20], _packed(cmd="flatten", args={"scope": scope}), BAD)
        for scope in ("*;DROP TABLE", "../../x", "x" * 10_000, "", "instrument:../../x")
    ],
]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]} {case[1]}")
def case(request: pytest.FixtureRequest) -> tuple[str, str, bytes, Code]:
    request.node.add_marker(pytest.mark.conformance(request.param[0]))
    found: tuple[str, str, bytes, Code] = request.param
    return found


def test_when_bytes_are_bad_then_the_code_is_right(case: tuple[str, str, bytes, Code]) -> None:
    parsed = decode_request(case[2])
    assert isinstance(parsed, Rejection)
    assert parsed.code is case[3]


@pytest.mark.conformance(
    *["BAD-01", "BAD-03", "BAD-04", "BAD-05", "BAD-06", "BAD-07", "BAD-08", "BAD-09", "BAD-10"],
    *["BAD-11", "BAD-12", "BAD-13", "BAD-14", "BAD-15", "BAD-16", "BAD-32"],
)
def test_when_all_bad_inputs_come_over_the_socket_then_nothing_has_changed(
    engine: TestEngine,
) -> None:
    before = _state(engine)
    for number in range(0, len(CASES), 10):
        with closing(Client(engine.state_dir)) as client:
            for _, name, raw, code in CASES[number : number + 10]:
                client.send(raw)
                assert client.read()["code"] == code, name
    assert _state(engine) == before
    assert not engine.commands


@pytest.mark.conformance("BAD-01", "BAD-02")
def test_when_there_are_too_many_frames_then_they_are_dropped(
    engine: TestEngine, client: Client
) -> None:
    good = encode_request("x", "halt", {}, by="t")
    for frames in ([b""] * 50, [good] * 50, [b"a", good], [b"", good, good]):
        client.socket.send_multipart(frames)
    channel = engine.channels[0]
    wait_for(lambda: channel.counts["frames_refused"] == 4)
    client.socket.send_multipart([b"x" * 16] * 500_000)
    wait_for(lambda: channel.counts["frames_refused"] == 5, timeout_s=20)
    assert client.ask("status")["code"] == "OK"
    assert not engine.commands


@pytest.mark.conformance("BAD-02")
def test_when_a_frame_is_too_long_then_the_peer_is_dropped_and_others_served(
    engine: TestEngine, client: Client
) -> None:
    client.send(b"x" * (REQUEST_BYTES_MAX + 1))
    with closing(Client(engine.state_dir)) as other:
        assert other.ask("status")["code"] == "OK"
    assert not client.socket.poll(50)


@pytest.mark.conformance("BAD-37")
def test_when_a_client_never_finishes_its_handshake_then_it_is_dropped(
    engine: TestEngine, client: Client
) -> None:
    slow = plain_socket.socket(plain_socket.AF_UNIX)
    slow.settimeout(8)
    with slow:
        slow.connect(str(engine.state_dir / CONTROL_NAME))
        slow.sendall(b"\xff\x00")
        assert client.ask("status")["code"] == "OK"
        while slow.recv(256):
            pass
    assert client.ask("status")["code"] == "OK"


@pytest.mark.conformance("BAD-38")
def test_when_clients_leave_before_the_reply_then_others_are_served(engine: TestEngine) -> None:
    for number in range(60):
        client = Client(engine.state_dir)
        client.send(encode_request(f"gone{number}", "tree", {}, by="gone"))
        client.close()
    with closing(Client(engine.state_dir)) as client:
        assert client.ask("status")["code"] == "OK"


@pytest.mark.conformance("BAD-38")
def test_when_there_are_thousands_of_identities_then_memory_is_bounded() -> None:
    limiter = Limiter(0)
    for number in range(5_000):
        limiter.admits(number.to_bytes(4), is_kill=False, now_ns=number)
    assert len(limiter) <= PEERS_MAX


def test_when_a_peer_asks_too_often_then_it_alone_is_throttled(
    engine: TestEngine, client: Client
) -> None:
    codes = [client.ask("status")["code"] for _ in range(14)]
    assert codes[:10] == ["OK"] * 10
    assert "THROTTLED" in codes[10:]
    with closing(Client(engine.state_dir)) as other:
        assert other.ask("status")["code"] == "OK"


def _state(engine: TestEngine) -> tuple[object, ...]:
    with closing(Client(engine.state_dir)) as client:
        body = client.ask("status")["body"]
        assert isinstance(body, dict)
        body.pop("uptime_s")
        return (body, list(engine.latched), list(engine.alerts))


@pytest.mark.conformance("BAD-03")
@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=400))
def test_when_any_bytes_are_decoded_then_no_exception_leaves(raw: bytes) -> None:
    assert isinstance(decode_request(raw), Request | Rejection)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 64) - 1) | st.floats()
    | st.text(max_size=20) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=6) | st.integers(0, 9), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
KEYS = st.sampled_from(["v", "id", "cmd", "args", "seq", "by", "engine_id", "boot_id", "x"])
FIELDS = st.dictionaries(KEYS, VALUES | st.sampled_from(["halt", "kill", "a1", 1]), max_size=9)


@settings(max_examples=500, deadline=None)
@given(FIELDS)
def test_when_any_map_is_decoded_then_a_request_is_known_and_clean(fields: dict[str, Any]) -> None:
    parsed = decode_request(msgpack.packb({"v": 1, "id": "a1", "cmd": "halt", **fields}))
    if isinstance(parsed, Request):
        assert parsed.command in COMMANDS
        assert {name for name, _ in parsed.arguments} <= COMMANDS[parsed.command].arguments.keys()


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_when_a_good_request_is_mutated_then_no_exception_leaves(data: st.DataObject) -> None:
    raw = bytearray(encode_request("id1", "kill", {"flat": True, "reason": "x"}, by="me"))
    for _ in range(data.draw(st.integers(1, 5))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    assert isinstance(decode_request(bytes(raw)), Request | Rejection)
