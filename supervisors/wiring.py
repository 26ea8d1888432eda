"""How the rooms are put together: a factory for each actor of the tree.

Decides which constructor gets which part of the configuration. Refuses to know hosts and
processes: the same factories serve the running engine, the backtest and the tests, which differ
only in the `Parts` handed in.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from actors.authority import AuthorityBehaviour, AuthoritySettings
from actors.book import BookBehaviour
from actors.brokers.paper import PaperBroker
from actors.calendar import CalendarBehaviour
from actors.custodian import CustodianBehaviour
from actors.feed import FeedBehaviour
from actors.guard import GuardBehaviour
from actors.journal import JournalBehaviour
from actors.market import MarketBehaviour
from actors.oco import OcoActor
from actors.reconciler import ReconcilerBehaviour
from actors.runtime.behaviour import Behaviour
from actors.source import SourceBehaviour
from actors.stores.latches import LatchStore
from actors.stores.port import JournalStorePort
from actors.stores.spool import Spool
from actors.watcher import WatcherActor, WatcherSettings
from actors.writer import WriterBehaviour
from engine.exchange.venue import VenueSettings
from engine.instruments import Instrument
from engine.market.quality import TickLimits
from engine.market.source import FrameSource
from engine.market.staleness import StalenessLimits
from engine.messages.base import Message
from engine.messages.records import PlanApproved
from engine.messages.values import Book, Side
from engine.orders.oco_state import OcoSettings
from engine.portfolio.charges import ChargeSegment, ChargeTable, order_charges
from engine.risk.gate import GateCaps
from engine.session import SegmentClass, SessionTable
from engine.units import NS_PER_MINUTE, NS_PER_S
from supervisors.config import EngineConfig, fingerprint, instruments, risk_settings
from supervisors.spec import Factory

PARTS_RECOVERING = frozenset({"writer", "watcher", "book", "guard", "custodian"})
PHASE_READERS = ("authority", "watcher", "book", "guard", "custodian", "market")
STATE_LISTENERS = ("authority", "guard", "reconciler")


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What differs between the running engine, a backtest and a test.

    `view_every_ns` 0: views are published only when asked for. `check_every_ns`, `staleness` and
    `tick_limits` follow the pace of the source. `extra` holds factories of actors that only one
    of them has (console, metrics ...).
    """

    config: EngineConfig
    sessions: SessionTable
    charges: ChargeTable
    source: FrameSource
    make_store: Callable[[], JournalStorePort]
    make_spool: Callable[[], Spool]
    latches: LatchStore
    since_ns: int
    trading_day: str
    check_every_ns: int = NS_PER_S
    view_every_ns: int = NS_PER_S
    reconcile_every_ns: int = 60 * NS_PER_S
    staleness: StalenessLimits = StalenessLimits()
    tick_limits: TickLimits = TickLimits()
    extra: Mapping[str, Factory] = field(default_factory=dict)


def factories(parts: Parts) -> dict[str, Factory]:
    """A factory for every actor, by name ("oco/" is the template of all groups)."""
    names = instruments(parts.config)
    return {
        **parts.extra,
        **_core(parts, names),
        **_market(parts, names),
        **_strategies(parts, names),
    }
