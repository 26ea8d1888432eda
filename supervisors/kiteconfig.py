"""The part of the configuration that says how Kite is reached.

Decides its shape and its faults. Refuses keys: they are never in a configuration.
"""

import re

import msgspec

from actors.feeds.kite.places import address_fault

_ACCOUNT = re.compile(r"[A-Z0-9]{2,12}")
TOKENS_MAX = 3_000
CONNECTIONS_MAX = 3
"""Of one API key, and the instruments of each. Source: Kite Connect v3 documentation, 2026-11."""


class KiteConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How Kite is reached; always in full mode, because only it tells times and depth.

    `stream_url` and `api_url`: Kite's own, or servers on this machine. `practice`: the
    `exchange.json` of a running practice exchange, whose addresses and clock are taken instead.
    `account`: the user id whose orders this engine may send and whose positions it keeps; without
    one there is no live book.
    `ca_file`: an authority to trust instead of the platform's. `silence_ms_max`: no frame for so
    long in market hours, and it connects anew.
    """

    stream_url: str = "wss://ws.kite.trade"
    api_url: str = "https://api.kite.trade"
    account: str = ""
    practice: str = ""
    ca_file: str = ""
    silence_ms_max: int = 7_000
    connects_minute_max: int = 10


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
    if not 1_000 <= kite.silence_ms_max <= 60_000:
        faults.append("kite.silence_ms_max: not within 1,000 to 60,000")
    if not 1 <= kite.connects_minute_max <= 60:
        faults.append("kite.connects_minute_max: not within 1 to 60")
    return faults
