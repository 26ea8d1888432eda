"""Builds a strategy's actor from plain values, so that it can be built in any process.

Decides nothing. Stands alone because a child process imports this file and little else.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from actors.strategy import StrategyBehaviour
from engine.instruments import Instrument
from engine.strategies.registry import build_parameters, find_strategy


def make(
    name: str, use: str, parameters: Mapping[str, Any], instruments: bytes
) -> StrategyBehaviour:
    """The behaviour `strategy/<name>`.

    Args:
        use: a shipped strategy's name or "module:Class".
        instruments: msgpack of a tuple of `Instrument`.

    Raises:
        ConfigInvalid: all faults of `use` and `parameters`.
    """
    kind = find_strategy(use)
    traded = msgspec.msgpack.decode(instruments, type=tuple[Instrument, ...])
    return StrategyBehaviour(
        kind, build_parameters(kind, parameters), traded, name=name, console="console"
    )
