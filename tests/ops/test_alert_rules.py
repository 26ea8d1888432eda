"""Rules for Prometheus: each is whole, and each figure that it names is one that the engine has.

With promtool on the path its own check runs too.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from actors.channels import prometheus as metric
from actors.metrics import Metrics
from actors.runtime.board import Board
from actors.runtime.deadletters import DeadLetters
from engine.messages.control import ViewPublished
from engine.messages.supervision import TimerFired
from tests.fakes import FakeContext

FOLDER = Path(__file__).resolve().parents[2] / "ops" / "alerts"
FILES = sorted(FOLDER.glob("*.yaml"))
RULES = [
    pytest.param(rule, id=rule["alert"])
    for path in FILES
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
]


def exported() -> set[str]:
    """All names on the metrics page."""
    page = generate_latest(metric.REGISTRY).decode()
    return {line.split()[2] for line in page.splitlines() if line.startswith("# TYPE ")}


@pytest.mark.parametrize("rule", RULES)
def test_when_a_rule_is_read_then_it_is_whole_and_its_figures_exist(rule: dict[str, Any]) -> None:
    named = set(re.findall(r"\btrader_\w+", rule["expr"]))
    assert named
    assert named <= exported()
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert set(rule["annotations"]) == {"summary", "action"}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_when_promtool_checks_a_file_then_it_agrees(path: Path) -> None:
    done = subprocess.run(
        ["promtool", "check", "rules", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


class NoPage:
    """A metrics page that nobody serves."""

    def start(self, *_: object) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    made = Metrics(NoPage(), Board(), DeadLetters())  # type: ignore[arg-type]
    made.open(FakeContext("metrics"))
    yield made
    for gauge in (metric.LOGIN_VALID, metric.LOGIN_LEFT_SECONDS):
        gauge.set(float("nan"))


def value(name: str, **labels: str) -> float:
    found = metric.REGISTRY.get_sample_value(name, labels)
    return -1.0 if found is None else found


def test_when_the_login_is_told_then_its_figures_are_on_the_page(metrics: Metrics) -> None:
    before = value("trader_retries_total", type="token_refresh")
    for body in (
        '{"valid": true, "left_s": 79200, "why": "", "renewed_count": 0}',
        '{"valid": false, "left_s": 0, "why": "ended", "renewed_count": 1}',
    ):
        metrics.receive(ViewPublished(topic="login", body=body, at_ns=1))
        metrics.receive(TimerFired(key="gather"))
        is_valid = "true" in body
        assert value("trader_login_valid") == is_valid
        assert value("trader_login_left_seconds") == (79_200 if is_valid else 0)
    assert value("trader_retries_total", type="token_refresh") == max(0, before) + 1
