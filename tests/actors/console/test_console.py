"""The console over a real socket."""

import json
import threading
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import pytest

from actors.channels.envelope import encode_request
from actors.channels.socket_path import CONTROL_NAME, EVENTS_NAME, POINTER_NAME, find_socket_dir
from actors.runtime.behaviour import Behaviour, Context, Opening
from actors.runtime.clock import boot_ns
from engine.messages.control import AlertRaised, AuthorityChanged, OperatorCommand
from engine.messages.supervision import ExitKind, RestartWanted, StopOrdered
from engine.messages.values import Mode
from tests.fixtures.engine import Client, TestEngine, wait_for

LIMIT_MS = 200


def _authority(mode: Mode, seq: int) -> AuthorityChanged:
    return AuthorityChanged(seq=seq, mode=mode, mode_seq=seq, ceilings=(), at_ns=seq)


def test_when_views_and_board_are_known_then_status_counts_them(
    engine: TestEngine, client: Client
) -> None:
    engine.row("guard", n=2)
    engine.row("book", state="restarting")
    engine.view("positions", json.dumps([{"instrument": "NSE:INFY", "quantity": 5}]))
    engine.view("orders", json.dumps([{"status": "OPEN"}, {"status": "COMPLETE"}]))
    engine.runtime.directory.deliver("console", _authority(Mode.PAPER, 1))
    inbox = engine.runtime.directory.rooms["console"].actor_inbox
    wait_for(inbox.empty)  # the authority's word overtakes the views
    reply = client.ask("status")
    body = reply["body"]
    assert isinstance(body, dict)
    assert (reply["code"], reply["engine_id"], reply["pid"], reply["mode"]) == (
        "OK",
        "test",
        7,
        "PAPER",
    )
    assert (body["positions_open"], body["orders_working"]) == (1, 1)
    assert (body["actors_running"], body["restarts_total"]) == (1, 2)
    assert (body["mode"], body["trading_state"], body["killed"]) == ("PAPER", "active", False)
    assert body["uptime_s"] >= 0


def test_when_the_board_has_rows_then_the_tree_is_nested(
    engine: TestEngine, client: Client
) -> None:
    engine.row("core")
    engine.row("guard", supervisor="core", n=1)
    tree = client.ask("tree")["body"]
    assert isinstance(tree, dict)
    assert tree["name"] == "root"
    assert tree["children"][0]["name"] == "core"
    guard = tree["children"][0]["children"][0]
    assert set(guard) == {"name", "kind", "host", "state", "generation", "restarts", "children"}
    assert (guard["name"], guard["restarts"]) == ("guard", 1)


def test_when_a_view_is_malformed_then_the_answer_is_empty(
    engine: TestEngine, client: Client
) -> None:
    for body in ("{", "[" * 100_000, "NaN", '"x"', "[1, null]"):
        engine.view("positions", body)
        assert client.ask("positions")["body"] == []


def test_when_kill_is_sent_then_it_is_latched_and_reaches_the_authority(
    engine: TestEngine, client: Client
) -> None:
    reply = client.ask("kill", flat=True, reason="drill")
    assert reply["code"] == "OK"
    assert engine.latched == [("drill", "console:tester")]
    orders = [(c.command, c.argument) for c in engine.commands if isinstance(c, OperatorCommand)]
    assert orders == [("kill", "flat"), ("flatten", "")]


def test_when_the_authority_is_down_then_kill_is_latched_and_offered_until_it_is_back(
    engine: TestEngine, client: Client
) -> None:
    old = engine.runtime.directory.rooms["authority"]
    engine.runtime.directory.deliver("authority", StopOrdered(reason="down"))
    wait_for(lambda: old.is_ended)
    reply = client.ask("kill")
    assert reply["code"] == "OK"
    assert reply["body"] == {
        "command": "kill",
        "argument": "",
        "latched": True,
        "confirmed": False,
    }
    assert "not confirmed" in str(reply["text"])
    engine.start_authority()
    wait_for(lambda: len(engine.commands) == 1)


