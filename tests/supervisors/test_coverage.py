"""Every id of the conformance list is covered by a mark or listed with its reason."""

import re
from pathlib import Path

from tests.supervisors.not_applicable import NOT_APPLICABLE

WANTED = {f"SUP-{n:03}" for n in range(1, 114)} | {f"PK-{n:02}" for n in range(1, 29)}
MARK = re.compile(r"(?:@ids|mark\.conformance)\(([^)]*)\)")


def test_when_the_list_is_read_then_no_id_is_forgotten() -> None:
    here = Path(__file__).parent
    marked = {
        one
        for path in here.glob("test_*.py")
        for group in MARK.findall(path.read_text(encoding="utf-8"))
        for one in re.findall(r"[A-Z]+-\d+", group)
    }
    assert marked | set(NOT_APPLICABLE) == WANTED
    assert all(len(reason) > 20 for reason in NOT_APPLICABLE.values())
