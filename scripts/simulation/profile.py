"""What one run is like, drawn from its seed before anything happens (swarm).

Decides which faults are armed and how likely, how rooms are scheduled, how large the world is and
when it heals. Refuses to decide anything during the run: decisions do.
"""

import math
import random
from collections.abc import Iterable

import msgspec

from scripts.simulation.faults import Armed, FaultRow
from scripts.simulation.host import POLICIES

ARMED_MAX = 40
HOUR_MIN = 60
SESSIONS_MIN = (*(15,) * 9, 25, 25, HOUR_MIN)
"""How long sessions are: most are short, as many short runs find more than few long ones."""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `heal_min`: minutes after the opening of the last day at which all faults end;
    `live_count` of the strategies are released to trade live; a session lasts `session_min`."""

    seed: int
    days: int
    policy: str
    instruments_count: int
    strategies_count: int
    live_count: int
    heal_min: int
    armed: dict[str, Armed]
    session_min: int = HOUR_MIN


def draw_profile(seed: int, days: int, rows: Iterable[FaultRow]) -> Profile:
    """The profile of a seed. Few faults in most runs, many in some: each alone is seen, and so
    are pairs that nobody thought of."""
    rng = random.Random(f"profile/{seed}")  # noqa: S311 - a world, no secrets
    ordered = sorted(rows, key=lambda row: row.id)
    count = min(len(ordered), rng.choice((0, 1, 3, 6, 12, 24, ARMED_MAX)))
    armed = {
        row.id: Armed(ppm=_likelihood(rng, row.ppm_max), budget=rng.randint(1, row.budget_max))
        for row in sorted(rng.sample(ordered, count), key=lambda row: row.id)
    }
    strategies_count = rng.choice((1, 1, 2))
    session_min = rng.choice(SESSIONS_MIN)
    return Profile(
        seed=seed,
        days=days,
        policy=rng.choice(POLICIES),
        instruments_count=rng.choice((1, 1, 2, 3)),
        strategies_count=strategies_count,
        live_count=rng.choice((0, 1, strategies_count, strategies_count)),
        heal_min=rng.randint(15, 40) * session_min // HOUR_MIN,
        armed=armed,
        session_min=session_min,
    )


def _likelihood(rng: random.Random, ppm_max: int) -> int:
    """Log-uniform over one decade up to the most."""
    return max(1, int(ppm_max * math.exp(-rng.random() * math.log(10))))
