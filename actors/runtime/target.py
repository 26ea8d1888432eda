"""How a behaviour is named so that it can be built in any process.

Decides what may be handed to a child process: an importable factory and plain arguments. Refuses
objects, closures and secrets of the parent. The same target builds the behaviour in place for the
seeded host, through the same bytes, so that both see equal arguments.
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from actors.runtime.behaviour import Behaviour

MEMORY_MB_MAX = 2_048


class ProcessTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A factory by name; itself a factory, as `RoomSpec.factory` wants one.

    `factory` is "package.module:callable"; it gets `arguments` by keyword and returns the
    behaviour. Arguments are what msgpack holds (tuples arrive as lists). `environ` names
    the secrets of our environment that the child gets; it sees no others. `memory_mb_max` bounds
    the child's address space, 0 for no bound.
    """

    factory: str
    arguments: Mapping[str, Any] = {}
    environ: tuple[str, ...] = ()
    memory_mb_max: int = MEMORY_MB_MAX

    def __call__(self) -> Behaviour:
        """The behaviour in this process: seeded host, backtest, tests."""
        return build(self.factory, self.packed())

    def packed(self) -> bytes:
        """The arguments on the wire. Raises TypeError if something is not msgpack-able."""
        return msgspec.msgpack.encode(self.arguments)


def build(factory: str, arguments: bytes) -> Behaviour:
    """Import the factory and call it. Whatever goes wrong is a failed start.

    Raises:
        ValueError: not of the form "module:callable".
        TypeError: the factory returned something else than a behaviour.
    """
    module_name, separator, attribute = factory.partition(":")
    if not (module_name and separator and attribute):
        raise ValueError(f"not module:callable: {factory!r}")
    make: Callable[..., object] = getattr(importlib.import_module(module_name), attribute)
    behaviour = make(**msgspec.msgpack.decode(arguments))
    if not isinstance(behaviour, Behaviour):
        raise TypeError(f"{factory} made a {type(behaviour).__name__}, not a behaviour")
    return behaviour
