"""A run as a list of decisions in a file: seeds rot when the world changes, lists do so less.

Decides the format. A shrunk failure is kept as a scenario, and once its bug is fixed the scenario
stays in tests/sim/scenarios as the proof.
"""

from pathlib import Path

import msgspec

from scripts.simulation.profile import Profile
from scripts.simulation.run import Result, run_profile
from scripts.simulation.shrink import Shrunk
from scripts.simulation.story import Storyteller


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `bug` says what was wrong, `violated` which property showed it; `decisions` are
    (point, ordinal, value), everything else is harmless."""

    bug: str
    violated: str
    profile: Profile
    decisions: tuple[tuple[str, int, int], ...]


def of_shrunk(shrunk: Shrunk) -> Scenario:
    """The scenario of a shrunk failure; `bug` holds the violation's text until somebody knows."""
    return Scenario(
        bug=shrunk.result.text,
        violated=shrunk.result.violated,
        profile=shrunk.profile,
        decisions=tuple((point, at, value) for (point, at), value in shrunk.decisions.items()),
    )


def save(scenario: Scenario, path: Path) -> None:
    """Write a scenario."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(scenario), indent=1))


def load(path: Path) -> Scenario:
    """Read a scenario. Raises msgspec.ValidationError if it is none."""
    return msgspec.json.decode(path.read_bytes(), type=Scenario)


def play(scenario: Scenario) -> Result:
    """Run a scenario, with its story."""
    forced = {(point, at): value for point, at, value in scenario.decisions}
    return run_profile(scenario.profile, forced, (Storyteller,))[0]
