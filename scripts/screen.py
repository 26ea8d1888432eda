"""What the live view shows, as plain data and text.

Decides which figures are shown and how an absent one looks. Refuses to know sockets, threads and
terminals: `apply` takes what the console published, `line` and `sections` give text. A topic that
nobody published is shown as unknown, never as zero.
"""

import json
from collections import deque
from typing import Any, Final

from actors.channels.commands import is_clean

FILLS_MAX: Final = 8
ALERTS_MAX: Final = 6
ROWS_MAX: Final = 12
UNKNOWN: Final = "?"

Row = dict[str, Any]


class Screen:
    """The latest of everything published."""

    def __init__(self) -> None:
        self.status: Row = {}
        self.views: dict[str, Any] = {}
        self.fills: deque[Row] = deque(maxlen=FILLS_MAX)
        self.alerts: deque[Row] = deque(maxlen=ALERTS_MAX)

    def apply(self, topic: str, body: bytes) -> None:
        """Take one published event; a malformed one is ignored."""
        try:
            event = json.loads(body)
        except ValueError:
            return
        name, _, view = topic.partition("/")
        if name == "view":
            self.views[view] = event
        elif not isinstance(event, dict):
            return
        elif name == "status":
            self.status = event
        elif name == "mode":
            self.status = {**self.status, **event}
        elif name == "fill":
            self.fills.appendleft(event)
        elif name == "alert":
            self.alerts.appendleft(event)

    def rows(self, topic: str) -> list[Row]:
        found = self.views.get(topic)
        return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []

    def figures(self, topic: str) -> Row:
        found = self.views.get(topic)
        return found if isinstance(found, dict) else {}

    def line(self) -> str:
        """Everything that matters in one line, for a log or a pipe."""
        status, feeds = self.status, self.rows("feeds")
        fresh = sum(row.get("state") == "fresh" for row in feeds)
        pnl, risk = self.figures("pnl"), self.figures("risk")
        return (
            f"mode={status.get('mode', UNKNOWN)} state={status.get('trading_state', UNKNOWN)} "
            f"uptime={uptime(status.get('uptime_s'))} feeds={fresh}/{len(feeds)} "
            f"positions={status.get('positions_open', UNKNOWN)} "
            f"orders={status.get('orders_working', UNKNOWN)} net={inr(pnl.get('net_inr'))} "
            f"heat={inr(risk.get('heat_inr'))} trips={value(pnl.get('round_trips'))} "
            f"restarts={status.get('restarts_total', UNKNOWN)} alerts={len(self.alerts)}"
        )

    def sections(self) -> list[tuple[str, list[str]]]:
        """(title, lines) of the live view from top to bottom."""
        positions = [row for row in self.rows("positions") if row.get("quantity")]
        return [
            ("engine", self._engine_lines()),
            ("feeds", [_feed(row) for row in self.rows("feeds")[:ROWS_MAX]]),
            ("positions", [_position(row) for row in positions[:ROWS_MAX]]),
            ("fills", [_fill(row) for row in self.fills]),
            ("alerts", [_alert(row) for row in self.alerts]),
        ]

    def _engine_lines(self) -> list[str]:
        status, pnl, risk = self.status, self.figures("pnl"), self.figures("risk")
        reasons = "; ".join(str(reason) for reason in status.get("reasons") or ())
        lines = [
            f"{status.get('trading_state', UNKNOWN)}, up {uptime(status.get('uptime_s'))}, "
            f"{status.get('actors_running', UNKNOWN)} actors, "
            f"{status.get('restarts_total', UNKNOWN)} restarts",
            f"P&L net {inr(pnl.get('net_inr'))} (realised {inr(pnl.get('realised_inr'))}, "
            f"open {inr(pnl.get('open_inr'))}, charges {inr(pnl.get('charges_inr'))}), "
            f"drawdown {inr(pnl.get('drawdown_max_inr'))}, trips {value(pnl.get('round_trips'))}",
            f"heat {inr(risk.get('heat_inr'))} of {inr(risk.get('heat_max_inr'))}, capital "
            f"{inr(risk.get('capital_used_inr'))}, loss limit used "
            f"{value(risk.get('loss_used_pct'))} %, orders {value(risk.get('orders_today'))}",
        ]
        return [*lines, clean(f"because {reasons}")] if reasons else lines


def value(found: object) -> str:
    return UNKNOWN if found is None else clean(str(found))


def inr(found: object) -> str:
    return f"{found:,.2f}" if isinstance(found, int | float) else UNKNOWN


def clean(text: str) -> str:
    """Text from outside without anything that could move the cursor."""
    return text if is_clean(text) else "".join(c if c.isprintable() else "?" for c in text)


def uptime(found: object) -> str:
    if not isinstance(found, int | float):
        return UNKNOWN
    minutes, rest = divmod(int(found), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def _feed(row: Row) -> str:
    return clean(
        f"{value(row.get('instrument')):18} {value(row.get('state')):8} "
        f"age {value(row.get('age_s')):>6} s  {inr(row.get('price')):>12}"
    )


def _position(row: Row) -> str:
    return clean(
        f"{value(row.get('instrument')):18} {value(row.get('strategy')):12} "
        f"{value(row.get('quantity')):>7} at {inr(row.get('price_average')):>12} "
        f"open {inr(row.get('pnl_open_inr')):>12} {row.get('group') or ''}"
    )


def _fill(row: Row) -> str:
    return clean(
        f"{value(row.get('side')):4} {value(row.get('quantity')):>7} "
        f"{value(row.get('instrument')):18} at {inr(row.get('price')):>12} "
        f"{value(row.get('leg'))} {value(row.get('strategy'))}"
    )


def _alert(row: Row) -> str:
    return clean(f"{value(row.get('severity')):8} {value(row.get('event'))}: {row.get('text')}")
