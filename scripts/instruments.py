"""`pahara instruments`: the day's list of instruments, from the broker to the state directory.

Decides what the operator is told of it. Run it after 08:30 IST on each trading day: tokens of
derivatives change hands, and an engine whose list is old does not start. A running engine takes a
new list within a minute.
"""

import argparse
import datetime as dt
import os
import sys
import threading
from pathlib import Path
from typing import Final

from actors.brokers.kite.credentials import load_credentials
from actors.brokers.kite.place import open_session
from actors.feeds.kite.fetch import fetch_list
from actors.feeds.kite.table import TABLE_FILE, read_table, write_table
from engine.errors import ConfigInvalid, PaharaError, WireMalformed
from engine.kite.money import price_bands
from engine.market.kite_table import TableRefused, size_faults, table_of, tokens_of, with_bands
from engine.messages.broker import Outcome
from engine.session import ist_day
from scripts import exits
from supervisors.config import EngineConfig, instruments, load_config
from supervisors.feeding import market_now_ns, rest_root
from supervisors.liveaccount import rest_place
from supervisors.reference import with_reference
from supervisors.tables import load_freeze, load_sessions

NAMES_PER_QUOTE_MAX: Final = 500
QUOTE_EVERY_S: Final = 1.1
"""Kite answers one quote a second. Source: Kite Connect v3, rate limits (2026-11)."""


def sync_instruments(args: argparse.Namespace) -> int:
    """Fetch, or read from `--from`, and keep; then hold the configuration against it.

    Returns:
        0; 1 if the broker does not answer or sends something else; 4 if the configuration names
        what the list does not have, or other lots and ticks.
    """
    path: Path = args.state_dir / TABLE_FILE
    try:
        config = load_config(args.config)
        today = ist_day(market_now_ns(config)).isoformat()
        text = _text(args.source, config)
        table, rejected = table_of(today, text.splitlines())
        if args.source is None and config.market.source == "kite":
            table = with_bands(table, _bands(config))
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_table(path, table)
        counts = ", ".join(f"{count} {reason}" for reason, count in sorted(rejected.items()))
        left_out = f"; left out: {counts}" if counts else ""
        print(f"{len(table.rows)} instruments of {today} in {path}{left_out}")
        return check_list(config, path, today)
    except ConfigInvalid as error:
        print("\n".join(f"configuration: {fault}" for fault in error.faults), file=sys.stderr)
        return exits.CONFIG
    except (PaharaError, TableRefused, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return exits.ERROR


def _text(source: Path | None, config: EngineConfig) -> str:
    if source is not None:
        return source.read_text(encoding="utf-8", errors="replace")
    return fetch_list(load_credentials(os.environ), rest_root(config))


def _bands(config: EngineConfig) -> dict[str, tuple[int, int]]:
    """The price bands of the configured names. Without them an entry is held against the last price
    alone, so that an answer that does not come is told and is no reason to stop."""
    names = [item.name for item in config.instruments]
    session = open_session(rest_place(config), load_credentials(os.environ))
    found: dict[str, tuple[int, int]] = {}
    pause = threading.Event()
    try:
        for start in range(0, len(names), NAMES_PER_QUOTE_MAX):
            some = names[start : start + NAMES_PER_QUOTE_MAX]
            if start:
                pause.wait(QUOTE_EVERY_S)
            verdict = session.quote(some)
            if verdict.outcome is not Outcome.ACKED:
                print(f"warning: price bands were not read: {verdict.text}", file=sys.stderr)
                break
            found |= price_bands(verdict.data, some)
    except WireMalformed as error:
        print(f"warning: price bands were not read: {error}", file=sys.stderr)
    finally:
        session.close()
    print(f"{len(found)} of {len(names)} price bands")
    return found


def check_list(config: EngineConfig, path: Path, today: str) -> int:
    """Hold a configuration against the list on disk.

    Raises:
        ConfigInvalid: what does not agree.
    """
    table = read_table(path)
    if config.market.source != "kite":
        return exits.OK
    _, faults = tokens_of(table, tuple(item.name for item in config.instruments), today)
    faults += size_faults(table, instruments(config))
    if faults:
        raise ConfigInvalid(faults)
    day = dt.date.fromisoformat(today)
    with_reference(config, table, load_freeze(), load_sessions(), day)
    return exits.OK
