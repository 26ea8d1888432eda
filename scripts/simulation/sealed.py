"""A run sealed against everything that a seed does not decide.

Decides what must not be touched while a simulated world runs: clocks, randomness, ids by chance,
threads, sockets, secrets. Each raises `NotDeterministic` with its name. Refuses exceptions to the
rule: pykka names its actors by uuid4, so it is handed a counter of its own.
"""

# ruff: noqa: TID251 (it names them to forbid them)

import os
import random
import secrets
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from types import ModuleType, SimpleNamespace
from typing import Final, NoReturn

import pykka._actor

from engine.errors import PaharaError

FORBIDDEN: Final[tuple[tuple[ModuleType | type, tuple[str, ...]], ...]] = (
    (
        time,
        (
            "time",
            "time_ns",
            "monotonic",
            "monotonic_ns",
            "perf_counter",
            "perf_counter_ns",
            "clock_gettime",
            "clock_gettime_ns",
            "sleep",
        ),
    ),
    (random, ("random", "randint", "randrange", "choice", "choices", "shuffle", "sample", "seed")),
    (uuid, ("uuid1", "uuid4")),
    (secrets, ("token_bytes", "token_hex", "token_urlsafe", "randbelow", "choice")),
    (os, ("urandom", "getrandom", "fork", "getpid")),
    (threading.Thread, ("start",)),
    (socket, ("socket", "create_connection", "getaddrinfo")),
)
"""Where a run could hear of the real world."""


class NotDeterministic(PaharaError):
    """Code under simulation reached for something that no seed decides."""


@contextmanager
def sealed() -> Iterator[None]:
    """While inside, the forbidden functions raise `NotDeterministic`."""
    kept = [(owner, name, getattr(owner, name)) for owner, names in FORBIDDEN for name in names]
    numbers = count(1)
    counted = SimpleNamespace(uuid4=lambda: uuid.UUID(int=next(numbers)))
    try:
        for owner, name, _ in kept:
            setattr(owner, name, _refusing(f"{owner.__name__}.{name}"))
        vars(pykka._actor)["uuid"] = counted  # noqa: SLF001
        yield
    finally:
        vars(pykka._actor)["uuid"] = uuid  # noqa: SLF001
        for owner, name, function in kept:
            setattr(owner, name, function)


def _refusing(name: str) -> Callable[..., NoReturn]:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise NotDeterministic(name)

    return refuse
