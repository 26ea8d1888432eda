"""The configuration file: its shape, its faults, its fingerprint.

Decides what an operator may configure. Refuses defaults that would be dangerous when absent:
limits are required, and LIVE is never a configured state. Files are YAML; rupees appear here and
are turned into paise at this door.
"""

import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import yaml

from engine.errors import ConfigInvalid
from engine.instruments import Instrument
from engine.risk.settings import RiskSettings
from engine.schedule import Job, job_faults
from engine.schema import build
from engine.strategies.registry import strategy_faults
from engine.units import paise_from_rupees
from supervisors.kiteconfig import (
    CONNECTIONS_MAX,
    TOKENS_MAX,
    KiteConfig,
    LiveConfig,
    kite_faults,
    live_faults,
)

JOB_ACTIONS = frozenset({"reconcile", "square_off", "say_alive"})
SPEED_MAX = 3_600
SEGMENTS = frozenset({"equity_intraday", "equity_delivery", "futures", "options"})
BAR_INTERVALS_S = frozenset({60, 180, 300, 900, 1800, 3600})
NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,31}")


class InstrumentConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One tradable name. Prices in rupees; `price_inr` and `volatility` feed the synthetic market
    only; the day's list fills in freeze quantity and the band of the day, 0 is not known."""

    name: str
    segment: str = "equity_intraday"
    lot: int = 1
    tick_inr: float = 0.05
    freeze_quantity: int = 0
    band_bps: int = 0
    band_low_inr: float = 0.0
    band_high_inr: float = 0.0
    price_inr: float = 0.0
    volatility: float = 0.25


class StrategyConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One strategy. `use` is a shipped strategy's name or `module:Class`; `instruments` empty
    means all; `host` is pooled or process."""

    name: str
    use: str
    instruments: tuple[str, ...] = ()
    host: str = "pooled"
    bar_interval_s: int = 60
    parameters: dict[str, Any] = {}


class MarketConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where ticks come from: `synthetic` (seeded), `csv` (files given on the command line) or
    `kite` (its stream).

    `speed` is how many market seconds pass in a real one; `session_date` is a date or `auto`
    (the running or the next session).
    """

    source: str
    seed: int = 1
    speed: int = 1
    session_date: str = "auto"
    segment: str = "index"


class SessionConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Offsets before each session's close, minutes: when entries end and when all is flat."""

    entries_end_min: int = 45
    flat_by_min: int = 10


class RiskConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Limits in rupees and percent; the money limits are required, because absent must never mean
    unlimited. `margin_pct`: the share of an entry's notional that it takes from the capital."""

    capital_inr: float
    loss_day_inr: float
    risk_per_trade_inr: float
    heat_max_pct: float
    positions_max: int
    notional_max_inr: float
    notional_symbol_max_inr: float
    orders_day_max: int
    price_away_max_pct: float = 3.0
    spread_max_pct: float = 2.0
    tick_age_ms_max: int = 120_000
    proposals_minute_max: int = 60
    losses_row_max: int = 5
    margin_pct: float = 100.0
    is_duplicate_day_blocked: bool = False
    allowlist: tuple[str, ...] = ()


class EngineConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file. `capture`: sessions are put down for `pahara replay`."""

    name: str
    market: MarketConfig
    risk: RiskConfig
    instruments: tuple[InstrumentConfig, ...]
    strategies: tuple[StrategyConfig, ...]
    session: SessionConfig = SessionConfig()
    kite: KiteConfig = KiteConfig()
    live: LiveConfig = LiveConfig()
    jobs: tuple[Job, ...] = ()
    metrics_port: int = 0
    capture: bool = True


def load_config(path: Path) -> EngineConfig:
    """Read and validate a configuration file.

    Raises:
        ConfigInvalid: every fault of the file, listed at once.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigInvalid((f"{path}: no such file",)) from None
    except yaml.YAMLError as error:
        raise ConfigInvalid((f"{path}: not YAML: {error}",)) from None
    config, faults = build(EngineConfig, data)
    if config is not None:
        faults = engine_faults(config)
    if config is None or faults:
        raise ConfigInvalid(faults)
    return config


def engine_faults(config: EngineConfig) -> tuple[str, ...]:
    """Everything that is wrong with well-formed values, "path: what is wrong" each."""
    faults = [
        *_market_faults(config.market),
        *_kite_faults(config),
        *_instrument_faults(config.instruments),
        *_strategy_faults(config),
        *(f"risk.{fault}" for fault in risk_settings(config).faults()),
    ]
    if not 0 < config.session.flat_by_min <= config.session.entries_end_min <= 300:
        faults.append("session: need 0 < flat_by_min <= entries_end_min <= 300")
    faults += [f"jobs: {x}" for job in config.jobs for x in job_faults(job, JOB_ACTIONS)]
    if not 0 <= config.metrics_port <= 65_535:
        faults.append("metrics_port: not a port")
    return tuple(faults)


def _market_faults(market: MarketConfig) -> list[str]:
    faults = []
    if market.source not in {"synthetic", "csv", "kite"}:
        faults.append(f"market.source: unknown source {market.source!r}")
    if not 1 <= market.speed <= SPEED_MAX:
        faults.append(f"market.speed: not within 1 to {SPEED_MAX}")
    return faults


