"""Alarms end with their cause.

Source: reliability 6.4, LIV-12. What blocks: a market that is shut, or in which nothing trades.
"""

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from engine.messages.control import AlertRaised
from scripts.simulation.checks.check import Check
from scripts.simulation.checks.deadlines import T_CALM_NS

if TYPE_CHECKING:
    from scripts.simulation.world import World

UNFLAT: Final = ("not_flat", "exit_not_filling", "exit_blocked", "protect_failed")


class Calling(msgspec.Struct, frozen=True, kw_only=True):
    """One alarm that is repeated: since when and until when by true time, and the true ticks that
    the instrument of its group had had by then (0 if it is about no group)."""

    alert: AlertRaised
    first_ns: int
    last_ns: int
    ticks_first: int
    ticks_last: int


class AlarmsEnd(Check):
    """LIV-12: alarms end with their cause: nobody still calls in the last minutes of health about
    what he called about before them, but for groups that a shut market keeps from going flat, and
    for one whose instrument had no tick while he called: the book is empty once its depth is taken,
    so nothing can fill. An alarm that begins in the last minutes has a cause of its own (a loss, a
    flip) and all of its time ahead. Judged by true time: the clock that an alarm was stamped with
    may have been wrong."""

    id = "LIV-12"

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._heard: dict[tuple[str, str], Calling] = {}

    def on_alert(self, alert: AlertRaised) -> None:
        if alert.severity != "critical":
            return
        key, now_ns, ticks = (alert.event, alert.subject), self.world.clock.true_ns(), 0
        if (group := self.picture.groups.get(alert.subject)) is not None:
            ticks = self.world.market.tick_counts[group.plan.instrument]
        before = self._heard.get(key)
        if before is None or now_ns - before.last_ns > T_CALM_NS:
            before = Calling(
                alert=alert, first_ns=now_ns, last_ns=now_ns, ticks_first=ticks, ticks_last=ticks
            )
        self._heard[key] = replace(before, alert=alert, last_ns=now_ns, ticks_last=ticks)

    def at_end(self) -> None:
        now_ns = self.world.clock.true_ns()
        quiet_from_ns = max(now_ns - T_CALM_NS, self.world.heals_at_ns + T_CALM_NS)
        held = any(group.position for group in self.picture.open_groups.values())
        for calling in self._heard.values():
            alert = calling.alert
            is_blocked = alert.event in UNFLAT and (held or self._is_market_silent(calling))
            if calling.first_ns < quiet_from_ns < calling.last_ns and not is_blocked:
                self.violated(f"{alert.event} {alert.subject}: {alert.text}")

    def _is_market_silent(self, calling: Calling) -> bool:
        is_group = calling.alert.subject in self.picture.groups
        return is_group and calling.ticks_first == calling.ticks_last
