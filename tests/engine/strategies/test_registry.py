"""Finding strategies and their parameters."""

import pytest

from engine.errors import ConfigInvalid
from engine.strategies.ema_trend import EmaTrend, EmaTrendParameters
from engine.strategies.registry import SHIPPED, build_parameters, find_strategy, strategy_faults


def test_when_a_row_or_a_path_is_named_then_the_class_is_found() -> None:
    assert find_strategy("ema_trend") is EmaTrend
    assert find_strategy("engine.strategies.ema_trend:EmaTrend") is EmaTrend


@pytest.mark.parametrize(
    "use",
    ["nothing", "no.such.module:X", "engine.units:BPS", "engine.strategies.base:Nope", ":", "x:"],
)
def test_when_no_strategy_is_meant_then_the_configuration_is_invalid(use: str) -> None:
    with pytest.raises(ConfigInvalid):
        find_strategy(use)
    assert strategy_faults(use, {})


def test_when_parameters_are_given_then_they_are_typed_and_the_rest_are_defaults() -> None:
    assert build_parameters(EmaTrend, {"fast_bars": 5}) == EmaTrendParameters(fast_bars=5)


def test_when_parameters_are_wrong_then_all_faults_are_listed() -> None:
    faults = strategy_faults("ema_trend", {"fast_bars": 1.5, "slowbars": 3})
    assert len(faults) == 2
    assert all(fault.startswith("parameters.") for fault in faults)
    assert strategy_faults("ema_trend", {"fast_bars": 30}) != ()


@pytest.mark.parametrize("use", SHIPPED)
def test_when_nothing_is_configured_then_the_defaults_are_sound(use: str) -> None:
    assert strategy_faults(use, {}) == ()
