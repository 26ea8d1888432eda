"""Latches and a spool that never fail, for a house in which only the broker does."""

from actors.stores.latches import Latch


class PlainLatches:
    """Latches in memory."""

    def __init__(self) -> None:
        self._set: dict[str, str] = {}

    def load(self) -> tuple[Latch, ...]:
        return tuple(Latch(name, reason) for name, reason in self._set.items())

    def sentinel(self) -> str:
        return ""

    def set(self, name: str, *, reason: str, by: str, at_ns: int) -> None:
        self._set[name] = reason

    def clear(self, name: str) -> None:
        self._set.pop(name, None)


class PlainSpool:
    """A spool in memory."""

    def __init__(self) -> None:
        self._records: list[tuple[int, bytes]] = []

    def append(self, records: list[tuple[int, bytes]]) -> None:
        self._records += records

    def records(self) -> list[tuple[int, bytes]]:
        return list(self._records)

    def clear(self) -> None:
        self._records.clear()

    def close(self) -> None:
        return None
