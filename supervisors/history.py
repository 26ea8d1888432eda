"""Restarts of the day, kept beyond the process.

Decides when a child has been restarted so often on one day, or the engine itself in ten minutes,
that only an operator may go on. In-memory budgets forget with the process; a crash loop that
takes the process with it must not start anew each time.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from actors.runtime.log import log_event
from engine.units import NS_PER_MINUTE

LINES_MAX = 5_000
ENGINE = "engine"
ENGINE_STARTS_MAX = 3
ENGINE_WINDOW_NS = 10 * NS_PER_MINUTE


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """`kind` is an exit kind, "released" (by an operator) or "started" (the engine)."""

    day: str
    name: str
    kind: str
    at_ns: int
    by: str = ""


def restarts_of_day(lines: Iterable[Line], day: str) -> Counter[str]:
    """Restarts per child since the day began or its last release, whichever is later."""
    counts: Counter[str] = Counter()
    for line in lines:
        if line.day != day or line.name == ENGINE:
            continue
        if line.kind == "released":
            counts[line.name] = 0
        else:
            counts[line.name] += 1
    return counts


def needs_release(restarts: int, restarts_day_max: int) -> bool:
    """More than R restarts of one child on one day."""
    return restarts > restarts_day_max


def engine_starts(lines: Iterable[Line], now_ns: int) -> int:
    """Starts of the engine within the window, since its last release."""
    count = 0
    for line in lines:
        if line.name != ENGINE:
            continue
        if line.kind == "released":
            count = 0
        elif now_ns - ENGINE_WINDOW_NS < line.at_ns <= now_ns:
            count += 1
    return count


class History:
    """The file: JSON lines, 0600, appended; older days are dropped when it is opened.

    One process writes it (the state directory is locked). A line that does not parse (a torn
    write at a crash) is skipped and counted. If the disk refuses, counting goes on in memory.
    """

    def __init__(
        self, path: Path, *, restarts_day_max: int, day_of: Callable[[int], str], now_ns: int
    ) -> None:
        self._path = path
        self._restarts_day_max = restarts_day_max
        self._day_of = day_of
        self._lines, self.skipped_count = _load(path)
        day = day_of(now_ns)
        self._lines = [
            line
            for line in self._lines
            if line.day == day or now_ns - line.at_ns < ENGINE_WINDOW_NS
        ][-LINES_MAX:]
        self._day = day
        self._counts = restarts_of_day(self._lines, day)
        self._rewrite()

    def note(self, name: str, kind: str, now_ns: int) -> bool:
        """Record one restart. True: the day's allowance is spent, an operator must release."""
        self._turn_day(now_ns)
        self._counts[name] += 1
        self._append(Line(day=self._day, name=name, kind=kind, at_ns=now_ns))
        return needs_release(self._counts[name], self._restarts_day_max)

    def restarts(self, name: str, now_ns: int) -> int:
        """Restarts of a child today, since its last release."""
        self._turn_day(now_ns)
        return self._counts[name]

    def release(self, name: str, by: str, now_ns: int) -> None:
        """An operator lets a child (or "engine") begin anew."""
        self._turn_day(now_ns)
        self._counts[name] = 0
        self._append(Line(day=self._day, name=name, kind="released", at_ns=now_ns, by=by))

    def engine_started(self, now_ns: int) -> bool:
        """Record a start of the engine. True: too many lately, an operator must release."""
        self._turn_day(now_ns)
        self._append(Line(day=self._day, name=ENGINE, kind="started", at_ns=now_ns))
        return engine_starts(self._lines, now_ns) > ENGINE_STARTS_MAX

    def _turn_day(self, now_ns: int) -> None:
        day = self._day_of(now_ns)
        if day != self._day:
            self._day = day
            self._counts = restarts_of_day(self._lines, day)

    def _append(self, line: Line) -> None:
        self._lines.append(line)
        if len(self._lines) > LINES_MAX:
            del self._lines[: LINES_MAX // 2]
            self._rewrite()
            return
        _write(self._path, os.O_APPEND, msgspec.json.encode(line) + b"\n")

    def _rewrite(self) -> None:
        body = b"".join(msgspec.json.encode(line) + b"\n" for line in self._lines)
        whole = self._path.with_name(self._path.name + ".new")
        if _write(whole, os.O_TRUNC, body):
            whole.replace(self._path)


def _load(path: Path) -> tuple[list[Line], int]:
    lines: list[Line] = []
    skipped = 0
    if not path.exists():
        return lines, skipped
    for raw in path.read_bytes().splitlines():
        try:
            lines.append(msgspec.convert(json.loads(raw), Line))
        except (ValueError, msgspec.ValidationError):
            skipped += 1
    return lines, skipped


def _write(path: Path, flag: int, body: bytes) -> bool:
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | flag
    try:
        fd = os.open(path, flags, 0o600)
        try:
            os.write(fd, body)
        finally:
            os.close(fd)
    except OSError as error:
        log_event("history_unwritten", "ERROR", reason=str(error))
        return False
    return True
