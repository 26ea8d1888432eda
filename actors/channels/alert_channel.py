"""The port of alert channels, and the lane that keeps a slow one away from everything else.

Decides how a channel is fed: fire and forget into a bounded queue, one thread a channel, a few
tries. Refuses to know what a channel is: Telegram, mail and the like are one file each beside this
one, with a class that has `name`, `severity_min` and `send`.
"""

import threading
from collections import deque
from typing import Final, Protocol

from actors.runtime.log import log_event
from engine.alerting import Severity
from engine.messages.control import AlertRaised

QUEUE_MAX: Final = 200
TRIES_MAX: Final = 3
RETRY_S: Final = 2.0


class AlertChannel(Protocol):
    """One way to a person."""

    name: str
    severity_min: Severity

    def send(self, alert: AlertRaised) -> None:
        """Deliver one alert; may block for some seconds; raises anything if it could not."""

    def close(self) -> None:
        """Release what was taken."""


class Lane:
    """One channel's queue and thread. A full queue drops the oldest of the least severe."""

    def __init__(self, channel: AlertChannel, *, retry_s: float = RETRY_S) -> None:
        self.dropped_count = 0
        self.failed_count = 0
        self._channel = channel
        self._retry_s = retry_s
        self._queue: deque[AlertRaised] = deque()
        self._changed = threading.Condition()
        self._is_over = threading.Event()
        self._thread = threading.Thread(  # noqa: TID251 - its own thread
            target=self._serve, name=f"alerts-{channel.name}", daemon=True
        )
        self._thread.start()

    def offer(self, alert: AlertRaised) -> None:
        """Queue an alert that is severe enough. Never blocks, never raises."""
        if Severity.of(alert.severity).weight < self._channel.severity_min.weight:
            return
        with self._changed:
            self._queue.append(alert)
            if len(self._queue) > QUEUE_MAX:
                self._queue.remove(
                    min(self._queue, key=lambda item: Severity.of(item.severity).weight)
                )
                self.dropped_count += 1
            self._changed.notify()

    def close(self, timeout_s: float = 1.0) -> None:
        """Send what is queued if that is quick, then end."""
        self._is_over.set()
        with self._changed:
            self._changed.notify()
        self._thread.join(timeout_s)

    def _serve(self) -> None:
        while True:
            with self._changed:
                while not self._queue and not self._is_over.is_set():
                    self._changed.wait()
                if not self._queue:
                    break
                alert = self._queue.popleft()
            self._send(alert)
        self._channel.close()

    def _send(self, alert: AlertRaised) -> None:
        for number in range(TRIES_MAX):
            try:
                self._channel.send(alert)
            except Exception as error:  # noqa: BLE001 a channel's failure ends here, whatever it is
                self.failed_count += 1
                log_event(
                    "alert_not_sent",
                    "WARNING",
                    channel=self._channel.name,
                    alert=alert.event,
                    why=type(error).__name__,
                )
                if number + 1 < TRIES_MAX and self._is_over.wait(self._retry_s):
                    return
            else:
                return
