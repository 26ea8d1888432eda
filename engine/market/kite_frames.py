"""Kite's binary websocket frames as ticks.

Decides which bytes of a frame are a tick and what its numbers mean in paise and nanoseconds.
Refuses to know sockets and to fail: bytes that make no sense are counted by reason, and every
packet that is whole is read. Stands alone so that live frames, recordings and fuzzers meet the
same parser. The client library's own parser builds dicts of floats, costs thirty times as much and
drops the connection on a short frame; this one reads only what a tick needs.

Source: kiteconnect 5.2.2 `KiteTicker._parse_binary` and the official mock packets, 2026-11.
A frame is `uint16 n`, then n times (`uint16 length`, packet); big-endian; unsigned. A frame of less
than two bytes is a heartbeat.

| length | packet      | price | volume | oi | book | exchange time | last trade time |
|--------|-------------|-------|--------|----|------|---------------|-----------------|
| 8      | ltp         | yes   |        |    |      | (ours)        |                 |
| 28     | index quote | yes   |        |    |      | (ours)        |                 |
| 32     | index full  | yes   |        |    |      | yes           |                 |
| 44     | quote       | yes   | yes    |    |      | (ours)        |                 |
| 184    | full        | yes   | yes    | yes| yes  | yes           | yes             |

| counted as         | meaning                                                                  |
|--------------------|--------------------------------------------------------------------------|
| length_unknown     | a packet of another length; skipped                                      |
| token_unknown      | nobody asked for this token; skipped                                     |
| segment_currency   | a currency token (CDS, BCD): prices finer than a paisa; skipped          |
| time_missing       | a packet without a time where times are wanted: after a subscribe Kite   |
|                    | sends the last known price in quote mode, maybe hours old; skipped       |
| truncated          | the frame ends before its packets do; what is whole was read             |
| trailing           | bytes after the last announced packet; ignored                           |
"""

from collections import Counter
from collections.abc import Mapping
from struct import Struct
from typing import Final

from engine.messages.market import Tick
from engine.units import NS_PER_S

CURRENCY_SEGMENTS: Final = {3: "CDS", 6: "BCD"}
"""Low byte of the token -> segment: prices in 1e-7 and 1e-4 rupees with ticks below a paisa."""
SEGMENT_NCO: Final = 12
"""NSE commodities: prices in 1e-4 rupees."""

_full: Final = Struct(">II8xI24xII8xIII52xII").unpack_from
_quote: Final = Struct(">II8xI").unpack_from
_index: Final = Struct(">II20xI").unpack_from
_ltp: Final = Struct(">II").unpack_from
_token: Final = Struct(">I").unpack_from


def segment_of(token: int) -> int:
    """The segment number of an instrument token. Source: kiteconnect 5.2.2, EXCHANGE_MAP."""
    return token & 0xFF


def token_fault(token: int) -> str:
    """Why ticks of a token cannot be taken, "" if they can."""
    if not 0 < token < 1 << 32:
        return f"token {token} is not an unsigned number of 32 bits"
    if segment_of(token) in CURRENCY_SEGMENTS:
        segment = CURRENCY_SEGMENTS[segment_of(token)]
        return f"token {token} is in {segment}: currency prices are finer than a paisa"
    return ""


