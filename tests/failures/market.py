"""What is listed at the failing exchange: the simulation's names, an option and a share with a
freeze quantity that one order can reach."""

from typing import Final

from msgspec.structs import replace

from engine.units import paise_from_rupees
from scripts.simulation import scene
from scripts.simulation.profile import Profile
from supervisors.config import EngineConfig, InstrumentConfig, RiskConfig, StrategyConfig

SHARE, OPTION, SMALL = "NSE:AAA", "NFO:NIFTYCE", "NSE:SMALL"
LOT = 65
SMALL_FREEZE = 50
_PROFILE: Final = Profile(
    seed=1, days=1, policy="fifo", instruments_count=1, strategies_count=1, live_count=1,
    heal_min=30, armed={},
)  # fmt: skip
CONFIG: Final[EngineConfig] = replace(
    scene.engine_config(_PROFILE),
    instruments=(
        InstrumentConfig(name=SHARE, price_inr=1_000.0, freeze_quantity=5_000, band_bps=1_000),
        InstrumentConfig(name=OPTION, price_inr=200.0, segment="options", lot=LOT),
        InstrumentConfig(name=SMALL, price_inr=1_000.0, freeze_quantity=SMALL_FREEZE),
    ),
    strategies=(StrategyConfig(name="s1", use="tests.sim.live_house:Quiet"),),
    risk=RiskConfig(
        capital_inr=1_000_000,
        loss_day_inr=20_000,
        risk_per_trade_inr=1_000,
        heat_max_pct=2.0,
        positions_max=6,
        notional_max_inr=2_000_000,
        notional_symbol_max_inr=500_000,
        orders_day_max=1_000,
        margin_pct=20,
        losses_row_max=20,
    ),
)
PRICES: Final = {item.name: paise_from_rupees(item.price_inr) for item in CONFIG.instruments}
