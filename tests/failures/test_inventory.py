"""Each failure that was seen in the wild, each race of orders and each bad input of the wire has a
test with its number, so that none can be lost unseen.

The 50 failures count only where a test drives the exchange over real sockets; the races (ORD) and
the inputs (BAD) wherever a test shows them. A number counts only as a mark of a test function.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
OVER_SOCKETS = ("failures/", "rehearsal/", "kite/test_practice.py", "kitefeed/test_practice.py")
WANTED = [
    *(f"KITE-{number}" for number in range(1, 51)),
    *(f"ORD-{number}" for number in range(1, 26)),
    *(f"BAD-{number}" for number in range(43, 61)),
]
LEFT: dict[str, str] = {}
"""Numbers without a test, each with its reason."""
_ID = re.compile(r"([A-Z]+)-0*(\d+)")


def marks_of(test: ast.FunctionDef, constants: dict[str, ast.expr]) -> Iterator[str]:
    """The ids in a test's decorators, those of its parameters included."""
    todo: list[ast.AST] = list(test.decorator_list)
    while todo:
        for node in ast.walk(todo.pop()):
            if isinstance(node, ast.Name) and node.id in constants:
                todo.append(constants.pop(node.id))
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "conformance":
                for argument in node.args:
                    if isinstance(argument, ast.Constant):
                        yield str(argument.value)


def shown() -> dict[str, set[str]]:
    """Id, without leading zeros, to the tests that bear it."""
    found: dict[str, set[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        place = path.relative_to(TESTS).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = {}
        for node in tree.body:
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            target = node.target if isinstance(node, ast.AnnAssign) else target
            value = getattr(node, "value", None)
            if isinstance(target, ast.Name) and value is not None:
                constants[target.id] = value
        for test in tree.body:
            if not isinstance(test, ast.FunctionDef) or not test.name.startswith("test_"):
                continue
            for mark in marks_of(test, dict(constants)):
                match = _ID.fullmatch(mark)
                if match is None:
                    continue
                one = f"{match[1]}-{int(match[2])}"
                if match[1] != "KITE" or place.startswith(OVER_SOCKETS):
                    found.setdefault(one, set()).add(f"{place}::{test.name}")
    return found


SHOWN = shown()


@pytest.mark.parametrize("number", WANTED)
def test_when_a_number_is_looked_for_then_a_test_shows_it(number: str) -> None:
    assert bool(SHOWN.get(number)) is (number not in LEFT), LEFT.get(number, "no test bears it")


def test_when_a_mark_names_a_failure_then_there_is_such_a_number() -> None:
    known = set(WANTED)
    strange = {one for one in SHOWN if one.startswith(("KITE-", "ORD-")) and one not in known}
    assert strange == set()
