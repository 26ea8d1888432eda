"""One JSON line in the shape of a KiteTicker full-mode packet as a Tick.

Decides which fields of a packet matter. Refuses to know files and other rows. Rupee floats, the
shape in which the client library hands packets over, become paise here.
"""

import msgspec

from engine.market.rows import RowBad, at_ns, count, paise
from engine.messages.market import Tick


class _Level(msgspec.Struct, frozen=True):
    price: float
    quantity: int


class _Depth(msgspec.Struct, frozen=True):
    buy: tuple[_Level, ...] = ()
    sell: tuple[_Level, ...] = ()


class _Packet(msgspec.Struct, frozen=True):
    instrument_token: int
    last_price: float
    exchange_timestamp: str
    volume_traded: int = 0
    oi: int = 0
    depth: _Depth = _Depth()


_decode_packet = msgspec.json.Decoder(_Packet).decode


def parse_packet(line: str, name: str) -> Tick:
    """A line of JSON in the shape of KiteTicker's full mode as a Tick.

    Raises:
        RowBad: not JSON or not of this shape (bad_json), or a bad number or time.
    """
    try:
        packet = _decode_packet(line)
    except (msgspec.DecodeError, UnicodeError):
        raise RowBad("bad_json") from None
    time_ns = at_ns(packet.exchange_timestamp)
    bid, bid_quantity = _best(packet.depth.buy)
    ask, ask_quantity = _best(packet.depth.sell)
    return Tick(
        instrument=name,
        price_paise=paise(repr(packet.last_price)),
        at_ns=time_ns,
        received_at_ns=time_ns,
        volume_day=count(str(packet.volume_traded)),
        oi=count(str(packet.oi)),
        bid_paise=bid,
        ask_paise=ask,
        bid_quantity=bid_quantity,
        ask_quantity=ask_quantity,
    )


def _best(levels: tuple[_Level, ...]) -> tuple[int, int]:
    if not levels or levels[0].price == 0:
        return 0, 0
    return paise(repr(levels[0].price)), count(str(levels[0].quantity))
