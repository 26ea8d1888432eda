"""What most rooms tell: records to the journal, alerts to a person, to feeds what matters.

Decides their form only. Stands alone because the same eight lines in every room are eight chances
to forget the generation.
"""

from actors.runtime.behaviour import Context
from engine.market.watching import NO_PRICE
from engine.messages.control import AlertRaised
from engine.messages.journal import Append
from engine.messages.market import MarketWatch
from engine.messages.records import Record


def append(ctx: Context, *records: Record) -> None:
    """Ask the journal to make records durable, in one transaction."""
    message = Append(records=records, sender=ctx.name, sender_generation=ctx.generation)
    ctx.send("journal", message)


def alert(ctx: Context, severity: str, event: str, subject: str, text: str) -> None:
    """Tell a person. `severity`: critical, warning, info."""
    now_ns = ctx.now_ns()
    message = AlertRaised(severity=severity, event=event, subject=subject, text=text, at_ns=now_ns)
    ctx.send("alerts", message)


class Watching:
    """What an actor lets the feeds know of its interest in their ticks; each change is told once.

    A feed that restarts learns it from the market. Where a word is lost, the actor is woken by
    every tick again: slower, never blind. `forget`: the market knows nothing of it any more.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._told: dict[str, tuple[tuple[int, int], int]] = {}

    def bounds(self, instrument: str) -> tuple[int, int]:
        """What was told last."""
        return self._told.get(instrument, (NO_PRICE, 0))[0]

    def forget(self) -> None:
        """Tell everything again when it is next asked for."""
        self._told.clear()

    def rest(self, instrument: str, bounds: tuple[int, int], every_ns: int = 0) -> None:
        """Prices strictly between the bounds need not wake the actor (see MarketWatch)."""
        if self._told.get(instrument, (NO_PRICE, 0)) != (bounds, every_ns):
            self._told[instrument] = (bounds, every_ns)
            low, high = bounds
            watch = MarketWatch(
                instrument=instrument,
                reader=self._ctx.name,
                is_on=True,
                quiet_low_paise=low,
                quiet_high_paise=high,
                quiet_ns=every_ns,
            )
            self._ctx.send("market", watch)
