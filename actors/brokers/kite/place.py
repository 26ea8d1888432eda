"""Where and how a Kite account is traded, as plain values, and the broker made from them.

Decides the bounds of one call to the broker: whatever it does, it ends within BROKER_CALL_MS_MAX,
or the process that does it is killed. Refuses keys: they are not configuration and are read where
they are needed (`credentials.py`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from actors.brokers.kite.broker import KiteBroker
from actors.brokers.kite.credentials import Credentials
from actors.brokers.kite.keys import Keys
from actors.brokers.kite.money import Margins
from actors.brokers.kite.transport import ROOT, TransportSettings
from engine.errors import ConfigInvalid
from engine.kite.forms import FormSettings
from engine.kite.outcome import Verdict
from engine.limits import BROKER_CALL_MS_MAX
from engine.units import BPS, NS_PER_MS

if TYPE_CHECKING:
    from actors.brokers.kite.session import KiteSession


class KitePlace(msgspec.Struct, frozen=True, kw_only=True):
    """One account.

    `root` of the API ("http://127.0.0.1:port": a practice exchange); `ca_file` "" trusts what the
    client library trusts; `yield_ms`, `read_yield_ms`: a write, a read that has taken so long ends
    as soon as an exit waits behind it; `protection_bps` of a MARKET or SL-M order, 0: the broker's
    own band; `margin_cushion_bps`: the share of the buying power that no entry may touch (asked
    before each), None: nothing is asked; `account`: the user id that a token must be of, "" for
    anybody's.
    """

    root: str = ROOT
    ca_file: str = ""
    connect_ms: int = 3_000
    write_ms: int = 7_000
    read_ms: int = 3_000
    yield_ms: int = 1_000
    read_yield_ms: int = 300
    idle_ms: int = 20_000
    protection_bps: int = 0
    algo_id: str = ""
    margin_cushion_bps: int | None = None
    account: str = ""

    def faults(self) -> tuple[str, ...]:
        """What is wrong with it, all of it."""
        checks = {
            "connect_ms: 1 to write_ms": 0 < self.connect_ms <= self.write_ms,
            "idle_ms: 0 or more": self.idle_ms >= 0,
            "margin_cushion_bps: 0 to 9999": 0 <= (self.margin_cushion_bps or 0) < BPS,
            "protection_bps: 0 to 10000": 0 <= self.protection_bps <= BPS,
            "yield_ms: 0 to write_ms": 0 <= self.yield_ms <= self.write_ms,
            "read_yield_ms: 0 to read_ms": 0 <= self.read_yield_ms <= self.read_ms,
            "read_ms: three reads within a call": 0 < 3 * self.read_ms < BROKER_CALL_MS_MAX,
            "write_ms: a look-up and two writes within a call": (
                0 < self.read_ms + 2 * self.write_ms < BROKER_CALL_MS_MAX
            ),
        }
        return tuple(f"kite {text}" for text, is_met in checks.items() if not is_met)


def make_broker(place: KitePlace, environ: Mapping[str, str]) -> KiteBroker:
    """The live broker, its keys read from the environment or the files named there.

    From here on no handler of the process's log writes them.

    Raises:
        ConfigInvalid: the place or the keys have faults, all listed.
        StateUnsafe: a file is not safe to hold a secret.
    """
    if faults := place.faults():
        raise ConfigInvalid(faults)
    keys = Keys(environ)
    session = open_session(place, keys())
    cushion = place.margin_cushion_bps
    return KiteBroker(
        session,
        FormSettings(protection_bps=place.protection_bps, algo_id=place.algo_id),
        keys,
        None if cushion is None else lambda note: Margins(session, cushion, note),
        place.account,
    )


def ask_profile(place: KitePlace, environ: Mapping[str, str]) -> Verdict:
    """Whose token it is, by a connection of its own; the logs of this process lose the keys.

    Raises:
        ConfigInvalid: keys are missing or malformed.
        StateUnsafe: a file is not safe to hold a secret.
    """
    session = open_session(place, Keys(environ)())
    try:
        return session.profile()
    finally:
        session.close()


def open_session(place: KitePlace, credentials: Credentials) -> "KiteSession":
    """A session at the place. Raises ConfigInvalid: its root is not to be trusted with keys."""
    # The client library takes 0.4 s and 27 MB to load, which only who calls the broker pays.
    from actors.brokers.kite.session import KiteSession  # noqa: PLC0415

    settings = TransportSettings(
        connect_ns_max=place.connect_ms * NS_PER_MS,
        total_ns_max=place.write_ms * NS_PER_MS,
        read_ns_max=place.read_ms * NS_PER_MS,
        yield_ns=place.yield_ms * NS_PER_MS,
        read_yield_ns=place.read_yield_ms * NS_PER_MS,
        idle_ns_max=place.idle_ms * NS_PER_MS,
        ca_file=place.ca_file,
    )
    return KiteSession(credentials, place.root, settings)
