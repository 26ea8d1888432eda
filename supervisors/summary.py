"""The closing summary of a run: one object of figures, the same for backtest and paper.

Decides the keys. Money and counts come from the database, never from what the actors believe;
what only the run knows (ticks, events, restarts) is handed in.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from actors.runtime.behaviour import Behaviour
from actors.stores.report_queries import RealmFigures
from engine.messages.base import Message
from engine.messages.control import ViewPublished
from engine.messages.market import FeedEnded
from engine.units import rupees


class Collector(Behaviour):
    """Keeps the latest view of each topic; in a backtest it stands where the console stands."""

    def __init__(self) -> None:
        self.views: dict[str, Any] = {}
        self.is_over = False

    def receive(self, message: Message) -> None:
        match message:
            case ViewPublished():
                self.views[message.topic] = msgspec.json.decode(message.body)
            case FeedEnded():
                self.is_over = True
            case _:
                pass


def summarise(
    figures: RealmFigures,
    views: Mapping[str, Any],
    *,
    bars: int,
    rows_rejected: Mapping[str, int],
    events: int,
    restarts: int,
    wall_s: float,
) -> dict[str, Any]:
    """The summary. `events` are messages handled by actors; P&L is exact when flat."""
    return {
        "trading_days": figures.trading_days,
        "bars": bars,
        "ticks": views.get("feeds", {}).get("ticks", 0),
        "rows_rejected": dict(rows_rejected),
        "events": events,
        "signals": figures.signals,
        "decisions": figures.decisions,
        "orders": figures.orders,
        "fills": figures.fills,
        "round_trips": figures.round_trips,
        "pnl_gross_inr": rupees(figures.pnl_gross_paise),
        "charges_inr": rupees(figures.charges_paise),
        "pnl_net_inr": rupees(figures.pnl_gross_paise - figures.charges_paise),
        "drawdown_max_inr": rupees(views.get("pnl", {}).get("drawdown_paise_max", 0)),
        "heat_max_pct": views.get("risk", {}).get("heat_max_pct", 0.0),
        "positions_open": figures.positions_open,
        "restarts": restarts,
        "wall_s": round(wall_s, 3),
        "events_per_s": round(events / wall_s) if wall_s else 0,
        "records": figures.records,
        "journal_digest": figures.journal_digest,
    }
