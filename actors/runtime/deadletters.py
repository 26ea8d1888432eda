"""What could not be delivered, counted; critical kinds are never lost silently.

Decides what is logged and what raises an alarm. Refuses to keep messages.
"""

import threading
from collections import Counter
from collections.abc import Callable

from actors.runtime.log import log_event
from engine.messages.base import Delivery, Message

LOG_BURST_MAX = 20


class DeadLetters:
    """Counters per (target room kind, message type, why); logging is suspended after a burst."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._logged = 0
        self._hidden = 0
        self.on_critical: Callable[[str, Message, str], None] | None = None

    def add(self, target: str, message: Message, sender: str, why: str) -> None:
        """Count one undeliverable message (`why`: absent, full, fenced, ended)."""
        kind = type(message).__name__
        with self._lock:
            self._counts[target.split("/", 1)[0], kind, why] += 1
            self._logged += 1
            is_logged = self._logged <= LOG_BURST_MAX
            if not is_logged:
                self._hidden += 1
        is_critical = message.delivery is Delivery.CRITICAL
        if is_logged:
            level = "WARNING" if is_critical else "INFO"
            log_event(
                "message_undelivered", level, target=target, kind=kind, sender=sender, why=why
            )
        if is_critical and self.on_critical is not None:
            self.on_critical(target, message, why)

    def resume_logging(self) -> int:
        """Allow another burst of log lines; returns how many were hidden meanwhile."""
        with self._lock:
            hidden, self._hidden, self._logged = self._hidden, 0, 0
        if hidden:
            log_event("message_undelivered_hidden", "WARNING", hidden_count=hidden)
        return hidden

    def counts(self) -> dict[tuple[str, str, str], int]:
        """A copy of all counters."""
        with self._lock:
            return dict(self._counts)

    @property
    def total(self) -> int:
        return sum(self.counts().values())
