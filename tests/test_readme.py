"""The README is true: its tree is the tree that boots, its verbs exist."""

import re
from pathlib import Path

from actors.runtime.runtime import HostKind
from scripts.cli import parser
from supervisors.spec import ChildSpec, SupervisorSpec
from supervisors.supervisor import supervisor_child
from supervisors.tree import CONTROL, CORE_FIRST, CORE_LAST, root

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def _names_of_the_tree() -> list[str]:
    made: dict[str, SupervisorSpec] = {}

    def make(name: str, spec: SupervisorSpec) -> ChildSpec:
        made[name] = spec
        return supervisor_child(name, lambda _: None)  # type: ignore[arg-type, return-value]

    workers = [name for name, _ in (*CONTROL, *CORE_FIRST, *CORE_LAST)]
    workers += ["custodian", "market", "feed/X", "oco/", "strategy/x"]
    factories = {name: (lambda _: None) for name in workers}
    root(make, factories, {"strategy/x": HostKind.POOLED})  # type: ignore[arg-type]
    return [child.id for child in made["core"].children]


def test_when_the_tree_is_drawn_then_it_is_the_one_that_boots() -> None:
    drawn = re.findall(r"^   [├└]─ (\w+)", README, flags=re.MULTILINE)
    assert drawn == _names_of_the_tree()


def test_when_a_verb_is_shown_then_the_command_line_knows_it() -> None:
    shown = set(re.findall(r"\.venv/bin/pahara (\w+)", README))
    usage = parser().format_help()
    assert shown
    for verb in shown:
        assert re.search(rf"\b{verb}\b", usage), verb
