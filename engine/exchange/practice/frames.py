"""Market data as bytes: the binary packets and frames of Kite's websocket.

Decides nothing; the layout is Kite's. Source: Kite Connect v3, websocket, and kiteconnect 5.2.2.
"""

import struct
from collections.abc import Sequence

from engine.exchange.practice.quotes import Level, Quote
from engine.units import NS_PER_S

HEARTBEAT = b"\x00"
_LTP, _QUOTE, _TAIL = struct.Struct(">2I"), struct.Struct(">11I"), struct.Struct(">5I")
_LEVEL, _INDEX = struct.Struct(">2IH2x"), struct.Struct(">7I")
_U16, _U32 = struct.Struct(">H"), struct.Struct(">I")
U32_MAX = 0xFFFF_FFFF


def packet(quote: Quote, mode: str) -> bytes:
    """One instrument in a mode: "ltp" (8 bytes), "quote" (44, index 28), "full" (184, index 32)."""
    head = _LTP.pack(quote.listed.token, quote.last_paise)
    if mode == "ltp":
        return head
    return _index(quote, mode) if quote.listed.is_index else _tradable(quote, mode)


def frame(packets: Sequence[bytes]) -> bytes:
    """Packets with their lengths behind their count."""
    parts = [_U16.pack(len(packets))]
    for one in packets:
        parts += (_U16.pack(len(one)), one)
    return b"".join(parts)


def _index(quote: Quote, mode: str) -> bytes:
    change = quote.last_paise - quote.closed_paise
    head = _INDEX.pack(quote.listed.token, quote.last_paise, quote.high_paise, quote.low_paise,
                       quote.open_paise, quote.closed_paise, change & U32_MAX)  # fmt: skip
    return head if mode == "quote" else head + _U32.pack(quote.at_ns // NS_PER_S)


def _tradable(quote: Quote, mode: str) -> bytes:
    head = _QUOTE.pack(
        quote.listed.token, quote.last_paise, quote.last_quantity, quote.average_paise,
        quote.volume & U32_MAX, quote.buy_quantity, quote.sell_quantity, quote.open_paise,
        quote.high_paise, quote.low_paise, quote.closed_paise,
    )  # fmt: skip
    if mode == "quote":
        return head
    tail = _TAIL.pack(quote.traded_at_ns // NS_PER_S, quote.oi, quote.oi_high, quote.oi_low,
                      quote.at_ns // NS_PER_S)  # fmt: skip
    return head + tail + b"".join(map(_level, (*quote.buys, *quote.sells)))


def _level(level: Level) -> bytes:
    return _LEVEL.pack(
        level.quantity, level.price_paise, level.orders & 0xFFFF
    )  # fmt: skip
