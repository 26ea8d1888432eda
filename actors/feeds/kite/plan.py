"""What one connection to Kite's stream is for, and how its parts are made.

Decides the bounds of a connection. Refuses to know events.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

import msgspec

from actors.brokers.kite.credentials import Credentials
from actors.feeds.kite.places import address_fault
from actors.feeds.kite.table import read_table
from actors.runtime.behaviour import Context
from actors.runtime.foreign import Mailslot
from engine.errors import ConfigInvalid
from engine.market.kite_link import LinkLimits
from engine.market.kite_table import tokens_of

MODES: Final = frozenset({"ltp", "quote", "full"})
TOKENS_MAX: Final = 3_000
"""Of one connection. Source: Kite Connect v3 documentation, 2026-11."""

Names = Callable[[str], Mapping[int, str]]
"""Token -> instrument name on an IST day (ISO). Raises ConfigInvalid: no list, an old list, a name
that is not in it."""


class FrameCame(msgspec.Struct, frozen=True, gc=False):
    """A websocket message, stamped where it arrived."""

    payload: bytes
    is_binary: bool
    at_ns: int
    mono_ns: int


class SocketOpened(msgspec.Struct, frozen=True, gc=False):
    """Handshake done, subscriptions sent."""

    mono_ns: int


class SocketLost(msgspec.Struct, frozen=True, gc=False):
    """The end of one attempt, exactly one for each; `text` is the libraries' word for why."""

    text: str
    mono_ns: int


SocketEvent = FrameCame | SocketOpened | SocketLost
Slot = Mailslot[SocketEvent]


class FeedPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One connection.

    Args:
        root: address of the stream; see `places.address_fault`.
        mode: ltp, quote or full, for all tokens.
        hint_to: gets order hints; "" is nobody.
        ca_file: PEM of an authority to trust instead of the platform's; "": the platform's.
    """

    root: str
    mode: str = "full"
    hint_to: str = ""
    ca_file: str = ""
    limits: LinkLimits = LinkLimits()

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"mode {self.mode!r} is not one of {sorted(MODES)}")
        if fault := address_fault(self.root, "wss", "ws"):
            raise ValueError(fault)


class Ticker(Protocol):
    """One attempt to have a stream (`actors.feeds.kite.ticker.RawTicker`)."""

    def begin(self) -> None:
        """Start to connect; ends with exactly one `SocketLost`."""

    def drop(self) -> None:
        """Cut the connection."""


MakeTicker = Callable[[Credentials, FeedPlan, Mapping[int, str], Slot, Context], Ticker]


def names_from_table(path: Path, wanted: tuple[str, ...]) -> Names:
    """The names' tokens by the list on disk, read anew each time."""

    def names(day: str) -> Mapping[int, str]:
        found, faults = tokens_of(read_table(path), wanted, day)
        if faults:
            raise ConfigInvalid(faults)
        return found

    return names
