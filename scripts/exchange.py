"""`pahara exchange`: the practice exchange as a process of its own, on loopback.

Decides how its parts are put together and what the state directory is told. Refuses to run an
engine: any client of Kite's protocols may come.
"""

import argparse
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from actors.feeds.csvfile import CsvSource
from actors.practice.loop import LOOPBACK, Loop
from actors.practice.market import MarketDriver
from actors.practice.sockets import socket_factory
from actors.practice.walk import WalkSource
from actors.practice.web import always, site
from actors.runtime.clock import Clock, LapseClock, boot_ns, wall_ns
from engine.errors import ConfigInvalid, WireMalformed
from engine.exchange.account.surroundings import KiteSettings
from engine.exchange.practice.control import Control
from engine.exchange.practice.faults import Menu
from engine.exchange.practice.hub import Hub
from engine.exchange.practice.listing import Listing
from engine.exchange.practice.routes import Api
from engine.exchange.practice.tokens import Tokens
from engine.exchange.practice.venue import Outer, PracticeExchange
from engine.market.source import FrameSource
from engine.session import SegmentClass, SessionTable, ns_from_ist
from engine.units import paise_from_rupees
from scripts import exits
from supervisors.config import EngineConfig, instruments, load_config
from supervisors.live import make_clock, make_source
from supervisors.tables import load_charges, load_sessions

STATE_FILE: Final = "exchange.json"
API_KEY: Final = "practice"
API_SECRET: Final = "practice-secret"  # noqa: S105 guards nothing: the exchange is on loopback


def run_exchange(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT; exit code 4 for a bad configuration. The market is made here,
    also for the configuration of an engine that will take it from us."""
    try:
        config = load_config(args.config)
        if args.speed:
            config = replace(config, market=replace(config.market, speed=args.speed))
        config = replace(config, market=replace(config.market, source="synthetic"))
        sessions = load_sessions()
        clock = _clock(config, sessions, args.start)
        source = _source(config, sessions, args.data, is_plain=args.plain)
    except (ConfigInvalid, WireMalformed, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return exits.CONFIG
    return Practice(config, clock, source, sessions, args).run()


class Practice:
    """The whole process."""

    def __init__(
        self,
        config: EngineConfig,
        clock: Clock,
        source: FrameSource,
        sessions: SessionTable,
        args: argparse.Namespace,
    ) -> None:
        self._args, self._clock = args, clock
        self.loop = Loop(clock)
        listing = Listing(instruments(config), _prices(config))
        menu = Menu(config.market.seed)
        outer = Outer(
            now_ns=clock.now_ns,
            real_ns=wall_ns,
            call_at=self.loop.call_at,
            after_real=self.loop.after_real,
        )
        seed = f"{config.market.seed}|{wall_ns()}"
        settings = _settings(clock, args.funds_paise or 0, is_instant=args.instant)
        tokens = Tokens(API_KEY, API_SECRET, seed)
        self.exchange = PracticeExchange(listing, settings, load_charges(), tokens, outer, menu)
        self.hub = Hub(listing, self.exchange.quotes, menu)
        outer.on_frame, outer.on_update = self.hub.on_frame, self.hub.on_update
        outer.on_garbage = self.hub.on_garbage
        self.api = Api(self.exchange)
        self.control = Control(self.exchange, self.api, self.hub)
        self._driver = MarketDriver(
            self.loop,
            clock,
            source,
            self.exchange,
            sessions,
            SegmentClass(config.market.segment),
            args.square_off_min,
        )

    def run(self) -> int:
        """Listen, tell where, and serve."""
        args, loop, clock = self._args, self.loop, self._clock
        self._driver.prime()
        if isinstance(clock, LapseClock):
            clock.origin_ns = boot_ns()
        state = {
            "pid": os.getpid(),
            "rest": loop.listen(args.port_rest, site(loop, self.api.handle)),
            "ws": loop.listen(args.port_ws, socket_factory(self.exchange, self.hub)),
            "control": loop.listen(args.port_control, site(loop, always(self.control.handle))),
            "host": LOOPBACK,
            "api_key": API_KEY,
            "api_secret": API_SECRET,
        } | _clock_state(clock)
        loop.each_second(self.hub.beat)
        self._driver.start()
        path = args.state_dir / STATE_FILE
        loop.when_running(lambda: _tell(path, state))
        try:
            return loop.run()
        finally:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()


def _settings(clock: Clock, funds_paise: int, *, is_instant: bool) -> KiteSettings:
    """Delays are of real time: a time-lapse market does not make the broker faster."""
    usual = KiteSettings()
    speed = 0 if is_instant else clock.speed if isinstance(clock, LapseClock) else 1
    return replace(
        usual,
        validation_ns=usual.validation_ns * speed,
        gate_ns=usual.gate_ns * speed,
        change_ns=usual.change_ns * speed,
        stream_ns=usual.stream_ns * speed,
        funds_paise=funds_paise,
    )


def _clock(config: EngineConfig, sessions: SessionTable, start: str) -> Clock:
    if start:
        return LapseClock(start_ns=ns_from_ist(start), speed=config.market.speed)
    return make_clock(config, sessions, 0)


def _clock_state(clock: Clock) -> dict[str, Any]:
    """What another process needs to have the same market time."""
    if not isinstance(clock, LapseClock):
        return {"speed": 1, "start_ns": 0, "origin_ns": 0}
    return {"speed": clock.speed, "start_ns": clock.start_ns, "origin_ns": clock.origin_ns}


def _source(
    config: EngineConfig, sessions: SessionTable, data: list[Path], *, is_plain: bool
) -> FrameSource:
    if data:
        return CsvSource(data, sessions)
    if is_plain:
        segment = SegmentClass(config.market.segment)
        return WalkSource(instruments(config), _prices(config), sessions, segment)
    return make_source(config, sessions)


def _tell(path: Path, state: dict[str, Any]) -> None:
    """Where it can be reached: in the state directory and as a line of stdout."""
    _write_state(path, state)
    print(json.dumps({"event": "exchange_listening"} | state), flush=True)


def _prices(config: EngineConfig) -> dict[str, int]:
    """Where each instrument begins, in paise."""
    return {item.name: paise_from_rupees(item.price_inr) for item in config.instruments}


def _write_state(path: Path, state: dict[str, Any]) -> None:
    """Whole or not at all, readable by the owner only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        json.dump(state, file)
    new.replace(path)