def test_when_an_actor_is_restarted_then_its_supervisor_is_told(
    engine: TestEngine, client: Client
) -> None:
    engine.row("guard", supervisor="supervisor")
    assert client.ask("restart", actor="guard")["code"] == "OK"
    wait_for(
        lambda: RestartWanted(child_id="guard", reason="operator (console:tester)") in engine.exits
    )


def test_when_the_latch_cannot_be_written_then_the_authority_is_still_told(
    engine: TestEngine, client: Client
) -> None:
    engine.latch_error = OSError("disk full")
    reply = client.ask("kill")
    assert reply["code"] == "OK"
    body = reply["body"]
    assert isinstance(body, dict)
    assert (body["latched"], body["confirmed"]) == (False, True)
    wait_for(lambda: any(isinstance(a, AlertRaised) for a in engine.alerts))


def test_when_the_authority_refuses_then_the_reply_says_so(client: Client) -> None:
    reply = client.ask("resume", reason="refuse")
    assert (reply["code"], reply["text"]) == ("REFUSED", "resume")


def test_when_the_authority_is_silent_then_the_reply_is_a_timeout(client: Client) -> None:
    assert client.ask("resume", reason="silent")["code"] == "TIMEOUT"


@pytest.mark.conformance("INV-44", "BAD-21", "BAD-22")
def test_when_an_id_comes_again_then_the_reply_is_the_stored_one(
    engine: TestEngine, client: Client
) -> None:
    first = client.ask("halt", request_id="same")
    assert client.ask("halt", request_id="same") == first
    assert len(engine.commands) == 1
    assert client.ask("halt", request_id="same", reason="other")["code"] == "CONFLICT"
    assert len(engine.commands) == 1


@pytest.mark.conformance("BAD-25")
def test_when_a_command_is_for_another_engine_then_it_is_refused(
    engine: TestEngine, client: Client
) -> None:
    client.send(msgpack.packb({"v": 1, "id": "x", "cmd": "halt", "boot_id": "old"}))
    assert client.read()["code"] == "WRONG_TARGET"
    assert not engine.commands


def test_when_a_name_is_unknown_then_not_found(engine: TestEngine, client: Client) -> None:
    engine.row("strategy/ema")
    engine.view("feeds", json.dumps([{"instrument": "NSE:INFY"}]))
    assert client.ask("pause", strategy="nope")["code"] == "NOT_FOUND"
    assert client.ask("restart", actor="nope")["code"] == "NOT_FOUND"
    assert client.ask("flatten", scope="instrument:NSE:TCS")["code"] == "NOT_FOUND"
    assert not engine.commands
    assert client.ask("pause", strategy="ema")["code"] == "OK"
    assert client.ask("flatten", scope="instrument:NSE:INFY")["code"] == "OK"
    reply = client.ask("restart", actor="strategy/ema")
    assert reply["code"] == "OK"
    arguments = [c.argument for c in engine.commands if isinstance(c, OperatorCommand)]
    assert arguments == ["ema", "instrument:NSE:INFY"]


@pytest.mark.conformance("BAD-31")
def test_when_kills_flood_in_then_one_has_an_effect_and_status_is_answered(
    engine: TestEngine, client: Client
) -> None:
    for number in range(1_000):
        client.send(encode_request(f"k{number}", "kill", {}, by="flood"))
    other = Client(engine.state_dir)
    try:
        assert other.ask("status")["code"] == "OK"
    finally:
        other.close()
    assert len(engine.latched) == 1
    assert len({c.request_id for c in engine.commands if isinstance(c, OperatorCommand)}) == 1


def test_when_the_console_runs_then_its_files_are_private(engine: TestEngine) -> None:
    for name in (CONTROL_NAME, EVENTS_NAME):
        assert (engine.state_dir / name).stat().st_mode & 0o777 == 0o600
    assert engine.state_dir.stat().st_mode & 0o777 == 0o700


