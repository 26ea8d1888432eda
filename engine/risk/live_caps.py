"""What an account may enter in a day with real money, counted by the ledger of the day.

Decides whether one more live entry fits the caps. Refuses to know files and books: what was entered
is read from the ledger, which is written before an entry leaves, so that an entry of unknown fate
counts. Stands alone because these caps are the operator's and hold whatever the guard believes.

Notional is summed over the day, not over what is open: the stricter reading of the caps.
Source: runbook of the live gate (2026-11): 5 orders, 5 positions, 5,000 in all, 1,000 a symbol.
"""

import msgspec

from engine.messages.values import Refusal, Side

_RULE = "live_"


class LiveCaps(msgspec.Struct, frozen=True, kw_only=True):
    """Money in paise. `allowlist` empty: every configured instrument.
    `is_duplicate_blocked`: a symbol is entered once a day on each side."""

    orders_day_max: int = 5
    notional_paise_max: int = 5_000_00
    notional_symbol_paise_max: int = 1_000_00
    allowlist: tuple[str, ...] = ()
    is_duplicate_blocked: bool = True


class LiveEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry that was let out. `at` is IST, for a person to read."""

    at: str
    symbol: str
    side: Side
    quantity: int
    notional_paise: int
    client_order_id: str


class LedgerDay(msgspec.Struct, frozen=True, kw_only=True):
    """The live entries of one trading day (ISO)."""

    day: str
    entries: tuple[LiveEntry, ...] = ()


def caps_refusal(ledger: LedgerDay, entry: LiveEntry, caps: LiveCaps) -> Refusal | None:
    """Why this entry may not be let out, None if it may. Missing figures refuse."""
    same = [one for one in ledger.entries if one.symbol == entry.symbol]
    total = sum(one.notional_paise for one in ledger.entries) + entry.notional_paise
    symbol = sum(one.notional_paise for one in same) + entry.notional_paise
    count = len(ledger.entries) + 1
    if caps.allowlist and entry.symbol not in caps.allowlist:
        return _no("allowlist", 1, 0, "the symbol is not on the list")
    if not entry.notional_paise > 0:
        return _no("notional", entry.notional_paise, 0, "the value is not known")
    if not count <= caps.orders_day_max:
        return _no("orders_day", count, caps.orders_day_max, "live orders of the day")
    if not total <= caps.notional_paise_max:
        return _no("notional", total, caps.notional_paise_max, "live notional of the day")
    if not symbol <= caps.notional_symbol_paise_max:
        limit = caps.notional_symbol_paise_max
        return _no("notional_symbol", symbol, limit, "live notional of the symbol")
    if caps.is_duplicate_blocked and any(one.side is entry.side for one in same):
        return _no("duplicate", 2, 1, "entered on this side today")
    return None


def _no(rule: str, measured: int, limit: int, why: str) -> Refusal:
    return Refusal(rule=_RULE + rule, measured=measured, limit=limit, why=why)
