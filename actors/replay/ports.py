"""Ports of a replay: they answer as they did, and hold what is written against the recording.

Decides what of a write is compared: every record and every chain value. Refuses to store anything.
"""

from collections.abc import Sequence
from typing import NoReturn

import msgspec

from actors.capture.events import Called
from actors.replay.difference import Diverged, shown_record
from actors.replay.player import Player
from actors.stores.latches import Latch
from actors.stores.port import Entry, Head, InstrumentPnl, JsonValue, Stored
from engine import errors
from engine.errors import JournalDamaged, PaharaError
from engine.journal import decode
from engine.messages.values import Book

_BUILT_IN = {kind.__name__: kind for kind in (OSError, ValueError, TypeError, MemoryError)}


def raise_recorded(called: Called) -> None:
    """Raise what the port raised, if it did. A type that is not ours is stood for by one of the
    same name."""
    if not called.error:
        return
    own = getattr(errors, called.error, None)
    if isinstance(own, type) and issubclass(own, PaharaError):
        raise own(called.text)
    kind = _BUILT_IN.get(called.error) or type(called.error, (Exception,), {})
    raise kind(called.text)


class ReplayedStore:
    """A `JournalStorePort`."""

    commit_took_ns = 0

    def __init__(self, player: Player) -> None:
        self._player = player
        self._port = player.port("store")
        player.call(self._port, "make")

    def open(self) -> Head:
        return self._head("open")

    def close(self) -> None:
        return None

    def commit(self, batch: Sequence[Entry]) -> None:
        called = self._player.call(self._port, "commit")
        rows = [(entry.seq, entry.body, entry.chain) for entry in batch]
        recorded = msgspec.convert(called.value, list[tuple[int, bytes, bytes]])
        compare(self._player, rows, recorded)
        raise_recorded(called)
        self._player.wrote(rows)

    def load_day(self, since_ns: int) -> tuple[Stored, ...]:
        return self._rows("load_day")

    def load_group(self, group_id: str) -> tuple[Stored, ...]:
        return self._rows("load_group")

    def verify(self, from_seq: int = 1) -> Head:
        return self._head("verify")

    def count_duplicate_order_intents(self, hours: int, now_ns: int) -> int:
        _not_captured()

    def pnl_from_trades(self, book: Book, since_ns: int) -> tuple[InstrumentPnl, ...]:
        _not_captured()

    def state_get(self, key: str) -> JsonValue:
        _not_captured()

    def state_set(self, key: str, value: JsonValue) -> None:
        _not_captured()

    def _head(self, operation: str) -> Head:
        called = self._player.call(self._port, operation)
        raise_recorded(called)
        return msgspec.convert(called.value, Head)

    def _rows(self, operation: str) -> tuple[Stored, ...]:
        called = self._player.call(self._port, operation)
        raise_recorded(called)
        rows = msgspec.convert(called.value, list[tuple[int, bytes]])
        return tuple(Stored(seq, decode(body)) for seq, body in rows)


class ReplayedSpool:
    """A `SpoolPort`."""

    def __init__(self, player: Player) -> None:
        self._player = player
        self._port = player.port("spool")
        called = player.call(self._port, "make")
        raise_recorded(called)
        self._records = msgspec.convert(called.value, list[tuple[int, bytes]])

    def append(self, records: list[tuple[int, bytes]]) -> None:
        called = self._player.call(self._port, "append")
        recorded = msgspec.convert(called.value, list[tuple[int, bytes]])
        compare(self._player, records, recorded)
        raise_recorded(called)
        self._records.extend(records)

    def records(self) -> list[tuple[int, bytes]]:
        return list(self._records)

    def clear(self) -> None:
        raise_recorded(self._player.call(self._port, "clear"))
        self._records.clear()

    def close(self) -> None:
        return None


class ReplayedLatches:
    """A `LatchStore`."""

    def __init__(self, player: Player) -> None:
        self._player = player

    def load(self) -> tuple[Latch, ...]:
        called = self._player.call("latches", "load")
        raise_recorded(called)
        return tuple(msgspec.convert(called.value, list[Latch]))

    def sentinel(self) -> str:
        return str(self._player.answer("latches", "sentinel"))

    def set(self, name: str, *, reason: str, by: str, at_ns: int) -> None:
        self._compare("set", [name, reason, by, at_ns])

    def clear(self, name: str) -> None:
        self._compare("clear", name)

    def _compare(self, operation: str, value: object) -> None:
        called = self._player.call("latches", operation)
        if called.value != value:
            error = Diverged("a latch", recorded=str(called.value), replayed=str(value))
            raise self._player.diverged(error)
        raise_recorded(called)


class ReplayedLedger:
    """Restarts of the day."""

    def __init__(self, player: Player) -> None:
        self._player = player

    def note(self, name: str, kind: str, now_ns: int) -> bool:
        called = self._player.call("ledger", "note")
        raise_recorded(called)
        recorded_name, recorded_kind, is_spent = msgspec.convert(
            called.value, tuple[str, str, bool]
        )
        if (recorded_name, recorded_kind) != (name, kind):
            recorded = f"{recorded_name}: {recorded_kind}"
            error = Diverged("a restart", recorded=recorded, replayed=f"{name}: {kind}")
            raise self._player.diverged(error)
        return is_spent


def compare(
    player: Player, rows: Sequence[tuple[object, ...]], recorded: Sequence[tuple[object, ...]]
) -> None:
    """Hold written records against the recorded ones; the first that differs is shown."""
    for number in range(max(len(rows), len(recorded))):
        mine = rows[number] if number < len(rows) else None
        theirs = recorded[number] if number < len(recorded) else None
        if mine != theirs:
            error = Diverged(
                "a journal record", recorded=_record_text(theirs), replayed=_record_text(mine)
            )
            raise player.diverged(error)


def _record_text(row: tuple[object, ...] | None) -> str:
    match row:
        case (int(seq), bytes(body), *_):
            try:
                return shown_record(seq, body)
            except JournalDamaged as error:
                return f"{seq}: {error}"
        case _:
            return "no record"


def _not_captured() -> NoReturn:
    raise NotImplementedError("no actor asks this")
