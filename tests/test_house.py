"""The rules of the house that a tool can check, so that nobody has to remember them."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("engine", "actors", "supervisors", "scripts")
FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 70
PARAMETERS_MAX = 7
HOST_FILES = {"actors/runtime/room.py"}
BROAD_EXCEPT_ALLOWED = re.compile(
    r"^actors/runtime/|^actors/channels/|^scripts/simulation/run\.py$"  # the host of a world
)


def _sources() -> list[Path]:
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


SOURCES = _sources()


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_when_a_file_grows_then_it_stays_within_the_bound(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= FILE_LINES_MAX, f"{_name(path)} has {lines} lines: cut it by what it decides"


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_when_a_function_grows_then_it_stays_within_the_bound(path: Path) -> None:
    for function in _functions(ast.parse(path.read_text(encoding="utf-8"))):
        assert function.end_lineno is not None
        lines = function.end_lineno - function.lineno + 1
        assert lines <= FUNCTION_LINES_MAX, f"{_name(path)}:{function.name} has {lines} lines"


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_when_a_module_has_code_then_it_says_what_it_is_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not text.strip() or ast.get_docstring(ast.parse(text)), f"{_name(path)}: no docstring"


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_when_an_exception_is_caught_broadly_then_it_is_at_a_host(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ExceptHandler) and not BROAD_EXCEPT_ALLOWED.match(_name(path)):
            caught = ast.unparse(node.type) if node.type else "everything"
            assert caught not in {"Exception", "BaseException", "everything"}, (
                f"{_name(path)}:{node.lineno} catches {caught}"
            )


def test_when_messages_are_defined_then_all_are_frozen_and_live_in_one_place() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ClassDef):
                continue
            bases = {ast.unparse(base) for base in node.bases}
            if not bases & {"Message", "RecordBase", "OrderFact"}:
                continue
            keywords = {keyword.arg for keyword in node.keywords}
            assert {"frozen", "kw_only"} <= keywords, f"{_name(path)}:{node.name} is not frozen"
            is_home = _name(path).startswith("engine/messages/")
            assert is_home or _name(path) == "engine/instruments.py", (
                f"{_name(path)}:{node.name}: messages live in engine/messages"
            )


def test_when_the_tree_is_read_then_nothing_of_a_workplace_is_in_it() -> None:
    hosts = (("index", "url"), ("pypi", "org"), ("files", "pythonhosted"), ("registry", "npm"))
    wanted = re.compile("/(?:work|farm)/|" + "|".join("[-.]".join(parts) for parts in hosts))
    suffixes = {".py", ".md", ".toml", ".yaml", ".yml", ".lock", ".sql", ".txt"}
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        if parts[0] in {".git", ".venv", "var", "out"} or path == Path(__file__).resolve():
            continue
        if path.is_file() and (path.suffix in suffixes or path.name == "Makefile"):
            assert not wanted.search(path.read_text(encoding="utf-8")), _name(path)
