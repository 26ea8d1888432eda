"""The running engine's parts: clock, source, console, metrics, alerts around the shared wiring.

Decides what a live life has that a backtest has not. Refuses to know signals and command lines.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from actors.alerts import Alerts
from actors.brokers.kite.credentials import load_credentials
from actors.brokers.kite.place import KitePlace
from actors.channels.alert_file import AlertFile
from actors.channels.metrics_http import MetricsEndpoint
from actors.channels.prometheus import REGISTRY
from actors.channels.socket_lease import SocketLease
from actors.channels.zmq_console import ZmqConsole
from actors.console import Console, Identity
from actors.feeds.synthetic import SyntheticInstrument, SyntheticSource
from actors.heartbeat import Heartbeat
from actors.live_entries import NO_LEDGER
from actors.live_gate import LiveDoor
from actors.login_guard import LoginGuard
from actors.metrics import Metrics
from actors.runtime.clock import Clock, LapseClock, SystemClock, boot_ns, wall_ns
from actors.runtime.pulses import pulses
from actors.runtime.runtime import Runtime
from actors.stores.latches import LatchStore
from actors.stores.port import JournalStorePort
from actors.stores.spool import SpoolPort
from engine.errors import ConfigInvalid
from engine.market.source import FrameSource
from engine.market.staleness import StalenessLimits
from engine.orders.resolve import ResolveSettings
from engine.session import SegmentClass, SessionTable, ist_day, midnight_ns, ns_from_ist
from engine.units import NS_PER_S, paise_from_rupees
from supervisors.config import EngineConfig
from supervisors.feeding import (
    LOGIN,
    check_source,
    has_login,
    kite_feeds,
    practice_clock,
    practice_of,
    stream_url,
)
from supervisors.liveaccount import live_plan
from supervisors.spec import Factory
from supervisors.stores import Stores
from supervisors.tables import load_charges, load_sessions
from supervisors.wiring import PAPER_RESOLVE, Parts

__all__ = ["Surroundings", "check_source", "make_clock", "make_parts"]

LEAD_NS = 2 * NS_PER_S
STALE_REAL_MS = 500
"""How much real time a tick may be late on a loaded machine; time-lapse multiplies it."""


def make_clock(config: EngineConfig, sessions: SessionTable, last_at_ns: int) -> Clock:
    """Real time, the clock of a practice exchange, or time-lapse from where the journal ended.

    A time-lapse life begins in a session: where the last one stopped, at the next open if that was
    outside, on the configured date if there is no past.
    """
    market = config.market
    practice = practice_of(config)
    if practice is not None:
        return practice_clock(practice)
    if market.speed == 1 and market.session_date == "auto":
        return SystemClock()
    segment = SegmentClass(market.segment)
    start_ns = last_at_ns
    if not start_ns:
        start_ns = (
            wall_ns()
            if market.session_date == "auto"
            else ns_from_ist(f"{market.session_date} 00:00:00")
        )
    if sessions.session_at(start_ns, segment) is None:
        upcoming = sessions.next_session(start_ns, segment)
        if upcoming is None:
            raise ConfigInvalid(("market.session_date: the calendar knows no session after it",))
        start_ns = upcoming.opens_at_ns - LEAD_NS * market.speed
    return LapseClock(start_ns=start_ns, speed=market.speed)


def make_source(config: EngineConfig, sessions: SessionTable) -> FrameSource:
    """The seeded synthetic market of all configured instruments.

    Raises:
        ConfigInvalid: an instrument has no price to start from.
    """
    market = config.market
    faults = [
        f"instruments: {x.name} needs price_inr" for x in config.instruments if not x.price_inr
    ]
    if market.source != "synthetic":
        faults.append("market.source: synthetic or kite (csv is for backtests)")
    if faults:
        raise ConfigInvalid(tuple(faults))
    specs = [
        SyntheticInstrument(
            name=item.name,
            price_paise=paise_from_rupees(item.price_inr),
            tick_paise=paise_from_rupees(item.tick_inr),
            lot=item.lot,
            volatility_percent=item.volatility * 100,
            segment=SegmentClass(market.segment),
        )
        for item in config.instruments
    ]
    return SyntheticSource(market.seed, specs, sessions)


class Surroundings:
    """What outlives actor generations: the console's socket lease and the metrics endpoint."""

    def __init__(self, config: EngineConfig, state_dir: Path, stores: Stores, boot_id: str) -> None:
        self.state_dir = state_dir
        self._config = config
        self.lease = SocketLease(state_dir)
        self.endpoint = MetricsEndpoint(REGISTRY, state_dir, config.metrics_port)
        self.identity = Identity(
            engine_id=stores.engine_id, boot_id=boot_id, pid=os.getpid(), started_mono_ns=boot_ns()
        )
        self._latches = stores.latches

    def factories(self, runtime: Runtime, door: LiveDoor | None = None) -> dict[str, Factory]:
        """The actors of the control side, and the connections to Kite's stream; `door`: to LIVE."""
        directory, board = runtime.directory, runtime.board

        def latch_kill(reason: str, by: str) -> None:
            self._latches.set("kill", reason=reason, by=by, at_ns=runtime.clock.now_ns())

        return {
            "alerts": lambda _: Alerts(lambda: (AlertFile(self.state_dir),)),
            "console": lambda _: Console(
                self.identity,
                ZmqConsole(self.lease),
                board,
                latch_kill,
                followers=("metrics", "heartbeat", "summary"),
                door=None if door is None else door.fault,
            ),
            "metrics": lambda _: Metrics(self.endpoint, board, directory.dead_letters),
            "heartbeat": lambda _: Heartbeat(lambda: pulses(directory)),
            **self._login(),
            **kite_feeds(self._config, self.state_dir, stream_url(self._config)),
        }

    def _login(self) -> dict[str, Factory]:
        if not has_login(self._config):
            return {}
        return {LOGIN: lambda _: LoginGuard(lambda: load_credentials(os.environ))}

    def close(self) -> None:
        """Give socket and port back."""
        self.endpoint.close()
        self.lease.release()


