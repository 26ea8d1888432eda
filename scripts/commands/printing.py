"""How answers look: rich tables for a person at a terminal, plain columns elsewhere.

Decides columns. Refuses to compute figures.
"""

import sys
from collections.abc import Iterable
from typing import Any, Final

COLUMNS: Final = {
    "positions": ("instrument", "strategy", "quantity", "price_average", "pnl_open_inr", "book"),
    "orders": (
        *("client_order_id", "group", "leg", "instrument", "side", "quantity", "filled"),
        *("status", "price"),
    ),
    "feeds": ("instrument", "state", "age_s", "price", "reasons"),
    "strategies": (),
}
EMPTY: Final = "-"


def show(command: str, body: object) -> None:
    """Print an answer's body."""
    if command == "tree" and isinstance(body, dict):
        print("\n".join(tree_lines(body)))
    elif isinstance(body, list):
        _table(command, [row for row in body if isinstance(row, dict)])
    elif isinstance(body, dict):
        if command == "status":
            print(gate_line(body))
        _figures(body)
    else:
        print("nothing published yet")


def gate_line(status: dict[str, Any]) -> str:
    """The gate in one line, as logs and run books know it."""
    reasons = "; ".join(status.get("reasons") or ()) or "none"
    return f"Gate mode={status.get('mode')} status={status.get('trading_state')} reason={reasons}"


def tree_lines(node: dict[str, Any], depth: int = 0) -> Iterable[str]:
    """The supervision tree, two spaces a level."""
    host = f" [{node['host']}]" if node.get("host") else ""
    yield (
        f"{'  ' * depth}{node['name']}{host} {node['state']} "
        f"generation={node['generation']} restarts={node['restarts']}"
    )
    for child in node["children"]:
        yield from tree_lines(child, depth + 1)


def text_of(value: object) -> str:
    """One cell."""
    if value is None or value == "":
        return EMPTY
    if isinstance(value, float):
        return f"{value:,.2f}"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or EMPTY
    if isinstance(value, dict):
        return ", ".join(f"{key}={text_of(item)}" for key, item in value.items()) or EMPTY
    return str(value)


def _figures(body: dict[str, Any]) -> None:
    width = max((len(key) for key in body), default=0)
    for key, value in body.items():
        print(f"{key:{width}}  {text_of(value)}")


def _table(command: str, rows: list[dict[str, Any]]) -> None:
    if not rows:
        print(f"no {command}")
        return
    wanted = COLUMNS.get(command) or tuple(rows[0])
    columns = [name for name in wanted if any(name in row for row in rows)]
    cells = [[text_of(row.get(name)) for name in columns] for row in rows]
    if sys.stdout.isatty():
        _rich_table(columns, cells)
        return
    widths = [max(len(row[i]) for row in (columns, *cells)) for i in range(len(columns))]
    for row in (columns, *cells):
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def _rich_table(columns: list[str], cells: list[list[str]]) -> None:
    from rich.console import Console  # noqa: PLC0415 slow to import; only for a terminal
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table()
    for name in columns:
        table.add_column(name)
    for row in cells:
        table.add_row(*(escape(cell) for cell in row))
    Console().print(table)
