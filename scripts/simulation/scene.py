"""The small world's fixed things: calendar, instruments, configuration.

Decides names, prices and limits of a simulated day. A simulated session lasts an hour at most, so
that a day is dense: opening, trading, end of entries, square-off and close all happen in each.
"""

import datetime as dt
import random
from functools import cache
from typing import Final

from engine.session import SegmentClass, SessionTable
from engine.units import NS_PER_MINUTE, NS_PER_S
from scripts.simulation.profile import HOUR_MIN, Profile
from supervisors.config import (
    EngineConfig,
    InstrumentConfig,
    MarketConfig,
    RiskConfig,
    SessionConfig,
    StrategyConfig,
)

FIRST_DAY: Final = dt.date(2024, 1, 1)
SEGMENT: Final = SegmentClass.CASH_OTHER
OPENS = "09:15"
LEAD_NS: Final = 5 * NS_PER_MINUTE
ENTRIES_END_MIN, FLAT_BY_MIN = 15, 5
"""Of a session of an hour. The engine shortens them as it would for a usual day of 375 minutes;
they grow as sessions get shorter, so that the time they leave is the same in each."""
SQUARE_OFF_NS: Final = 20 * NS_PER_S
"""The broker's own square-off comes this long before the close."""
NAMES: Final = ("NSE:AAA", "NSE:BBB", "NSE:CCC")
PRICES_INR: Final = (1000.0, 250.0, 4000.0)
FREEZE_QUANTITY: Final = 5_000
BAND_BPS: Final = 1_000


@cache
def sessions(minutes: int = HOUR_MIN) -> SessionTable:
    """A session of so many minutes on each weekday of 2024 and 2025."""
    opens = dt.datetime.fromisoformat(f"2024-01-01 {OPENS}")
    closes = f"{opens + dt.timedelta(minutes=minutes):%H:%M}"
    hours = dict.fromkeys((segment.value for segment in SegmentClass), f"{OPENS}-{closes}")
    first = {"valid_from": "2024-01-01", **hours}
    return SessionTable({"years": [2024, 2025], "hours": [first], "holidays": {}, "special": {}})


def engine_config(profile: Profile) -> EngineConfig:
    """The engine's configuration of a run; its limits are drawn, so that each binds in some."""
    rng = random.Random(f"limits/{profile.seed}")  # noqa: S311 - a world, no secrets
    return EngineConfig(
        name="simulation",
        market=MarketConfig(source="synthetic", segment=SEGMENT.value),
        instruments=tuple(
            InstrumentConfig(
                name=name, price_inr=price, freeze_quantity=FREEZE_QUANTITY, band_bps=BAND_BPS
            )
            for name, price in list(zip(NAMES, PRICES_INR, strict=True))[
                : profile.instruments_count
            ]
        ),
        strategies=tuple(
            StrategyConfig(name=f"s{number}", use="scripts.simulation.strategy:Eager")
            for number in range(1, profile.strategies_count + 1)
        ),
        session=SessionConfig(
            entries_end_min=ENTRIES_END_MIN * HOUR_MIN // profile.session_min,
            flat_by_min=FLAT_BY_MIN * HOUR_MIN // profile.session_min,
        ),
        risk=RiskConfig(
            capital_inr=1_000_000,
            loss_day_inr=rng.choice((5_000, 20_000, 20_000)),
            risk_per_trade_inr=1_000,
            heat_max_pct=rng.choice((0.15, 0.25, 2.0, 2.0)),
            positions_max=rng.choice((1, 2, 4, 6)),
            notional_max_inr=2_000_000,
            notional_symbol_max_inr=500_000,
            orders_day_max=rng.choice((40, 1_000, 1_000)),
            margin_pct=20,
            losses_row_max=rng.choice((3, 20, 20)),
        ),
    )


def trading_days(count: int) -> list[dt.date]:
    """The first trading days of the simulated calendar."""
    days: list[dt.date] = []
    day = FIRST_DAY
    while len(days) < count:
        if sessions().sessions(day, SEGMENT):
            days.append(day)
        day += dt.timedelta(days=1)
    return days
