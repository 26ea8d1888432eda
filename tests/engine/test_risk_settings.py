"""A limit that is absent, zero, negative, of another type or absurd is a fault, all at once."""

import math
from typing import Any

import pytest
from msgspec.structs import replace

from engine.risk.settings import RiskSettings
from tests.risk_samples import SETTINGS

REQUIRED = [
    "capital_paise_max",
    "loss_day_paise_max",
    "heat_bps_max",
    "positions_max",
    "notional_paise_max",
    "notional_symbol_paise_max",
    "orders_day_max",
    "entries_end_s",
    "flat_by_s",
    "price_away_bps_max",
    "proposals_minute_max",
    "tick_age_ms_max",
    "spread_bps_max",
    "losses_row_max",
    "margin_bps",
]


def test_when_limits_are_sound_then_there_is_no_fault() -> None:
    assert SETTINGS.faults() == ()


@pytest.mark.conformance("BAD-39")
@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("value", [0, -1, 10**18, None, "5", 1.5, math.nan, True])
def test_when_a_limit_is_no_sane_number_then_it_is_named(name: str, value: Any) -> None:
    faults = replace(SETTINGS, **{name: value}).faults()
    assert len(faults) == 1
    assert faults[0].startswith(f"{name}:")


@pytest.mark.conformance("BAD-39")
def test_when_many_limits_are_wrong_then_all_are_told_at_once() -> None:
    broken = replace(SETTINGS, capital_paise_max=0, positions_max=-1, heat_bps_max=None)
    assert [fault.split(":")[0] for fault in broken.faults()] == [
        "capital_paise_max",
        "heat_bps_max",
        "positions_max",
    ]


@pytest.mark.conformance("BAD-39")
def test_when_a_limit_is_absent_then_there_are_no_settings() -> None:
    values = {name: getattr(SETTINGS, name) for name in REQUIRED if name != "loss_day_paise_max"}
    with pytest.raises(TypeError, match="loss_day_paise_max"):
        RiskSettings(**values)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"risk_per_trade_paise_max": 0}, "risk_per_trade: absent"),
        ({"loss_day_paise_max": 99_999}, "exceeds loss_day"),
        ({"loss_day_paise_max": 10_000_001}, "exceeds capital"),
        ({"heat_bps_max": 99}, "heat"),
        ({"notional_symbol_paise_max": 9_000_001}, "exceeds notional_paise_max"),
        ({"flat_by_s": 2_701}, "flat_by_s"),
    ],
)
def test_when_limits_contradict_each_other_then_it_is_a_fault(
    changes: dict[str, int], word: str
) -> None:
    assert any(word in fault for fault in replace(SETTINGS, **changes).faults())


def test_when_risk_is_given_both_ways_then_the_smaller_holds() -> None:
    assert SETTINGS.risk_per_trade_paise == 100_000
    assert replace(SETTINGS, risk_per_trade_bps_max=50).risk_per_trade_paise == 50_000
    both = replace(SETTINGS, risk_per_trade_paise_max=0, risk_per_trade_bps_max=50)
    assert both.risk_per_trade_paise == 50_000
