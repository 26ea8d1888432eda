"""The operator's commands as a table: names, arguments, and which of them have an effect.

Decides the closed schema of each command. Refuses to know sockets and who carries a command out.
A new verb is one row here and one line in the command line's table. Imports almost nothing, because
the command line reads it too and has to start quickly.
"""

import re
from enum import Enum, StrEnum, unique
from typing import Final, NamedTuple

TEXT_CHARS_MAX: Final = 200


@unique
class Code(StrEnum):
    """The outcome of a request in one word."""

    OK = "OK"
    BAD_REQUEST = "BAD_REQUEST"
    UNKNOWN_COMMAND = "UNKNOWN_COMMAND"
    NOT_FOUND = "NOT_FOUND"
    THROTTLED = "THROTTLED"
    CONFLICT = "CONFLICT"
    WRONG_TARGET = "WRONG_TARGET"
    REFUSED = "REFUSED"
    TIMEOUT = "TIMEOUT"


@unique
class Kind(Enum):
    """What an argument may be."""

    FLAG = "flag"
    TEXT = "text"
    STRATEGY = "strategy"
    ACTOR = "actor"
    SCOPE = "scope"


class Argument(NamedTuple):
    kind: Kind
    is_required: bool = False


class Command(NamedTuple):
    """`has_effect`: goes to the authority actor, repeated ids are answered from memory.
    `is_lowering`: may only lower what the engine can do, so it is offered again until confirmed.
    `actor` carries it out, within `wait_ms` or the reply says that it has not answered."""

    arguments: dict[str, Argument]
    has_effect: bool = False
    is_lowering: bool = False
    actor: str = "authority"
    wait_ms: int = 2_000


_REASON: Final = {"reason": Argument(Kind.TEXT)}
_STRATEGY: Final = {"strategy": Argument(Kind.STRATEGY, is_required=True), **_REASON}

COMMANDS: Final[dict[str, Command]] = {
    "status": Command({}),
    "tree": Command({}),
    "positions": Command({}),
    "orders": Command({}),
    "pnl": Command({}),
    "risk": Command({}),
    "feeds": Command({}),
    "strategies": Command({}),
    "halt": Command(_REASON, has_effect=True, is_lowering=True),
    "kill": Command({"flat": Argument(Kind.FLAG), **_REASON}, has_effect=True, is_lowering=True),
    "flatten": Command(
        {"scope": Argument(Kind.SCOPE, is_required=True), **_REASON},
        has_effect=True,
        is_lowering=True,
    ),
    "pause": Command(_STRATEGY, has_effect=True, is_lowering=True),
    "unpause": Command(_STRATEGY, has_effect=True),
    "resume": Command(_REASON, has_effect=True),
    "arm": Command({"phrase": Argument(Kind.TEXT, is_required=True), **_REASON}, has_effect=True),
    "disarm": Command(
        {"strategy": Argument(Kind.STRATEGY), **_REASON}, has_effect=True, is_lowering=True
    ),
    "restart": Command(
        {"actor": Argument(Kind.ACTOR, is_required=True), **_REASON}, has_effect=True, actor=""
    ),
    "reconcile": Command(_REASON, has_effect=True, actor="reconciler", wait_ms=20_000),
}

# Each name as it may be, and the same shape in any script: a look-alike is a name that nothing
# has (NOT_FOUND), anything else is not a name at all (BAD_REQUEST).
_NAMES: Final = {
    Kind.STRATEGY: r"\w[\w.\-]{0,39}",
    Kind.ACTOR: r"\w[\w.\-]{0,39}(?:/\w[\w.:\-& ]{0,39})?",
    Kind.SCOPE: (
        r"all|strategy:\w[\w.\-]{0,39}|group:\w[\w\-]{0,39}"
        r"|instrument:\w{2,8}:\w[\w.\-& ]{0,39}"
    ),
}
_ASCII: Final = {kind: re.compile(shape, re.ASCII) for kind, shape in _NAMES.items()}
_ANY_SCRIPT: Final = {kind: re.compile(shape) for kind, shape in _NAMES.items()}


def check_argument(kind: Kind, value: object) -> Code:
    """OK, BAD_REQUEST or NOT_FOUND for one value; never raises."""
    if kind is Kind.FLAG:
        return Code.OK if type(value) is bool else Code.BAD_REQUEST
    if type(value) is not str or not is_clean(value):
        return Code.BAD_REQUEST
    if kind is Kind.TEXT:
        return Code.OK if len(value) <= TEXT_CHARS_MAX else Code.BAD_REQUEST
    if _ASCII[kind].fullmatch(value):
        return Code.OK
    return Code.NOT_FOUND if _ANY_SCRIPT[kind].fullmatch(value) else Code.BAD_REQUEST


def is_clean(text: str) -> bool:
    """No control, format (RTL override, zero width), surrogate, private or unassigned character."""
    return text.isprintable()
