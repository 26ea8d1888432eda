"""Builds the writer of a live account from plain values, so that it runs in a process of its own.

Decides nothing. Stands alone because a child process imports this file and little else. A process,
because a call to the broker that hangs beyond its deadline (a name look-up, a library) can only be
ended by killing it; what it had sent is then UNKNOWN, like everything a dead writer leaves.
"""

import os
from collections.abc import Mapping
from typing import Any

import msgspec

from actors.brokers.kite.place import KitePlace, make_broker
from actors.brokers.paper import PaperBroker
from actors.brokers.port import BrokerPort
from actors.live_entries import LiveEntries, LivePlan
from actors.writer import WriterBehaviour
from engine.exchange.venue import VenueSettings
from engine.instruments import Instrument
from engine.messages.values import Book
from engine.risk.gate import GateCaps


def make(
    instruments: bytes,
    trading_day: str,
    caps: Mapping[str, int],
    kite: Mapping[str, Any],
    live: Mapping[str, Any],
) -> WriterBehaviour:
    """The behaviour `writer` with both books.

    Args:
        instruments: msgpack of a tuple of `Instrument`.
        trading_day: "2026-11-20", of the paper book.
        caps: the fields of `GateCaps`.
        kite: those of `KitePlace`.
        live: those of `LivePlan`.

    Raises:
        ConfigInvalid: the account's place or keys have faults.
        StateUnsafe: a file of keys is not safe to hold them.
    """
    names = msgspec.msgpack.decode(instruments, type=tuple[Instrument, ...])
    by_name = {item.name: item for item in names}
    brokers: dict[Book, BrokerPort] = {
        Book.PAPER: PaperBroker(by_name, VenueSettings(), trading_day),
        Book.LIVE: make_broker(msgspec.convert(kite, KitePlace), os.environ),
    }
    multipliers = {item.name: item.multiplier for item in names}
    entries = LiveEntries(msgspec.convert(live, LivePlan), multipliers)
    return WriterBehaviour(
        brokers=brokers, instruments=names, caps=GateCaps(**caps), entries=entries
    )
