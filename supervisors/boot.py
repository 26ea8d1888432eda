"""Boot: one life of the engine as a process, from the lock to the closing summary.

Decides what is refused before anything starts, what signals mean, and how an orderly end goes:
entries stop, positions go flat or keep their stops by policy, buffers are flushed, the summary is
printed. Refuses to know trading. LIVE is never a boot state: with `--mode live` it starts on paper
and listens to a phrase, if both keys are there. SIGABRT ends it at once and prints where each
thread was.

Exit codes: 0 orderly, 1 error, 4 configuration, 6 refused, 75 the tree gave up (halt is latched).
"""

import argparse
import faulthandler
import gc
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import psycopg

from actors.console import gate_line
from actors.live_gate import LiveDoor
from actors.runtime.clock import boot_ns, wall_ns
from actors.runtime.log import configure_logging, log_event
from actors.runtime.roomspec import RoomSpec
from actors.runtime.runtime import ThreadHosts
from actors.stores.live_ledger import LEDGER_FILE
from actors.stores.report_queries import realm_figures
from engine.errors import ConfigInvalid, PaharaError
from engine.messages.control import Ceiling, CeilingMoved, FlattenOrdered, OperatorCommand
from engine.messages.values import Authority
from engine.session import ist_day
from engine.units import NS_PER_S, rupees
from supervisors.beats import BeatWriter
from supervisors.capturing import begin_capture
from supervisors.config import EngineConfig, engine_faults, fingerprint, load_config
from supervisors.engine import Engine
from supervisors.history import ENGINE, History
from supervisors.latching import latch_halt, note_start
from supervisors.live import Surroundings, check_source, make_clock, make_parts
from supervisors.liveaccount import make_door, meet_account
from supervisors.outside import watch_from_outside
from supervisors.statedir import StateDir
from supervisors.stores import Stores
from supervisors.summary import Collector, summarise
from supervisors.tables import load_sessions
from supervisors.watchdog import Watchdog

REALM = "paper"
SWITCH_INTERVAL_S = 0.000_5
READY_TIMEOUT_S = 60.0
FLAT_TIMEOUT_S = 8.0
STOP_TIMEOUT_S = 20.0
RESTARTS_DAY_MAX = 50
EXIT_ERROR, EXIT_CONFIG, EXIT_REFUSED, EXIT_GAVE_UP = 1, 4, 6, 75


