"""How long a crash lasts. The bound is generous; measured figures are in the docs of a release."""

from statistics import median

import pytest

from actors.runtime.clock import boot_ns
from engine.messages.supervision import ChildReady
from supervisors.spec import Backoff, Strategy
from tests.supervisors.harness import House

ACTORS = 500
CRASHES = 100
MEDIAN_US_MAX = 10_000


@pytest.mark.slow
def test_when_one_of_many_crashes_then_it_is_back_at_once(pooled: House) -> None:
    pooled.tree(
        pooled.child("d/"),
        strategy=Strategy.DYNAMIC,
        restarts_max=10_000,
        window_ms=1,
        backoff=Backoff(base_ms=0, cap_ms=0),
    )
    for number in range(ACTORS):
        pooled.want(str(number))
    directory, ready_ns = pooled.runtime.directory, [0]
    notify = directory.notify

    def timed(supervisor: str, notice: object) -> None:
        if isinstance(notice, ChildReady):
            ready_ns[0] = boot_ns()
        notify(supervisor, notice)  # type: ignore[arg-type]

    directory.notify = timed  # type: ignore[method-assign]
    took_us = []
    for number in range(CRASHES):
        began_ns = boot_ns()
        pooled.tell(f"d/{number}", "crash", str(number))
        pooled.wait_ready(f"d/{number}", 2)
        took_us.append((ready_ns[0] - began_ns) // 1_000)
    assert median(took_us) < MEDIAN_US_MAX
