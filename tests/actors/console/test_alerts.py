"""Alerts: shown once, never lost in a storm, and no channel holds anything up."""

import json
import threading
from pathlib import Path
from typing import cast

from actors.alerts import Alerts
from actors.channels.alert_channel import QUEUE_MAX, AlertChannel, Lane
from actors.channels.alert_file import KEPT_MAX, NAME, AlertFile
from actors.runtime.clock import VirtualClock
from actors.runtime.directory import Directory
from actors.runtime.pool import Pool
from actors.runtime.room import Room, RoomSpec
from actors.runtime.seeded import SeededPool
from engine.alerting import KEYS_MAX, RATE_PER_MINUTE_MAX, AlertFilter, Severity
from engine.messages.base import Message
from engine.messages.control import AlertRaised
from engine.messages.supervision import ExitKind
from engine.units import NS_PER_MINUTE, NS_PER_S
from tests.fixtures.engine import Recorder, wait_for


def _alert(event: str = "e", severity: str = "critical", text: str = "t") -> AlertRaised:
    return AlertRaised(severity=severity, event=event, subject="s", text=text, at_ns=1)


class FakeChannel:
    """Keeps what it is sent; can be held and can fail."""

    name = "fake"

    def __init__(self, *, severity_min: Severity = Severity.INFO, failures: int = 0) -> None:
        self.severity_min = severity_min
        self.sent: list[AlertRaised] = []
        self.failures = failures
        self.is_free = threading.Event()
        self.is_free.set()

    def send(self, alert: AlertRaised) -> None:
        self.is_free.wait(5)
        if self.failures:
            self.failures -= 1
            raise ConnectionError("no route")
        self.sent.append(alert)

    def close(self) -> None:
        return None


def test_when_an_alert_repeats_then_it_is_counted_and_told_after_the_window() -> None:
    keeps = AlertFilter()
    assert keeps.admit(_alert(), 0) == 0
    assert [keeps.admit(_alert(), n * NS_PER_S) for n in range(1, 4)] == [None] * 3
    assert keeps.admit(_alert(event="other"), NS_PER_S) == 0
    assert keeps.admit(_alert(), 30 * NS_PER_S) == 3


def test_when_there_is_a_storm_then_critical_alerts_still_pass() -> None:
    keeps = AlertFilter()
    told = [keeps.admit(_alert(f"e{n}", "info"), 1) for n in range(RATE_PER_MINUTE_MAX + 10)]
    assert told.count(0) == RATE_PER_MINUTE_MAX
    assert keeps.admit(_alert("kill"), 1) == 0
    assert keeps.admit(_alert("e39", "info"), NS_PER_MINUTE) == 0


def test_when_severity_is_unknown_then_it_counts_as_critical() -> None:
    assert Severity.of("CRITICAL!") is Severity.CRITICAL


def test_when_there_are_many_kinds_then_memory_is_bounded() -> None:
    keeps = AlertFilter()
    for n in range(KEYS_MAX * 2):
        keeps.admit(_alert(f"e{n}"), n * NS_PER_S)
    assert len(keeps._seen) == KEYS_MAX


def test_when_a_channel_hangs_then_the_queue_is_bounded_and_keeps_the_severe() -> None:
    channel = FakeChannel()
    channel.is_free.clear()
    lane = Lane(channel)
    for n in range(QUEUE_MAX * 2):
        lane.offer(_alert(f"e{n}", "critical" if n == 0 or n == 10 else "info"))
    assert lane.dropped_count >= QUEUE_MAX - 1
    channel.is_free.set()
    wait_for(lambda: len(channel.sent) >= QUEUE_MAX)
    assert "e10" in [alert.event for alert in channel.sent]
    lane.close()


def test_when_a_channel_fails_then_it_is_tried_again() -> None:
    channel = FakeChannel(failures=2, severity_min=Severity.WARNING)
    lane = Lane(channel, retry_s=0.01)
    lane.offer(_alert(severity="info"))
    lane.offer(_alert("x"))
    wait_for(lambda: [alert.event for alert in channel.sent] == ["x"])
    assert lane.failed_count == 2
    lane.close()


def test_when_an_alert_is_raised_then_it_reaches_file_and_watchers_once(tmp_path: Path) -> None:
    seen: list[Message] = []
    pool, directory = SeededPool(VirtualClock()), Directory()

    def channels() -> tuple[AlertChannel, ...]:
        return (AlertFile(tmp_path),)

    for name, factory in (
        ("alerts", lambda: Alerts(channels)),
        ("console", lambda: Recorder(seen)),
    ):
        spec = RoomSpec(name=name, generation=1, supervisor="s", factory=factory)
        Room.begin(spec, cast("Pool", pool), directory)
    for _ in range(5):
        directory.deliver("alerts", _alert(text="line\nbreak"))
    pool.run_idle()
    assert seen == [_alert(text="line\nbreak")]
    for room in tuple(directory.rooms.values()):
        room.end(ExitKind.SHUTDOWN, "test over")
    lines = (tmp_path / NAME).read_text().splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["line\nbreak"]
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600


def test_when_the_file_grows_then_it_is_rotated(tmp_path: Path) -> None:
    file = AlertFile(tmp_path, bytes_max=200)
    for n in range(50):
        file.send(_alert(f"e{n}"))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) <= KEPT_MAX + 1
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in tmp_path.iterdir())
