"""Kite's stream in the tree: how many connections, who takes in what, and what boot checks.

Decides the share of each connection and that an engine whose instruments have no believable token
does not start. Refuses to know sockets: the processes are named by their factories.
"""

import os
from pathlib import Path

import msgspec

from actors.brokers.kite.credentials import KEYS, load_credentials
from actors.feeds.kite.places import is_here
from actors.feeds.kite.table import TABLE_FILE, read_table
from actors.runtime.clock import Clock, LapseClock, SystemClock, wall_ns
from actors.runtime.target import ProcessTarget
from engine.errors import ConfigInvalid
from engine.market.kite_table import size_faults, tokens_of
from engine.session import ist_day
from supervisors.config import EngineConfig, instruments
from supervisors.kiteconfig import CONNECTIONS_MAX, TOKENS_MAX
from supervisors.reference import with_reference
from supervisors.spec import Factory
from supervisors.tables import load_freeze, load_sessions

PREFIX = "kitefeed/"
LOGIN = "login"
"""The guard of the token, wherever one is needed."""


def has_login(config: EngineConfig) -> bool:
    """Whether the engine needs a login at Kite: for its prices, and for an account with them."""
    return config.market.source == "kite"


def kite_sources(config: EngineConfig) -> dict[str, str]:
    """Instrument -> the actor that takes its ticks in; empty if Kite is not the source."""
    if config.market.source != "kite":
        return {}
    assert len(config.instruments) <= CONNECTIONS_MAX * TOKENS_MAX
    return {
        item.name: f"{PREFIX}{1 + number // TOKENS_MAX}"
        for number, item in enumerate(config.instruments)
    }


class Practice(msgspec.Struct, frozen=True):
    """What a practice exchange says of itself: its ports, and its clock (start 0: real time)."""

    host: str
    rest: int
    ws: int
    speed: int
    start_ns: int
    origin_ns: int


def practice_of(config: EngineConfig) -> Practice | None:
    """The practice exchange that the configuration names, None if it names none.

    Raises:
        ConfigInvalid: it does not run, runs at another speed, or not on this machine.
    """
    if config.market.source != "kite" or not config.kite.practice:
        return None
    path = Path(os.path.expandvars(config.kite.practice)).expanduser()
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Practice)
    except (OSError, msgspec.DecodeError):
        raise ConfigInvalid((f"kite.practice: no exchange has written {path}",)) from None
    faults = []
    if not is_here(found.host):
        faults.append(f"kite.practice: {found.host} is not this machine")
    if found.speed != config.market.speed:
        faults.append(f"market.speed: the practice exchange runs at {found.speed}")
    if faults:
        raise ConfigInvalid(tuple(faults))
    return found


def practice_clock(practice: Practice) -> Clock:
    """The exchange's clock, in this process."""
    if not practice.start_ns:
        return SystemClock()
    return LapseClock(
        start_ns=practice.start_ns, speed=practice.speed, origin_ns=practice.origin_ns
    )


def rest_root(config: EngineConfig) -> str:
    """Where the REST API is now. Raises ConfigInvalid as `practice_of` does."""
    practice = practice_of(config)
    return f"http://{practice.host}:{practice.rest}" if practice else config.kite.api_url


def market_now_ns(config: EngineConfig) -> int:
    """The clock that the configured market goes by. Raises ConfigInvalid as `practice_of` does."""
    practice = practice_of(config)
    return wall_ns() if practice is None else practice_clock(practice).now_ns()


def stream_url(config: EngineConfig) -> str:
    """Where the stream is now. Raises ConfigInvalid as `practice_of` does."""
    practice = practice_of(config)
    return f"ws://{practice.host}:{practice.ws}" if practice else config.kite.stream_url


def kite_feeds(config: EngineConfig, state_dir: Path, url: str = "") -> dict[str, Factory]:
    """The factory of each connection, by name; `url` is the configured one if not given.

    Hints of orders go to the writer of a live account, whose broker reads them; without one to the
    watcher, where they lead to nothing.
    """
    shares: dict[str, list[str]] = {}
    for instrument, source in kite_sources(config).items():
        shares.setdefault(source, []).append(instrument)
    kite = config.kite
    return {
        source: ProcessTarget(
            factory="actors.feeds.kite.maker:make_from_table",
            environ=KEYS,
            arguments={
                "table": str(state_dir / TABLE_FILE),
                "wanted": wanted,
                "root": url or kite.stream_url,
                "ca_file": kite.ca_file,
                "hint_to": "writer" if kite.account else "watcher",
                "limits": {
                    "silence_ms_max": kite.silence_ms_max,
                    "connects_minute_max": kite.connects_minute_max,
                },
            },
        )
        for source, wanted in shares.items()
    }


def check_source(config: EngineConfig, state_dir: Path, now_ns: int) -> EngineConfig:
    """Refuse to start on a list of instruments that cannot be believed, or without a login's shape.

    Returns:
        The configuration with what the list and the dated tables say of its names.

    Raises:
        ConfigInvalid: every fault.
        StateUnsafe: a file of the login is open to others.
    """
    if config.market.source != "kite":
        return config
    load_credentials(os.environ)
    table = read_table(state_dir / TABLE_FILE)
    wanted = tuple(item.name for item in config.instruments)
    _, faults = tokens_of(table, wanted, ist_day(now_ns).isoformat())
    faults += size_faults(table, instruments(config))
    if faults:
        raise ConfigInvalid(faults)
    day = ist_day(now_ns)
    return with_reference(config, table, load_freeze(), load_sessions(), day)
