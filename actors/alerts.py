"""The alerts actor: everything that a person should know passes here, once.

Decides by engine/alerting.py what is shown, and hands it to the log, the watchers of the console
and every channel. Refuses to wait for any of them: an outage of a channel never touches trading.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from actors.channels.alert_channel import AlertChannel, Lane
from actors.runtime.behaviour import Behaviour, Context, Opening
from actors.runtime.log import log_event
from engine.alerting import AlertFilter, Severity
from engine.messages.base import Message
from engine.messages.control import AlertRaised

_LEVELS: Final = {
    Severity.INFO: "INFO",
    Severity.WARNING: "WARNING",
    Severity.CRITICAL: "ERROR",
}


class Alerts(Behaviour):
    """Filters and spreads.

    Args:
        channels: makes the channels, one lane each; called when this actor opens.
        console: the actor that tells the watchers, "" for none.
    """

    def __init__(
        self, channels: Callable[[], tuple[AlertChannel, ...]], *, console: str = "console"
    ) -> None:
        self._make_channels = channels
        self._console = console
        self._filter = AlertFilter()
        self._lanes: tuple[Lane, ...] = ()

    def open(self, ctx: Context) -> Opening:
        self.ctx = ctx
        self._lanes = tuple(Lane(channel) for channel in self._make_channels())
        return Opening.READY

    def close(self, reason: str) -> None:
        for lane in self._lanes:
            lane.close()

    def receive(self, message: Message) -> None:
        match message:
            case AlertRaised():
                self._spread(message)
            case _:
                super().receive(message)

    def _spread(self, alert: AlertRaised) -> None:
        held_count = self._filter.admit(alert, self.ctx.mono_ns())
        if held_count is None:
            return
        if held_count:
            text = f"{alert.text} (and {held_count} more like it)"
            alert = msgspec.structs.replace(alert, text=text)
        log_event(
            "alert_raised",
            _LEVELS[Severity.of(alert.severity)],
            severity=alert.severity,
            alert=alert.event,
            subject=alert.subject,
            text=alert.text,
        )
        if self._console:
            self.ctx.send(self._console, alert)
        for lane in self._lanes:
            lane.offer(alert)
