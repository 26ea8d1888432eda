"""A sample of the campaign: many faults, every property, the same trace under another hash seed."""

import os

import pytest

from scripts.simulation.campaign import run_campaign
from scripts.simulation.catalogue import FAULTS
from scripts.simulation.checks import ALL_CHECKS
from scripts.simulation.checks.coverage import NOT_CHECKED
from scripts.simulation.command import chosen
from scripts.simulation.rows import ROWS, not_covered

RUNS = int(os.environ.get("PAHARA_SIMULATION_RUNS", "100"))
FIRST = 1


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_when_seeds_are_run_under_all_faults_then_every_property_holds() -> None:
    campaign = run_campaign(FIRST, RUNS, 1, tuple(ROWS.values()), workers=os.cpu_count() or 1)
    failures = [f"seed {x.seed}: {x.violated}: {x.text}" for x in campaign.failures]
    assert not failures, "\n".join(failures)
    assert campaign.runs == RUNS
    assert campaign.twice == sum(seed % 20 == 0 for seed in range(FIRST, FIRST + RUNS))
    assert len(campaign.struck) > len(ROWS) // 2, "the world is too tame"


def test_when_a_fault_has_a_factor_then_it_is_that_much_likelier_and_more_frequent() -> None:
    (plain,), (often,) = chosen("FLT-35"), chosen("FLT-35x3")
    assert (often.ppm_max, often.budget_max) == (3 * plain.ppm_max, 3 * plain.budget_max)
    assert chosen("FLT-35x1000")[0].ppm_max == 1_000_000


@pytest.mark.parametrize("faults", ["FLT-99", "FLT-35x", "FLT-35x0", "FLT-35x2x2", "FLT-35x-1"])
def test_when_faults_make_no_sense_then_they_are_refused(faults: str) -> None:
    with pytest.raises(KeyError):
        chosen(faults)


def test_when_a_fault_has_no_model_then_the_command_says_so() -> None:
    assert not_covered().keys() == FAULTS.keys() - ROWS.keys()
    checked = {check.id for check in ALL_CHECKS if check.id}
    wanted = {f"INV-{n:02}" for n in range(1, 46)} | {f"LIV-{n:02}" for n in range(1, 13)}
    assert wanted == checked | NOT_CHECKED.keys()
