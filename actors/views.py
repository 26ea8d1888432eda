"""The latest public figures of all rooms, and the answers composed from them.

Decides what STATUS and TREE say. Refuses to ask anybody: a room that is down is answered for by
what it last published. A missing or malformed view is an empty one, never a failure. Shared by the
console, the metrics and the heartbeat, which keep a copy each.
"""

import json
from collections.abc import Iterable
from typing import Any, Final

from actors.runtime.board import ChildRow
from actors.view_shapes import shaped
from engine.messages.control import AuthorityChanged, ViewPublished
from engine.messages.values import Mode

TOPICS_MAX: Final = 32
UNKNOWN_MODE: Final = "UNKNOWN"
TERMINAL: Final = frozenset(
    {"COMPLETE", "CANCELLED", "REJECTED", "FILLED", "DENIED", "LOST", "CLOSED"}
)
_TRADING_STATES: Final = {
    Mode.STANDBY.value: "standby",
    Mode.RECOVERING.value: "recovering",
    Mode.PAPER.value: "active",
    Mode.LIVE.value: "active",
    Mode.REDUCE.value: "reduce_only",
    Mode.HALTED.value: "halted",
    Mode.FLATTENING.value: "flattening",
    Mode.KILLED.value: "killed",
    Mode.FENCED.value: "fenced",
}


class Views:
    """topic -> latest body, decoded when somebody looks."""

    def __init__(self) -> None:
        self.malformed_count = 0
        self._bodies: dict[str, str] = {}
        self._decoded: dict[str, Any] = {}
        self._authority: AuthorityChanged | None = None

    def put(self, view: ViewPublished) -> None:
        """Replace a topic's body; topics beyond the bound are ignored."""
        if view.topic in self._bodies or len(self._bodies) < TOPICS_MAX:
            self._bodies[view.topic] = view.body
            self._decoded.pop(view.topic, None)

    def put_authority(self, changed: AuthorityChanged) -> bool:
        """Take a newer authority. True if the mode moved."""
        old = self._authority
        if old is not None and changed.seq <= old.seq and changed.at_ns <= old.at_ns:
            return False
        self._authority = changed
        return old is None or old.mode_seq != changed.mode_seq or old.mode is not changed.mode

    def rows(self, topic: str) -> list[dict[str, Any]]:
        """A topic whose body is a list of maps."""
        body = self._body(topic)
        return body if isinstance(body, list) else []

    def figures(self, topic: str) -> dict[str, Any]:
        """A topic whose body is a map."""
        body = self._body(topic)
        return body if isinstance(body, dict) else {}

    def any_of(self, topic: str) -> dict[str, Any] | list[dict[str, Any]]:
        """A topic's body, whichever shape it has."""
        return self.rows(topic) or self.figures(topic) or []

    @property
    def mode(self) -> str:
        if self._authority is not None:
            return self._authority.mode.value
        return str(self.figures("authority").get("mode", UNKNOWN_MODE))

    @property
    def mode_seq(self) -> int:
        return self._authority.mode_seq if self._authority is not None else 0

    @property
    def reasons(self) -> list[str]:
        """Why the mode is what it is, as far as anybody said."""
        listed = self.figures("authority").get("reasons")
        if isinstance(listed, list) and listed:
            return [str(reason) for reason in listed]
        if self._authority is None:
            return []
        return [ceiling.reason for ceiling in self._authority.ceilings if ceiling.reason]

    def instruments(self) -> set[str]:
        """All instruments that feeds and positions know; empty before their first view."""
        rows = (*self.rows("feeds"), *self.rows("positions"))
        return {str(row["instrument"]) for row in rows if "instrument" in row}

    def strategies(self) -> set[str]:
        rows = self.rows("strategies")
        return {str(row.get("strategy") or row.get("name") or "") for row in rows} - {""}

    def status(self, rows: Iterable[ChildRow], *, uptime_s: float) -> dict[str, Any]:
        """The figures an operator wants first."""
        board = tuple(rows)
        mode, figures = self.mode, self.figures("authority")
        positions = [row for row in self.rows("positions") if row.get("quantity")]
        orders = [row for row in self.rows("orders") if str(row.get("status")) not in TERMINAL]
        killed = mode == Mode.KILLED.value or figures.get("killed") is True
        state = "killed" if killed else _TRADING_STATES.get(mode, "unknown")
        return {
            "mode": mode,
            "mode_seq": self.mode_seq,
            "trading_state": state,
            "killed": killed,
            "halted": mode == Mode.HALTED.value or figures.get("halted") is True,
            "reasons": self.reasons,
            "uptime_s": round(uptime_s, 3),
            "actors_running": sum(row.state == "ready" for row in board),
            "actors_total": len(board),
            "restarts_total": sum(row.restarts for row in board),
            "positions_open": len(positions),
            "orders_working": len(orders),
            "net_inr": self.figures("pnl").get("net_inr"),
            "heat_inr": self.figures("risk").get("heat_inr"),
        }

    def _body(self, topic: str) -> object:
        if topic not in self._decoded:
            try:
                body = json.loads(self._bodies.get(topic, "null"), parse_constant=_refuse)
                self._decoded[topic] = shaped(topic, body)
            except (ValueError, RecursionError):
                self.malformed_count += 1
                self._decoded[topic] = None
        return self._decoded[topic]


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no number")


def tree(rows: Iterable[ChildRow]) -> dict[str, Any]:
    """The supervision tree, nested; children whose supervisor has no row hang below the root."""
    nodes: dict[str, dict[str, Any]] = {}
    parents: dict[str, str] = {}
    for row in rows:
        nodes[row.name] = {
            "name": row.name,
            "kind": row.kind,
            "host": row.host,
            "state": row.state,
            "generation": row.generation,
            "restarts": row.restarts,
            "children": [],
        }
        parents[row.name] = row.supervisor
    root = nodes.get("root") or _root()
    for name, node in nodes.items():
        if node is not root:
            parent = nodes.get(parents[name], root)
            (root if parent is node else parent)["children"].append(node)
    return root


def _root() -> dict[str, Any]:
    return {
        "name": "root",
        "kind": "supervisor",
        "host": "",
        "state": "ready",
        "generation": 0,
        "restarts": 0,
        "children": [],
    }