class Keepers(Protocol):
    """What parts need of the stores: the real ones, captured ones, or a replay's."""

    @property
    def latches(self) -> LatchStore:
        """Latches on disk."""

    def make_store(self) -> JournalStorePort:
        """The journal's store."""

    def make_spool(self) -> SpoolPort:
        """The journal's spool."""


def make_parts(
    config: EngineConfig,
    now_ns: int,
    stores: Keepers,
    extra: Mapping[str, Factory],
    kite: KitePlace | None = None,
    ledger: Path | None = None,
) -> Parts:
    """The parts of a running engine; staleness is stretched by the time-lapse.

    Args:
        now_ns: the market clock at the start, which tells the trading day.
        extra: the actors of the control side (`Surroundings.factories`).
        kite: the live account, if there is one (`supervisors.liveaccount.live_place`).
        ledger: where its entries of the day are kept; without it none leaves.
    """
    slack_ms = STALE_REAL_MS * config.market.speed
    return Parts(
        config=config,
        sessions=load_sessions(),
        charges=load_charges(),
        source=None if config.market.source == "kite" else make_source(config, load_sessions()),
        make_store=stores.make_store,
        make_spool=stores.make_spool,
        latches=stores.latches,
        since_ns=midnight_ns(ist_day(now_ns)),
        trading_day=ist_day(now_ns).isoformat(),
        clock_speed=config.market.speed,
        staleness=StalenessLimits(
            stale_ms_max=5_000 + slack_ms,
            mute_ms_max=15_000 + 3 * slack_ms,
            dead_ms_max=10_000 + 2 * slack_ms,
        ),
        check_every_ns=NS_PER_S * max(1, config.market.speed // 10),
        extra=extra,
        kite=kite,
        live=live_plan(config, ledger) if ledger is not None else NO_LEDGER,
        resolve=PAPER_RESOLVE if kite is None else ResolveSettings(),
    )