def _kite_faults(config: EngineConfig) -> list[str]:
    faults = [*kite_faults(config.kite), *live_faults(config.live)]
    if config.kite.account and config.market.source != "kite":
        faults.append("kite.account: needs market.source kite: prices must be the account's own")
    if config.market.source == "kite":
        if len(config.instruments) > CONNECTIONS_MAX * TOKENS_MAX:
            faults.append(f"instruments: Kite streams {CONNECTIONS_MAX * TOKENS_MAX} at most")
        is_real = config.kite.stream_url.startswith("wss:") and not config.kite.practice
        if is_real and (config.market.speed, config.market.session_date) != (1, "auto"):
            faults.append("market: Kite's own stream has speed 1 and session_date auto")
    return faults


def _instrument_faults(instruments: tuple[InstrumentConfig, ...]) -> list[str]:
    faults = [] if instruments else ["instruments: none"]
    seen: set[str] = set()
    for number, item in enumerate(instruments):
        path = f"instruments[{number}]"
        if item.name in seen:
            faults.append(f"{path}.name: {item.name!r} is there twice")
        seen.add(item.name)
        if item.segment not in SEGMENTS:
            faults.append(f"{path}.segment: unknown segment {item.segment!r}")
        if not 1 <= item.lot <= 1_000_000:
            faults.append(f"{path}.lot: not within 1 to 1,000,000")
        if not 0.01 <= item.tick_inr <= 100 or abs(item.tick_inr * 100 % 1) > 1e-9:
            faults.append(f"{path}.tick_inr: not whole paise within 0.01 to 100")
        if not 0 <= item.price_inr <= 1e7 or not 0 < item.volatility <= 5:
            faults.append(f"{path}: price_inr or volatility is absurd")
        if not 0 <= item.band_low_inr <= 1e7 or not 0 <= item.band_high_inr <= 1e7:
            faults.append(f"{path}: band_low_inr or band_high_inr is absurd")
    return faults


def _strategy_faults(config: EngineConfig) -> list[str]:
    faults = [] if config.strategies else ["strategies: none"]
    known = {item.name for item in config.instruments}
    seen: set[str] = set()
    for number, item in enumerate(config.strategies):
        path = f"strategies[{number}]"
        if item.name in seen or not NAME_PATTERN.fullmatch(item.name):
            faults.append(f"{path}.name: {item.name!r} is there twice or not a plain name")
        seen.add(item.name)
        faults.extend(
            f"{path}.instruments: unknown {x!r}" for x in item.instruments if x not in known
        )
        if item.host not in {"pooled", "process"}:
            faults.append(f"{path}.host: not pooled or process")
        if item.bar_interval_s not in BAR_INTERVALS_S:
            faults.append(f"{path}.bar_interval_s: not one of {sorted(BAR_INTERVALS_S)}")
        faults.extend(f"{path}.{fault}" for fault in strategy_faults(item.use, item.parameters))
    return faults


def risk_settings(config: EngineConfig) -> RiskSettings:
    """The limits in the guard's units. Absurd numbers come through as they are: it names them."""
    risk, session = config.risk, config.session
    return RiskSettings(
        capital_paise_max=_paise(risk.capital_inr),
        loss_day_paise_max=_paise(risk.loss_day_inr),
        risk_per_trade_paise_max=_paise(risk.risk_per_trade_inr),
        heat_bps_max=_bps(risk.heat_max_pct),
        positions_max=min(risk.positions_max, config.live.positions_max)
        if config.kite.account
        else risk.positions_max,
        notional_paise_max=_paise(risk.notional_max_inr),
        notional_symbol_paise_max=_paise(risk.notional_symbol_max_inr),
        orders_day_max=risk.orders_day_max,
        entries_end_s=session.entries_end_min * 60,
        flat_by_s=session.flat_by_min * 60,
        price_away_bps_max=_bps(risk.price_away_max_pct),
        proposals_minute_max=risk.proposals_minute_max,
        tick_age_ms_max=risk.tick_age_ms_max,
        spread_bps_max=_bps(risk.spread_max_pct),
        losses_row_max=risk.losses_row_max,
        margin_bps=_bps(risk.margin_pct),
        allowlist=risk.allowlist,
        is_duplicate_day_blocked=risk.is_duplicate_day_blocked,
    )


def _paise(rupees: float) -> int:
    return paise_from_rupees(rupees) if abs(rupees) < 1e12 else -1


def _bps(percent: float) -> int:
    return round(percent * 100) if abs(percent) < 1e6 else -1


def instruments(config: EngineConfig) -> tuple[Instrument, ...]:
    """The configured names in the core's units."""
    return tuple(
        Instrument(
            name=item.name,
            segment=item.segment,
            lot=item.lot,
            tick_paise=paise_from_rupees(item.tick_inr),
            freeze_quantity=item.freeze_quantity,
            band_bps=item.band_bps,
            band_low_paise=paise_from_rupees(item.band_low_inr),
            band_high_paise=paise_from_rupees(item.band_high_inr),
        )
        for item in config.instruments
    )


def fingerprint(config: EngineConfig) -> str:
    """SHA-256 of the canonical configuration, the `config_sha` of decisions."""
    return sha256(msgspec.json.encode(config, order="deterministic")).hexdigest()
