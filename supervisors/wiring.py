"""How the rooms are put together: a factory for each actor of the tree.

Decides which constructor gets which part of the configuration. Refuses to know hosts and
processes: the same factories serve the running engine, the backtest and the tests, which differ
only in the `Parts` handed in.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from actors.authority import AuthorityBehaviour
from actors.book import BookBehaviour
from actors.brokers.kite.place import KitePlace
from actors.brokers.paper import PaperBroker
from actors.brokers.port import BrokerPort
from actors.calendar import CalendarBehaviour
from actors.custodian import CustodianBehaviour
from actors.feed import FeedBehaviour
from actors.guard import GuardBehaviour
from actors.journal import JournalBehaviour
from actors.live_entries import NO_LEDGER, LivePlan
from actors.market import MarketBehaviour
from actors.oco import OcoActor
from actors.reconciler import ReconcilerBehaviour
from actors.runtime.behaviour import Behaviour
from actors.runtime.target import ProcessTarget
from actors.scheduler import SchedulerBehaviour
from actors.source import SourceBehaviour
from actors.stores.latches import LatchStore
from actors.stores.port import JournalStorePort
from actors.stores.spool import SpoolPort
from actors.watcher import WatcherActor
from actors.writer import WriterBehaviour
from engine.authority_state import AuthoritySettings
from engine.exchange.venue import VenueSettings
from engine.instruments import Instrument
from engine.market.quality import TickLimits
from engine.market.source import FrameSource
from engine.market.staleness import StalenessLimits
from engine.messages.base import Message
from engine.messages.plans import PlanApproved
from engine.messages.values import Book, Side
from engine.orders.oco_state import OcoSettings
from engine.orders.resolve import ResolveSettings
from engine.portfolio.charges import ChargeSegment, ChargeTable, order_charges
from engine.risk.gate import GateCaps, gate_caps
from engine.session import SegmentClass, SessionTable
from engine.strategies.registry import listens
from engine.units import NS_PER_MINUTE, NS_PER_S
from supervisors.config import EngineConfig, StrategyConfig, fingerprint, instruments, risk_settings
from supervisors.feeding import LOGIN, kite_sources
from supervisors.liveaccount import watcher_settings, writer_target
from supervisors.spec import Factory

PARTS_RECOVERING = frozenset({"writer", "watcher", "book", "guard", "custodian"})
PHASE_READERS = ("authority", "writer", "watcher", "book", "guard", "custodian", "market")
STATE_LISTENERS = ("authority", "reconciler")
PAPER_RESOLVE = ResolveSettings(settle_ns=2 * NS_PER_S, proofs_min=2)
"""A paper venue's books are the truth at once, so absence is proven sooner than at a real one."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What differs between the running engine, a backtest and a test.

    `view_every_ns` 0: no periodic views; `sentinel_every_ns` 0: no watch on kill files.
    `check_every_ns`, `staleness` and `tick_limits` follow the pace of the source. `extra` holds
    factories of actors that only one of them has (console, metrics ...); they win over ours.
    `steady_every_ns`: how often the watcher reads the books while orders work and nothing is owed.
    `source` None: actors in `extra` take the data in. `kite`: a live account whose writer has a
    process of its own; `make_live_broker`: a live broker in this process; both None: there is no
    live book. `live`: caps and ledger of its entries. `resolve` follows the slowest broker's books.
    `config_sha`: what decisions name as their configuration, if not this one (a replay's).
    """

    config: EngineConfig
    sessions: SessionTable
    charges: ChargeTable
    source: FrameSource | None
    make_store: Callable[[], JournalStorePort]
    make_spool: Callable[[], SpoolPort]
    latches: LatchStore
    since_ns: int
    trading_day: str
    clock_speed: int = 0
    check_every_ns: int = NS_PER_S
    view_every_ns: int = NS_PER_S
    reconcile_every_ns: int = 60 * NS_PER_S
    steady_every_ns: int = 30 * NS_PER_S
    sentinel_every_ns: int = NS_PER_S
    staleness: StalenessLimits = field(default_factory=StalenessLimits)
    tick_limits: TickLimits = field(default_factory=TickLimits)
    kite: KitePlace | None = None
    live: LivePlan = NO_LEDGER
    make_live_broker: Callable[[], BrokerPort] | None = None
    resolve: ResolveSettings = PAPER_RESOLVE
    extra: Mapping[str, Factory] = field(default_factory=dict)
    config_sha: str = ""


def factories(parts: Parts) -> dict[str, Factory]:
    """A factory for every actor, by name ("oco/" is the template of all groups)."""
    names = instruments(parts.config)
    return {
        **_core(parts, names),
        **_market(parts, names),
        **_strategies(parts, names),
        **parts.extra,
    }


def _core(parts: Parts, names: tuple[Instrument, ...]) -> dict[str, Factory]:
    config, by_name = parts.config, {item.name: item for item in names}
    limits = risk_settings(config)
    strategies = tuple(item.name for item in config.strategies)
    listeners = (
        "writer",
        "guard",
        "reconciler",
        *(f"strategy/{name}" for name in strategies),
        *(name for name in ("console", "metrics", LOGIN) if name in parts.extra),
    )
    authority = AuthoritySettings(
        listeners=listeners,
        parts=PARTS_RECOVERING,
        strategies=strategies,
        sentinel_ns=parts.sentinel_every_ns,
        reconcile_age_ns_max=3 * parts.reconcile_every_ns,
    )
    caps = gate_caps(limits)
    known = {
        item.name: frozenset(item.instruments) or frozenset(by_name) for item in config.strategies
    }

    def journal() -> Behaviour:
        return JournalBehaviour(
            store=parts.make_store(),
            spool=parts.make_spool(),
            since_ns=parts.since_ns,
            listeners=STATE_LISTENERS,
            console="console",
        )

    writer = _writer(parts, names, caps)
    watching = watcher_settings(parts.kite, parts.resolve, parts.steady_every_ns, parts.clock_speed)
    return {
        "journal": lambda _: journal(),
        "calendar": lambda _: calendar(parts),
        "authority": lambda _: AuthorityBehaviour(settings=authority, latches=parts.latches),
        "writer": writer,
        "watcher": lambda _: WatcherActor(
            by_name, watching, charger(parts.charges), parts.trading_day
        ),
        "book": lambda _: BookBehaviour(
            instruments=names,
            capital_paise=limits.capital_paise_max,
            book=Book.PAPER if parts.kite is None else Book.LIVE,
            view_every_ns=parts.view_every_ns,
        ),
        "reconciler": lambda _: ReconcilerBehaviour(every_ns=parts.reconcile_every_ns),
        "guard": lambda _: GuardBehaviour(
            settings=limits,
            instruments=names,
            strategies=known,
            config_sha=parts.config_sha or fingerprint(config),
            view_every_ns=parts.view_every_ns,
        ),
        "oco/": lambda argument: group(argument, by_name),
        "custodian": lambda _: CustodianBehaviour(),
        "scheduler": lambda _: SchedulerBehaviour(
            config.jobs, parts.sessions, SegmentClass(config.market.segment)
        ),
    }


def _writer(parts: Parts, names: tuple[Instrument, ...], caps: GateCaps) -> Factory:
    """With the paper book and, if there is an account, the live one."""
    assert parts.kite is None or parts.make_live_broker is None, "one live account"
    if parts.kite is not None:
        return writer_target(parts.kite, parts.live, parts.trading_day, names, caps)

    def writer() -> Behaviour:
        by_name = {item.name: item for item in names}
        brokers: dict[Book, BrokerPort] = {
            Book.PAPER: PaperBroker(by_name, VenueSettings(), parts.trading_day)
        }
        if parts.make_live_broker is not None:
            brokers[Book.LIVE] = parts.make_live_broker()
        return WriterBehaviour(brokers=brokers, instruments=names, caps=caps)

    return lambda _: writer()


def group(argument: Message | None, by_name: Mapping[str, Instrument]) -> Behaviour:
    """The actor of one OCO group from what the guard or the custodian wants started."""
    assert isinstance(argument, PlanApproved), argument
    plan = argument.plan
    return OcoActor(plan, by_name[plan.instrument], OcoSettings(), argument.preface)


def calendar(parts: Parts) -> Behaviour:
    """The calendar of the configured segment, telling all rooms that live by the session."""
    session = parts.config.session
    return CalendarBehaviour(
        parts.sessions,
        SegmentClass(parts.config.market.segment),
        entries_end_ns=session.entries_end_min * NS_PER_MINUTE,
        flat_by_ns=session.flat_by_min * NS_PER_MINUTE,
        readers=(
            *PHASE_READERS,
            *({LOGIN} & parts.extra.keys()),
            *dict.fromkeys(kite_sources(parts.config).values()),
            *(f"strategy/{item.name}" for item in parts.config.strategies),
        ),
        clock_speed=parts.clock_speed,
    )


def charger(table: ChargeTable) -> Callable[[Instrument, Side, int, int, str], int]:
    """What a trade adds to its order's charges, in paise."""

    def charge(item: Instrument, side: Side, before: int, after: int, day: str) -> int:
        segment, date = ChargeSegment(item.segment), dt.date.fromisoformat(day)
        upto = order_charges(segment, side, after, date, table).total_paise
        if before == 0:
            return upto
        return upto - order_charges(segment, side, before, date, table).total_paise

    return charge


def _market(parts: Parts, names: tuple[Instrument, ...]) -> dict[str, Factory]:
    feeds = {item.name: f"feed/{item.name}" for item in names}
    made: dict[str, Factory] = {
        "market": lambda _: MarketBehaviour(
            feeds,
            check_every_ns=parts.check_every_ns,
            view_every_ns=parts.view_every_ns,
            ended_reader="console",
            sources=kite_sources(parts.config),
        ),
    }
    source = parts.source
    if source is not None:
        made["source"] = lambda _: SourceBehaviour(source)
    for item in names:
        made[feeds[item.name]] = _feed(parts, item)
    return made


def _feed(parts: Parts, item: Instrument) -> Factory:
    traders = [x for x in parts.config.strategies if item.name in (x.instruments or (item.name,))]
    bars: dict[int, list[str]] = {}
    for trader in traders:
        if listens(trader.use, "on_bar"):
            bars.setdefault(trader.bar_interval_s, []).append(f"strategy/{trader.name}")
    return lambda _: FeedBehaviour(
        item.name,
        tick_readers=("writer", "guard", "book"),
        bar_readers=tuple((seconds, tuple(names)) for seconds, names in bars.items()),
        state_readers=("guard", "market", *(f"strategy/{trader.name}" for trader in traders)),
        tick_limits=parts.tick_limits,
        staleness=parts.staleness,
        idea_readers=tuple(
            f"strategy/{trader.name}" for trader in traders if listens(trader.use, "on_tick")
        ),
    )


def _strategies(parts: Parts, names: tuple[Instrument, ...]) -> dict[str, Factory]:
    made: dict[str, Factory] = {}
    for item in parts.config.strategies:
        traded = tuple(x for x in names if not item.instruments or x.name in item.instruments)
        made[f"strategy/{item.name}"] = strategy_factory(item, traded)
    return made


def strategy_factory(item: StrategyConfig, traded: tuple[Instrument, ...]) -> Factory:
    """The same strategy pooled or in a process of its own: one way to build it."""
    target = ProcessTarget(
        factory="actors.strategy_maker:make",
        arguments={
            "name": item.name,
            "use": item.use,
            "parameters": item.parameters,
            "instruments": msgspec.msgpack.encode(traded),
        },
    )
    return target if item.host == "process" else lambda _: target()
