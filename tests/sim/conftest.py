"""A simulated engine logs to nobody, in tests as in campaigns."""

import logging
from collections.abc import Iterator

import pytest

from scripts.simulation.campaign import quiet


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    quiet()
    yield
    logging.disable(logging.NOTSET)
