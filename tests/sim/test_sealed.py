"""A simulated world is sealed: what no seed decides raises, and comes back afterwards."""

# ruff: noqa: TID251, PLW0108 (looked up at the call, and banned elsewhere for this very reason)

import os
import random
import secrets
import socket
import threading
import time
import uuid
from collections.abc import Callable

import pytest

from scripts.simulation.sealed import NotDeterministic, sealed

REACHES: dict[str, Callable[[], object]] = {
    "wall clock": lambda: time.time(),
    "wall clock ns": lambda: time.time_ns(),
    "boot clock": lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME),
    "monotonic": lambda: time.monotonic(),
    "sleep": lambda: time.sleep(0),
    "random": lambda: random.random(),
    "choice": lambda: random.choice([1]),
    "uuid": lambda: uuid.uuid4(),
    "urandom": lambda: os.urandom(1),
    "secrets": lambda: secrets.token_hex(),
    "pid": lambda: os.getpid(),
    "thread": lambda: threading.Thread(target=int).start(),
    "socket": lambda: socket.socket(),
}


@pytest.mark.parametrize("reach", REACHES.values(), ids=REACHES)
def test_when_sealed_code_reaches_for_the_real_world_then_it_raises(
    reach: Callable[[], object],
) -> None:
    with sealed(), pytest.raises(NotDeterministic):
        reach()


def test_when_the_seal_is_off_then_everything_works_again() -> None:
    with sealed():
        pass
    assert time.time_ns() > 0
    assert uuid.uuid4() != uuid.uuid4()
    assert len(os.urandom(2)) == 2


def test_when_a_seed_is_given_then_its_own_numbers_are_fine() -> None:
    with sealed():
        assert random.Random(1).random() == random.Random(1).random()
