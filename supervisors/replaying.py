"""A captured session through the same actors: the tree built anew, driven by the log.

Decides what of the engine a replay consists of. Refuses to know command lines and file formats.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import msgspec

from actors.brokers.kite.place import KitePlace
from actors.capture.rooms import OUTSIDE
from actors.capture.sessions import Session
from actors.replay.difference import Difference
from actors.replay.plan import plan_of
from actors.replay.player import Player
from actors.replay.ports import ReplayedLatches, ReplayedLedger, ReplayedSpool, ReplayedStore
from actors.replay.rooms import (
    ReplayClock,
    ReplayDirectory,
    ReplayPool,
    ReplayRoom,
    StubRoom,
)
from actors.runtime.behaviour import Behaviour
from actors.runtime.room import Room
from actors.runtime.roomspec import RoomSpec
from actors.runtime.runtime import HostKind, Runtime, SeededHosts
from actors.stores.latches import LatchStore
from actors.stores.port import JournalStorePort
from actors.stores.spool import SpoolPort
from engine.messages.base import Message
from supervisors.config import EngineConfig
from supervisors.engine import Engine
from supervisors.feeding import LOGIN, has_login, kite_feeds
from supervisors.live import make_parts
from supervisors.spec import Factory

CONTROL_SIDE = ("alerts", "console", "metrics", "heartbeat")
"""And "login", where Kite is the source."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay came to. `journal_digest` is the chain value after the last record, number
    `journal_seq`, as the database has it. `failures_imposed`: actors that failed in the recording
    for a reason that does not come again (memory, a fault put in from outside) and were ended as
    recorded."""

    difference: Difference | None
    is_complete: bool
    bytes_cut: int
    events: int
    records: int
    journal_seq: int
    journal_digest: str
    actors: int
    failures: int
    failures_imposed: int


class ReplayRuntime(Runtime):
    """Starts rooms that wait for the log; actors outside of the recording are stubs."""

    def __init__(
        self, player: Player, clock: ReplayClock, *, outside: frozenset[str] = OUTSIDE
    ) -> None:
        super().__init__(SeededHosts(ReplayPool(clock)), ReplayDirectory(player))
        self._outside = outside

    def start(self, spec: RoomSpec, kind: HostKind = HostKind.POOLED, pool: str = "core") -> Room:
        is_stub = kind is HostKind.PROCESS or spec.name in self._outside
        host = self.hosts.pool_for(kind, pool, spec.name)
        return (StubRoom if is_stub else ReplayRoom).begin(spec, host, self.directory)


class ReplayedKeepers:
    """Stores that answer as recorded."""

    def __init__(self, player: Player) -> None:
        self._player = player
        self._latches = ReplayedLatches(player)

    @property
    def latches(self) -> LatchStore:
        return self._latches

    def make_store(self) -> JournalStorePort:
        return ReplayedStore(self._player)

    def make_spool(self) -> SpoolPort:
        return ReplayedSpool(self._player)


def config_of(session: Session) -> EngineConfig:
    """The configuration that the session ran with."""
    return msgspec.json.decode(session.header.config, type=EngineConfig)


def replay(session: Session, config: EngineConfig, *, is_strict: bool = True) -> Outcome:
    """Replay a session under a configuration, its own or a changed one.

    Args:
        is_strict: a message that was sent and never handled is a difference too.

    Raises:
        CaptureDamaged: the session does not verify.
        ConfigInvalid: the tree cannot be built.
    """
    header = session.header

    def build(runtime: Runtime, player: Player) -> None:
        outside = (*CONTROL_SIDE, *((LOGIN,) if has_login(config) else ()))
        keepers, control = ReplayedKeepers(player), dict.fromkeys(outside, _no_factory)
        extra: dict[str, Factory] = {**control, **kite_feeds(config, Path())}  # in name only
        kite = KitePlace() if config.kite.account else None  # in name only, too
        parts = make_parts(config, header.pace.now_ns, keepers, extra, kite)
        parts = dataclasses.replace(parts, config_sha=header.config_sha)
        Engine(runtime, parts, seed=header.seed, ledger=ReplayedLedger(player))

    return replay_tree(session, build, is_strict=is_strict)


def replay_tree(
    session: Session,
    build: Callable[[Runtime, Player], None],
    *,
    outside: frozenset[str] = OUTSIDE,
    is_strict: bool = True,
) -> Outcome:
    """Replay a session of any tree: `build` starts what was started from outside of it.

    Raises:
        CaptureDamaged: the session does not verify.
    """
    plan = plan_of(session.events())
    clock = ReplayClock(session.header.pace.now_ns, session.header.pace.mono_ns)
    player = Player(plan, clock.move, is_strict=is_strict)
    build(ReplayRuntime(player, clock, outside=outside), player)
    difference = player.play(session.events())
    return Outcome(
        difference=difference,
        is_complete=plan.is_complete,
        bytes_cut=session.bytes_cut,
        events=player.events_count,
        records=player.records_count,
        journal_seq=player.head.seq,
        journal_digest=player.head.chain.hex(),
        actors=len(plan.names),
        failures=plan.failures_count,
        failures_imposed=player.imposed_count,
    )


def _no_factory(_: Message | None) -> Behaviour:
    raise AssertionError("an actor outside of the recording is never opened")
