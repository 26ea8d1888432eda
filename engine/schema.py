"""Turn untyped configuration into typed structs and name every fault at once.

Decides whether a mapping fits a msgspec struct: unknown keys, missing keys, wrong types. Refuses
to know files. Stands alone because an operator who must restart once per typo stops reading.
"""

from collections.abc import Mapping
from typing import Any, TypeVar, get_args, get_origin

import msgspec

S = TypeVar("S", bound=msgspec.Struct)


def build(kind: type[S], data: object, path: str = "") -> tuple[S | None, tuple[str, ...]]:
    """Build `kind` from a mapping.

    Args:
        kind: a struct; nested structs and tuples of structs are walked too.
        data: what a YAML file held.
        path: where in the file this is, for the fault texts.

    Returns:
        The value and no faults, or None and all faults, each "path: what is wrong".
    """
    if not isinstance(data, Mapping):
        return None, (f"{path or 'file'}: expected a mapping, got {type(data).__name__}",)
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    faults = [f"{_join(path, str(key))}: unknown key" for key in data if key not in fields]
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name not in data:
            if field.required:
                faults.append(f"{_join(path, name)}: missing")
            continue
        value, wrong = _convert(field.type, data[name], _join(path, name))
        faults.extend(wrong)
        values[name] = value
    if faults:
        return None, tuple(faults)
    return kind(**values), ()


def _convert(kind: Any, data: object, path: str) -> tuple[Any, tuple[str, ...]]:  # noqa: ANN401
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return build(kind, data, path)
    if get_origin(kind) is tuple and isinstance(data, list):
        inner = get_args(kind)[0]
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            built = [build(inner, item, f"{path}[{i}]") for i, item in enumerate(data)]
            return tuple(v for v, _ in built), tuple(f for _, faults in built for f in faults)
    try:
        return msgspec.convert(data, kind, strict=True), ()
    except msgspec.ValidationError as error:
        return None, (f"{path}: {error}",)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