def test_when_the_path_is_stolen_then_it_is_bound_again_and_an_alert_raised(
    engine: TestEngine,
) -> None:
    path = engine.state_dir / CONTROL_NAME
    path.unlink()
    path.write_text("thief")
    wait_for(path.is_socket)
    client = Client(engine.state_dir)
    try:
        assert client.ask("status")["code"] == "OK"
    finally:
        client.close()
    wait_for(lambda: len(engine.alerts) == 1)
    assert path.stat().st_mode & 0o777 == 0o600


def test_when_a_second_engine_starts_then_it_is_refused(engine: TestEngine) -> None:
    second = TestEngine(engine.state_dir)
    room = second.start_console()
    assert room.is_ended
    wait_for(lambda: any("another engine" in getattr(e, "reason", "") for e in second.exits))
    second.close()
    client = Client(engine.state_dir)
    try:
        assert client.ask("status")["code"] == "OK"
    finally:
        client.close()


def test_when_a_fenced_console_never_closed_then_the_next_one_takes_over(
    engine: TestEngine,
) -> None:
    engine.runtime.directory.rooms["console"].fence(ExitKind.STUCK, "test")
    assert not engine.start_console().is_ended
    client = Client(engine.state_dir)
    try:
        assert client.ask("status")["code"] == "OK"
    finally:
        client.close()


def test_when_the_state_dir_is_deep_then_a_short_path_is_used_and_found(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True, mode=0o700)
    engine = TestEngine(deep)
    engine.start_console()
    client = Client(deep)
    try:
        assert (deep / POINTER_NAME).exists()
        assert find_socket_dir(deep) != deep
        assert client.ask("status")["code"] == "OK"
    finally:
        client.close()
        engine.close()


def test_when_things_happen_then_watchers_see_them(engine: TestEngine, client: Client) -> None:
    events = client.events(engine.state_dir)
    seen: dict[bytes, bytes] = {}

    def arrives(topic: bytes) -> bool:
        while events.poll(0):
            name, body = events.recv_multipart()
            seen[name] = body
        return topic in seen

    wait_for(lambda: arrives(b"status"))
    engine.runtime.directory.deliver("console", _authority(Mode.LIVE, 3))
    engine.view("pnl", '{"net_inr": 1}')
    alert = AlertRaised(severity="info", event="e", subject="s", text="t", at_ns=1)
    engine.runtime.directory.deliver("console", alert)
    for topic in (b"mode", b"view/pnl", b"alert"):
        wait_for(partial(arrives, topic))
    assert msgspec.json.decode(seen[b"mode"])["mode"] == "LIVE"


class Crashing(Behaviour):
    """Fails as soon as it starts."""

    def open(self, ctx: Context) -> Opening:
        raise RuntimeError("down again")


def test_when_the_core_restarts_in_a_loop_then_status_tree_and_kill_are_quick(
    engine: TestEngine,
) -> None:
    is_over = threading.Event()

    def restart_in_a_loop() -> None:
        number = 0
        while not is_over.wait(0.001):
            number += 1
            room = engine.start(f"core-{number % 50}", Crashing)
            engine.row(f"core-{number % 50}", n=number)
            wait_for(partial(getattr, room, "is_ended"))

    looper = threading.Thread(target=restart_in_a_loop)  # noqa: TID251 - its own thread
    looper.start()
    took_ms: list[float] = []
    try:
        for number in range(12):
            with closing(Client(engine.state_dir)) as client:
                for command in ("status", "tree", "kill"):
                    # every other kill finds nobody to confirm it
                    kill: dict[str, Any] = {
                        "flat": number % 2 == 1,
                        "reason": "silent" if number % 2 else "drill",
                    }
                    began_ns = boot_ns()
                    reply = client.ask(command, **(kill if command == "kill" else {}))
                    took_ms.append((boot_ns() - began_ns) / 1e6)
                    assert reply["code"] == "OK"
    finally:
        is_over.set()
        looper.join()
    assert max(took_ms) < LIMIT_MS
