"""The console's wire: msgpack with strict limits, closed schemas, nothing surprising.

Decides what bytes are a request. Refuses sockets, state and clocks: every function is pure, and
every refusal is a value, so that no input can raise past this file.

A request is one msgpack map of at most 16 kB: `v` (1), `id`, `cmd`, `args`, and optionally `seq`,
`by`, `engine_id`, `boot_id`. A reply carries `v`, `id`, `code`, `text`, `engine_id`, `pid`,
`boot_id`, `mode`, `body`.
Source: behaviour of msgpack 1.2 as checked for this engine: duplicate keys are taken silently, NaN
decodes, bytes keys pass strict_map_key, nesting goes to about 511, bool is an int (2026-11).
"""

import re
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import msgpack

from actors.channels.commands import COMMANDS, Code, check_argument, is_clean

REQUEST_BYTES_MAX: Final = 16_384
REPLY_BYTES_MAX: Final = 8_388_608
DEPTH_MAX: Final = 4
SEQ_MAX: Final = (1 << 63) - 1
VERSION: Final = 1

_ID: Final = re.compile(r"[A-Za-z0-9._\-]{1,64}", re.ASCII)
_BY: Final = re.compile(r"[A-Za-z0-9._@+\-]{1,40}", re.ASCII)
_REQUIRED: Final = frozenset({"v", "id", "cmd"})
_KNOWN: Final = _REQUIRED | {"args", "seq", "by", "engine_id", "boot_id"}


class Request(NamedTuple):
    """A well-formed request. `digest` covers everything but `seq`."""

    request_id: str
    command: str
    arguments: tuple[tuple[str, str | bool], ...]
    by: str
    engine_id: str
    boot_id: str
    digest: str


class Rejection(NamedTuple):
    """Why bytes are not a request; `request_id` if it could be read, else ""."""

    code: Code
    text: str
    request_id: str = ""


class _Malformed(Exception):
    """Inside this file only."""


def decode_request(raw: bytes) -> Request | Rejection:
    """Parse one request; never raises."""
    try:
        fields = _unpack(raw)
    except _Malformed as error:
        return Rejection(Code.BAD_REQUEST, str(error))
    except Exception as error:  # noqa: BLE001 msgpack raises many kinds; one boundary for them all
        return Rejection(Code.BAD_REQUEST, f"not msgpack: {type(error).__name__}")
    request_id = fields.get("id")
    if type(request_id) is not str or not _ID.fullmatch(request_id):
        return Rejection(Code.BAD_REQUEST, "id missing or malformed")
    return _request(fields, request_id)


def encode_request(
    request_id: str, command: str, arguments: dict[str, Any], *, by: str, seq: int = 0
) -> bytes:
    """The bytes of a request, for clients."""
    fields = {
        "v": VERSION,
        "id": request_id,
        "cmd": command,
        "args": arguments,
        "seq": seq,
        "by": by,
    }
    packed: bytes = msgpack.packb(fields)
    return packed


def encode_reply(fields: dict[str, Any]) -> bytes:
    """The bytes of a reply or event."""
    packed: bytes = msgpack.packb(fields, unicode_errors="backslashreplace")
    return packed


def decode_reply(raw: bytes) -> dict[str, Any]:
    """A reply as its client reads it.

    Raises:
        ValueError: not a map, too long, or not msgpack.
    """
    if len(raw) > REPLY_BYTES_MAX:
        raise ValueError("reply too long")
    try:
        fields = msgpack.unpackb(raw)
    except msgpack.UnpackException as error:
        raise ValueError("reply is not msgpack") from error
    if type(fields) is not dict:
        raise ValueError("reply is not a map")
    return fields


def _unpack(raw: bytes) -> dict[str, Any]:
    if not 0 < len(raw) <= REQUEST_BYTES_MAX:
        raise _Malformed(f"length {len(raw)} is not in 1 to {REQUEST_BYTES_MAX}")
    fields = msgpack.unpackb(
        raw, raw=False, strict_map_key=True, object_pairs_hook=_pairs, ext_hook=_refuse_ext
    )
    if type(fields) is not dict:
        raise _Malformed("not a map")
    _check_values(fields)
    return fields


def _pairs(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if type(key) is not str:
            raise _Malformed("a key is not a string")
        if key in found:
            raise _Malformed("a key appears twice")
        found[key] = value
    return found


def _refuse_ext(*_: object) -> object:
    raise _Malformed("ext types are refused")


def _check_values(fields: dict[str, Any]) -> None:
    """Only maps, strings, bools and ints, at most DEPTH_MAX deep; no field holds a float."""
    level: list[Any] = [fields]
    for _ in range(DEPTH_MAX):
        below: list[Any] = []
        for value in level:
            if type(value) is dict:
                below.extend(value.values())
            elif type(value) is str:
                if not is_clean(value):
                    raise _Malformed("a string holds an unprintable character")
            elif type(value) not in (bool, int):
                raise _Malformed(f"a value of type {type(value).__name__}")
        if not below:
            return
        level = below
    raise _Malformed(f"nested more than {DEPTH_MAX} deep")


def _request(fields: dict[str, Any], request_id: str) -> Request | Rejection:
    if not fields.keys() >= _REQUIRED or not fields.keys() <= _KNOWN:
        return Rejection(Code.BAD_REQUEST, "a field is missing or unknown", request_id)
    seq, by, command = fields.get("seq", 0), fields.get("by", "unknown"), fields["cmd"]
    target = (fields.get("engine_id", ""), fields.get("boot_id", ""))
    if type(fields["v"]) is not int or fields["v"] != VERSION:
        return Rejection(Code.BAD_REQUEST, f"v is not {VERSION}", request_id)
    if type(seq) is not int or not 0 <= seq <= SEQ_MAX:
        return Rejection(Code.BAD_REQUEST, "seq is not in range", request_id)
    if type(by) is not str or not _BY.fullmatch(by):
        return Rejection(Code.BAD_REQUEST, "by is malformed", request_id)
    if not all(type(name) is str and (not name or _ID.fullmatch(name)) for name in target):
        return Rejection(Code.BAD_REQUEST, "engine_id or boot_id is malformed", request_id)
    if type(command) is not str:
        return Rejection(Code.BAD_REQUEST, "cmd is not a string", request_id)
    if command not in COMMANDS:
        return Rejection(Code.UNKNOWN_COMMAND, "no such command", request_id)
    arguments = _arguments(command, fields.get("args", {}))
    if isinstance(arguments, Rejection):
        return arguments._replace(request_id=request_id)
    digest = blake2b(repr((command, arguments, by, target)).encode(), digest_size=12).hexdigest()
    return Request(request_id, command, arguments, by, *target, digest)


def _arguments(command: str, given: object) -> tuple[tuple[str, str | bool], ...] | Rejection:
    if type(given) is not dict:
        return Rejection(Code.BAD_REQUEST, "args is not a map")
    schema = COMMANDS[command].arguments
    for name in given:
        if name not in schema:
            return Rejection(Code.BAD_REQUEST, "an argument is unknown")
    for name, argument in schema.items():
        if name not in given:
            if argument.is_required:
                return Rejection(Code.BAD_REQUEST, f"{name} is missing")
            continue
        code = check_argument(argument.kind, given[name])
        if code is not Code.OK:
            return Rejection(code, f"{name} {'is unknown' if code is Code.NOT_FOUND else 'is bad'}")
    return tuple(sorted(given.items()))
