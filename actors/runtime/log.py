"""Structured logging: one JSON object a line, event name first, secrets never.

Decides the shape of a log line. Refuses prose: values go into fields. Control characters from
outside are escaped by JSON itself, so no input can forge a line.
"""

import json
import logging
import sys
from typing import IO

from actors.runtime.clock import wall_ns

_LOGGER = logging.getLogger("pahara")
_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}
FIELD_CHARS_MAX = 2_000

Field = str | int | float | bool | None | tuple[str, ...]


def log_event(event: str, level: str = "INFO", /, **fields: Field) -> None:
    """Write one event. `event` is snake_case and past tense; long fields are cut."""
    if _LOGGER.isEnabledFor(_LEVELS[level]):
        _LOGGER.log(_LEVELS[level], event, extra={"fields": fields})


class JsonLines(logging.Formatter):
    """{"event": ..., "level": ..., "at_ns": ..., fields...}, ASCII only."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Field] = {
            "event": record.getMessage()[:FIELD_CHARS_MAX],
            "level": record.levelname,
            "at_ns": wall_ns(),
        }
        for key, value in getattr(record, "fields", {}).items():
            line[key] = value[:FIELD_CHARS_MAX] if isinstance(value, str) else value
        return json.dumps(line, ensure_ascii=True, default=str)


def configure_logging(stream: IO[str] | None = None, level: str = "INFO") -> None:
    """Send our events to `stream` (stderr by default); other libraries only from WARNING on."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    for name, minimum in (("pahara", level), ("", "WARNING"), ("pykka", "CRITICAL")):
        logger = logging.getLogger(name)
        logger.setLevel(minimum)
    root = logging.getLogger()
    root.handlers[:] = [handler]
