"""The live view: what it shows with and without figures, and that it ends."""

import io
import json

from rich.console import Console as RichConsole

from scripts.live_view import LiveView, rendered
from scripts.screen import Screen
from tests.fixtures.engine import TestEngine, wait_for


def test_when_nothing_is_known_then_figures_are_unknown_not_zero() -> None:
    assert "mode=? state=? uptime=? feeds=0/0 positions=?" in Screen().line()


def test_when_events_come_then_they_are_shown_without_control_characters() -> None:
    screen = Screen()
    screen.apply("status", b'{"mode": "LIVE", "uptime_s": 3661, "reasons": ["a\\u001b[2Jb"]}')
    screen.apply("view/feeds", b'[{"instrument": "NSE:INFY", "state": "fresh"}, 3]')
    screen.apply("view/positions", b'[{"instrument": "NSE:INFY", "quantity": 5}]')
    screen.apply("fill", b'{"side": "BUY", "quantity": 5, "instrument": "NSE:INFY"}')
    screen.apply("alert", b'{"severity": "critical", "event": "x", "text": "bad\\u0007"}')
    screen.apply("alert", b"not json")
    screen.apply("status2", b"[]")
    out = io.StringIO()
    RichConsole(file=out, width=120, color_system=None).print(rendered(screen))
    shown = out.getvalue()
    for part in (" LIVE ", "1:01:01", "NSE:INFY", "BUY", "critical", "a?[2Jb"):
        assert part in shown
    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_when_there_is_no_terminal_then_lines_are_printed_until_stopped(
    engine: TestEngine,
) -> None:
    engine.view("pnl", json.dumps({"net_inr": 12.5, "round_trips": 2}))
    out = io.StringIO()
    view = LiveView(engine.state_dir, is_rich=False, out=out, line_every_s=0.05)
    view.start()
    wait_for(lambda: "net=12.50" in out.getvalue() and out.getvalue().count("\n") > 1)
    view.stop()
    assert "trips=2" in out.getvalue()
