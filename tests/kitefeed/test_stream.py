"""The real ticker in its own process against a scripted server, over real sockets.

Each trap of the client library is provoked; what is right is seen from outside.
"""

import json
import struct

import pytest

from engine.messages.broker import StreamHinted
from engine.messages.control import AlertRaised, ViewPublished
from engine.messages.market import LinkChanged, LinkState, MarketFrame
from engine.messages.supervision import ChildExited, ChildReady, ExitKind
from tests.kitefeed.stream import INFY, Server, Stream
from tests.kitefeed.test_frames import FULL, QUOTE, frame_of


def link(stream: Stream, state: LinkState, reason: str | None = None) -> LinkChanged:
    """Wait until the link says so."""
    return stream.of(
        stream.market, LinkChanged, lambda m: m.state is state and reason in (None, m.reason)
    )


def alarm(stream: Stream, event: str) -> AlertRaised:
    return stream.of(stream.alerts, AlertRaised, lambda m: m.event == event)


def opened(stream: Stream, server: Server, **plan: object) -> None:
    """Start the feed and wait until it has subscribed."""
    stream.start(f"ws://127.0.0.1:{server.port}", **plan)
    subscribed(server)
    link(stream, LinkState.UP)


def subscribed(server: Server) -> None:
    assert json.loads(server.wait("text")["text"]) == {"a": "subscribe", "v": [INFY]}
    assert json.loads(server.wait("text")["text"]) == {"a": "mode", "v": ["full", [INFY]]}


def test_when_connected_then_it_subscribes_once_and_frames_become_ticks(
    stream: Stream, server: Server
) -> None:
    opened(stream, server)
    asked = next(event for event in server.seen if event["event"] == "asked")
    assert asked["params"] == {"api_key": ["test-key"], "access_token": ["secret-token"]}
    server.frame(b"\0")
    assert stream.of(stream.market, MarketFrame).ticks == ()
    server.frame(frame_of(FULL, QUOTE, FULL[:100]))
    frame = stream.of(stream.market, MarketFrame, lambda m: m.ticks)
    assert frame.source == "kitefeed/1"
    assert [tick.price_paise for tick in frame.ticks] == [157370]
    assert [tick.volume_day for tick in frame.ticks] == [1192471]


def test_when_only_prices_are_wanted_then_packets_without_a_time_are_taken(
    stream: Stream, server: Server
) -> None:
    stream.start(f"ws://127.0.0.1:{server.port}", mode="quote")
    link(stream, LinkState.UP)
    server.frame(frame_of(QUOTE))
    (tick,) = stream.of(stream.market, MarketFrame, lambda m: m.ticks).ticks
    assert (tick.price_paise, tick.at_ns) == (157315, tick.received_at_ns)


@pytest.mark.parametrize("how", ["close", "abort"])
def test_when_the_server_ends_the_connection_then_it_comes_back_subscribed_once(
    stream: Stream, server: Server, how: str
) -> None:
    opened(stream, server)
    server.do(how)
    assert link(stream, LinkState.DOWN).reason == "connection_lost"
    assert alarm(stream, "kite_stream_lost").severity == "warning"
    subscribed(server)
    assert link(stream, LinkState.UP).connect_count == 2
    server.frame(frame_of(FULL))
    stream.of(stream.market, MarketFrame, lambda m: m.ticks)
    texts = [event for event in server.seen if event["event"] == "text"]
    assert len(texts) == 4


def test_when_the_server_falls_silent_then_it_is_dropped_and_connected_anew(
    stream: Stream, server: Server
) -> None:
    opened(stream, server, limits={"silence_ms_max": 600})
    server.do("pulse", ms=100)
    stream.of(stream.market, MarketFrame)
    server.do("pulse", ms=0)
    assert link(stream, LinkState.DOWN).reason == "silent"
    subscribed(server)
    link(stream, LinkState.UP)


def test_when_frames_come_then_the_age_of_the_order_stream_is_shown(
    stream: Stream, server: Server
) -> None:
    opened(stream, server)
    server.do("pulse", ms=50)
    view = stream.of(stream.console, ViewPublished, lambda m: m.topic == "stream")
    young = json.loads(view.body)
    assert young == {"age_s": young["age_s"], "source": "kitefeed/1"}
    assert 0 <= young["age_s"] < 5
    server.do("pulse", ms=0)
    stream.of(stream.console, ViewPublished, lambda m: json.loads(m.body)["age_s"] >= 2)


def test_when_heartbeats_go_on_then_a_quiet_market_is_not_dropped(
    stream: Stream, server: Server
) -> None:
    opened(stream, server, limits={"silence_ms_max": 1_500})
    server.do("pulse", ms=100)
    for _ in range(3):
        assert stream.of(stream.market, MarketFrame).ticks == ()
    assert server.asked_count() == 1