def run_engine(args: argparse.Namespace) -> int:
    """`pahara run`. Returns the exit code; see the module."""
    if not __debug__:
        print("error: python -O removes the engine's assertions: refused", file=sys.stderr)
        return EXIT_REFUSED
    try:
        config = with_limits(load_config(args.config), args)
        if args.mode == "live" and not config.kite.account:
            print("refused: LIVE needs kite.account in the configuration", file=sys.stderr)
            return EXIT_REFUSED
        state = StateDir(args.state_dir)
    except ConfigInvalid as error:
        for fault in error.faults:
            print(f"configuration: {fault}", file=sys.stderr)
        return EXIT_CONFIG
    except PaharaError as error:
        print(f"refused: {error}", file=sys.stderr)
        return EXIT_REFUSED
    try:
        return Life(config, state, args).live()
    except ConfigInvalid as error:
        print("\n".join(f"configuration: {fault}" for fault in error.faults), file=sys.stderr)
        return EXIT_CONFIG
    except (PaharaError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_ERROR
    finally:
        state.close()


def with_limits(config: EngineConfig, args: argparse.Namespace) -> EngineConfig:
    """The command line may replace the two account limits; the result is checked again."""
    changes: dict[str, Any] = {}
    if args.max_capital_paise is not None:
        changes["capital_inr"] = rupees(args.max_capital_paise)
    if args.max_daily_loss_paise is not None:
        changes["loss_day_inr"] = rupees(args.max_daily_loss_paise)
    if not changes:
        return config
    config = msgspec.structs.replace(config, risk=msgspec.structs.replace(config.risk, **changes))
    if faults := engine_faults(config):
        raise ConfigInvalid(faults)
    return config


class Life:
    """One life: built, observed, ended."""

    def __init__(self, config: EngineConfig, state: StateDir, args: argparse.Namespace) -> None:
        self._config = config
        self._state, self._args = state, args
        self._wake = threading.Event()
        self._signals: list[int] = []
        self._began_ns = boot_ns()
        self._has_given_up = False
        self._collector = Collector()

    def live(self) -> int:
        """Run until the time is up, a signal asks for the end, or the tree gives up."""
        path = self._state.path
        log = (path / "engine.jsonl").open("a", encoding="utf-8", buffering=1)
        (path / "engine.jsonl").chmod(0o600)
        configure_logging(log)
        faulthandler.enable()
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        with log, Stores(path, REALM) as stores:
            clock = make_clock(self._config, load_sessions(), stores.last_at_ns())
            self._since_ns = clock.now_ns()
            self._config = check_source(self._config, path, self._since_ns)
            kite = meet_account(self._config, os.environ)
            door = make_door(self._args, path, clock.now_ns, is_new=not stores.last_at_ns())
            hosts = ThreadHosts(clock)
            boot_id = f"{wall_ns():x}-{os.getpid()}"
            capture = begin_capture(self._config, path, clock, boot_id, os.getpid())
            runtime = capture.runtime(hosts)
            around = Surroundings(self._config, path, stores, boot_id)
            seen = self._collector
            room = RoomSpec(name="summary", generation=1, supervisor="", factory=lambda: seen)
            runtime.start(room, pool="control")
            beats = BeatWriter(path / "beats")
            outside = watch_from_outside(path / "beats", log)
            watchdog = Watchdog(
                hosts, clock.mono_ns, on_zombies=lambda _: self._give_up(), beats=beats
            )
            history = History(
                path / "restarts.jsonl",
                restarts_day_max=RESTARTS_DAY_MAX,
                day_of=lambda ns: ist_day(ns).isoformat(),
                now_ns=clock.now_ns(),
            )
            note_start(history, stores.latches, clock.now_ns())
            try:
                engine = Engine(
                    runtime,
                    make_parts(
                        self._config,
                        self._since_ns,
                        capture.keepers(stores),
                        around.factories(runtime, door if kite is not None else None),
                        kite,
                        door.state_dir / LEDGER_FILE,
                    ),
                    seed=os.getpid(),
                    ledger=capture.ledger(history),
                    on_end=lambda _: self._wake.set(),
                )
                watchdog.start()
                self._watch_signals()
                code = self._stay(engine, door)
                self._take_down(engine)
                if code == 0:
                    history.release(ENGINE, "an orderly end", clock.now_ns())
            finally:
                watchdog.close()
                hosts.close(2.0)
                capture.close()
                around.close()
                outside.terminate()
                outside.wait()
            self._conclude(engine, stores)
        return code

    # -- while it lives -------------------------------------------------------------------

    def _stay(self, engine: Engine, door: LiveDoor) -> int:
        porter = engine.tree.porter
        until(lambda: porter.ready.is_set() or porter.ended.is_set(), READY_TIMEOUT_S)
        if not porter.ready.is_set():
            log_event("boot_failed", "ERROR", reason=str(engine.exited))
            print(f"error: not ready: {engine.exited}", file=sys.stderr)
            return EXIT_ERROR
        gc.collect()
        gc.freeze()
        log_event("engine_started", config_sha=fingerprint(self._config), mode="PAPER")
        if self._args.mode == "live":
            print(gate_line("PAPER", door.fault()), flush=True)
        ends_ns = self._began_ns + int(self._args.for_s * NS_PER_S) if self._args.for_s else None
        while engine.exited is None and not self._has_given_up:
            wait_s = 1.0 if ends_ns is None else min(1.0, (ends_ns - boot_ns()) / NS_PER_S)
            if wait_s <= 0 or self._is_asked_to_end(engine):
                return 0
            self._wake.wait(wait_s)
            self._wake.clear()
        return self._latch_halt(engine)

    def _is_asked_to_end(self, engine: Engine) -> bool:
        while self._signals:
            number = self._signals.pop(0)
            if number in (signal.SIGINT, signal.SIGTERM):
                return True
            command = "halt" if number == signal.SIGUSR1 else "kill"
            _command(engine, command, f"signal {signal.Signals(number).name}")
        return False

    def _watch_signals(self) -> None:
        def took(number: int, _: FrameType | None) -> None:
            self._signals.append(number)
            self._wake.set()
            if self._signals.count(signal.SIGINT) > 1:
                os._exit(130)

        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
                signal.signal(number, took)

    def _give_up(self) -> None:
        self._has_given_up = True
        self._wake.set()

    def _latch_halt(self, engine: Engine) -> int:
        """The tree is spent: the next life begins HALTED and needs a person."""
        reason = engine.exited.reason if engine.exited is not None else "too many stuck actors"
        log_event("engine_gave_up", "ERROR", reason=reason)
        latch_halt(engine.latches, reason, engine.runtime.clock.now_ns())
        print(f"error: the engine gave up and is halted: {reason}", file=sys.stderr)
        return EXIT_GAVE_UP

    # -- the end --------------------------------------------------------------------------

    def _take_down(self, engine: Engine) -> None:
        """Entries stop, positions go flat (they keep their stops if that takes too long)."""
        directory, now_ns = engine.runtime.directory, engine.runtime.clock.now_ns()
        if engine.exited is None:
            shut = Ceiling(
                owner="shutdown", scope="", authority=Authority.REDUCE, reason="the engine stops"
            )
            directory.deliver("authority", CeilingMoved(ceiling=shut, at_ns=now_ns), "boot")
            flatten = FlattenOrdered(scope="", reason="shutdown", at_ns=now_ns)
            directory.deliver("custodian", flatten, "boot")
            until(lambda: not any(n.startswith("oco/") for n in directory.names()), FLAT_TIMEOUT_S)
            engine.tree.stop("the engine stops")
        if not engine.tree.porter.ended.wait(STOP_TIMEOUT_S):
            log_event("stop_overdue", "ERROR", alive=tuple(directory.names()[:20]))
        engine.tree.close()

    def _conclude(self, engine: Engine, stores: Stores) -> None:
        self._args.stop_view()
        with psycopg.connect(stores.dsn) as conn:
            figures = realm_figures(conn, stores.realm, self._since_ns)
        summary = summarise(
            figures,
            self._collector.views,
            bars=0,
            rows_rejected={},
            events=sum(pool.served_count for pool in engine.pools()),
            restarts=engine.restarts(),
            wall_s=(boot_ns() - self._began_ns) / NS_PER_S,
        )
        if self._args.summary is not None:
            Path(self._args.summary).write_text(json.dumps(summary), encoding="utf-8")
        for key, value in summary.items():
            print(f"{key:18} {value}")


def _command(engine: Engine, command: str, by: str) -> None:
    now_ns = engine.runtime.clock.now_ns()
    order = OperatorCommand(
        command=command,
        argument="",
        reason=by,
        by=by,
        request_id=f"{by}-{now_ns}",
        at_ns=now_ns,
    )
    engine.runtime.directory.deliver("authority", order, "boot")


def until(is_true: Callable[[], bool], seconds: float) -> bool:
    """Wait for a condition, looking often; False if it did not come true in time."""
    pause = threading.Event()
    ends_ns = boot_ns() + int(seconds * NS_PER_S)
    while not is_true():
        if boot_ns() > ends_ns:
            return False
        pause.wait(0.01)
    return True
