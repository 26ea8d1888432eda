"""One request as bytes, and the addresses that it may go to.

Decides how form, JSON and query are written. Refuses to know sockets and what is asked for.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import SplitResult, urlencode

import msgspec

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})


def root_fault(place: SplitResult) -> str:
    """What is wrong with the address of an API, "" if nothing: it is HTTPS or on this machine."""
    if place.scheme == "https" and place.hostname:
        return ""
    if place.scheme == "http" and place.hostname in _LOOPBACK:
        return ""
    return "must be https, or http on this machine"


def request_bytes(
    method: str,
    place: SplitResult,
    json: object,
    data: Mapping[str, Any] | None,
    params: Mapping[str, Any] | None,
    headers: Mapping[str, str],
) -> bytes:
    """The request as it goes out, in one piece.

    Raises:
        ValueError: a header or the address cannot be written.
    """
    query = _form(params)
    target = (place.path or "/") + (f"?{query}" if query else "")
    lines = {"Host": place.netloc, "Accept": "*/*", "Accept-Encoding": "gzip", **headers}
    body = b""
    if json is not None:
        body = msgspec.json.encode(json)
        lines["Content-Type"] = "application/json"
    elif data is not None:
        body = _form(data).encode("ascii")
        lines["Content-Type"] = "application/x-www-form-urlencoded"
    if method in {"POST", "PUT"}:
        lines["Content-Length"] = str(len(body))
    head = [f"{method} {target} HTTP/1.1", *(f"{key}: {value}" for key, value in lines.items())]
    if not all(line.isascii() and line.isprintable() for line in head) or " " in target:
        raise ValueError("a header or address that cannot be written")
    return "\r\n".join([*head, "", ""]).encode("ascii") + body


def _form(fields: Mapping[str, Any] | None) -> str:
    """Form encoding; what is None is left out, a list is repeated."""
    if not fields:
        return ""
    return urlencode({k: v for k, v in fields.items() if v is not None}, doseq=True)
