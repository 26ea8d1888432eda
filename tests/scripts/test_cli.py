"""The command line against a running console, and without one."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from actors.channels.commands import COMMANDS
from actors.channels.socket_lease import SocketLease
from actors.runtime.clock import boot_ns
from engine.messages.control import AuthorityChanged
from engine.messages.values import Mode
from scripts import exits
from scripts.cli import _HELP, duration_s, main, paise, parser
from scripts.client import ConsoleClient
from scripts.commands.confirming import confirmation_text, is_confirmed
from tests.fixtures.engine import TestEngine, wait_for

ROOT = Path(__file__).resolve().parents[2]
START_MS_MAX = 200


def _run(engine: TestEngine, *argv: str) -> int:
    return main([*argv, "--state-dir", str(engine.state_dir)])


def test_when_no_engine_runs_then_every_control_verb_says_not_running(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    needed = {"pause": ["x"], "unpause": ["x"], "restart": ["x"]}
    for verb in COMMANDS:
        argv = [verb, *needed.get(verb, []), "--state-dir", str(tmp_path), "--json"]
        assert main(argv) == exits.NOT_RUNNING
        assert json.loads(capsys.readouterr().out)["code"] == "NOT_RUNNING"


def test_when_a_socket_file_has_no_engine_then_not_running(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "control.sock").write_text("left over")
    assert main(["kill", "--state-dir", str(tmp_path)]) == exits.NOT_RUNNING
    assert "KILL_SWITCH" in capsys.readouterr().err


def test_when_status_is_asked_as_json_then_the_agreed_keys_are_there(
    engine: TestEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.row("guard", n=3)
    assert _run(engine, "status", "--json") == exits.OK
    status = json.loads(capsys.readouterr().out)
    keys = {"mode", "trading_state", "killed", "uptime_s", "actors_running", "restarts_total"}
    assert keys | {"positions_open", "orders_working", "engine_id", "pid"} <= status.keys()
    assert status["restarts_total"] == 3


def test_when_the_tree_is_asked_as_json_then_it_is_nested(
    engine: TestEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.row("core")
    engine.row("guard", supervisor="core")
    assert _run(engine, "tree", "--json") == exits.OK
    tree = json.loads(capsys.readouterr().out)
    assert tree["children"][0]["children"][0]["name"] == "guard"


def test_when_nobody_looks_at_a_terminal_then_output_is_plain(
    engine: TestEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"instrument": "NSE:INFY", "strategy": "ema", "quantity": 5, "average_paise": 150_000}]
    engine.view("positions", json.dumps(rows))
    for verb in ("status", "tree", "positions", "orders", "pnl", "risk", "feeds", "strategies"):
        assert _run(engine, verb) == exits.OK
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "Gate mode=" in out
    assert re.search(r"NSE:INFY +ema +5 +1,500\.00", out)
    assert "no orders" in out


def test_when_commands_end_then_the_exit_code_says_how(
    engine: TestEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(engine, "halt") == exits.OK
    assert _run(engine, "pause", "nope") == exits.NOT_FOUND
    assert _run(engine, "pause", "*;DROP") == exits.ERROR
    assert _run(engine, "resume", "--yes", "--reason", "refuse") == exits.REFUSED
    assert _run(engine, "resume", "--yes", "--reason", "silent") == exits.TIMEOUT
    assert _run(engine, "kill", "--yes", "--flat", "--json") == exits.OK
    out = capsys.readouterr().out
    assert json.loads(out.splitlines()[-1])["latched"] is True


def test_when_the_engine_does_not_answer_then_time_out(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(tmp_path / "control.sock"))
        deaf.listen()
        argv = ["status", "--state-dir", str(tmp_path), "--timeout", "0.2"]
        assert main(argv) == exits.TIMEOUT


@pytest.mark.conformance("CTL-22")
def test_when_a_dangerous_verb_is_confirmed_then_the_text_shows_positions_and_money(
    engine: TestEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"instrument": "NSE:INFY", "strategy": "ema", "quantity": -5, "average_paise": 150_000}
    engine.view("positions", json.dumps([{**row, "open_paise": -12_345}]))
    engine.view("pnl", json.dumps({"open_inr": -123.45, "net_inr": 10}))
    changed = AuthorityChanged(seq=1, mode=Mode.PAPER, mode_seq=1, ceilings=(), at_ns=1)
    engine.runtime.directory.deliver("console", changed)
    with ConsoleClient(engine.state_dir) as client:
        text = confirmation_text(client, "flatten", {"scope": "all"})
        assert text == (
            "FLATTEN on engine test in mode PAPER: cancel entries and exit the positions in scope "
            "at the market.\nScope: scope=all\n"
            "Open positions: 1, notional INR 7,500.00; working orders: 0\n"
            "  NSE:INFY [ema] -5 at INR 1,500.00, open P&L INR -123.45\n"
            "P&L: open INR -123.45, net INR 10.00"
        )
    monkeypatch.setattr("builtins.input", lambda _: "FLATTEN")
    with ConsoleClient(engine.state_dir) as client:
        assert is_confirmed(client, "flatten", {"scope": "all"})
    capsys.readouterr()


def test_when_the_confirmation_is_not_the_verb_then_nothing_is_sent(
    engine: TestEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: "y")
    assert _run(engine, "kill") == exits.REFUSED
    assert not engine.commands
    assert not engine.latched
    capsys.readouterr()


@pytest.mark.parametrize("text", ["", "0s", "-1", "1d", "1.5h", "\u0661s", "1 s"])
def test_when_a_duration_is_bad_then_it_is_refused(text: str) -> None:
    with pytest.raises(Exception, match="not a duration"):
        duration_s(text)


def test_when_amounts_are_given_then_they_are_paise() -> None:
    assert (duration_s("90s"), duration_s("5m"), duration_s("7")) == (90, 300, 7)
    assert (paise("100000"), paise("0.05")) == (10_000_000, 5)
    args = parser().parse_args(["run", "--for", "90s", "--max-capital", "100000.50"])
    assert (args.for_s, args.max_capital_paise, args.mode) == (90, 10_000_050, "paper")


def test_when_usage_is_wrong_then_the_exit_code_is_not_that_of_not_found(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["frobnicate"])
    assert left.value.code == exits.ERROR
    capsys.readouterr()


def test_when_commands_are_listed_then_each_has_help() -> None:
    assert _HELP.keys() == COMMANDS.keys()


def test_when_a_control_verb_starts_then_it_is_quick_and_lean(engine: TestEngine) -> None:
    argv = [sys.executable, "-m", "scripts.cli", "status", "--json"]
    argv += ["--state-dir", str(engine.state_dir)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    took_ms = []
    for _ in range(5):
        began_ns = boot_ns()
        done = subprocess.run(argv, env=environ, cwd=ROOT, capture_output=True, check=False)
        took_ms.append((boot_ns() - began_ns) / 1e6)
        assert done.returncode == exits.OK, done.stderr
    assert min(took_ms) < START_MS_MAX
    code = "import sys, scripts.cli, scripts.commands.control; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], env=environ, cwd=ROOT, capture_output=True, check=True
    )
    heavy = {"rich", "msgspec", "pykka", "psycopg", "prometheus_client", "yaml"}
    assert not heavy & set(loaded.stdout.decode().split())


def test_when_the_lease_is_released_then_another_engine_may_take_it(tmp_path: Path) -> None:
    first, second = TestEngine(tmp_path), TestEngine(tmp_path)
    assert not first.start_console().is_ended
    assert second.start_console().is_ended
    first.close()
    wait_for(lambda: not second.start_console().is_ended)
    second.close()
    assert isinstance(second.lease, SocketLease)
