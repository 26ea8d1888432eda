"""Kill -9 at any moment: nothing lost, nothing counted twice, nothing left unprotected.

`PAHARA_DRILL_ROUNDS` sets the number of kills (`make drill-kill9`: 20), `PAHARA_DRILL_SEED` the
moments.
"""

import os
import random

import pytest

from actors.runtime.log import log_event
from tests.drills.books import Books
from tests.drills.process import EngineProcess, note, stay, wait_until

ROUNDS = int(os.environ.get("PAHARA_DRILL_ROUNDS", "3"))
SEED = int(os.environ.get("PAHARA_DRILL_SEED", "20240101"))
PROTECTED_S = 5.0
CONTINUED_S = 10.0


@pytest.mark.slow
@pytest.mark.conformance("DRL-kill9")
@pytest.mark.timeout(120 + 60 * ROUNDS)
def test_when_killed_at_any_moment_then_the_next_life_goes_on_where_it_was(
    an_engine: EngineProcess,
) -> None:
    rng = random.Random(SEED)
    books = Books(an_engine.postgres.dsn)
    an_engine.start()
    wait_until(lambda: books.count("trades"), 30, "a first trade")
    recovered_s, protected_s = [], []
    for number in range(ROUNDS):
        stay(rng.uniform(0.2, 6.0))
        an_engine.kill()
        open_before = books.groups_open()
        fills_before = books.count("trades")
        books.check()

        recovered_s.append(an_engine.start())

        books.check()
        assert books.count("trades") >= fills_before, f"round {number}: fills were lost"
        held = books.groups_held()
        protected_s.append(wait_until(lambda: not books.groups_naked(), PROTECTED_S, "stops"))
        log_event("kill9_survived", round=number, open_count=len(open_before), held=len(held))
        _see_continued(an_engine, books, open_before)
    assert an_engine.stop() == 0
    an_engine.postgres.start()
    books.check()
    assert books.groups_held() == set(), "an orderly end leaves no position"
    note(f"recovered in {_figures(recovered_s)} s, protected after {_figures(protected_s)} s")


def _see_continued(engine: EngineProcess, books: Books, groups: set[str]) -> None:
    """Every group of the last life has its actor again, or was brought to its end."""

    def is_continued() -> bool:
        actors = engine.actors()
        return not {g for g in groups if f"oco/{g}" not in actors} - books.groups_closed()

    wait_until(is_continued, CONTINUED_S, f"an actor or the end of each of {sorted(groups)}")


def _figures(values: list[float]) -> str:
    ordered = sorted(values)
    return f"{ordered[len(ordered) // 2]:.2f} (worst {ordered[-1]:.2f})"
