"""Every bug that a campaign found stays fixed: its scenario runs clean, and its faults strike."""

from pathlib import Path

import pytest

from scripts.simulation.scenario import load, play

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.json"))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_when_a_fixed_scenario_is_played_then_every_property_holds(path: Path) -> None:
    scenario = load(path)
    result = play(scenario)
    assert not result.violated, "\n".join((scenario.bug, *result.story))
    wanted = {point for point, _, _ in scenario.decisions if point in scenario.profile.armed}
    assert wanted <= result.struck.keys(), "the scenario has rotted: its faults do not strike"
