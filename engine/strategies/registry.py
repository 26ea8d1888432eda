"""Which strategies there are: a table of the shipped ones, and a way in for others.

Decides which class a name in the configuration means and whether its parameters fit. Refuses to
run anything.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from engine.errors import ConfigInvalid
from engine.schema import build
from engine.strategies.base import Parameters, Strategy
from engine.strategies.ema_trend import EmaTrend
from engine.strategies.opening_range_breakout import OpeningRangeBreakout
from engine.strategies.vwap_reversion import VwapReversion

SHIPPED: Final[dict[str, type[Strategy[Any]]]] = {
    "opening_range_breakout": OpeningRangeBreakout,
    "ema_trend": EmaTrend,
    "vwap_reversion": VwapReversion,
}
"""Name in the configuration to class. A new strategy adds its file and a row here."""


def find_strategy(use: str) -> type[Strategy[Any]]:
    """The class that `use` means: a row of SHIPPED, or 'module:Class' on the import path.

    Raises:
        ConfigInvalid: there is no such class, or it is no strategy. Boot refuses.
    """
    if use in SHIPPED:
        return SHIPPED[use]
    module, colon, name = use.partition(":")
    if not colon:
        raise ConfigInvalid((f"use: {use!r} is not one of {sorted(SHIPPED)} nor module:Class",))
    try:
        found = getattr(import_module(module), name, None)
    except (ImportError, ValueError) as error:
        raise ConfigInvalid(
            (f"use: {use!r} cannot be imported: {type(error).__name__}",)
        ) from error
    if not (isinstance(found, type) and issubclass(found, Strategy)):
        raise ConfigInvalid((f"use: {use!r} is not a strategy class",))
    return found


def build_parameters(kind: type[Strategy[Any]], values: Mapping[str, Any]) -> Parameters:
    """Typed parameters of a strategy class.

    Raises:
        ConfigInvalid: every unknown name, wrong type and value out of bounds. Boot refuses.
    """
    parameters, faults = build(kind.parameters_type, values, "parameters")
    if parameters is not None:
        faults = tuple(f"parameters.{fault}" for fault in parameters.faults())
    if parameters is None or faults:
        raise ConfigInvalid(faults)
    return parameters


def strategy_faults(use: str, values: Mapping[str, Any]) -> tuple[str, ...]:
    """Everything wrong with one strategy of the configuration, () if nothing is."""
    try:
        build_parameters(find_strategy(use), values)
    except ConfigInvalid as invalid:
        return invalid.faults
    return ()


def listens(use: str, what: str) -> bool:
    """True if the strategy class overrides a callback: it is told nothing that it ignores."""
    return getattr(find_strategy(use), what) is not getattr(Strategy, what)
