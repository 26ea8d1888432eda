"""The views' figures as operators, dashboards and metrics know them.

Decides names and units on the operator's side: rupees, `_inr`, flat maps. Rooms publish paise and
what is natural to them; both shapes are read here, and a figure that is missing stays missing.
Refuses to know who published. Stands alone so that a room may change its view without the command
line, the dashboards and the alert rules noticing.
"""

from collections.abc import Callable
from typing import Any, Final

from engine.units import PAISE_PER_RUPEE

Row = dict[str, Any]


def shaped(topic: str, body: object) -> Row | list[Row] | None:
    """A decoded body in the operator's shape; None if it has no usable one."""
    shape = _SHAPES.get(topic)
    if isinstance(body, dict):
        return shape(body) if shape is not None else body
    if isinstance(body, list):
        return _rows(topic, body)
    return None


def _rows(topic: str, body: object) -> list[Row]:
    rows = [row for row in body if isinstance(row, dict)] if isinstance(body, list) else []
    shape = _ROW_SHAPES.get(topic)
    return [shape(row) for row in rows] if shape is not None else rows


def _inr(body: Row, name: str) -> float | None:
    """A figure in rupees, whether it came as `<name>_inr` or `<name>_paise`."""
    given, paise = body.get(f"{name}_inr"), body.get(f"{name}_paise")
    if isinstance(given, int | float):
        return float(given)
    return paise / PAISE_PER_RUPEE if isinstance(paise, int | float) else None


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


def _share_pct(part: float | None, whole: float | None) -> float | None:
    return round(100 * part / whole, 1) if part is not None and whole else None


def _position(row: Row) -> Row:
    return {
        **row,
        "price_average": _first(row.get("price_average"), _inr(row, "average")),
        "pnl_open_inr": _first(row.get("pnl_open_inr"), _inr(row, "open")),
    }


def _authority(body: Row) -> Row:
    latches = body.get("latches")
    latched = [str(latch) for latch in latches] if isinstance(latches, list) else []
    ceilings = body.get("ceilings")
    lowered = [
        str(ceiling.get("why", ""))
        for ceiling in (ceilings if isinstance(ceilings, list) else [])
        if isinstance(ceiling, dict) and ceiling.get("authority") != "FULL"
    ]
    mode = body.get("mode")
    return {
        **body,
        "killed": bool(body.get("killed")) or "kill" in latched or mode == "KILLED",
        "halted": bool(body.get("halted")) or "halt" in latched or mode == "HALTED",
        "reasons": body.get("reasons") or list(dict.fromkeys(why for why in lowered if why)),
    }


def _pnl(body: Row) -> Row:
    books, main = body.get("books"), body
    if isinstance(books, dict) and isinstance(books.get(str(body.get("book"))), dict):
        main = books[str(body["book"])]
    drawdown = _first(_inr(body, "drawdown_max"), _paise(body, "drawdown_paise_max"))
    return {
        **body,
        "realised_inr": _inr(main, "realised"),
        "open_inr": _inr(main, "open"),
        "charges_inr": _inr(main, "charges"),
        "net_inr": _first(_inr(main, "net"), _inr(main, "total")),
        "drawdown_max_inr": drawdown,
        "round_trips": _first(main.get("round_trips"), body.get("round_trips")),
    }


def _paise(body: Row, key: str) -> float | None:
    value = body.get(key)
    return value / PAISE_PER_RUPEE if isinstance(value, int | float) else None


def _risk(body: Row) -> Row:
    heat, day = _inr(body, "heat"), _inr(body, "pnl_day")
    limit = _first(_inr(body, "loss_limit"), _paise(body, "limit_loss_day_paise"))
    used = body.get("loss_used_pct")
    if used is None and day is not None:
        used = _share_pct(max(0.0, -day), limit)
    heat_max = _first(_inr(body, "heat_max"), _paise(body, "limit_heat_paise"))
    return {
        **body,
        "heat_inr": heat,
        "heat_max_inr": heat_max,
        "heat_used_pct": _share_pct(heat, heat_max),
        "capital_used_inr": _first(_inr(body, "capital_used"), _inr(body, "notional")),
        "orders_today": _first(body.get("orders_today"), body.get("orders_day")),
        "loss_limit_inr": limit,
        "loss_used_pct": used,
        "refusals": body.get("refusals") or body.get("refused") or {},
    }


def _feeds(body: Row) -> list[Row]:
    return _rows("feeds", body.get("feeds"))


def _strategies(body: Row) -> list[Row]:
    return _rows("strategies", body.get("strategies"))


def _reconcile(body: Row) -> Row:
    return {**body, "clean": body.get("clean", body.get("is_clean"))}


_SHAPES: Final[dict[str, Callable[[Row], Row | list[Row]]]] = {
    "authority": _authority,
    "pnl": _pnl,
    "risk": _risk,
    "feeds": _feeds,
    "strategies": _strategies,
    "reconcile": _reconcile,
}
_ROW_SHAPES: Final[dict[str, Callable[[Row], Row]]] = {"positions": _position}
