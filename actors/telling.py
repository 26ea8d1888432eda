"""The two things most rooms tell: records to the journal, alerts to a person.

Decides their form only. Stands alone because the same eight lines in every room are eight chances
to forget the generation.
"""

from actors.runtime.behaviour import Context
from engine.messages.control import AlertRaised
from engine.messages.journal import Append
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
