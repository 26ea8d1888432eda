"""The part of the configuration that says how Kite is reached.

Decides its shape and its faults. Refuses keys: they are never in a configuration.
"""

import ipaddress
import re

import msgspec

from actors.feeds.kite.places import address_fault

_ACCOUNT = re.compile(r"[A-Z0-9]{2,12}")
EGRESS_IPS_MAX = 2
"""A primary and a secondary. Source: Kite forum 52125, 2026-11."""
TOKENS_MAX = 3_000
CONNECTIONS_MAX = 3
"""Of one API key, and the instruments of each. Source: Kite Connect v3 documentation, 2026-11."""


class KiteConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How Kite is reached; always in full mode, because only it tells times and depth.

    `stream_url` and `api_url`: Kite's own, or servers on this machine. `practice`: the
    `exchange.json` of a running practice exchange, whose addresses and clock are taken instead.
    `account`: the user id whose orders this engine may send and whose positions it keeps; without
    one there is no live book.
    `egress_ips`: the one or two addresses that are registered at Kite for orders; `egress_url`: a
    machine that answers with the address it is asked from (`pahara doctor` asks it; HTTPS, or this
    machine).
    `ca_file`: an authority to trust instead of the platform's. `silence_ms_max`: no frame for so
    long in market hours, and it connects anew.
    """

    stream_url: str = "wss://ws.kite.trade"
    api_url: str = "https://api.kite.trade"
    account: str = ""
    practice: str = ""
    egress_ips: tuple[str, ...] = ()
    egress_url: str = ""
    ca_file: str = ""
    silence_ms_max: int = 7_000
    connects_minute_max: int = 10


class LiveConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Caps of live entries in one day, rupees; see `engine.risk.live_caps.LiveCaps`.

    `margin_cushion_pct`: before each entry the broker is asked what it blocks and what is free, and
    so much of what is free stays untouched; null: it is not asked.
    """

    orders_day_max: int = 5
    positions_max: int = 5
    notional_max_inr: float = 5_000
    notional_symbol_max_inr: float = 1_000
    allowlist: tuple[str, ...] = ()
    is_duplicate_blocked: bool = True
    margin_cushion_pct: float | None = 10.0


def live_faults(live: LiveConfig) -> list[str]:
    """What is wrong with the caps: absent or absurd must never mean unlimited."""
    checks = {
        "orders_day_max: 1 to 5,000": 1 <= live.orders_day_max <= 5_000,
        "positions_max: 1 to 500": 1 <= live.positions_max <= 500,
        "notional_max_inr: above 0": 0 < live.notional_max_inr <= 1e10,
        "notional_symbol_max_inr: above 0 and within notional_max_inr": (
            0 < live.notional_symbol_max_inr <= live.notional_max_inr
        ),
    }
    cushion = live.margin_cushion_pct
    checks["margin_cushion_pct: 0 to 90, or null"] = cushion is None or 0 <= cushion <= 90
    return [f"live.{text}" for text, is_met in checks.items() if not is_met]


def kite_faults(kite: KiteConfig) -> list[str]:
    """What is wrong with it."""
    faults = [
        f"kite: {fault}"
        for fault in (
            address_fault(kite.stream_url, "wss", "ws"),
            address_fault(kite.api_url, "https", "http"),
        )
        if fault
    ]
    if kite.account and not _ACCOUNT.fullmatch(kite.account):
        faults.append("kite.account: not a user id like AB1234")
    if kite.egress_url and (fault := address_fault(kite.egress_url, "https", "http")):
        faults.append(f"kite.egress_url: {fault}")
    if len(kite.egress_ips) > EGRESS_IPS_MAX or not all(map(_is_address, kite.egress_ips)):
        faults.append(f"kite.egress_ips: need up to {EGRESS_IPS_MAX} addresses like 203.0.113.7")
    if not 1_000 <= kite.silence_ms_max <= 60_000:
        faults.append("kite.silence_ms_max: not within 1,000 to 60,000")
    if not 1 <= kite.connects_minute_max <= 60:
        faults.append("kite.connects_minute_max: not within 1 to 60")
    return faults


def _is_address(text: str) -> bool:
    """IPv4 alone: that is what orders go by."""
    try:
        return str(ipaddress.IPv4Address(text)) == text
    except ValueError:
        return False