def test_when_the_token_is_refused_then_nothing_is_tried_until_a_new_login(
    stream: Stream, server: Server
) -> None:
    server.do("refuse", status=403)
    stream.start(f"ws://127.0.0.1:{server.port}")
    link(stream, LinkState.LOGIN_NEEDED, "login_refused")
    told = alarm(stream, "kite_login_needed")
    assert (told.severity, "403" in told.text) == ("critical", True)
    server.do("refuse", status=0)
    stream.write_login("new-token")
    assert server.wait("open")
    link(stream, LinkState.UP)
    asked = [event for event in server.seen if event["event"] == "asked"]
    assert [event["params"]["access_token"] for event in asked] == [["secret-token"], ["new-token"]]


def test_when_there_is_no_login_yet_then_it_waits_for_one(stream: Stream, server: Server) -> None:
    stream.login_file.unlink()
    stream.start(f"ws://127.0.0.1:{server.port}")
    assert link(stream, LinkState.LOGIN_NEEDED, "login_missing").connect_count == 1
    assert "403" not in alarm(stream, "kite_login_needed").text
    stream.write_login("new-token")
    link(stream, LinkState.UP)
    assert server.asked_count() == 1


def test_when_there_are_too_many_connections_then_it_says_so_and_tries_later(
    stream: Stream, server: Server
) -> None:
    server.do("refuse", status=429)
    stream.start(f"ws://127.0.0.1:{server.port}", limits={"crowded_ms": 300})
    link(stream, LinkState.DOWN, "too_many_connections")
    server.do("refuse", status=0)
    link(stream, LinkState.UP)


def test_when_the_server_flaps_then_connects_of_a_minute_are_limited(
    stream: Stream, server: Server
) -> None:
    server.do("once", close=True)
    limits = {"retry_ms": 1, "retry_ms_max": 1, "connects_minute_max": 4}
    stream.start(f"ws://127.0.0.1:{server.port}", limits=limits)
    assert "4 connects" in alarm(stream, "kite_stream_flapping").text
    assert server.asked_count() == 4


def test_when_nobody_listens_then_it_keeps_trying(stream: Stream, server: Server) -> None:
    server_port = server.port
    server.close()
    stream.start(f"ws://127.0.0.1:{server_port}", limits={"connects_minute_max": 3})
    link(stream, LinkState.DOWN, "connection_lost")
    alarm(stream, "kite_stream_flapping")


@pytest.mark.conformance("BAD-48")
def test_when_text_frames_come_then_orders_are_hints_and_rubbish_harms_nothing(
    stream: Stream, server: Server
) -> None:
    opened(stream, server)
    assert stream.of(stream.watcher, StreamHinted).body == ""  # after any interruption
    for text in ("[1]", "17", "not json", '{"type":"error","data":"no"}', "null"):
        server.do("text", text=text)
    order = '{"type":"order","data":{"order_id":"1"}}'
    server.do("text", text=order)
    assert stream.of(stream.watcher, StreamHinted).body == order
    assert server.asked_count() == 1


def test_when_binary_rubbish_comes_then_the_connection_stays_and_good_packets_count(
    stream: Stream, server: Server
) -> None:
    opened(stream, server)
    for payload in (b"\xff\xff\xff", b"\0\x05" + struct.pack(">H", 184) + FULL[:50], b"\0\1\0\0"):
        server.frame(payload)
    server.frame(frame_of(b"x" * 60, FULL))
    frame = stream.of(stream.market, MarketFrame, lambda m: m.ticks)
    assert len(frame.ticks) == 1
    assert server.asked_count() == 1


def test_when_a_callback_fails_then_the_actor_dies_and_says_why(
    stream: Stream, server: Server
) -> None:
    factory = "tests.kitefeed.broken:make_with_a_failing_callback"
    stream.start(f"ws://127.0.0.1:{server.port}", factory=factory)
    assert isinstance(stream.house.boss.next(), ChildReady)
    exited = stream.house.boss.next()
    assert isinstance(exited, ChildExited)
    assert (exited.kind, "the callback is broken" in exited.reason) == (ExitKind.CRASHED, True)
    assert "_on_open" in exited.trace


def test_when_the_feed_is_killed_then_the_next_generation_connects(
    stream: Stream, server: Server
) -> None:
    opened(stream, server)
    stream.house.boss.next()
    stream.room.fence(ExitKind.STUCK, "test")
    server.wait("lost")
    assert isinstance(stream.house.boss.next(), ChildExited)
    opened(stream, server)
