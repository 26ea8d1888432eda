"""When an order was where: the journal's and the session's instants beside the exchange's.

Decides which event of the engine's own session stands for which place of the line. The engine that
is measured is `pahara run` as it is: nothing in it is changed to be measured.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import psycopg

from actors.capture.events import Entered, Handled, Inbound, digest_of, encoded
from actors.capture.sessions import Session, find_folder
from actors.stores.database import open_database
from engine.journal import decode
from engine.messages.broker import IntentAnswered, Outcome
from engine.messages.journal import Journaled
from engine.messages.records import IntentPlanned, SignalRecorded
from engine.messages.values import Action, Leg
from scripts.bench_live.marked import received_at

_RECORDS: Final = "SELECT seq, body FROM journal WHERE realm = 'paper' ORDER BY seq"
_WATCHER: Final = "watcher"
_PLACED: Final = [Action.PLACE.value, Outcome.ACKED.value]


class Lapse(NamedTuple):
    """The market clock of a practice exchange at real speed; the boot clock by it."""

    start_ns: int
    origin_ns: int

    def mono(self, market_ns: int) -> int:
        """The boot-clock instant of a market instant."""
        return self.origin_ns + market_ns - self.start_ns


class Passed(NamedTuple):
    """Where one entry was when, boot clock, ns; 0: not seen.

    `received` by the process of the stream, `handled` by the strategy, `planned` by its group,
    `durable` as the core is told so, `acked` as the watcher has the broker's answer.
    """

    client_order_id: str
    instrument: str
    received: int
    handled: int
    planned: int
    durable: int = 0
    acked: int = 0


def passages(state_dir: Path, lapse: Lapse) -> list[Passed]:
    """Every live entry of an engine that has ended, in order."""
    found, durable = _entries(state_dir, lapse)
    times = _watched(state_dir, durable)
    return [
        entry._replace(
            durable=times.get(("durable", entry.client_order_id), 0),
            acked=times.get(("acked", entry.client_order_id), 0),
        )
        for entry in found
    ]


def _entries(state_dir: Path, lapse: Lapse) -> tuple[list[Passed], dict[bytes, str]]:
    """The entries, and the digest by which the session knows their durable records."""
    database = open_database(state_dir, None)
    database.start()
    try:
        with psycopg.connect(database.dsn) as conn:
            rows = [(seq, decode(body)) for seq, body in conn.execute(_RECORDS, binary=True)]
    finally:
        database.stop()
    found: list[Passed] = []
    digests, signals = dict[bytes, str](), dict[str, tuple[int, int]]()
    for seq, record in rows:
        if isinstance(record, SignalRecorded):
            signal = record.signal
            signals[signal.instrument] = (received_at(signal), signal.at_ns)
        elif (
            isinstance(record, IntentPlanned)
            and record.leg is Leg.ENTRY
            and record.action is Action.PLACE
        ):
            received_ns, signal_ns = signals[record.instrument]
            found.append(
                Passed(
                    client_order_id=record.client_order_id,
                    instrument=record.instrument,
                    received=lapse.mono(received_ns),
                    handled=lapse.mono(signal_ns),
                    planned=lapse.mono(record.at_ns),
                )
            )
            digest = digest_of(encoded(Journaled(seq=seq, record=record)))
            digests[digest] = record.client_order_id
    return found, digests


def _watched(state_dir: Path, durable: Mapping[bytes, str]) -> dict[tuple[str, str], int]:
    """When the watcher handled the durable intents and the broker's answers to them."""
    wanted = {digest: ("durable", tag) for digest, tag in durable.items()}
    times: dict[tuple[str, str], int] = {}
    watchers = set[int]()
    for seen in Session(find_folder(state_dir, "last")).events():
        if seen.event is Entered and seen.name == _WATCHER:
            watchers.add(seen.key)
        elif seen.event is Inbound and seen.name == _WATCHER:
            told: list[Any] = msgspec.msgpack.decode(seen.body)
            if told[0] == IntentAnswered.__name__ and told[3:5] == _PLACED:
                wanted[digest_of(seen.body)] = ("acked", told[2])
        elif seen.event is Handled and seen.key in watchers and seen.digest in wanted:
            times.setdefault(wanted[seen.digest], seen.mono_ns)
    return times
