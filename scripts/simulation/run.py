"""One seed from profile to result.

Decides what a result holds. Refuses to know many seeds (campaign.py) and people (report.py).
"""

import traceback
from collections.abc import Iterable, Mapping

import msgspec

from scripts.simulation.checks import ALL_CHECKS
from scripts.simulation.decisions import Decisions, Key
from scripts.simulation.faults import FaultRow
from scripts.simulation.observer import Observer, Violated
from scripts.simulation.profile import Profile, draw_profile
from scripts.simulation.sealed import sealed
from scripts.simulation.world import World


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one run. `violated` is "" if everything held; `steps` are handled
    messages; `struck` and `reached` count faults and sometimes properties."""

    seed: int
    violated: str = ""
    text: str = ""
    digest: str
    steps: int
    days: int
    struck: dict[str, int]
    reached: dict[str, int]
    story: list[str]
    decisions_count: int


def run_seed(seed: int, days: int, rows: Iterable[FaultRow]) -> Result:
    """Draw a profile and run it."""
    return run_profile(draw_profile(seed, days, rows))[0]


def run_profile(
    profile: Profile,
    forced: Mapping[Key, int] | None = None,
    watchers: tuple[type[Observer], ...] = (),
) -> tuple[Result, dict[Key, int]]:
    """Run a profile, from its seed or from forced decisions; also the decisions taken.

    Whatever escapes from the engine or a model is a violation too: CRASH.
    """
    violated = text = ""
    with sealed():
        world = World(profile, Decisions(profile.seed, forced), (*watchers, *ALL_CHECKS))
        try:
            world.run()
        except Violated as violation:
            violated, text = violation.id, violation.text
        except Exception as error:  # noqa: BLE001 - a run's one door for what nobody expected
            violated, text = "CRASH", "".join(traceback.format_exception(error)[-3:])
        finally:
            world.close()
    if violated:
        world.tell(f"{violated}: {text}")
    result = Result(
        seed=profile.seed,
        violated=violated,
        text=text,
        digest=world.trace.digest(),
        steps=world.trace.steps,
        days=profile.days,
        struck=dict(world.faults.struck),
        reached=dict(world.reached),
        story=list(world.trace.story) if violated or watchers else [],
        decisions_count=len(world.decisions.taken),
    )
    return result, world.decisions.taken