class KiteFrames:
    """The parser of one connection.

    Args:
        names: instrument token -> instrument name, for all tokens that were asked for.
        needs_time: only packets with the exchange's time become ticks (all is in full mode).

    Raises:
        ValueError: a token in a refused segment (`token_fault`).

    `skipped` counts what was not made a tick, by reason.
    """

    def __init__(self, names: Mapping[int, str], *, needs_time: bool = False) -> None:
        faults = [fault for token in names if (fault := token_fault(token))]
        if faults:
            raise ValueError("; ".join(faults))
        self._names = {t: n for t, n in names.items() if segment_of(t) != SEGMENT_NCO}
        self._finer = {t: n for t, n in names.items() if segment_of(t) == SEGMENT_NCO}
        self._needs_time = needs_time
        self.skipped: Counter[str] = Counter()

    def ticks(self, frame: bytes, received_at_ns: int) -> tuple[Tick, ...]:
        """The ticks of a frame, in its order; () for a heartbeat. Never raises.

        Args:
            frame: the payload of one binary websocket message.
            received_at_ns: when it came, UTC ns; also the tick's time where the packet has none.
        """
        size = len(frame)
        if size < 2:
            return ()
        names, found = self._names, []
        at = 2
        for _ in range(frame[0] << 8 | frame[1]):
            if at + 2 > size:
                self.skipped["truncated"] += 1
                break
            length = frame[at] << 8 | frame[at + 1]
            at += 2
            if at + length > size:
                self.skipped["truncated"] += 1
                break
            if length == 184:
                token, price, volume, traded, oi, time, bids, bid, asks, ask = _full(frame, at)
                name = names.get(token)
                if name is not None:
                    found.append(
                        Tick(
                            instrument=name,
                            price_paise=price,
                            at_ns=time * NS_PER_S,
                            received_at_ns=received_at_ns,
                            volume_day=volume,
                            oi=oi,
                            bid_paise=bid,
                            ask_paise=ask,
                            bid_quantity=bids,
                            ask_quantity=asks,
                            traded_at_ns=traded * NS_PER_S,
                        )
                    )
                    at += 184
                    continue
            tick = self._tick(frame, at, length, received_at_ns)
            if tick is not None:
                found.append(tick)
            at += length
        else:
            if at < size:
                self.skipped["trailing"] += 1
        return tuple(found)

    def _tick(self, frame: bytes, at: int, length: int, received_at_ns: int) -> Tick | None:
        """One packet of any kind, all of whose bytes are there."""
        if length not in _LENGTHS:
            self.skipped["length_unknown"] += 1
            return None
        (token,) = _token(frame, at)
        name = self._names.get(token)
        if name is None:
            name = self._finer.get(token)
            if name is None:
                is_currency = segment_of(token) in CURRENCY_SEGMENTS
                self.skipped["segment_currency" if is_currency else "token_unknown"] += 1
                return None
        if self._needs_time and length not in _TIMED:
            self.skipped["time_missing"] += 1
            return None
        if segment_of(token) == SEGMENT_NCO:
            return _in_paise(_read(frame, at, length, name, received_at_ns))
        return _read(frame, at, length, name, received_at_ns)


_LENGTHS: Final = frozenset({8, 28, 32, 44, 184})
_TIMED: Final = frozenset({32, 184})


def _read(frame: bytes, at: int, length: int, name: str, received_at_ns: int) -> Tick:
    """A packet's numbers as they are: right for segments whose prices come in paise."""
    if length == 184:
        _, price, volume, traded, oi, time, bids, bid, asks, ask = _full(frame, at)
        return Tick(
            instrument=name,
            price_paise=price,
            at_ns=time * NS_PER_S,
            received_at_ns=received_at_ns,
            volume_day=volume,
            oi=oi,
            bid_paise=bid,
            ask_paise=ask,
            bid_quantity=bids,
            ask_quantity=asks,
            traded_at_ns=traded * NS_PER_S,
        )
    volume, at_ns = 0, received_at_ns
    if length == 44:
        _, price, volume = _quote(frame, at)
    elif length == 32:
        _, price, time = _index(frame, at)
        at_ns = time * NS_PER_S
    else:
        _, price = _ltp(frame, at)
    return Tick(
        instrument=name,
        price_paise=price,
        at_ns=at_ns,
        received_at_ns=received_at_ns,
        volume_day=volume,
    )


def _in_paise(tick: Tick) -> Tick:
    """The same tick with prices of 1e-4 rupees as the nearest whole paise."""
    return Tick(
        instrument=tick.instrument,
        price_paise=_hundredth(tick.price_paise),
        at_ns=tick.at_ns,
        received_at_ns=tick.received_at_ns,
        volume_day=tick.volume_day,
        oi=tick.oi,
        bid_paise=_hundredth(tick.bid_paise),
        ask_paise=_hundredth(tick.ask_paise),
        bid_quantity=tick.bid_quantity,
        ask_quantity=tick.ask_quantity,
        traded_at_ns=tick.traded_at_ns,
    )


def _hundredth(value: int) -> int:
    """A hundredth, half to even."""
    whole, rest = divmod(value, 100)
    return whole + (rest > 50 or (rest == 50 and whole % 2))
