"""The typed confirmation before a dangerous verb.

Decides what a person sees first: positions and money, not only a question (CTL-22). Refuses to
guess: a figure that nobody published is shown as unknown. Any answer but the verb itself is a no.
"""

from typing import Any

from engine.live_phrase import phrase_of
from scripts.client import ConsoleClient

ROWS_MAX = 20
_EFFECTS = {
    "kill": "cancel every working order and refuse new ones, latched until a person releases it",
    "flatten": "cancel entries and exit the positions in scope at the market",
    "arm": "let strategies send orders with real money until the session ends",
    "resume": "lift the halt: the engine may trade again in its mode",
}


def is_confirmed(client: ConsoleClient, command: str, arguments: dict[str, Any]) -> bool:
    """Show what the verb would touch and ask to type its name."""
    print(confirmation_text(client, command, arguments))
    try:
        typed = input(f"Type {command.upper()} to go on: ")
    except EOFError:
        return False
    return typed.strip() == command.upper()


def typed_phrase(client: ConsoleClient, strategy: str) -> str:
    """Show what would trade live and ask for the phrase; "" if another one was typed. The engine
    reads it again: this only spares a person a refusal."""
    print(confirmation_text(client, "arm", {"strategy": strategy} if strategy else {}))
    status = client.ask("status").get("body") or {}
    print(f"Gate to LIVE: {status.get('live_gate', 'no live account is configured')}")
    wanted = phrase_of(int(status.get("mode_seq") or 0), strategy)
    try:
        typed = input(f"Type {wanted} to go on: ").strip()
    except EOFError:
        return ""
    return typed if typed == wanted else ""


def confirmation_text(client: ConsoleClient, command: str, arguments: dict[str, Any]) -> str:
    """The effect in words, positions and money.

    Raises:
        NoAnswer: the engine does not say. Nothing is sent; --yes goes without this text.
    """
    status = client.ask("status")
    found, pnl = client.ask("positions").get("body"), client.ask("pnl").get("body")
    orders = (status.get("body") or {}).get("orders_working")
    positions = [row for row in found or [] if row.get("quantity")]
    scope = ", ".join(f"{name}={value}" for name, value in arguments.items()) or "everything"
    if command == "kill" and arguments.get("flat"):
        scope = f"{scope}; all positions are exited at the market too"
    money = pnl if isinstance(pnl, dict) else {}
    lines = [
        f"{command.upper()} on engine {status.get('engine_id')} in mode {status.get('mode')}: "
        f"{_EFFECTS[command]}.",
        f"Scope: {scope}",
        f"Open positions: {len(positions)}, notional {_inr(_notional(positions))}; "
        f"working orders: {orders if orders is not None else 'unknown'}",
        *(_position_line(row) for row in positions[:ROWS_MAX]),
    ]
    if len(positions) > ROWS_MAX:
        lines.append(f"  ... and {len(positions) - ROWS_MAX} more")
    lines.append(f"P&L: open {_inr(money.get('open_inr'))}, net {_inr(money.get('net_inr'))}")
    return "\n".join(lines)


def _position_line(row: dict[str, Any]) -> str:
    return (
        f"  {row.get('instrument')} [{row.get('strategy')}] {row.get('quantity'):+d} "
        f"at {_inr(row.get('price_average'))}, open P&L {_inr(row.get('pnl_open_inr'))}"
    )


def _notional(positions: list[dict[str, Any]]) -> float | None:
    total = 0.0
    for row in positions:
        price = row.get("price_average")
        if price is None:
            return None
        total += abs(row["quantity"]) * price
    return total


def _inr(value: float | None) -> str:
    return "unknown" if value is None else f"INR {value:,.2f}"
